#pragma once
// What the checks measured and what it means: one cell per link and direction.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/platform/observed.hpp"
#include "bringup/verify/rdma.hpp"
#include "bringup/verify/reach.hpp"
#include "bringup/verify/service_try.hpp"

namespace bringup::verify {

enum class CheckKind { cable, route, ping, mtu, tcp, reach, iperf, rdma, services, discovery };
std::string_view to_string(CheckKind kind);
std::optional<CheckKind> parse_check_kind(std::string_view word);
std::vector<std::string> check_kind_words();  // in the order of the enum

// Background checks run on all links at once; exclusive ones fill a link and run in rounds.
bool is_exclusive(CheckKind kind);
// Does it look at links? Services and discovery have lists of their own.
bool is_of_links(CheckKind kind);

// A number is never invented for a failure: measurements are set only where they were made.
// skipped: nothing that was asked for applies to this link (RDMA alone, on Thunderbolt 4).
enum class CellStatus { pass, slow, fail, unlinked, untested, unreachable, error, skipped };
std::string_view to_string(CellStatus status);
// Higher is worse: skipped, pass, unlinked, untested, slow, unreachable, error, fail.
int badness(CellStatus status);

// A broken layer and its cure.
struct Diagnosis {
  std::string layer;   // "ssh", "bridge", "interface", "address", "route", "ping", …
  std::string node;    // the end that is to blame
  std::string target;  // its interface
  std::string seen, expected, cure;
  std::string meaning = {};  // what it means for the user; may be empty
  std::string id = {};       // the row of the table of diagnoses (diagnoses.hpp); may be empty
};

// The largest ICMP echo that crosses the link unfragmented. Sizes are IPv4 packets with their
// headers (payload + 28), so that they compare with an MTU.
struct MtuResult {
  std::optional<std::uint32_t> largest_packet;    // unset: not even the smallest got an answer
  std::optional<std::uint32_t> mtu_from, mtu_to;  // of the interfaces, as their nodes say
  std::optional<std::uint32_t> declared;          // in the inventory
  std::string error = {};                         // why there is no packet size
};

enum class TcpMeans { forward, nc };  // a direct-tcpip channel of the session; nc on the node
std::string_view to_string(TcpMeans means);

// May the sending end open a TCP connection to the peer's address of this link?
struct TcpResult {
  std::uint16_t port = 0;
  bool reachable = false;
  TcpMeans by = TcpMeans::forward;
  std::string error = {};  // the node's words when not reachable
};

enum class IperfFailure { missing, port_busy, refused, timed_out, unreadable, other };
std::string_view to_string(IperfFailure failure);

// iperf3 from this cell's sender to its receiver. gbps is what the receiver counted.
struct IperfResult {
  std::optional<double> gbps;
  std::optional<std::uint64_t> retransmits;
  int streams = 0;
  double seconds = 0;  // measured, not asked for
  std::optional<IperfFailure> failure = {};
  std::string node = {};   // the end on which it failed
  std::string error = {};  // set with `failure`: iperf3's own words, printable
};

// What the exclusive checks (and TCP) gave over one link in one direction; unset: not made.
struct Measurement {
  std::size_t link = 0;  // index into Fleet::links
  std::size_t from = 0;  // index into Fleet::nodes: the sender
  std::vector<TcpResult> tcp = {};
  std::optional<IperfResult> iperf = {};
  std::optional<RdmaResult> rdma = {};
};

enum class VerdictSource { expectation, peers, baseline };
std::string_view to_string(VerdictSource source);

// One judgement of one figure. Only what was measured and compared has one.
struct Verdict {
  CheckKind check = CheckKind::ping;
  VerdictSource source = VerdictSource::expectation;
  CellStatus status = CellStatus::pass;  // pass, slow, fail or error
  std::string what;                      // "rtt", "loss", "packet", "tcp 22", "iperf", "rdma", …
  std::string seen, expected;            // "21.3 Gb/s", "at least 40 Gb/s"
};

// One directed pair over one link (or the single cell of an unlinked pair).
struct Cell {
  std::size_t from = 0;  // index into Fleet::nodes
  std::size_t to = 0;
  std::optional<std::size_t> link;           // index into Fleet::links; unset: unlinked
  CellStatus status = CellStatus::untested;  // the worst of the verdicts
  std::optional<bool> route_ok;  // the peer's address leaves through the link's interface
  std::string route_interface;   // what the route check saw
  std::optional<platform::PingResult> ping;
  std::optional<MtuResult> mtu;
  std::vector<TcpResult> tcp;
  std::optional<IperfResult> iperf;
  std::optional<RdmaResult> rdma;
  std::vector<Verdict> verdicts;
  std::optional<Diagnosis> diagnosis;  // of the worst check
  std::vector<Diagnosis> diagnoses;    // of every check that is not as it should be
  std::string raw;                     // bounded; for the journal
};

// Who answered a ping of so many hops.
struct Hop {
  enum class Answer { exceeded, reached, refused, silent };
  Answer answer = Answer::silent;
  std::optional<model::Ipv4> address;  // unset: silent
  std::optional<std::size_t> node;     // whose address it is, as far as that is known
};

// A ping that was to stay whole, as large as the sender's interface lets it.
struct LargePing {
  enum class Answer {
    replies,
    told,  // somebody on the way, or the system, said that it does not fit
    none,  // it vanished, though small ones come back
  };
  Answer answer = Answer::none;
  std::uint32_t bytes = 0;  // of the packet, headers included
};

// One check of reach_checks() and what came of it.
struct ReachCell {
  ReachCheck check;
  CellStatus status = CellStatus::untested;
  std::optional<std::string> route_interface;  // empty: no route
  std::optional<model::Ipv4> route_via;        // the next gateway, where there is one
  std::optional<platform::PingResult> ping;
  std::optional<LargePing> large;   // unset: not sent, or not to be read
  std::optional<bool> tcp;          // did a connection come about; unset: not tried
  std::vector<Hop> path;            // by the number of hops, from 1
  std::optional<std::size_t> hops;  // gateways between, where that could be told
  std::optional<IperfResult> iperf = {};
  std::vector<Verdict> verdicts;
  std::optional<Diagnosis> diagnosis;
  std::string raw;  // bounded; for the journal
};

// A declared server, tried from one node.
struct ServiceCell {
  ServiceTry attempt;
  CellStatus status = CellStatus::untested;
  std::optional<Diagnosis> diagnosis = {};
};

// How the datagrams of a discovery were addressed.
enum class CastKind { broadcast, limited, multicast };  // the subnet's; 255.255.255.255; the group
std::string_view to_string(CastKind kind);
inline constexpr std::array kCastKinds = {CastKind::broadcast, CastKind::limited,
                                          CastKind::multicast};

// What one end of a link, or one member of a segment, heard of another.
struct DiscoveryCell {
  std::size_t from = 0, to = 0;  // indices into Fleet::nodes
  std::string from_interface, to_interface;
  std::optional<std::size_t> link;     // index into Fleet::links
  std::optional<std::size_t> segment;  // index into Fleet::segments
  // By CastKind: datagrams heard on to_interface. Unset: not looked at.
  std::array<std::optional<std::uint32_t>, 3> heard = {};
  std::vector<std::string> elsewhere = {};  // other interfaces of `to` that heard them
  CellStatus status = CellStatus::untested;
  std::string text = {};  // why it was not looked at
  std::optional<Diagnosis> diagnosis = {};
};

// A diagnosis as the report shows it, once for all the cells that share it.
struct Finding {
  plan::Severity severity = plan::Severity::error;
  std::string layer;
  std::string target;  // "node:interface" or "node"
  std::string seen, expected, cure;
  std::string meaning = {};
  std::string id = {};
  // Of a figure that came out slow: which (as Verdict::what), and of which link. Both directions of
  // a link can be told as one by these.
  std::string what = {};
  std::optional<std::size_t> link = {};
};

struct Matrix {
  std::string fleet;
  std::vector<std::string> nodes;  // names, inventory order (only those selected)
  std::vector<CheckKind> checks;   // that were asked for, in the order of the enum
  std::vector<Cell> cells;         // every ordered pair appears at least once
  std::vector<ReachCell> reach;    // of selected nodes; empty where it was not asked for
  std::vector<Finding> findings;
  std::vector<ServiceCell> services = {};
  std::vector<DiscoveryCell> discovery = {};
  // Of links, services and discovery.
  [[nodiscard]] std::size_t count(CellStatus status) const;
  [[nodiscard]] std::size_t total() const;
  [[nodiscard]] std::size_t count_reach(CellStatus status) const;  // of reach
  // Every linked cell passes, or had nothing to prove; all that is to be reached is, and no more.
  [[nodiscard]] bool green() const;
  [[nodiscard]] bool has(CheckKind kind) const;
};

// Adds a finding unless the same stands there already (layer, target and what was seen).
void add_finding(Matrix& matrix, Finding finding);

}  // namespace bringup::verify
