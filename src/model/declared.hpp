#pragma once
// What an inventory or the flags say, word for word and with positions, before any name is looked
// up. Values are well-formed by themselves; what they mean together is for resolve().
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "collector.hpp"

namespace bringup::model {

enum class ViaForm {
  follow,  // via = "door": and however door itself is reached
  exact,   // via = ["door", "studio1"]: these hops and no others
};

struct DeclaredVia {
  ViaForm form = ViaForm::exact;
  std::vector<Located<std::string>> hops;
};

// The keys that nodes, proxies and [defaults] share.
struct DeclaredReach {
  SshSettings ssh;
  std::optional<DeclaredVia> via;
};

struct DeclaredProxy {
  Located<std::string> name;
  DeclaredReach reach;
};

struct DeclaredNode {
  Located<std::string> name;
  DeclaredReach reach;
  std::optional<Become> become;
  std::optional<Located<std::int64_t>> rank;
  std::vector<std::string> groups;
};

struct DeclaredGroup {
  Located<std::string> name;
  std::vector<Located<std::string>> members;
};

struct DeclaredEnd {
  Spot spot;
  std::string node;
  std::string interface;
  std::optional<Located<Ipv4>> address;
  std::optional<Located<std::string>> device;
};

struct DeclaredLink {
  Spot spot;
  std::array<std::optional<DeclaredEnd>, 2> ends;  // unset: missing or malformed, already told
  LinkKind kind = LinkKind::thunderbolt5;
  std::optional<Located<Subnet>> subnet;
  bool subnet_is_bad = false;  // given, but not one; already told
  std::optional<std::uint32_t> mtu;
  std::optional<Located<bool>> rdma;
  Expectation expect;                // what the link itself says
  std::optional<std::size_t> cable;  // as in Link, and the position
  std::size_t position = 0;
};

struct DeclaredSegment {
  Located<std::string> name;
  std::optional<Located<Subnet>> subnet;
  LinkKind kind = LinkKind::custom;
  std::vector<DeclaredEnd> members;
  std::optional<Located<std::string>> gateway;
  std::vector<Located<std::string>> routes_to;
  std::vector<std::pair<Located<std::string>, std::string>> macs;  // node, MAC
  Expectation expect;
};

struct DeclaredReachability {
  Spot spot;
  std::optional<Located<std::string>> from;
  std::optional<Located<std::string>> to;
  bool reachable = true;
  std::string via;
};

struct DeclaredService {
  Spot spot;
  std::optional<Located<std::string>> node;
  std::optional<Located<std::int64_t>> port;
  ServiceKind kind = ServiceKind::tcp;
  std::string name, address, path, grpc_service;
  std::uint64_t message_bytes = 0;
  std::optional<std::vector<Located<std::string>>> from;
};

struct Declared {
  std::string name = "fleet";
  std::string source;
  Located<Subnet> address_pool{Subnet::containing(Ipv4(0x0AFE0000U), 24), {}};  // 10.254.0.0/24
  std::string ibv_path = "/tmp/mlx_ibv_devices.json";
  bool persist = false;
  std::vector<DeclaredProxy> proxies;  // all in order of appearance
  std::vector<DeclaredNode> nodes;
  bool nodes_are_bad = false;  // given, but not as tables; already told
  std::vector<DeclaredGroup> groups;
  std::vector<DeclaredLink> links;
  std::vector<DeclaredSegment> segments;
  std::vector<DeclaredReachability> expectations;
  std::vector<DeclaredService> services;
  std::map<LinkKind, Expectation> kind_expectations;
  Expectation routed;  // [expectations.routed]
};

// Looks names up, gives every link its subnet and addresses, and tells what does not fit together.
// The fleet is whole only if the collector is empty afterwards.
Fleet resolve(const Declared& declared, Collector& problems);

// The two halves of resolve().
void resolve_hosts(const Declared& declared, Fleet& fleet, Collector& problems);
void resolve_wiring(const Declared& declared, Fleet& fleet, Collector& problems);

// Why a subnet cannot be used for links or segments at all: too small, loopback, multicast….
void check_usable(const Located<Subnet>& subnet, Collector& problems);

}  // namespace bringup::model
