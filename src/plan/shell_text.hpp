#pragma once
#include <string>
#include <string_view>

namespace bringup::plan {

// printf of the lines, each a word: one line of shell that can still be read. The text ends in a
// newline.
std::string print_lines(std::string_view text);

}  // namespace bringup::plan
