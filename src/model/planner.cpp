#include "bringup/model/planner.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

namespace bringup::model {
namespace {

constexpr std::uint64_t block = 4;  // addresses of a /30

// Ranges of addresses that are taken, coalesced, so that one look-up tells where the next gap
// starts.
class Taken {
 public:
  void add(const Subnet& subnet) {
    std::uint64_t begin = subnet.network().value();
    std::uint64_t end = begin + subnet.size();
    auto next = ranges_.upper_bound(begin);
    if (next != ranges_.begin() && std::prev(next)->second >= begin) {
      --next;
    }
    while (next != ranges_.end() && next->first <= end) {
      begin = std::min(begin, next->first);
      end = std::max(end, next->second);
      next = ranges_.erase(next);
    }
    ranges_.emplace(begin, end);
  }

  // The first multiple of a block, from `cursor` on, whose block is free.
  [[nodiscard]] std::uint64_t first_free(std::uint64_t cursor) const {
    auto next = ranges_.upper_bound(cursor);
    if (next != ranges_.begin()) {
      --next;
    }
    for (; next != ranges_.end() && next->first < cursor + block; ++next) {
      if (next->second > cursor) {
        cursor = (next->second + block - 1) / block * block;
      }
    }
    return cursor;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin → end (one past)
};

}  // namespace

SubnetPlan plan_subnets(const Subnet& pool, const std::vector<std::optional<Subnet>>& fixed) {
  SubnetPlan plan;
  plan.subnets.reserve(fixed.size());
  Taken taken;
  const std::uint64_t end = std::uint64_t{pool.network().value()} + pool.size();
  // Never goes back: what was taken stays taken for every later link.
  std::uint64_t cursor = pool.network().value();
  for (std::size_t link = 0; link < fixed.size(); ++link) {
    if (fixed[link]) {
      taken.add(*fixed[link]);
      plan.subnets.emplace_back(fixed[link]);
      continue;
    }
    cursor = taken.first_free(cursor);
    if (cursor + block > end) {
      plan.subnets.emplace_back(std::nullopt);
      plan.first_without = plan.first_without.value_or(link);
      continue;
    }
    plan.subnets.emplace_back(Subnet::containing(Ipv4(static_cast<std::uint32_t>(cursor)), 30));
    cursor += block;
  }
  return plan;
}

std::vector<std::pair<std::size_t, std::size_t>> find_overlaps(const std::vector<Subnet>& subnets) {
  std::vector<std::size_t> order(subnets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return std::tie(subnets[left], left) < std::tie(subnets[right], right);
  });
  // Subnets nest or are disjoint, and a container sorts before what it contains: it is enough to
  // compare with the last one that was not itself contained.
  std::vector<std::pair<std::size_t, std::size_t>> found;
  std::optional<std::size_t> container;
  for (const std::size_t index : order) {
    if (container && subnets[*container].contains(subnets[index])) {
      found.emplace_back(std::max(index, *container), std::min(index, *container));
    } else {
      container = index;
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::uint64_t links_in(const Subnet& pool) {
  return pool.size() / block;
}

}  // namespace bringup::model
