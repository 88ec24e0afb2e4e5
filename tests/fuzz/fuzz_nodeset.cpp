// What expands can be folded and expanded again to the same names; nothing grows without bound.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>
#include <string_view>

#include "bringup/util/nodeset.hpp"

namespace {

void demand(bool holds, std::string_view what) {
  if (!holds) {
    std::cerr << "broken: " << what << '\n';
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const bringup::NodesetUniverse universe{{"studio1", "studio2", "studio10", "a"},
                                                 {{"g", {"a", "studio2"}}}};
  const auto chosen = bringup::evaluate_nodeset(text, universe);
  demand(!chosen || chosen->size() <= universe.names.size(), "only known names are chosen");
  const auto names = bringup::expand_nodeset(text);
  if (!names) {
    demand(!names.error().message.empty() && !names.error().hint.empty(), "refusals explain");
    return 0;
  }
  demand(names->size() <= bringup::most_nodeset_names, "expansion is bounded");
  const std::string folded = bringup::fold_nodeset(*names);
  if (names->empty() || folded.size() > bringup::longest_nodeset_text) {
    return 0;
  }
  const auto again = bringup::expand_nodeset(folded);
  demand(again.has_value(), "what was folded expands");
  demand(std::set(names->begin(), names->end()) == std::set(again->begin(), again->end()),
         "folding loses nothing");
  return 0;
}
