#include "bringup/facts/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::facts {
namespace {

using nlohmann::json;
using platform::RdmaState;

constexpr std::string_view kSchema = "bringup.facts/1";
constexpr std::size_t kMaxText = std::size_t{64} << 20U;

constexpr std::array<std::pair<Os, std::string_view>, 3> kSystems{
    {{Os::darwin, "darwin"}, {Os::linux_kernel, "linux"}, {Os::other, "other"}}};
constexpr std::array<std::pair<RdmaState, std::string_view>, 4> kRdma{
    {{RdmaState::enabled, "enabled"},
     {RdmaState::disabled, "disabled"},
     {RdmaState::no_tool, "no_tool"},
     {RdmaState::unknown, "unknown"}}};

template <class Pairs, class Value>
std::string_view word_of(const Pairs& pairs, Value value) {
  for (const auto& [known, word] : pairs) {
    if (known == value) return word;
  }
  return pairs.back().second;
}

json write(const FileState& file) {
  return {{"present", file.present}, {"content", file.content}, {"problem", file.problem}};
}

json write(const NodeRecord& node) {
  json interfaces = json::array();
  for (const auto& interface : node.interfaces) {
    json inet = json::array();
    for (const auto& address : interface.inet) inet.push_back(address.to_string());
    interfaces.push_back(
        {{"name", interface.name}, {"up", interface.up}, {"inet", inet}, {"mtu", interface.mtu}});
  }
  json bridges = json::array();
  for (const auto& bridge : node.bridges) {
    bridges.push_back({{"name", bridge.name}, {"members", bridge.members}});
  }
  json routes = json::array();
  for (const auto& route : node.routes) {
    routes.push_back({{"destination", route.destination.to_string()},
                      {"gateway", route.gateway},
                      {"interface", route.interface}});
  }
  json out = {{"node", node.node},
              {"os", word_of(kSystems, node.os)},
              {"interfaces", interfaces},
              {"bridges", bridges},
              {"routes", routes},
              {"rdma", word_of(kRdma, node.rdma)},
              {"matrix", write(node.matrix)},
              {"digest", node.digest}};
  if (node.keeper) out["keeper"] = write(*node.keeper);
  if (node.forwarding) out["forwarding"] = *node.forwarding;
  if (!node.own.empty()) {
    out["own"] = json::object();
    for (const auto& [path, file] : node.own) out["own"][path] = write(file);
  }
  for (const auto& neighbour : node.neighbours) {
    out["neighbours"].push_back({{"address", neighbour.address.to_string()},
                                 {"interface", neighbour.interface},
                                 {"mac", neighbour.mac}});
  }
  return out;
}

// The first thing wrong ends the reading; parse_record() turns it into an Error.
struct Wrong {
  std::string message;
};

const json& member(const json& object, const char* name, json::value_t type) {
  const auto found = object.find(name);
  if (found == object.end() || found->type() != type) {
    throw Wrong{fmt::format("\"{}\" is missing or of another type", name)};
  }
  return *found;
}

void only(const json& object, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) throw Wrong{"something else stands where an object must"};
  for (const auto& item : object.items()) {
    if (std::ranges::find(known, item.key()) == known.end()) {
      throw Wrong{"unknown member \"" + printable(item.key(), 60) + "\""};
    }
  }
}

std::string text(const json& object, const char* name) {
  return member(object, name, json::value_t::string).get<std::string>();
}

// Stands in our scripts and on the terminal.
std::string name_of(const json& object, const char* name) {
  std::string value = text(object, name);
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (value.empty() || value.size() > 64 || !std::ranges::all_of(value, fine)) {
    throw Wrong{fmt::format("\"{}\" is no name", name)};
  }
  return value;
}

const json& list(const json& object, const char* name) {
  return member(object, name, json::value_t::array);
}

model::InterfaceAddress address(const json& value) {
  if (!value.is_string()) throw Wrong{"an address is not a string"};
  const auto parsed = model::InterfaceAddress::parse(value.get_ref<const std::string&>());
  if (!parsed) throw Wrong{parsed.error().message};
  return *parsed;
}

FileState file_state(const json& file) {
  only(file, {"present", "content", "problem"});
  return {member(file, "present", json::value_t::boolean).get<bool>(), text(file, "content"),
          text(file, "problem")};
}

FileState file_state(const json& parent, const char* name) {
  return file_state(member(parent, name, json::value_t::object));
}

platform::Neighbour neighbour(const json& value) {
  only(value, {"address", "interface", "mac"});
  const auto address = model::Ipv4::parse(text(value, "address"));
  if (!address) throw Wrong{"a neighbour's \"address\" is none"};
  return {*address, name_of(value, "interface"), text(value, "mac"), true};
}

NodeRecord read_node(const json& value) {
  only(value, {"node", "os", "interfaces", "bridges", "routes", "rdma", "matrix", "keeper",
               "digest", "forwarding", "own", "neighbours"});
  NodeRecord node;
  node.node = text(value, "node");
  const std::string system = text(value, "os");
  const auto os =
      std::ranges::find_if(kSystems, [&](const auto& pair) { return pair.second == system; });
  const std::string state = text(value, "rdma");
  const auto rdma =
      std::ranges::find_if(kRdma, [&](const auto& pair) { return pair.second == state; });
  if (os == kSystems.end() || rdma == kRdma.end()) throw Wrong{"unknown \"os\" or \"rdma\""};
  node.os = os->first;
  node.rdma = rdma->first;
  for (const auto& one : list(value, "interfaces")) {
    only(one, {"name", "up", "inet", "mtu"});
    RecordedInterface interface;
    interface.name = name_of(one, "name");
    interface.up = member(one, "up", json::value_t::boolean).get<bool>();
    if (one.contains("mtu")) {
      interface.mtu = member(one, "mtu", json::value_t::number_unsigned).get<std::uint32_t>();
    }
    for (const auto& inet : list(one, "inet")) interface.inet.push_back(address(inet));
    node.interfaces.push_back(std::move(interface));
  }
  for (const auto& one : list(value, "bridges")) {
    only(one, {"name", "members"});
    platform::Bridge bridge{name_of(one, "name"), {}};
    for (const auto& name : list(one, "members")) {
      bridge.members.push_back(name_of(json{{"member", name}}, "member"));
    }
    node.bridges.push_back(std::move(bridge));
  }
  for (const auto& one : list(value, "routes")) {
    only(one, {"destination", "gateway", "interface"});
    const auto destination = model::Subnet::parse(text(one, "destination"));
    if (!destination) throw Wrong{"\"destination\" is no subnet"};
    node.routes.push_back({*destination, text(one, "gateway"), text(one, "interface")});
  }
  node.matrix = file_state(value, "matrix");
  if (value.contains("keeper")) node.keeper = file_state(value, "keeper");
  if (value.contains("forwarding")) {
    node.forwarding = member(value, "forwarding", json::value_t::boolean).get<bool>();
  }
  if (value.contains("own")) {
    for (const auto& [path, file] : member(value, "own", json::value_t::object).items()) {
      if (path.size() > 200 || printable(path, 256) != path)
        throw Wrong{"\"own\" has no such path"};
      node.own.emplace(path, file_state(file));
    }
  }
  if (value.contains("neighbours")) {
    for (const auto& one : list(value, "neighbours")) node.neighbours.push_back(neighbour(one));
  }
  node.digest = text(value, "digest");
  return node;
}

std::string words(const std::vector<std::string>& names) {
  return names.empty() ? "none" : join(names, ", ");
}

std::string words(const std::vector<model::InterfaceAddress>& inet) {
  std::vector<std::string> out;
  for (const auto& one : inet) out.push_back(one.to_string());
  return words(out);
}

std::string words(const std::vector<platform::Neighbour>& neighbours) {
  std::vector<std::string> out;
  for (const auto& one : neighbours) out.push_back(one.address.to_string() + " at " + one.mac);
  return words(out);
}

// Contents are told apart by a digest; they are too long for a table.
std::string words(const FileState& file) {
  if (!file.problem.empty()) return "unreadable";
  return file.present ? "sha256 " + sha256_hex(file.content).substr(0, 12) : "none";
}

std::vector<std::string> routes_through(const NodeRecord& node, const std::string& interface) {
  std::vector<std::string> out;
  for (const auto& route : node.routes) {
    if (route.interface != interface) continue;
    const bool by = model::Ipv4::parse(route.gateway).has_value();
    out.push_back(route.destination.to_string() + (by ? " by " + route.gateway : ""));
  }
  return out;
}

}  // namespace

const RecordedInterface* NodeRecord::find(std::string_view interface) const {
  const auto it = std::ranges::find(interfaces, interface, &RecordedInterface::name);
  return it == interfaces.end() ? nullptr : &*it;
}

std::vector<std::string> NodeRecord::bridges_of(std::string_view interface) const {
  std::vector<std::string> out;
  for (const auto& bridge : bridges) {
    if (std::ranges::find(bridge.members, interface) != bridge.members.end()) {
      out.push_back(bridge.name);
    }
  }
  return out;
}

const NodeRecord* Record::find(std::string_view node) const {
  const auto it = std::ranges::find(nodes, node, &NodeRecord::node);
  return it == nodes.end() ? nullptr : &*it;
}

NodeRecord record_of(const std::string& node, const NodeFacts& facts) {
  NodeRecord out;
  out.node = node;
  out.os = facts.os;
  for (const auto& interface : facts.interfaces) {
    out.interfaces.push_back({interface.name, interface.up, interface.inet, interface.mtu});
  }
  out.bridges = facts.bridges;
  for (auto& bridge : out.bridges) std::ranges::sort(bridge.members);
  out.routes = facts.routes;
  std::ranges::sort(out.routes, {}, [](const platform::Route& route) {
    return std::tuple(route.destination, route.interface, route.gateway);
  });
  out.rdma = facts.rdma;
  out.matrix = facts.matrix_file;
  out.keeper = facts.keeper.file;
  out.forwarding = facts.forwarding;
  out.own = facts.own;
  for (const auto& neighbour : facts.neighbours) {
    if (neighbour.permanent) out.neighbours.push_back(neighbour);
  }
  std::ranges::sort(out.neighbours, {}, [](const platform::Neighbour& one) {
    return std::tuple(one.address, one.interface);
  });
  out.digest = plan_digest(facts);
  return out;
}

std::string to_json(const Record& record) {
  json nodes = json::array();
  for (const auto& node : record.nodes) nodes.push_back(write(node));
  const json document = {
      {"schema", kSchema}, {"matrix_path", record.matrix_path}, {"nodes", nodes}};
  return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Expected<Record> parse_record(std::string_view content) {
  const auto wrong = [](const std::string& why) {
    return fail(ErrorCode::parse, "recorded facts: " + why);
  };
  if (content.size() > kMaxText) return wrong("over 64 MiB of text");
  const json document = json::parse(content.begin(), content.end(), nullptr, false);
  if (document.is_discarded()) return wrong("not JSON");
  try {
    only(document, {"schema", "matrix_path", "nodes"});
    if (text(document, "schema") != kSchema) return wrong("another schema");
    Record record;
    record.matrix_path = text(document, "matrix_path");
    std::set<std::string> names;
    for (const auto& node : list(document, "nodes")) {
      record.nodes.push_back(read_node(node));
      if (!names.insert(record.nodes.back().node).second) return wrong("a node stands there twice");
    }
    return record;
  } catch (const Wrong& problem) {
    return wrong(problem.message);
  }
}

std::vector<Difference> compare(const NodeRecord& was, const NodeRecord& now) {
  std::vector<Difference> out;
  const auto note = [&](const std::string& item, const std::string& before,
                        const std::string& after) {
    if (before != after) out.push_back({item, before, after});
  };
  std::set<std::string> names;
  for (const auto* record : {&was, &now}) {
    for (const auto& interface : record->interfaces) names.insert(interface.name);
    for (const auto& bridge : record->bridges) {
      names.insert(bridge.members.begin(), bridge.members.end());
    }
  }
  for (const auto& name : names) {
    const auto* before = was.find(name);
    const auto* after = now.find(name);
    note(name, before != nullptr ? "present" : "absent", after != nullptr ? "present" : "absent");
    note(name + " bridge", words(was.bridges_of(name)), words(now.bridges_of(name)));
    note(name + " routes", words(routes_through(was, name)), words(routes_through(now, name)));
    if (before == nullptr || after == nullptr) continue;
    note(name + " state", before->up ? "up" : "down", after->up ? "up" : "down");
    note(name + " address", words(before->inet), words(after->inet));
    if (before->mtu != 0 && after->mtu != 0) {
      note(name + " MTU", std::to_string(before->mtu), std::to_string(after->mtu));
    }
  }
  names.clear();
  for (const auto* record : {&was, &now}) {
    for (const auto& [path, file] : record->own) names.insert(path);
  }
  const auto own = [](const NodeRecord& record, const std::string& path) {
    const auto found = record.own.find(path);
    return words(found == record.own.end() ? FileState{} : found->second);
  };
  for (const auto& path : names) note(path, own(was, path), own(now, path));
  if (was.forwarding && now.forwarding) {
    note("forwarding", *was.forwarding ? "on" : "off", *now.forwarding ? "on" : "off");
  }
  note("neighbours", words(was.neighbours), words(now.neighbours));
  note("RDMA", std::string(word_of(kRdma, was.rdma)), std::string(word_of(kRdma, now.rdma)));
  note("matrix file", words(was.matrix), words(now.matrix));
  if (was.keeper && now.keeper) note("keeper", words(*was.keeper), words(*now.keeper));
  return out;
}

}  // namespace bringup::facts
