#pragma once
// Which subnet each link gets, and which of them collide.
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "bringup/model/address.hpp"

namespace bringup::model {

struct SubnetPlan {
  std::vector<std::optional<Subnet>> subnets;  // one per link; unset: the pool had none left
  std::optional<std::size_t> first_without;    // the first link that found the pool exhausted
};

// One subnet per link: `fixed[i]` as it is, or else the first /30 of the pool that no link before i
// holds or overlaps. What a link gets thus depends on the links before it only, so a link added at
// the end never renumbers another; a fixed subnet added at the end may collide instead (see
// find_overlaps). O(n log n).
SubnetPlan plan_subnets(const Subnet& pool, const std::vector<std::optional<Subnet>>& fixed);

// Pairs {later, earlier} of indices of subnets that overlap: every subnet that overlaps any other
// is in at least one pair. Sorted, O(n log n).
std::vector<std::pair<std::size_t, std::size_t>> find_overlaps(const std::vector<Subnet>& subnets);

// How many /30s the pool holds.
std::uint64_t links_in(const Subnet& pool);

}  // namespace bringup::model
