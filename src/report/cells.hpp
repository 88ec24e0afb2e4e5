#pragma once
// One cell of the matrix in words. Internal to the room.
#include <string>

#include "bringup/model/fleet.hpp"
#include "bringup/report/style.hpp"
#include "bringup/verify/matrix.hpp"
#include "paint.hpp"

namespace bringup::report {

Mark mark_of(verify::CellStatus status);

// For the matrix: "0.12 ms", "slow 3.10 ms", "✗", "—", "untested", "no ssh", "error". No colours.
std::string short_words(const verify::Cell& cell);

// For a line of its own, after the mark: "0.12 ms", "no reply: hwstudio2:en5 is down (cable
// unplugged?)", "not linked"…
std::string long_words(const verify::Cell& cell);

// "hwstudio1 → hwstudio2", with " (en3)" behind when several links join the two.
std::string pair_words(const model::Fleet& fleet, const verify::Cell& cell);

// The distinct findings of the matrix: what was seen, what was expected, what to do next.
std::string matrix_findings(const verify::Matrix& matrix, const Style& style);

}  // namespace bringup::report
