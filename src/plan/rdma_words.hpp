#pragma once
// What one device's RDMA facts mean, in the same words for a plan's findings and a step's outcome.
#include <string>
#include <string_view>

#include "bringup/facts/node_facts.hpp"

namespace bringup::plan {

struct RdmaVerdict {
  bool fine = false;
  bool whole_node = false;  // the same for every device of the node
  std::string text;         // "RDMA: enabled, device rdma_en5"
  std::string seen, expected, cure;
};

RdmaVerdict judge_rdma(const facts::NodeFacts& facts, std::string_view device);

}  // namespace bringup::plan
