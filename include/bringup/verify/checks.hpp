#pragma once
// Which checks a fleet calls for, the script that runs one node's share, and their judgement.
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/util/error.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::verify {

struct CheckOptions {
  int ping_count = 3;
  double ping_interval_s = 0.2;
  int ping_wait_ms = 1000;  // for each reply
  std::vector<CheckKind> only = {CheckKind::route, CheckKind::ping};
};

// One node's share: for every link end on it, the route to the peer and a ping from the link's own
// address. All links are checked at once; frames "route.L" and "ping.L" with L = link index, then
// "end". An unanswered first ping is retried for up to 2 s (ARP after bring-up) before the counted
// run. Takes about count × interval when all is well, 5 s when nobody answers; `os` says whose
// dialect of ping and route to speak.
std::string check_script(const model::Fleet& fleet, std::size_t node, const std::string& nonce,
                         const CheckOptions& options, facts::Os os = facts::Os::darwin);

// What one node gave: frames of its check script, or why there are none; and its facts, if known.
struct NodeEvidence {
  std::optional<Error> error;
  std::vector<facts::Frame> frames;
  const facts::NodeFacts* facts = nullptr;
};

// Every ordered pair of the selected nodes. evidence[i] belongs to fleet.nodes[i]; nodes that are
// not selected have no cells. Without ping or route in `options.only` their absence is no failure.
// Diagnosis names the first broken layer, the link's first end first: ssh, bridge, interface,
// cable, address, route, ping. Findings hold every distinct diagnosis once, target
// "node:interface".
Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const CheckOptions& options);

}  // namespace bringup::verify
