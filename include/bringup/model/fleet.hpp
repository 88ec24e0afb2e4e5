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
bool is_roce(LinkKind kind);
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
// RoCE wants jumbo frames: 9000. Unset: the MTU is left as it is.
std::optional<std::uint32_t> default_mtu(LinkKind kind);
// What a path over at least one gateway should do: 2 ms, 0.8 Gb/s (an edge of 1 Gb/s Ethernet).
Expectation routed_expectation();
// The verbs device that belongs to an interface. RoCE: as rdma-core's udev rules name it by its
// place on the bus (rdma_rename(8), NAME_FALLBACK): enp1s0f1np1 has rocep1s0f1. Else "rdma_en3".
std::string default_rdma_device(LinkKind kind, const std::string& interface);

struct LinkEnd {
  std::size_t node = 0;  // index into Fleet::nodes
  std::string interface;
  Ipv4 address;
  std::string rdma_device;  // default_rdma_device() unless the inventory says otherwise
};

// A cable; or one rail of a cable that shows as several interfaces (DGX Spark), each of which is a
// link of its own here.
struct Link {
  std::array<LinkEnd, 2> ends;
  LinkKind kind = LinkKind::thunderbolt5;
  Subnet subnet;
  std::optional<std::uint32_t> mtu;
  bool rdma = true;  // does this link carry RDMA (an entry in the IBV matrix)
  // Rails of one cable: the index of its first link, the same for all of them. Unset: one
  // interface.
  std::optional<std::size_t> cable;
  std::size_t position = 0;  // of its [[links]] in the inventory
  Expectation expect;
  Where where;
};

struct SegmentMember {
  std::size_t node = 0;
  std::string interface;
  Ipv4 address;
  std::string mac;  // lower case; set: the other members hold it as a static neighbour
};

struct Segment {
  std::string name;
  Subnet subnet;
  LinkKind kind = LinkKind::custom;
  std::vector<SegmentMember> members;
  std::optional<std::size_t> gateway;  // index into Fleet::nodes; a member
  // Names of other segments, or kLinks: the links with an end on the gateway.
  std::vector<std::string> routes_to;
  Expectation expect;
  Where where;
};
inline constexpr std::string_view kLinks = "links";  // no segment has this name

// [[expect]]: from → to (a node's name or an IPv4 address) is to be reachable or not. With `via`,
// an interface of `from`, only the route is looked at, and nothing is sent.
struct ReachExpectation {
  std::size_t from = 0;
  std::string to;
  bool reachable = true;
  std::string via;
  Where where;
};

enum class ServiceKind { tcp, http, grpc };
std::string_view to_string(ServiceKind kind);
std::optional<ServiceKind> parse_service_kind(std::string_view word);

// [[services]]: a server that the nodes in `from` must reach, each from its own session.
struct Service {
  std::string name;      // default: NODE:PORT
  std::size_t node = 0;  // where it runs
  std::uint16_t port = 0;
  ServiceKind kind = ServiceKind::tcp;
  // What to connect to: an IPv4 or IPv6 address, with the zone of `from` where it is link-local
  // ("fe80::1%en5"). Empty: the node's address in a network that it shares with `from`, or is
  // routed to.
  std::string address;
  std::string path;                 // http: what to get; default "/"
  std::string grpc_service;         // grpc: of whom the health is asked; empty: of the server
  std::uint64_t message_bytes = 0;  // grpc: also a request as large as this, at most 256 MiB
  std::vector<std::size_t> from;    // default: every other node
  Where where;
};
inline constexpr std::uint64_t kMaxServiceMessage = std::uint64_t{256} << 20U;

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
  std::vector<Service> services;
  Expectation routed = routed_expectation();  // of every path over a gateway
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
  // Segments that this node is a member of, as indices into `segments`.
  [[nodiscard]] std::vector<std::size_t> segments_of(std::size_t node) const;
  // Links between two nodes.
  [[nodiscard]] std::vector<std::size_t> links_between(std::size_t a, std::size_t b) const;
};

}  // namespace bringup::model
