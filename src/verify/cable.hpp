#pragma once
// What is plugged, for the checks of links. Internal to the room.
#include <vector>

#include "bringup/topology/cable_check.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::verify {

topology::CableReport cable_report(const model::Fleet& fleet,
                                   const std::vector<NodeEvidence>& evidence);

Diagnosis diagnosis_of(const model::Fleet& fleet, const topology::CableFinding& finding);

// The cable leads elsewhere than declared. A cable that is not there at all shows as no carrier.
const topology::CableFinding* misplugged(const topology::CableReport& report, std::size_t link);

// What breaks no link: extra cables, strangers, cables of which one end tells, exo's daemon,
// segments on bridges.
std::vector<Finding> fleet_findings(const model::Fleet& fleet,
                                    const std::vector<NodeEvidence>& evidence,
                                    const topology::CableReport& report);

}  // namespace bringup::verify
