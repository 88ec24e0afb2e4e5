#include "observe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bringup/util/text.hpp"

namespace bringup::verify {
namespace {

constexpr std::size_t kRawBytes = 2048;

const facts::Frame* find(const std::vector<facts::Frame>& frames, const std::string& name) {
  for (const auto& frame : frames) {
    if (frame.name == name) return &frame;
  }
  return nullptr;
}

std::string last_line(std::string_view text) {
  std::string_view last;
  for (const auto line : split_lines(text)) {
    if (!trim(line).empty()) last = trim(line);
  }
  return printable(last, 200);
}

// What a tool that gave no value said, or how it ended when it said nothing.
std::string last_words(const facts::Frame& frame) {
  const auto line = last_line(frame.payload);
  if (line.empty()) return fmt::format("no output, exit status {}", frame.exit_status);
  return fmt::format("{} (exit status {})", line, frame.exit_status);
}

// No way to the peer: an answer about the network, not a failure of the tool.
bool network_says_no(std::string_view text) {
  constexpr std::array<std::string_view, 9> words = {
      "No route to host",       "Network is unreachable", "Network is down",
      "Can't assign requested", "Cannot assign requested", "Host is down",
      "not in table",           "Destination Host Unreachable", "No such device"};
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return text.find(word) != std::string_view::npos; });
}

}  // namespace

}  // namespace bringup::verify
