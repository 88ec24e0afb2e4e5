// [[segments]] and [[expect]].
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bringup/model/mac.hpp"
#include "reader.hpp"

namespace bringup::model {
namespace {

// mini3 = "en8=192.168.51.2"
std::optional<DeclaredEnd> read_member(const Entry& entry, Collector& problems) {
  const auto* text = entry.node->as_string();
  const Spot spot = spot_of(entry.node->source());
  const std::size_t equals = text == nullptr ? std::string::npos : text->get().find('=');
  if (equals == std::string::npos) {
    problems.add(spot,
                 fmt::format("the place of {} in the segment is not an interface and an address",
                             quoted(entry.name)),
                 "like mini3 = \"en8=192.168.51.2\"");
    return std::nullopt;
  }
  DeclaredEnd member;
  member.spot = spot;
  member.node = entry.name;
  member.interface = text->get().substr(0, equals);
  if (auto refusal = check_interface(member.interface)) {
    problems.add(spot, std::move(refusal->message), std::move(refusal->cure));
    return std::nullopt;
  }
  member.address = read_address({text->get().substr(equals + 1), spot}, problems);
  return member;
}

// Both digits of each byte are wanted of people, in either case.
std::optional<std::string> read_mac(std::string_view text) {
  const auto mac = parse_mac(text);
  return mac && text.size() == mac->size() && is_host_mac(*mac) ? mac : std::nullopt;
}

DeclaredSegment read_segment(TableReader& table, Collector& problems) {
  DeclaredSegment segment;
  segment.name.spot = table.spot();
  if (!table.has("name")) {
    table.missing("name", "name = \"edge\"");
  }
  if (auto name = table.checked(
          "name", [](std::string_view text) { return check_name("segment", text); })) {
    segment.name = std::move(*name);
  }
  if (!table.has("subnet")) {
    table.missing("subnet", "subnet = \"192.168.51.0/24\"");
  }
  segment.subnet = read_subnet(table, "subnet", problems);
  segment.kind = read_kind(table, problems).value_or(LinkKind::custom);
  if (!table.has("members")) {
    table.missing("members", "members = { mini3 = \"en8=192.168.51.2\" }");
  }
  if (const toml::table* members =
          table.table("members", "members = { mini3 = \"en8=192.168.51.2\" }")) {
    for (const Entry& entry : entries_in_order(*members)) {
      if (auto member = read_member(entry, problems)) {
        segment.members.push_back(std::move(*member));
      }
    }
  }
  if (const toml::table* macs =
          table.table("neighbours", "neighbours = { pi4 = \"dc:a6:32:01:02:03\" }")) {
    for (const Entry& entry : entries_in_order(*macs)) {
      const auto* text = entry.node->as_string();
      const auto mac = text == nullptr ? std::nullopt : read_mac(text->get());
      if (mac) {
        segment.macs.emplace_back(Located<std::string>{entry.name, entry.spot}, *mac);
      } else {
        problems.add(spot_of(entry.node->source()),
                     fmt::format("the neighbour {} has no MAC address", quoted(entry.name)),
                     "like pi4 = \"dc:a6:32:01:02:03\"");
      }
    }
  }
  if (const toml::table* expect = table.table("expect", "expect = { rtt_avg_ms = 1.0 }")) {
    TableReader reader(*expect, table.key_spot("expect"), "expect of the segment", problems);
    segment.expect = read_expectation(reader);
    reader.refuse_unknown_keys();
  }
  segment.gateway = table.text("gateway");
  if (auto routes = table.texts("routes_to", TableReader::Lone::refused)) {
    segment.routes_to = std::move(*routes);
  }
  table.refuse_unknown_keys();
  return segment;
}

DeclaredReachability read_reachability(TableReader& table) {
  DeclaredReachability expectation;
  expectation.spot = table.spot();
  expectation.from = table.text("from");
  expectation.to = table.text("to");
  for (const std::string_view key : {"from", "to"}) {
    if (!table.has(key)) {
      table.missing(key, fmt::format("{} = \"studio1\"", key));
    }
  }
  const auto reachable = table.flag("reachable");
  expectation.reachable = !reachable || reachable->value;
  if (auto via = table.checked("via", check_interface)) {
    expectation.via = std::move(via->value);
  }
  table.refuse_unknown_keys();
  return expectation;
}

}  // namespace

DeclaredService read_service(TableReader& table, Collector& problems) {
  DeclaredService service;
  service.spot = table.spot();
  if (!table.has("node")) table.missing("node", "node = \"studio1\"");
  service.node = table.text("node");
  if (!table.has("port")) table.missing("port", "port = 65432");
  service.port = table.integer("port", 1, 65535);
  if (auto name = table.checked(
          "name", [](std::string_view text) { return check_name("service", text); })) {
    service.name = std::move(name->value);
  }
  if (const auto word = table.text("kind")) {
    if (const auto kind = parse_service_kind(word->value)) {
      service.kind = *kind;
    } else {
      problems.add(word->spot, fmt::format("unknown kind {}", quoted(word->value)),
                   problems.suggest(word->value, {"tcp", "http", "grpc"}));
    }
  }
  if (auto address = table.checked("address", check_zoned_address)) {
    service.address = std::move(address->value);
  }
  const auto only_for = [&](std::string_view key, const std::optional<Spot>& spot,
                            ServiceKind kind) {
    if (!spot || service.kind == kind) return;
    problems.add(*spot, fmt::format("{} of a service of kind {}", key, to_string(service.kind)),
                 fmt::format("kind = \"{}\", or no {}", to_string(kind), key));
  };
  if (auto path = table.checked("path", check_url_path)) {
    only_for("path", path->spot, ServiceKind::http);
    service.path = std::move(path->value);
  }
  if (auto name = table.checked(
          "service", [](std::string_view text) { return check_name("gRPC service", text); })) {
    only_for("service", name->spot, ServiceKind::grpc);
    service.grpc_service = std::move(name->value);
  }
  if (const auto bytes =
          table.integer("message_bytes", 1, static_cast<std::int64_t>(kMaxServiceMessage))) {
    only_for("message_bytes", bytes->spot, ServiceKind::grpc);
    service.message_bytes = static_cast<std::uint64_t>(bytes->value);
  }
  service.from = table.texts("from", TableReader::Lone::allowed);
  table.refuse_unknown_keys();
  return service;
}

void read_segments(TableReader& root, Declared& declared, Collector& problems) {
  for (const auto& [source, spot] : root.tables("segments")) {
    TableReader table(*source, spot, "[[segments]]", problems);
    DeclaredSegment segment = read_segment(table, problems);
    if (segment.name.value == kLinks) {
      problems.add(segment.name.spot, "no segment can be called 'links'",
                   "routes_to = [\"links\"] means the gateway's links: another name");
    }
    const auto same = std::find_if(
        declared.segments.begin(), declared.segments.end(),
        [&](const DeclaredSegment& other) { return other.name.value == segment.name.value; });
    if (!segment.name.value.empty() && same != declared.segments.end()) {
      problems.add(segment.name.spot,
                   fmt::format("segment {} is there already ({})", quoted(segment.name.value),
                               Collector::place(same->name.spot)),
                   "a name of its own for each segment");
    }
    declared.segments.push_back(std::move(segment));
  }
  for (const auto& [source, spot] : root.tables("expect")) {
    TableReader table(*source, spot, "[[expect]]", problems);
    declared.expectations.push_back(read_reachability(table));
  }
  for (const auto& [source, spot] : root.tables("services")) {
    TableReader table(*source, spot, "[[services]]", problems);
    declared.services.push_back(read_service(table, problems));
  }
}

}  // namespace bringup::model
