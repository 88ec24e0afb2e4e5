#pragma once
// A ring through all nodes over their cables.
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bringup/model/fleet.hpp"

namespace bringup::topology {

inline constexpr std::size_t kMaxRingNodes = 256;
inline constexpr std::size_t kRingSteps = 2000;  // choices; some tenths of a second with 32 nodes

// Cables between every two nodes, by index into Fleet::nodes; symmetric.
using Cables = std::vector<std::vector<std::size_t>>;

enum class Carrying { rdma, anything };
Cables count_cables(const model::Fleet& fleet, Carrying carrying);

struct Ring {
  std::vector<std::size_t> order;  // every node once; the last is next to the first
  std::size_t cables = 0;          // that every neighbouring pair has, at least
};

struct NoRing {
  std::string reason;  // "studio4 has one cable only; a ring needs two at every node"
  // Two nodes whose cabling closes a ring through all nodes, if one cable is all that is missing.
  std::optional<std::pair<std::size_t, std::size_t>> missing;
  bool gave_up = false;  // the search's bound was reached: there may be a ring all the same
};

struct RingSearch {
  std::optional<Ring> ring;
  NoRing none;  // when there is no ring
};

// The ring with the most cables per pair, at most `max_cables`. Deterministic: `order` (by rank)
// itself if it is a ring, else the first that a bounded depth-first search finds from its first
// node. Two nodes with a cable are a ring. `names` by index into Fleet::nodes, for the reason.
RingSearch find_ring(const Cables& cables, const std::vector<std::size_t>& order,
                     const std::vector<std::string>& names, std::size_t max_cables = 4,
                     std::size_t max_steps = kRingSteps);

}  // namespace bringup::topology
