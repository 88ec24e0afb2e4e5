#pragma once
// The arrays "services" and "discovery" of bringup.verify/1. Internal to the room.
#include <nlohmann/json.hpp>

#include "bringup/model/fleet.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::report {

nlohmann::ordered_json json_services(const model::Fleet& fleet, const verify::Matrix& matrix);
nlohmann::ordered_json json_discovery(const model::Fleet& fleet, const verify::Matrix& matrix);

}  // namespace bringup::report
