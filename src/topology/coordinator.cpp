#include "bringup/topology/coordinator.hpp"

#include <algorithm>

namespace bringup::topology {

std::optional<Coordinator> choose_coordinator(const std::vector<std::size_t>& order,
                                              const std::vector<Reached>& reached) {
  std::optional<Coordinator> best;
  for (const std::size_t node : order) {
    for (const Reached& one : reached) {
      if (one.node != node) continue;
      if (best && one.from.size() <= best->from.size()) continue;
      best = Coordinator{node, one.address, one.from};
    }
  }
  if (best) std::sort(best->from.begin(), best->from.end());
  return best;
}

}  // namespace bringup::topology
