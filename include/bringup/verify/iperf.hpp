#pragma once
// iperf3 over the links of one round. End 0 of a link is the client, end 1 the server; the client
// sends first and receives then (-R), so that each direction is measured alone. Nothing is left on
// a node: servers take one test each (-1) and are ended at a limit of their own.
#include <string>
#include <string_view>
#include <vector>

#include "bringup/util/error.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::verify {

// Of one node: its share of all links of the round, at once. Frames "iperf-server.L.D" and
// "iperf-client.L.D" with L = link index and D = 0 (end 0 sends) or 1, then "end". Both ends start
// at about the same time: a client tries again for 5 s while the server refuses. A node without a
// link in the round has an empty share.
std::string iperf_script(const model::Fleet& fleet, std::size_t node, const Round& round,
                         const std::string& nonce, const CheckOptions& options);

// Within this many seconds the scripts of the round have ended by themselves, whatever happens.
int iperf_limit_s(const model::Fleet& fleet, const Round& round, const CheckOptions& options);

// Does the node have iperf3? From its check script; unset: it was not asked.
std::optional<bool> has_iperf(const NodeEvidence& evidence);

// Two measurements for each link of the round, one per direction, each with `iperf` set.
// evidence[i] belongs to fleet.nodes[i] and holds the frames of iperf_script, or an error.
std::vector<Measurement> read_iperf(const model::Fleet& fleet, const Round& round,
                                    const std::vector<NodeEvidence>& evidence);

// The measurements of links that cannot be tested because an end has no iperf3: what a round would
// have found out, without waiting for it.
std::vector<Measurement> without_iperf(const model::Fleet& fleet, std::size_t link,
                                       std::size_t node);

}  // namespace bringup::verify
