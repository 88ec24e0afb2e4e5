#include "support.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bringup/util/text.hpp"

namespace bringup::plan::testing {

void carry_out(const NodePlan& plan, facts::NodeFacts& facts, bool deletem_leaves_down) {
  for (const auto& action : plan.actions) {
    if (action.task == Task::file_write) {
      facts.matrix_file = {true, action.content, ""};
      continue;
    }
    const auto words = split_blank(action.command);
    if (words.front() != "ifconfig") continue;
    if (words[2] == "deletem") {
      for (auto& bridge : facts.bridges) {
        if (bridge.name == words[1]) std::erase(bridge.members, words[3]);
      }
      if (deletem_leaves_down) interface_of(facts, words[3])->up = false;
      continue;
    }
    auto& interface = *interface_of(facts, words[1]);
    interface.up = true;
    if (words[2] != "inet") continue;
    const model::Ipv4 address = ip(words[3]);
    int prefix = 0;
    while (model::Subnet::mask_of(prefix) != ip(words[5]).value()) ++prefix;
    auto& inet = interface.inet;
    if (!inet.empty()) inet.erase(inet.begin());
    std::erase_if(inet, [&](const auto& held) { return held.address == address; });
    inet.insert(inet.begin(), {address, prefix});
  }
}

facts::NodeFacts ready_mac(const model::Fleet& fleet, std::size_t node) {
  auto facts = bare_mac();
  carry_out(diff(fleet, node, facts), facts);
  return facts;
}

const Finding& only_finding(const NodePlan& plan) {
  EXPECT_EQ(plan.findings.size(), 1U);
  static const Finding kNone;
  return plan.findings.empty() ? kNone : plan.findings.front();
}

}  // namespace bringup::plan::testing
