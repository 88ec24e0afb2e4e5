#pragma once
// Which exclusive checks run at the same time, and how long all of them take. Pure, deterministic.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/util/error.hpp"

namespace bringup::verify {

struct CheckOptions;

// --pairs.
//   links:       every link.
//   all:         every pair of nodes in the rounds of the circle method; of pairs that several
//                cables join each cable has its turn. Pairs without a cable have nothing to run.
//   matching:K:  the K rounds of `links` with the most links: a sample for large fleets.
struct Pairs {
  enum class Kind { links, all, matching };
  Kind kind = Kind::links;
  std::size_t rounds = 0;  // of matching
  bool operator==(const Pairs&) const = default;
};
Expected<Pairs> parse_pairs(std::string_view text);  // fails (usage)
std::string to_string(const Pairs& pairs);

// What two checks of one round may not share.
//   node:       the baseline: a node runs one exclusive check at a time, so that neither its
//               processors nor its memory nor its other ports colour the figure.
//   interface:  --stress: all cables at once.
enum class Conflict { node, interface };

using Round = std::vector<std::size_t>;  // indices into Fleet::links

// Rounds of the links whose two ends are selected; none is empty, each link is in exactly one
// (matching: in at most one). Links of one pair of nodes are in different rounds under
// Conflict::node.
std::vector<Round> schedule(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
                            const Pairs& pairs, Conflict conflict);

// The suspects again, at most `width` of them at once, so that what only interference made slow
// comes out clean. Halve the width from one retest to the next.
std::vector<Round> retest_schedule(const model::Fleet& fleet, const std::vector<std::size_t>& links,
                                   std::size_t width);

// The circle method: every pair of 0…n-1 once, in n-1 rounds for even n, n for odd n.
using Edge = std::pair<std::size_t, std::size_t>;
std::vector<std::vector<Edge>> circle_rounds(std::size_t n);

// Misra and Gries: a colour for each edge of a simple graph on n nodes, no two alike at one node,
// at most its largest degree plus one colours. O(edges · nodes).
// Precondition: no loops, no edge twice.
std::vector<std::size_t> edge_colours(std::size_t n, const std::vector<Edge>& edges);

// What --estimate prints.
struct Estimate {
  std::size_t links = 0;
  std::size_t rounds = 0;
  std::size_t widest = 0;   // links in the largest round
  double background_s = 0;  // route, ping, mtu and tcp
  double exclusive_s = 0;   // all rounds
  [[nodiscard]] double total_s() const { return background_s + exclusive_s; }
};

// Session and program start-up that no option says.
struct Allowances {
  double round_trip_s = 0.05;  // controller to node
  double iperf_setup_s = 0.2;  // one run: connect, the server's listener, the exchange of results
  double rdma_s = 4.0;         // one direction of one link, queue pairs included
  double background_s = 0.5;   // shell, session and facts
  double services_s = 0.3;     // servers that answer; one that hangs takes 5 s
  double discovery_s = 4.0;    // the probe's way to the nodes, and its six rounds
};
Estimate estimate(const model::Fleet& fleet, const std::vector<Round>& rounds,
                  const CheckOptions& options, const Allowances& allowances = {});

}  // namespace bringup::verify
