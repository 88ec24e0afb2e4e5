#include "bringup/util/shell.hpp"

namespace bringup {
namespace {

// Characters that no POSIX shell, nor zsh or fish, gives a meaning inside a word. "=" and "~" are
// left out: zsh expands a leading one.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '/' || c == ':' || c == ',' || c == '+' || c == '@' ||
         c == '%';
}

}  // namespace

std::string shell_quote(std::string_view word) {
  bool plain = true;
  for (const char c : word) plain = plain && (is_plain(c) || c == '\0');
  std::string out;
  out.reserve(word.size() + 2);
  const auto append_without_nul = [&](auto&& special) {
    for (const char c : word) {
      if (c == '\0') continue;
      if (!special(c)) out += c;
    }
  };
  if (plain) {
    append_without_nul([](char) { return false; });
    return out.empty() ? "''" : out;
  }
  out += '\'';
  append_without_nul([&](char c) {
    // A backslash is literal within single quotes everywhere but in fish, where \\ and \' are
    // escapes; leaving the quotes for it is right for all of them.
    if (c == '\'') {
      out += "'\\''";
      return true;
    }
    if (c == '\\') {
      out += "'\\\\'";
      return true;
    }
    return false;
  });
  out += '\'';
  return out;
}

std::string shell_join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    out += shell_quote(word);
  }
  return out;
}

}  // namespace bringup
