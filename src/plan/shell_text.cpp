#include "shell_text.hpp"

#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {

std::string print_lines(std::string_view text) {
  std::string out = "printf '%s\\n'";
  for (const std::string_view line :
       split(text.substr(0, text.size() - text.ends_with('\n')), '\n')) {
    out += " " + shell_quote(line);
  }
  return out;
}

}  // namespace bringup::plan
