#pragma once
// Marks, colours and line breaking shared by the text renderers. Internal to the room.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/plan/execute.hpp"
#include "bringup/report/style.hpp"

namespace bringup::report {

enum class Mark { good, warn, bad, none };

// "✓", "⚠", "✗", "–", in green, yellow, red or dim when the style has colours.
std::string mark(Mark which, const Style& style);
// The same at the start of a line: "  ✓ ".
std::string bullet(Mark which, const Style& style);
std::string bold(std::string_view text, const Style& style);
std::string dim(std::string_view text, const Style& style);

// `text` after `first`, broken at blanks to style.width columns; further lines are indented by
// `indent` columns. Words longer than a line stand alone, unbroken.
std::string wrap(std::string_view first, std::string_view text, std::size_t indent,
                 const Style& style);

// The same for words that may hold blanks of their own, which do not break.
std::string wrap_words(std::string_view first, const std::vector<std::string>& words,
                       std::size_t indent, const Style& style);

// "1 change", "2 changes".
std::string count_of(std::size_t n, std::string_view noun);

Mark mark_of(plan::StepStatus status);
Mark mark_of(plan::Severity severity);

// The lines under a failure, where there is something to say:
//     seen: …
//     expected: …
//     means: …
//     next: …
std::string explain(std::string_view seen, std::string_view expected, std::string_view cure,
                    const Style& style, std::string_view means = {});

// "[1/2] hwstudio1 (en5 → 10.254.0.5/30, en4 → 10.254.0.9/30)"
std::string heading(const model::Fleet& fleet, std::string_view node, std::size_t position,
                    std::size_t total, const Style& style);

}  // namespace bringup::report
