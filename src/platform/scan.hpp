#pragma once
// What the parsers of this room share.
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "bringup/model/address.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform {

// The failure of parser `what` at `line`: "ifconfig: bad netmask: \"inet 10.0.0.1 netmask
// 0xff00ff00\"".
tl::unexpected<Error> malformed(std::string_view what, std::string_view why, std::string_view line);

// A name that may stand in a command and in a message: [A-Za-z0-9._-], 1 to 64 characters, no
// leading "-" or ".".
bool is_device_name(std::string_view name);

// Whole text as an unsigned or floating number; no sign, no blanks.
template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number value{};
  if (text.empty() || text.front() == '-') return std::nullopt;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits with at most one point ("0.123"). from_chars for double is missing from Apple's libc++ of
// older SDKs, and locale must not matter.
std::optional<double> parse_decimal(std::string_view text);

// Prefix length of "0xfffffffc" or "255.255.255.252"; unset unless contiguous.
std::optional<int> parse_netmask(std::string_view text);

}  // namespace bringup::platform
