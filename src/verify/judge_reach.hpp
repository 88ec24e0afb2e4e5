#pragma once
// What the reach checks gave. Internal to the room.
#include <vector>

#include "bringup/verify/checks.hpp"

namespace bringup::verify {

// Fills matrix.reach and adds its findings. The cells of links are judged already: what is broken
// there explains what lies behind.
void judge_reach(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
                 const std::vector<NodeEvidence>& evidence, const CheckOptions& options,
                 Matrix& matrix);

}  // namespace bringup::verify
