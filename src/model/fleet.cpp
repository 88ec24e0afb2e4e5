#include "bringup/model/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bringup::model {
namespace {

constexpr std::array<std::pair<LinkKind, std::string_view>, 7> kind_words{{
    {LinkKind::thunderbolt5, "thunderbolt5"},
    {LinkKind::thunderbolt4, "thunderbolt4"},
    {LinkKind::ethernet_1g, "ethernet-1g"},
    {LinkKind::ethernet_10g, "ethernet-10g"},
    {LinkKind::roce_100g, "roce-100g"},
    {LinkKind::roce_200g, "roce-200g"},
    {LinkKind::custom, "custom"},
}};

constexpr std::array<std::pair<ServiceKind, std::string_view>, 3> service_words{{
    {ServiceKind::tcp, "tcp"},
    {ServiceKind::http, "http"},
    {ServiceKind::grpc, "grpc"},
}};

}  // namespace

std::string Where::to_string() const {
  return line == 0 ? file : fmt::format("{}:{}:{}", file, line, column);
}

std::string_view to_string(LinkKind kind) {
  for (const auto& [value, word] : kind_words) {
    if (value == kind) {
      return word;
    }
  }
  return "custom";
}

std::optional<LinkKind> parse_link_kind(std::string_view word) {
  for (const auto& [value, text] : kind_words) {
    if (text == word) {
      return value;
    }
  }
  return std::nullopt;
}

std::vector<std::string> link_kind_words() {
  std::vector<std::string> words;
  words.reserve(kind_words.size());
  for (const auto& [value, word] : kind_words) {
    words.emplace_back(word);
  }
  return words;
}

// Thunderbolt and 1 Gb/s figures are those that exo's setup checks use; the others are 80 % of the
// line rate, and round trips of a switched network at rest. RDMA over Thunderbolt 5 has been
// measured at 73 to 75 Gb/s; its floor is that of TCP, so that a link which is no faster by RDMA
// stands out.
Expectation default_expectation(LinkKind kind) {
  const auto make = [](double rtt_ms, double negotiated, double iperf,
                       std::optional<double> rdma = std::nullopt) {
    Expectation expectation;
    expectation.rtt_avg_ms = rtt_ms;
    expectation.loss_percent = 1.0;
    expectation.negotiated_gbps = negotiated;
    expectation.iperf_gbps = iperf;
    expectation.rdma_gbps = rdma;
    return expectation;
  };
  switch (kind) {
    case LinkKind::thunderbolt5:
      return make(1.0, 80, 40, 40);
    case LinkKind::thunderbolt4:
      return make(0.5, 40, 20);
    case LinkKind::ethernet_1g:
      return make(2.0, 1, 0.8);
    case LinkKind::ethernet_10g:
      return make(1.0, 10, 8);
    case LinkKind::roce_100g:
      return make(0.5, 100, 80, 80);
    case LinkKind::roce_200g:
      return make(0.5, 200, 160, 160);
    case LinkKind::custom:
      break;
  }
  return {};
}

bool is_thunderbolt(LinkKind kind) {
  return kind == LinkKind::thunderbolt5 || kind == LinkKind::thunderbolt4;
}

bool is_roce(LinkKind kind) {
  return kind == LinkKind::roce_100g || kind == LinkKind::roce_200g;
}

bool default_rdma(LinkKind kind) {
  return kind == LinkKind::thunderbolt5 || is_roce(kind);
}

std::optional<std::uint32_t> default_mtu(LinkKind kind) {
  return is_roce(kind) ? std::optional<std::uint32_t>(9000) : std::nullopt;
}

Expectation routed_expectation() {
  Expectation expectation;
  expectation.rtt_avg_ms = 2.0;
  expectation.loss_percent = 1.0;
  expectation.iperf_gbps = 0.8;
  return expectation;
}

std::string default_rdma_device(LinkKind kind, const std::string& interface) {
  if (!is_roce(kind) || !interface.starts_with("en")) return "rdma_" + interface;
  std::string place = interface.substr(2);
  const std::size_t port = place.rfind("np");
  if (port != std::string::npos && port != 0 && port + 2 < place.size() &&
      place.find_first_not_of("0123456789", port + 2) == std::string::npos) {
    place.resize(port);
  }
  return "roce" + place;
}

std::string_view to_string(ServiceKind kind) {
  for (const auto& [value, word] : service_words) {
    if (value == kind) return word;
  }
  return "tcp";
}

std::optional<ServiceKind> parse_service_kind(std::string_view word) {
  for (const auto& [value, text] : service_words) {
    if (text == word) return value;
  }
  return std::nullopt;
}

const Node* Fleet::find_node(std::string_view node_name) const {
  const auto index = node_index(node_name);
  return index ? &nodes[*index] : nullptr;
}

std::optional<std::size_t> Fleet::node_index(std::string_view node_name) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](const Node& node) { return node.name == node_name; });
  if (found == nodes.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - nodes.begin());
}

const Proxy* Fleet::find_proxy(std::string_view proxy_name) const {
  const auto found = std::find_if(proxies.begin(), proxies.end(),
                                  [&](const Proxy& proxy) { return proxy.name == proxy_name; });
  return found == proxies.end() ? nullptr : &*found;
}

std::string Fleet::link_name(const Link& link) const {
  return fmt::format("{}:{} - {}:{}", nodes.at(link.ends[0].node).name, link.ends[0].interface,
                     nodes.at(link.ends[1].node).name, link.ends[1].interface);
}

std::vector<std::size_t> Fleet::by_rank() const {
  std::vector<std::size_t> order(nodes.size());
  for (std::size_t index = 0; index < nodes.size(); ++index) {
    order.at(nodes[index].rank) = index;
  }
  return order;
}

std::vector<std::size_t> Fleet::links_of(std::size_t node) const {
  std::vector<std::size_t> found;
  for (std::size_t index = 0; index < links.size(); ++index) {
    if (links[index].ends[0].node == node || links[index].ends[1].node == node) {
      found.push_back(index);
    }
  }
  return found;
}

std::vector<std::size_t> Fleet::segments_of(std::size_t node) const {
  std::vector<std::size_t> found;
  for (std::size_t index = 0; index < segments.size(); ++index) {
    const auto& members = segments[index].members;
    if (std::any_of(members.begin(), members.end(),
                    [&](const SegmentMember& member) { return member.node == node; })) {
      found.push_back(index);
    }
  }
  return found;
}

std::vector<std::size_t> Fleet::links_between(std::size_t a, std::size_t b) const {
  std::vector<std::size_t> found;
  for (std::size_t index = 0; index < links.size(); ++index) {
    const std::size_t first = links[index].ends[0].node;
    const std::size_t second = links[index].ends[1].node;
    if ((first == a && second == b) || (first == b && second == a)) {
      found.push_back(index);
    }
  }
  return found;
}

}  // namespace bringup::model
