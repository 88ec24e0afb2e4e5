#include "scan.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "bringup/util/text.hpp"

namespace bringup::platform {

tl::unexpected<Error> malformed(std::string_view what, std::string_view why,
                                std::string_view line) {
  if (line.empty()) return fail(ErrorCode::parse, fmt::format("{}: {}", what, why));
  return fail(ErrorCode::parse, fmt::format("{}: {}: \"{}\"", what, why, printable(line, 120)));
}

bool is_device_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '-' || name.front() == '.') return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

std::optional<double> parse_decimal(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point == std::string_view::npos ? "0" : text.substr(point + 1);
  if (whole.size() > 15 || part.size() > 9) return std::nullopt;
  const auto high = parse_number<std::uint64_t>(whole);
  const auto low = parse_number<std::uint64_t>(part);
  if (!high || !low) return std::nullopt;
  double scale = 1;
  for (std::size_t i = 0; i < part.size(); ++i) scale *= 10;
  return static_cast<double>(*high) + static_cast<double>(*low) / scale;
}

std::optional<int> parse_netmask(std::string_view text) {
  std::uint32_t mask = 0;
  if (text.starts_with("0x")) {
    const auto value = parse_number<std::uint32_t>(text.substr(2), 16);
    if (!value) return std::nullopt;
    mask = *value;
  } else {
    const auto dotted = model::Ipv4::parse(text);
    if (!dotted) return std::nullopt;
    mask = dotted->value();
  }
  return model::Subnet::prefix_of(mask);
}

}  // namespace bringup::platform
