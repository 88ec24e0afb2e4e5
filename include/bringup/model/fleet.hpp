#pragma once
// What one inventory declares, resolved and checked: every reference is an index, every address
// set.
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/address.hpp"

namespace bringup::model {

// Where in the user's text something was said; line 0 when it came from the command line.
struct Where {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
  [[nodiscard]] std::string to_string() const;  // "fleet.toml:3:5", "--node" for flags
  bool operator==(const Where&) const = default;
};

enum class Become { none, sudo, sudo_password };

// How to reach a host; what is empty is left to ~/.ssh/config.
struct SshSettings {
  std::string host;  // default: the name
  std::string user;
  std::optional<std::uint16_t> port;
  std::vector<std::string> identity_files;
  std::string host_key;  // pinned "SHA256:…"
  bool operator==(const SshSettings&) const = default;
};

struct Proxy {
  std::string name;
  SshSettings ssh;
  std::vector<std::string> via;  // resolved: names of proxies or nodes, outermost first
  Where where;
};

struct Node {
  std::string name;
  SshSettings ssh;
  std::vector<std::string>
      via;  // resolved: the whole chain, names of proxies or nodes, outermost first
  Become become = Become::sudo;
  std::size_t rank = 0;  // 0..n-1, distinct
  std::vector<std::string> groups;
  Where where;
};

enum class LinkKind {
  thunderbolt5,
  thunderbolt4,
  ethernet_1g,
  ethernet_10g,
  roce_100g,
  roce_200g,
  custom
};
std::string_view to_string(LinkKind kind);  // the inventory's word: "thunderbolt5", "ethernet-1g"…
std::optional<LinkKind> parse_link_kind(std::string_view word);
std::vector<std::string> link_kind_words();  // every word, in the order of the enum
bool is_thunderbolt(LinkKind kind);
// Whether links of this kind carry RDMA unless the inventory says otherwise: Thunderbolt 5 and
// RoCE.
bool default_rdma(LinkKind kind);

// What a link of its kind should do; unset: not judged. Units are in the names.
struct Expectation {
  std::optional<double> rtt_avg_ms;
  std::optional<double> loss_percent;  // above it: failure
  std::optional<double> negotiated_gbps;
  std::optional<double> iperf_gbps;
  std::optional<double> rdma_gbps;
  bool operator==(const Expectation&) const = default;
};
Expectation default_expectation(LinkKind kind);

struct LinkEnd {
  std::size_t node = 0;  // index into Fleet::nodes
  std::string interface;
  Ipv4 address;
  std::string rdma_device;  // "rdma_" + interface unless the inventory says otherwise
};

// A cable.
struct Link {
  std::array<LinkEnd, 2> ends;
  LinkKind kind = LinkKind::thunderbolt5;
  Subnet subnet;
  std::optional<std::uint32_t> mtu;
  bool rdma = true;  // does this link carry RDMA (an entry in the IBV matrix)
  Expectation expect;
  Where where;
};

struct SegmentMember {
  std::size_t node = 0;
  std::string interface;
  Ipv4 address;
};

struct Segment {
  std::string name;
  Subnet subnet;
  LinkKind kind = LinkKind::custom;
  std::vector<SegmentMember> members;
  std::optional<std::size_t> gateway;  // index into Fleet::nodes
  std::vector<std::string> routes_to;
  Where where;
};

// [[expect]]: from → to (a node's name or an IPv4 address) is to be reachable or not.
struct ReachExpectation {
  std::size_t from = 0;
  std::string to;
  bool reachable = true;
  std::string via;
  Where where;
};

struct Fleet {
  std::string name = "fleet";
  std::string source;  // the inventory's path as given, "command line" for flags
  Subnet address_pool;
  std::string ibv_path = "/tmp/mlx_ibv_devices.json";
  bool persist = false;
  std::vector<Proxy> proxies;
  std::vector<Node> nodes;  // in order of appearance
  std::vector<Link> links;  // in order of appearance
  std::vector<Segment> segments;
  std::vector<ReachExpectation> expectations;
  std::map<std::string, std::vector<std::size_t>> groups;

  [[nodiscard]] const Node* find_node(std::string_view node_name) const;
  [[nodiscard]] std::optional<std::size_t> node_index(std::string_view node_name) const;
  [[nodiscard]] const Proxy* find_proxy(std::string_view proxy_name) const;
  // "studio1:en3 - studio2:en3"
  [[nodiscard]] std::string link_name(const Link& link) const;
  // Node indices sorted by rank: position = rank.
  [[nodiscard]] std::vector<std::size_t> by_rank() const;
  // Links with an end on this node, as indices into `links`.
  [[nodiscard]] std::vector<std::size_t> links_of(std::size_t node) const;
  // Links between two nodes.
  [[nodiscard]] std::vector<std::size_t> links_between(std::size_t a, std::size_t b) const;
};

}  // namespace bringup::model
