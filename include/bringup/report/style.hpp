#pragma once
#include <cstddef>

namespace bringup::report {

enum class Colour { off, on };

// How text is shown. Whether the output is a terminal, its width and NO_COLOR are the caller's to
// find out; the renderers only obey.
struct Style {
  Colour colour = Colour::off;
  std::size_t width = 80;  // columns; commands and paths are never broken
};

}  // namespace bringup::report
