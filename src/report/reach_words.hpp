#pragma once
// Who reaches whom, in words. Internal to the room.
#include <string>

#include "bringup/model/fleet.hpp"
#include "bringup/report/style.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::report {

// The section "Reach", a line for each check:
//   pi5 → mini1 10.10.0.1     ✓ 0.40 ms (1 hop: mini3)
//   pi5 → pi4 192.168.51.4    ✓ not reachable, as declared
//   pi5 → 8.8.8.8             ✓ leaves through wlan0
// Empty when nothing was asked.
std::string text_reach(const model::Fleet& fleet, const verify::Matrix& matrix, const Style& style);

// "12 of 12 reach checks pass", "11 of 12 reach checks pass, 1 fail"; empty when nothing was asked.
std::string reach_totals(const verify::Matrix& matrix);

}  // namespace bringup::report
