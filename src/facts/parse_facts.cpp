#include <algorithm>

#include "bringup/facts/script.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::facts {
namespace {

namespace darwin = platform::darwin;

// Records by name; the first of a name counts.
class Records {
 public:
  explicit Records(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) by_name_.emplace(frame.name, &frame);
  }
  [[nodiscard]] const Frame* find(const std::string& name) const {
    const auto it = by_name_.find(name);
    return it == by_name_.end() ? nullptr : it->second;
  }
  // The one line of a command that succeeded, made harmless; empty otherwise.
  [[nodiscard]] std::string line(const std::string& name) const {
    const Frame* frame = find(name);
    if (frame == nullptr || frame->exit_status != 0 || frame->truncated) return {};
    return printable(trim(frame->payload), 255);
  }

 private:
  std::map<std::string, const Frame*> by_name_;
};

// Gives a record to its parser, or says in `problems` why it could not be.
template <class Parser, class Store>
void take(const Records& records, const std::string& name, NodeFacts& facts, Parser parse,
          Store store) {
  const Frame* frame = records.find(name);
  if (frame == nullptr) {
    facts.problems.push_back(name + ": no record came");
  } else if (frame->truncated) {
    facts.problems.push_back(name + ": printed more than was asked for, or was cut; not used");
  } else if (frame->exit_status == 127) {
    facts.problems.push_back(name + ": no such command on this node");
  } else if (frame->exit_status != 0) {
    facts.problems.push_back(name + ": exit status " + std::to_string(frame->exit_status) + ": " +
                             printable(trim(frame->payload), 160));
  } else if (auto parsed = parse(frame->payload)) {
    store(std::move(*parsed));
  } else {
    facts.problems.push_back(name + ": " + parsed.error().message);
  }
}

void parse_darwin(const Records& records, NodeFacts& facts) {
  take(records, "sw_vers", facts, darwin::parse_sw_vers,
       [&](platform::OsVersion v) { facts.version = std::move(v); });
  facts.model = records.line("model");
  take(records, "ifconfig", facts, darwin::parse_ifconfig, [&](darwin::Ifconfig seen) {
    facts.interfaces = std::move(seen.interfaces);
    facts.bridges = std::move(seen.bridges);
  });
  take(records, "ports", facts, darwin::parse_hardware_ports,
       [&](std::vector<platform::HardwarePort> ports) { facts.ports = std::move(ports); });
  take(records, "routes", facts, darwin::parse_routes,
       [&](std::vector<platform::Route> routes) { facts.routes = std::move(routes); });

  if (const Frame* rdma = records.find("rdma_ctl"); rdma != nullptr && !rdma->truncated) {
    facts.rdma = darwin::parse_rdma_status(rdma->exit_status, rdma->payload);
  }
  if (const Frame* ibv = records.find("ibv_devices"); ibv == nullptr || ibv->exit_status != 127) {
    take(records, "ibv_devices", facts, darwin::parse_ibv_devices,
         [&](std::vector<std::string> devices) {
           std::sort(devices.begin(), devices.end());  // the tool's order is arbitrary
           facts.ibv_devices = std::move(devices);
         });
  }
  if (records.find("profiler") != nullptr) {
    take(
        records, "profiler", facts,
        [](const std::string& text) { return Expected<std::string>(text); },
        [&](std::string text) { facts.profiler_json = std::move(text); });
  }
  facts.exo_daemon = records.find("exo") != nullptr;
  facts.network_location = records.line("location");
}

FileState matrix_state(const Records& records) {
  FileState state;
  const Frame* frame = records.find("matrix");
  if (frame == nullptr) return state;
  state.present = true;
  if (frame->truncated) {
    state.problem = "larger than 1 MiB";
  } else if (frame->exit_status != 0) {
    state.problem = printable(trim(frame->payload), 160);
  } else {
    state.content = frame->payload;
  }
  return state;
}

// $SSH_CONNECTION: client address, client port, server address, server port.
void find_session(const Records& records, NodeFacts& facts) {
  const auto words = split_blank(records.line("session"));
  if (words.size() != 4) return;
  const auto address = model::Ipv4::parse(words[2]);
  if (!address) return;
  facts.session_address = address->to_string();
  for (const platform::Interface& interface : facts.interfaces) {
    for (const model::InterfaceAddress& own : interface.inet) {
      if (own.address == *address) facts.session_interface = interface.name;
    }
  }
}

}  // namespace

Expected<NodeFacts> parse_facts(const std::vector<Frame>& frames) {
  const Records records(frames);
  const Frame* uname = records.find("uname");
  if (uname == nullptr || records.find("end") == nullptr) {
    return fail(ErrorCode::remote,
                uname == nullptr ? "the node's shell did not run the script that reads the facts"
                                 : "the script that reads the facts broke off",
                "see the raw output in the run's folder; does `sh -s` work for this user?");
  }
  NodeFacts facts;
  for (const Frame& frame : frames) {
    facts.raw[frame.name] = {frame.exit_status, frame.payload, frame.truncated};
  }
  facts.uname = records.line("uname");
  facts.os = facts.uname == "Darwin"  ? Os::darwin
             : facts.uname == "Linux" ? Os::linux_kernel
                                      : Os::other;
  facts.hostname = records.line("hostname");
  facts.login_user = records.line("user");
  if (const Frame* sudo = records.find("sudo"); sudo != nullptr) {
    facts.sudo = darwin::parse_sudo(sudo->exit_status, sudo->payload);
  }
  facts.matrix_file = matrix_state(records);
  if (facts.os == Os::darwin) parse_darwin(records, facts);
  find_session(records, facts);
  return facts;
}

const platform::Interface* NodeFacts::find_interface(std::string_view name) const {
  const auto it = std::find_if(interfaces.begin(), interfaces.end(),
                               [&](const platform::Interface& i) { return i.name == name; });
  return it == interfaces.end() ? nullptr : &*it;
}

const platform::Bridge* NodeFacts::bridge_of(std::string_view member) const {
  const auto it = std::find_if(bridges.begin(), bridges.end(), [&](const platform::Bridge& bridge) {
    return std::find(bridge.members.begin(), bridge.members.end(), member) != bridge.members.end();
  });
  return it == bridges.end() ? nullptr : &*it;
}

std::string plan_digest(const NodeFacts& facts) {
  // Every field ends with a newline, every list with an empty line: no two states read alike.
  std::string text;
  const auto put = [&](std::string_view field) {
    for (const char c : field) text += c == '\n' ? '\r' : c;
    text += '\n';
  };
  put(facts.uname);
  put(facts.version.build);
  for (const platform::Interface& interface : facts.interfaces) {
    put(interface.name);
    put(interface.up ? "up" : "down");
    put(std::to_string(interface.mtu));
    for (const model::InterfaceAddress& address : interface.inet) put(address.to_string());
    put("");
  }
  put("");
  for (const platform::Bridge& bridge : facts.bridges) {
    put(bridge.name);
    for (const std::string& member : bridge.members) put(member);
    put("");
  }
  put("");
  for (const platform::Route& route : facts.routes) {
    if (route.destination.prefix() == 32) continue;  // neighbours come and go by themselves
    put(route.destination.to_string() + " " + route.gateway + " " + route.interface);
  }
  put("");
  put(std::to_string(static_cast<int>(facts.rdma)));
  if (facts.ibv_devices) {
    for (const std::string& device : *facts.ibv_devices) put(device);
  }
  put("");
  put(facts.matrix_file.present ? "present" : "absent");
  put(sha256_hex(facts.matrix_file.content));
  put(std::to_string(static_cast<int>(facts.sudo)));
  return sha256_hex(text);
}

}  // namespace bringup::facts
