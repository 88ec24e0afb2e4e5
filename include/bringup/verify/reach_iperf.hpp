#pragma once
// iperf3 between those who reach each other beyond the cables: members of a segment, and pairs that
// gateways join. Each pair plays a link, so that all that measures links measures it as well.
#include <vector>

#include "bringup/verify/checks.hpp"

namespace bringup::verify {

struct ReachPairs {
  model::Fleet fleet;                             // the same nodes; its links are the pairs
  std::vector<std::vector<std::size_t>> through;  // of each pair: the gateways between
};
// One for each pair of nodes and segment; over gateways one for each pair of nodes.
ReachPairs reach_pairs(const model::Fleet& fleet);

// Rounds in which no node ends or forwards for two pairs, since a gateway's port is what is
// measured. Both ends are selected; at most `most` rounds (0: all).
std::vector<Round> reach_rounds(const ReachPairs& pairs, const std::vector<std::size_t>& selected,
                                std::size_t most = 0);

// Is the pair worth measuring: what is known of its two checks is that pings come through, or
// nothing, since they were not asked for.
bool measurable(const ReachPairs& pairs, std::size_t pair, const Matrix& matrix);

// Puts the figures (Measurement::link is the pair) to the reach cells of both directions, judged by
// the expectation of the segment or of routed pairs. A cell that is not there (pings were not asked
// for) is added.
void add_reach_iperf(const model::Fleet& fleet, const ReachPairs& pairs,
                     const std::vector<Measurement>& measured, const CheckOptions& options,
                     Matrix& matrix);

}  // namespace bringup::verify
