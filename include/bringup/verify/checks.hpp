#pragma once
// Which checks a fleet calls for, the script that runs one node's share, and their judgement.
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
// address. Runs all of a node's pings at once; frames "route.L" and "ping.L" with L = link index.
// Retries an unanswered first ping for up to 2 s (ARP after bring-up).
std::string check_script(const model::Fleet& fleet, std::size_t node, const std::string& nonce,
                         const CheckOptions& options);

// What one node gave: frames of its check script, or why there are none; and its facts, if known.
struct NodeEvidence {
  std::optional<Error> error;
  std::vector<facts::Frame> frames;
  const facts::NodeFacts* facts = nullptr;
};

// Every ordered pair of the selected nodes. evidence[i] belongs to fleet.nodes[i]; nodes that are not
// selected have no cells. Diagnosis names the first broken layer: ssh, bridge, interface, address,
// route, ping.
Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const CheckOptions& options);

}  // namespace bringup::verify
