#pragma once
// Changes to an inventory's text that leave the rest of it, comments included, byte for byte.
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/util/error.hpp"

namespace bringup::model {

struct EndEdit {
  std::size_t link = 0;             // the position of its [[links]]
  std::array<std::string, 2> ends;  // "studio1:en3"
};

// `a` and `b` of these links get these values. An a_device or b_device that is the old interface's
// usual device follows. Fails (usage) when the text is no TOML or a link's ends cannot be found.
Expected<std::string> rewrite_link_ends(std::string_view text, const std::vector<EndEdit>& edits);

}  // namespace bringup::model
