// [[segments]] and [[expect]].
#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

void read_segments(TableReader& root, Declared& declared, Collector& problems) {
  for (const auto& [source, spot] : root.tables("segments")) {
    TableReader table(*source, spot, "[[segments]]", problems);
    DeclaredSegment segment = read_segment(table, problems);
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
}

}  // namespace bringup::model
