#pragma once
// What a program reads: documents with a schema of their own under docs/schema, members in a fixed
// order, the same bytes for the same values. Text from nodes passes printable() first.
#include <string>

#include "bringup/plan/event.hpp"
#include "bringup/report/text.hpp"

namespace bringup::report {

// "bringup.verify/1" (docs/schema/verify-1.json), indented by two, ended by "\n".
std::string json_verify(const model::Fleet& fleet, const verify::Matrix& matrix);

// "bringup.estimate/1" (docs/schema/estimate-1.json).
std::string json_estimate(const model::Fleet& fleet, const verify::Estimate& estimate);

// "bringup.status/1" (docs/schema/status-1.json).
std::string json_status(const model::Fleet& fleet, const std::vector<verify::LinkStatus>& links,
                        const std::vector<verify::Finding>& findings = {},
                        const std::vector<NodeKeeper>& keepers = {});

// "bringup.apply/1" (docs/schema/apply-1.json), the matrix inside as in bringup.verify/1.
std::string json_apply(const model::Fleet& fleet, const ApplyReport& report);

// "bringup.event/1", one line, ended by "\n". Empty members are left out.
std::string json_event(const plan::Event& event);

}  // namespace bringup::report
