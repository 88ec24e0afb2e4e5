#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "bringup/facts/script.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/platform/ibv.hpp"
#include "bringup/platform/linux.hpp"
#include "bringup/util/text.hpp"

namespace bringup::facts {
namespace {

namespace darwin = platform::darwin;
namespace linux_kernel = platform::linux_kernel;

const Frame* find(const std::vector<Frame>& frames, std::string_view name) {
  const auto found = std::find_if(frames.begin(), frames.end(),
                                  [&](const Frame& frame) { return frame.name == name; });
  return found == frames.end() ? nullptr : &*found;
}

// Why a record is of no use, before its text is looked at; empty when it may be parsed.
std::string fault_of(const Frame& frame) {
  if (frame.exit_status == kStatusTimeLimit) return "no answer within its time limit; it was ended";
  if (frame.truncated) return "printed more than its limit";
  if (frame.exit_status == kStatusNotFound) return "not found on this node";
  if (frame.exit_status != 0)
    return fmt::format("failed with status {}: {}", frame.exit_status,
                       printable(trim(frame.payload), 200));
  return {};
}

class Reader {
 public:
  Reader(const std::vector<Frame>& frames, NodeFacts& facts) : frames_(frames), facts_(facts) {}

  // The frame `name` when it may be parsed; else null, with the reason in problems.
  const Frame* usable(std::string_view name, std::string_view shown) {
    const Frame* frame = find(frames_, name);
    const std::string fault = frame == nullptr ? "no answer" : fault_of(*frame);
    if (!fault.empty()) problem(shown, fault);
    return fault.empty() ? frame : nullptr;
  }

  // What `parser` makes of the frame `name`; unset, with the reason in problems, when it cannot.
  template <class Parser>
  auto parsed(std::string_view name, std::string_view shown, Parser parser)
      -> std::optional<typename decltype(parser(std::string_view{}))::value_type> {
    const Frame* frame = usable(name, shown);
    if (frame == nullptr) return std::nullopt;
    auto value = parser(frame->payload);
    if (value) return std::move(*value);
    problem(shown, "its output could not be read: " + value.error().message);
    return std::nullopt;
  }

  // One word of printable text.
  std::string word(std::string_view name, std::string_view shown) {
    const Frame* frame = usable(name, shown);
    if (frame == nullptr) return {};
    const std::string_view text = trim(frame->payload);
    if (text.empty() || text.size() > 255 || printable(text, 256) != text ||
        split_blank(text).size() != 1) {
      problem(shown, fmt::format("not a name: \"{}\"", printable(text, 80)));
      return {};
    }
    return std::string(text);
  }

  void problem(std::string_view shown, std::string_view text) {
    facts_.problems.push_back(fmt::format("{}: {}", shown, text));
  }

 private:
  const std::vector<Frame>& frames_;
  NodeFacts& facts_;
};

void read_file(const Frame* frame, FileState& out) {
  if (frame == nullptr) {
    out.problem = "no answer";
  } else if (frame->exit_status != kStatusNotFound) {
    out.present = true;
    out.problem = fault_of(*frame);
    if (out.problem.empty()) out.content = frame->payload;
  }
}

void read_rdma(Reader& reader, const Frame* frame, NodeFacts& facts) {
  if (frame != nullptr && !frame->truncated)
    facts.rdma = darwin::parse_rdma_status(frame->exit_status, frame->payload);
  if (facts.rdma != platform::RdmaState::unknown) return;
  if (frame == nullptr) {
    reader.problem("rdma_ctl", "no answer");
  } else if (const std::string fault = fault_of(*frame); !fault.empty()) {
    reader.problem("rdma_ctl", fault);
  } else {
    reader.problem("rdma_ctl", fmt::format("neither enabled nor disabled: \"{}\"",
                                           printable(trim(frame->payload), 80)));
  }
}

// Absent before macOS 26.2 and on Linux without rdma-core: no problem by itself. Without devices
// the tool says so and fails.
void read_ibv_ports(Reader& reader, const std::vector<Frame>& frames, NodeFacts& facts) {
  const Frame* frame = find(frames, "ibv_devinfo");
  if (frame == nullptr || frame->exit_status == kStatusNotFound) return;
  if (frame->payload.find("No IB devices found") != std::string::npos ||
      frame->payload.find("Failed to get IB devices list") != std::string::npos) {
    facts.ibv_ports.emplace();
    return;
  }
  if (auto ports = reader.parsed("ibv_devinfo", "ibv_devinfo", platform::parse_ibv_devinfo)) {
    facts.ibv_ports = std::move(*ports);
  }
}

void read_sudo(Reader& reader, const Frame* frame, NodeFacts& facts) {
  if (frame != nullptr && !frame->truncated)
    facts.sudo = darwin::parse_sudo(frame->exit_status, frame->payload);
  if (facts.sudo == platform::SudoState::unknown)
    reader.problem("sudo", frame == nullptr ? "no answer" : fault_of(*frame));
}

// "CLIENT CLIENT_PORT SERVER SERVER_PORT", as sshd sets SSH_CONNECTION. An IPv6 address of the link
// carries its interface ("fe80::1%en0"); any other is looked up.
void read_session(const Frame* frame, NodeFacts& facts) {
  if (frame == nullptr) return;
  const auto words = split_blank(frame->payload);
  if (words.size() != 4 || words[2].size() > 64 || printable(words[2]) != words[2]) return;
  facts.session_address = words[2];
  // Every interface may have the same fe80:: address: without its scope it tells nothing.
  const bool scoped = facts.session_address.starts_with("fe80:");
  const auto holds = [&](const platform::Interface& interface) {
    for (const auto& inet : interface.inet)
      if (inet.address.to_string() == facts.session_address) return true;
    return std::any_of(interface.inet6.begin(), interface.inet6.end(), [&](std::string_view own) {
      return (scoped ? own : own.substr(0, own.find('%'))) == facts.session_address;
    });
  };
  for (const platform::Interface& interface : facts.interfaces) {
    if (!holds(interface)) continue;
    facts.session_interface = interface.name;
    return;
  }
}

// `networksetup -listallnetworkservices`: a note, then a name a line, "*" before disabled ones.
// Only traces of exo are looked for: without an answer nothing is missed.
void read_services(const Frame* frame, NodeFacts& facts) {
  if (frame == nullptr || !fault_of(*frame).empty()) return;
  for (std::string_view line : split_lines(frame->payload)) {
    if (line.starts_with('*')) line.remove_prefix(1);
    if (!line.starts_with("EXO ") || facts.exo_services.size() == 16) continue;
    facts.exo_services.push_back(printable(trim(line), 60));
  }
}

std::optional<std::int64_t> count(std::string_view text, std::int64_t most) {
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size() || value < 0 || value > most) {
    return std::nullopt;
  }
  return value;
}

// "now SECONDS", "here BOOT" by the script; then "time SECONDS", "boot BOOT", "changes N", "total
// N" and perhaps "problem WORDS" by the keeper, each once.
std::optional<KeeperRun> read_keeper_run(std::string_view text) {
  std::map<std::string_view, std::string_view> fields;
  for (const std::string_view line : split_lines(text)) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    if (!fields.emplace(line.substr(0, blank), line.substr(blank + 1)).second) return std::nullopt;
  }
  constexpr std::int64_t kLatest = std::int64_t{1} << 40U;
  const auto now = count(fields["now"], kLatest);
  const auto time = count(fields["time"], kLatest);
  const auto changes = count(fields["changes"], 1'000'000'000);
  const auto total = count(fields["total"], 1'000'000'000);
  if (!now || !time || !changes || !total || fields["boot"].empty()) return std::nullopt;
  KeeperRun run;
  run.seconds_ago = std::max<std::int64_t>(*now - *time, 0);
  run.this_boot = fields["boot"] == fields["here"];
  run.changes = static_cast<std::uint32_t>(*changes);
  run.total = static_cast<std::uint32_t>(*total);
  run.problem = printable(fields["problem"], 200);
  return run;
}

// Collections of earlier versions have none of these records.
void read_keeper(Reader& reader, const std::vector<Frame>& frames, Keeper& keeper) {
  const Frame* file = find(frames, "keeper.file");
  if (file == nullptr) return;
  read_file(file, keeper.file);
  if (!keeper.file.problem.empty()) reader.problem(kKeeperPlist, keeper.file.problem);
  const Frame* loaded = find(frames, "keeper.loaded");
  keeper.loaded = loaded != nullptr && loaded->exit_status == 0;
  const Frame* state = find(frames, "keeper.state");
  if (state == nullptr || !fault_of(*state).empty()) return;
  if (split_lines(state->payload).size() <= 2) return;  // it has not run
  keeper.last_run = read_keeper_run(state->payload);
  if (!keeper.last_run) reader.problem(kKeeperState, "its content could not be read");
}

// What the record says of an optional tool: unset where the tool is missing, or has nothing to say
// as its service does not run.
template <class Parser>
auto optional_tool(Reader& reader, const std::vector<Frame>& frames, std::string_view name,
                   Parser parser)
    -> std::optional<typename decltype(parser(std::string_view{}))::value_type> {
  const Frame* frame = find(frames, name);
  if (frame == nullptr || frame->exit_status != 0) return std::nullopt;
  return reader.parsed(name, name, parser);
}

void read_darwin(Reader& reader, const std::vector<Frame>& frames, NodeFacts& facts) {
  facts.model = reader.word("model", "sysctl hw.model");
  if (auto version = reader.parsed("sw_vers", "sw_vers", darwin::parse_sw_vers))
    facts.version = std::move(*version);
  if (auto listing = reader.parsed("ifconfig", "ifconfig", darwin::parse_ifconfig)) {
    facts.interfaces = std::move(listing->interfaces);
    facts.bridges = std::move(listing->bridges);
  }
  if (auto ports = reader.parsed("ports", "networksetup", darwin::parse_hardware_ports))
    facts.ports = std::move(*ports);
  if (auto routes = reader.parsed("routes", "netstat", darwin::parse_routes))
    facts.routes = std::move(*routes);
  if (auto neighbours = optional_tool(reader, frames, "arp", darwin::parse_arp))
    facts.neighbours = std::move(*neighbours);
  // The tools of RDMA are missing before macOS 26.2: no problem by itself, `rdma` says no_tool.
  read_rdma(reader, find(frames, "rdma_ctl"), facts);
  const Frame* devices = find(frames, "ibv_devices");
  if (devices == nullptr || devices->exit_status != kStatusNotFound)
    facts.ibv_devices = reader.parsed("ibv_devices", "ibv_devices", darwin::parse_ibv_devices);
  // The tool's order is arbitrary.
  if (facts.ibv_devices) std::sort(facts.ibv_devices->begin(), facts.ibv_devices->end());
  read_ibv_ports(reader, frames, facts);
  facts.exo_daemon = find(frames, "exo") != nullptr;
  if (auto name = reader.parsed("location", "networksetup", darwin::parse_location))
    facts.network_location = std::move(*name);
  read_services(find(frames, "services"), facts);
  read_keeper(reader, frames, facts.keeper);
  if (find(frames, "profiler") == nullptr) return;  // not asked for
  if (const Frame* profiler = reader.usable("profiler", "system_profiler")) {
    if (trim(profiler->payload).empty()) {
      reader.problem("system_profiler", "printed nothing");
    } else if (!nlohmann::json::accept(profiler->payload)) {
      reader.problem("system_profiler", "printed something that is no JSON; not kept");
    } else {
      facts.profiler_json = profiler->payload;
    }
  }
}

void read_speeds(const Frame* frame, NodeFacts& facts) {
  if (frame == nullptr || !fault_of(*frame).empty()) return;
  const auto speeds = platform::linux_kernel::parse_speeds(frame->payload);
  for (auto& interface : facts.interfaces) {
    if (const auto found = speeds.find(interface.name); found != speeds.end()) {
      interface.gbps = found->second;
    }
  }
}

void read_forwarding(const Frame* frame, NodeFacts& facts) {
  if (frame == nullptr || !fault_of(*frame).empty()) return;
  const std::string_view text = trim(frame->payload);
  if (text == "0" || text == "1") facts.forwarding = text == "1";
}

// An interface belongs to NetworkManager, or to networkd, or to nobody.
void read_owners(Reader& reader, const std::vector<Frame>& frames, NodeFacts& facts) {
  const auto by_nm = optional_tool(reader, frames, "nm", linux_kernel::parse_nmcli_devices);
  const auto by_networkd =
      optional_tool(reader, frames, "networkctl", linux_kernel::parse_networkctl);
  if (const Frame* frame = find(frames, "netplan"); frame != nullptr && fault_of(*frame).empty())
    facts.has_netplan = !trim(frame->payload).empty();
  for (const auto& interface : facts.interfaces) {
    platform::Owner owner;
    owner.interface = interface.name;
    owner.manager = platform::Manager::none;
    for (const auto& one : by_nm.value_or(std::vector<platform::Owner>{})) {
      if (one.interface == interface.name) owner = one;
    }
    for (const auto& name : by_networkd.value_or(std::vector<std::string>{})) {
      if (name != interface.name || owner.manager != platform::Manager::none) continue;
      owner.manager = facts.has_netplan ? platform::Manager::netplan : platform::Manager::networkd;
    }
    facts.owners.push_back(std::move(owner));
  }
}

// The first line is the path, or the profile's name, as the script wrote it.
void read_own(Reader& reader, const Frame& frame, NodeFacts& facts) {
  const std::string_view text = frame.payload;
  const std::size_t newline = text.find('\n');
  const std::string_view name = text.substr(0, newline);
  if (newline == std::string_view::npos || name.size() > 200 || printable(name, 256) != name) {
    return;
  }
  FileState state;
  state.present = true;
  state.problem = fault_of(frame);
  const std::string_view content = text.substr(newline + 1);
  if (state.problem.empty() && name.starts_with(kOwnProfile)) {
    const auto profile = linux_kernel::parse_nmcli_profile(content);
    if (profile) {
      const std::size_t file = content.find("\nFILENAME:");
      const bool saved =
          file != std::string_view::npos && content.substr(file + 10).starts_with("/etc/");
      state.content = *profile + (saved ? "saved yes\n" : "");
    } else {
      state.problem = profile.error().message;
    }
  } else if (state.problem.empty()) {
    state.content = content;
  }
  if (!state.problem.empty()) reader.problem(printable(name, 200), state.problem);
  facts.own.insert_or_assign(std::string(name), std::move(state));
}

void read_linux(Reader& reader, const std::vector<Frame>& frames, NodeFacts& facts) {
  if (find(frames, "ip_route") != nullptr) {
    if (auto routes = reader.parsed("ip_route", "ip route", linux_kernel::parse_ip_routes))
      facts.routes = std::move(*routes);
  }
  if (find(frames, "ip_neigh") != nullptr) {
    if (auto neighbours = reader.parsed("ip_neigh", "ip neigh", linux_kernel::parse_ip_neighbours))
      facts.neighbours = std::move(*neighbours);
  }
  read_owners(reader, frames, facts);
  for (const Frame& frame : frames) {
    if (frame.name == "own") read_own(reader, frame, facts);
  }
  if (auto links = optional_tool(reader, frames, "rdma_link", linux_kernel::parse_rdma_links))
    facts.rdma_interfaces = std::move(*links);
}

}  // namespace

Expected<NodeFacts> parse_facts(const std::vector<Frame>& frames) {
  const Frame* uname = find(frames, "uname");
  if (uname == nullptr || find(frames, "end") == nullptr)
    return fail(ErrorCode::remote,
                uname == nullptr ? "the node's shell did not run the script that reads the facts"
                                 : "the script that reads the facts broke off",
                "see the raw output in the run's folder; does `sh -s` work for this user?");
  NodeFacts facts;
  for (const Frame& frame : frames)
    facts.raw.insert_or_assign(
        frame.name, RawOutput{frame.exit_status, frame.name == "profiler" ? "" : frame.payload,
                              frame.truncated});

  Reader reader(frames, facts);
  facts.uname = reader.word("uname", "uname");
  facts.os = facts.uname == "Darwin"  ? Os::darwin
             : facts.uname == "Linux" ? Os::linux_kernel
                                      : Os::other;
  facts.hostname = reader.word("hostname", "uname -n");
  facts.login_user = reader.word("user", "id");
  read_sudo(reader, find(frames, "sudo"), facts);
  read_file(find(frames, "matrix"), facts.matrix_file);
  if (!facts.matrix_file.problem.empty()) reader.problem("matrix file", facts.matrix_file.problem);
  if (facts.os == Os::darwin) read_darwin(reader, frames, facts);
  if (const Frame* resolv = find(frames, "resolv"); resolv != nullptr && fault_of(*resolv).empty())
    facts.name_servers = platform::linux_kernel::parse_resolv_conf(resolv->payload);
  read_forwarding(find(frames, "forwarding"), facts);
  if (facts.os == Os::linux_kernel) {
    if (auto version = reader.parsed("os_release", "/etc/os-release",
                                     platform::linux_kernel::parse_os_release))
      facts.version = std::move(*version);
    if (auto listing = reader.parsed("ip_addr", "ip addr", platform::linux_kernel::parse_ip_addr)) {
      facts.interfaces = std::move(listing->interfaces);
      facts.bridges = std::move(listing->bridges);
    }
    read_speeds(find(frames, "speeds"), facts);
    read_linux(reader, frames, facts);
    read_ibv_ports(reader, frames, facts);
  }
  read_session(find(frames, "session"), facts);
  return facts;
}

}  // namespace bringup::facts
