#include "bringup/plan/cable_findings.hpp"

#include <algorithm>

#include "bringup/topology/cable_check.hpp"

namespace bringup::plan {

void add_cable_findings(const model::Fleet& fleet,
                        const std::vector<const facts::NodeFacts*>& facts, Plan& plan) {
  const auto report = topology::check_cables(fleet, facts);
  for (const auto& found : report.findings) {
    const auto& name = fleet.nodes[found.node].name;
    const auto node = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                                   [&](const auto& one) { return one.node == name; });
    if (node == plan.nodes.end()) continue;
    const auto severity =
        found.severity == topology::CableSeverity::note ? Severity::note : Severity::warning;
    node->findings.push_back(
        {severity, "cable", found.interface, found.seen, found.expected, found.cure});
  }
}

}  // namespace bringup::plan
