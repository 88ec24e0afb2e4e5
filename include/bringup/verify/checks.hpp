#pragma once
// Which checks a fleet calls for, the script that runs one node's share, and their judgement.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/util/error.hpp"
#include "bringup/verify/matrix.hpp"
#include "bringup/verify/schedule.hpp"

namespace bringup::verify {

struct CheckOptions {
  int ping_count = 3;
  double ping_interval_s = 0.2;
  int ping_wait_ms = 1000;  // for each reply
  std::vector<CheckKind> only = {CheckKind::route, CheckKind::ping, CheckKind::reach};
  std::vector<std::uint16_t> tcp_ports;  // empty: the port of the peer's sshd
  std::optional<int> iperf_streams;      // unset: by the link's kind
  std::optional<int> iperf_seconds;      // of each direction; unset: by the link's kind
  std::uint16_t iperf_port = 15201;      // not iperf3's own, on which a server may well be running
  Pairs pairs;
  Conflict conflict = Conflict::node;
};

bool wanted(const CheckOptions& options, CheckKind kind);
// Does the check apply to the link? RDMA does where the inventory wants it.
bool applies(const model::Link& link, CheckKind kind);

// Four streams for ten seconds. One stream on ethernet-1g, where one connection fills the wire and
// the figure then is what one connection gets.
int iperf_streams(const model::Link& link, const CheckOptions& options);
int iperf_seconds(const model::Link& link, const CheckOptions& options);
// Ports of `node` to try.
std::vector<std::uint16_t> tcp_ports(const model::Fleet& fleet, std::size_t node,
                                     const CheckOptions& options);

// One node's share: for every link end on it, the route to the peer, a ping from the link's own
// address and the largest packet. All links are checked at once; frames "route.L", "ping.L" and
// "mtu.L" with L = link index, then "end". An unanswered first ping is retried for up to 2 s (ARP
// after bring-up) before the counted run. Takes about count × interval when all is well, 5 s when
// nobody answers; `os` says whose dialect of ping and route to speak. With iperf wanted, a frame
// "iperf3" tells whether the node has it (status 127: no).
std::string check_script(const model::Fleet& fleet, std::size_t node, const std::string& nonce,
                         const CheckOptions& options, facts::Os os = facts::Os::darwin);

// What one node gave: frames of its check script, or why there are none; and its facts, if known.
struct NodeEvidence {
  std::optional<Error> error;
  std::vector<facts::Frame> frames;
  const facts::NodeFacts* facts = nullptr;
};

// Every ordered pair of the selected nodes. evidence[i] belongs to fleet.nodes[i]; nodes that are
// not selected have no cells. What is not in `options.only` is no failure where it is absent; a
// link's exclusive check that is wanted and not in `measured` leaves its cell untested, unless
// something worse is known. Diagnosis names the first broken layer, the link's first end first (see
// chain.hpp). Findings hold every distinct diagnosis once, target "node:interface", and
// what the facts warn of though no link is broken by it (layer "node"). With reach wanted,
// `reach` holds every check whose sender is selected, and whose other end is, or is outside.
Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const std::vector<Measurement>& measured,
             const CheckOptions& options);
Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const CheckOptions& options);

}  // namespace bringup::verify
