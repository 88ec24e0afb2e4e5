#include "bringup/model/mac.hpp"

#include <fmt/format.h>

#include <charconv>

#include "bringup/util/text.hpp"

namespace bringup::model {

std::optional<std::string> parse_mac(std::string_view text) {
  const auto bytes = split(text, ':');
  if (bytes.size() != 6) return std::nullopt;
  std::string out;
  for (const std::string_view byte : bytes) {
    if (byte.empty() || byte.size() > 2 || byte.front() == '-') return std::nullopt;
    std::uint8_t value = 0;
    const char* end = byte.data() + byte.size();
    const auto [stop, error] = std::from_chars(byte.data(), end, value, 16);
    if (error != std::errc{} || stop != end) return std::nullopt;
    if (!out.empty()) out += ':';
    out += fmt::format("{:02x}", value);
  }
  return out;
}

bool is_mac(std::string_view text) {
  return parse_mac(text) == text;
}

bool is_host_mac(std::string_view mac) {
  // The lowest bit of the first byte marks a group.
  return std::string_view("02468ace").find(mac[1]) != std::string_view::npos &&
         mac != "00:00:00:00:00:00";
}

}  // namespace bringup::model
