// [[links]], [expectations.KIND] and the values that links and segments share.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "bringup/util/text.hpp"
#include "reader.hpp"

namespace bringup::model {
namespace {

constexpr std::int64_t lowest_mtu = 576;  // what every IPv4 host must take (RFC 791)
constexpr std::int64_t highest_mtu = 65535;
constexpr double highest_ms = 60'000;
constexpr double highest_gbps = 100'000;

// "studio1:en3"
std::optional<DeclaredEnd> read_end(TableReader& table, std::string_view key, Collector& problems) {
  if (!table.has(key)) {
    (void)table.text(key);  // a known key all the same
    table.missing(key, fmt::format("{} = \"studio1:en3\"", key));
    return std::nullopt;
  }
  const auto text = table.text(key);
  if (!text) {
    return std::nullopt;
  }
  const std::size_t colon = text->value.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text->value.size()) {
    problems.add(text->spot, fmt::format("{} is not an end of a link", quoted(text->value)),
                 "a node and its interface: \"studio1:en3\"");
    return std::nullopt;
  }
  DeclaredEnd end;
  end.spot = text->spot;
  end.node = text->value.substr(0, colon);
  end.interface = text->value.substr(colon + 1);
  if (auto refusal = check_interface(end.interface)) {
    problems.add(text->spot, std::move(refusal->message), std::move(refusal->cure));
    return std::nullopt;
  }
  return end;
}

// { a = "enP2p1s0f1np1", b = "enP2p1s0f1np1" }: one more interface at each end of the same cable.
// What the rail does not say (kind, MTU, RDMA, expectations) is the link's.
std::optional<DeclaredLink> read_rail(TableReader& table, const DeclaredLink& first,
                                      Collector& problems) {
  DeclaredLink rail = first;
  rail.spot = table.spot();
  bool whole = true;
  for (std::size_t side = 0; side < 2; ++side) {
    const std::string letter = side == 0 ? "a" : "b";
    if (!table.has(letter)) table.missing(letter, fmt::format("{} = \"enP2p1s0f1np1\"", letter));
    const auto interface = table.checked(letter, check_interface);
    const auto device = table.checked(letter + "_device", check_device);
    whole = whole && interface && rail.ends[side];
    if (!interface || !rail.ends[side]) continue;
    rail.ends[side] = DeclaredEnd{interface->spot, first.ends[side]->node, interface->value,
                                  std::nullopt, device};
  }
  rail.subnet = read_subnet(table, "subnet", problems);
  rail.subnet_is_bad = !rail.subnet && table.has("subnet");
  table.refuse_unknown_keys();
  if (!whole) return std::nullopt;
  return rail;
}

void read_rails(TableReader& table, const DeclaredLink& first, std::size_t at, Declared& declared,
                Collector& problems) {
  for (const auto& [source, spot] : table.tables("rails")) {
    TableReader reader(*source, spot, "rails of the link", problems);
    if (auto rail = read_rail(reader, first, problems)) {
      rail->cable = at;
      declared.links[at].cable = at;
      declared.links.push_back(std::move(*rail));
    }
  }
}

DeclaredLink read_link(TableReader& table, Collector& problems) {
  DeclaredLink link;
  link.spot = table.spot();
  for (std::size_t side = 0; side < 2; ++side) {
    const std::string letter = side == 0 ? "a" : "b";
    link.ends[side] = read_end(table, letter, problems);
    std::optional<Located<Ipv4>> address;
    if (const auto text = table.text(letter + "_address")) {
      address = read_address(*text, problems);
    }
    const auto device = table.checked(letter + "_device", check_device);
    if (link.ends[side]) {
      link.ends[side]->address = address;
      link.ends[side]->device = device;
    }
  }
  link.kind = read_kind(table, problems).value_or(LinkKind::thunderbolt5);
  link.subnet = read_subnet(table, "subnet", problems);
  link.subnet_is_bad = !link.subnet && table.has("subnet");
  if (const auto mtu = table.integer("mtu", lowest_mtu, highest_mtu)) {
    link.mtu = static_cast<std::uint32_t>(mtu->value);
  }
  link.rdma = table.flag("rdma");
  if (const toml::table* expect = table.table("expect", "expect = { rtt_avg_ms = 1.0 }")) {
    TableReader reader(*expect, table.key_spot("expect"), "expect of the link", problems);
    link.expect = read_expectation(reader);
    reader.refuse_unknown_keys();
  }
  return link;
}

}  // namespace

std::optional<LinkKind> read_kind(TableReader& table, Collector& problems) {
  const auto word = table.text("kind");
  if (!word) {
    return std::nullopt;
  }
  const auto kind = parse_link_kind(word->value);
  if (!kind) {
    problems.add(word->spot, fmt::format("unknown kind {}", quoted(word->value)),
                 problems.suggest(word->value, link_kind_words()));
  }
  return kind;
}

std::optional<Located<Subnet>> read_subnet(TableReader& table, std::string_view key,
                                           Collector& problems) {
  const auto text = table.text(key);
  if (!text) {
    return std::nullopt;
  }
  const auto subnet = Subnet::parse(text->value);
  if (!subnet) {
    problems.add(text->spot, subnet.error().message, subnet.error().hint);
    return std::nullopt;
  }
  return Located<Subnet>{*subnet, text->spot};
}

std::optional<Located<Ipv4>> read_address(const Located<std::string>& text, Collector& problems) {
  const auto address = Ipv4::parse(text.value);
  if (!address) {
    problems.add(text.spot, address.error().message,
                 text.value.find('/') == std::string::npos
                     ? address.error().hint
                     : "the address alone; the prefix length stands in subnet");
    return std::nullopt;
  }
  return Located<Ipv4>{*address, text.spot};
}

Expectation read_expectation(TableReader& table) {
  const auto value = [&](std::string_view key, double highest) -> std::optional<double> {
    const auto number = table.number(key, 0, highest);
    return number ? std::optional(number->value) : std::nullopt;
  };
  Expectation expectation;
  expectation.rtt_avg_ms = value("rtt_avg_ms", highest_ms);
  expectation.loss_percent = value("loss_percent", 100);
  expectation.negotiated_gbps = value("negotiated_gbps", highest_gbps);
  expectation.iperf_gbps = value("iperf_gbps", highest_gbps);
  expectation.rdma_gbps = value("rdma_gbps", highest_gbps);
  return expectation;
}

void read_links(TableReader& root, Declared& declared, Collector& problems) {
  std::size_t position = 0;
  for (const auto& [source, spot] : root.tables("links")) {
    TableReader table(*source, spot, "[[links]]", problems);
    const std::size_t at = declared.links.size();
    DeclaredLink link = read_link(table, problems);
    link.position = position++;
    declared.links.push_back(link);
    read_rails(table, link, at, declared, problems);
    table.refuse_unknown_keys();
  }
  const toml::table* kinds = root.table("expectations", "[expectations.KIND]");
  if (kinds == nullptr) {
    return;
  }
  for (const Entry& entry : entries_in_order(*kinds)) {
    const auto kind = parse_link_kind(entry.name);
    const toml::table* source = entry.node->as_table();
    if (entry.name == "routed" && source != nullptr) {
      TableReader table(*source, entry.spot, "[expectations.routed]", problems);
      declared.routed = read_expectation(table);
      table.refuse_unknown_keys();
    } else if (!kind) {
      problems.add(entry.spot, fmt::format("unknown kind {} in [expectations]", quoted(entry.name)),
                   problems.suggest(entry.name, link_kind_words()));
    } else if (source == nullptr) {
      problems.add(entry.spot,
                   fmt::format("{} in [expectations] is not a table", quoted(entry.name)),
                   fmt::format("write it as [expectations.{}]", entry.name));
    } else {
      TableReader table(*source, entry.spot, fmt::format("[expectations.{}]", entry.name),
                        problems);
      declared.kind_expectations[*kind] = read_expectation(table);
      table.refuse_unknown_keys();
    }
  }
}

}  // namespace bringup::model
