#pragma once
// The arrays "services" and "discovery" of bringup.verify/1. Internal to the room.
#include <nlohmann/json.hpp>
#include <optional>

#include "bringup/model/fleet.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::report {

using JsonOfDiagnosis = nlohmann::ordered_json (*)(const std::optional<verify::Diagnosis>&);

nlohmann::ordered_json json_services(const model::Fleet& fleet, const verify::Matrix& matrix,
                                     JsonOfDiagnosis json_of);
nlohmann::ordered_json json_discovery(const model::Fleet& fleet, const verify::Matrix& matrix,
                                      JsonOfDiagnosis json_of);

}  // namespace bringup::report
