#include "bringup/util/template.hpp"

namespace bringup {

std::string fill(std::string_view text,
                 const std::vector<std::pair<std::string_view, std::string>>& values) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t taken = 0;
    for (const auto& [mark, value] : values) {
      if (!text.starts_with(mark)) continue;
      out += value;
      taken = mark.size();
      break;
    }
    if (taken == 0) {
      out += text.front();
      taken = 1;
    }
    text.remove_prefix(taken);
  }
  return out;
}

}  // namespace bringup
