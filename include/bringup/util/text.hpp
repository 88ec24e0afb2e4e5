#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bringup {

std::string_view trim(std::string_view text);
std::vector<std::string_view> split_lines(std::string_view text);  // "\n" and "\r\n"; no empty last
std::vector<std::string_view> split(std::string_view text, char separator);
std::vector<std::string_view> split_blank(std::string_view text);  // runs of blanks and tabs
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Text from a node made fit for a terminal: control characters, escape sequences and invalid UTF-8
// become visible escapes (\x1b), newlines and tabs become blanks, the length is bounded in bytes.
std::string printable(std::string_view text, std::size_t max_bytes = 400);

// Columns that `text` takes on a terminal (UTF-8; every code point counts one).
std::size_t display_width(std::string_view text);

// The candidate nearest to `word` by edit distance, or empty when none is near (over a third away).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace bringup
