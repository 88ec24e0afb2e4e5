#pragma once
// Sections of verify's text. Internal to the room.
#include <string>

#include "bringup/model/fleet.hpp"
#include "bringup/report/style.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::report {

std::string services_section(const model::Fleet& fleet, const verify::Matrix& matrix,
                             const Style& style);
std::string discovery_section(const model::Fleet& fleet, const verify::Matrix& matrix,
                              const Style& style);

}  // namespace bringup::report
