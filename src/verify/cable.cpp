#include "cable.hpp"

#include "bringup/topology/exo.hpp"
#include "bringup/verify/chain.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "reach_walk.hpp"

namespace bringup::verify {
namespace {

using topology::CableFault;

std::string_view row_of(CableFault fault) {
  switch (fault) {
    case CableFault::missing:
      return "cable-missing";
    case CableFault::all_empty:
      return "cable-all-empty";
    case CableFault::wrong_peer:
      return "cable-wrong-peer";
    case CableFault::wrong_port:
      return "cable-wrong-port";
    case CableFault::swapped:
      return "cable-swapped";
    case CableFault::one_sided:
      return "cable-one-sided";
    case CableFault::dock:
      return "speed-dock";
    case CableFault::slow:
      return "speed-below";
    case CableFault::hardware:
      return "speed-hardware";
    case CableFault::ethernet_port:
      return "ethernet-port";
    case CableFault::extra:
      return "cable-extra";
    case CableFault::stranger:
      return "cable-stranger";
  }
  return "cable-missing";
}

}  // namespace

topology::CableReport cable_report(const model::Fleet& fleet,
                                   const std::vector<NodeEvidence>& evidence) {
  std::vector<const facts::NodeFacts*> facts;
  facts.reserve(evidence.size());
  for (const auto& one : evidence) facts.push_back(one.facts);
  return topology::check_cables(fleet, facts);
}

Diagnosis diagnosis_of(const model::Fleet& fleet, const topology::CableFinding& finding) {
  const auto& row = diagnosis_row(row_of(finding.fault));
  return {std::string(row.layer), fleet.nodes[finding.node].name,
          finding.interface,      finding.seen,
          finding.expected,       finding.cure,
          std::string(row.means), std::string(row.id)};
}

const topology::CableFinding* misplugged(const topology::CableReport& report, std::size_t link) {
  const auto* found = report.miswired(link);
  if (found == nullptr || found->fault == CableFault::missing ||
      found->fault == CableFault::all_empty) {
    return nullptr;
  }
  return found;
}

std::vector<Finding> findings_beside_links(const model::Fleet& fleet,
                                           const std::vector<NodeEvidence>& evidence) {
  return fleet_findings(fleet, evidence, cable_report(fleet, evidence));
}

std::vector<Finding> fleet_findings(const model::Fleet& fleet,
                                    const std::vector<NodeEvidence>& evidence,
                                    const topology::CableReport& report) {
  std::vector<Finding> out;
  const auto put = [&](plan::Severity severity, const Diagnosis& found) {
    out.push_back({severity, found.layer,
                   found.target.empty() ? found.node : found.node + ":" + found.target, found.seen,
                   found.expected, found.cure, found.meaning, found.id});
  };
  for (const auto& finding : report.findings) {
    if (finding.severity == topology::CableSeverity::error) continue;
    put(finding.severity == topology::CableSeverity::note ? plan::Severity::note
                                                          : plan::Severity::warning,
        diagnosis_of(fleet, finding));
  }
  for (std::size_t node = 0; node < evidence.size(); ++node) {
    if (evidence[node].facts == nullptr) continue;
    const auto exo = topology::exo_installation(fleet.nodes[node].name, *evidence[node].facts);
    if (!exo) continue;
    const auto& row = diagnosis_row("exo-daemon");
    put(plan::Severity::warning, {std::string(row.layer), fleet.nodes[node].name, "", exo->seen,
                                  exo->expected, exo->cure, exo->means, std::string(row.id)});
  }
  for (const auto& bridged : bridged_segments(fleet, evidence)) put(plan::Severity::note, bridged);
  return out;
}

}  // namespace bringup::verify
