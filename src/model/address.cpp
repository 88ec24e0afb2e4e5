#include "bringup/model/address.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "bringup/util/text.hpp"

namespace bringup::model {
namespace {

// A decimal number without sign, blanks or leading zeros, at most `maximum`.
std::optional<std::uint32_t> strict_decimal(std::string_view text, std::uint32_t maximum) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || value > maximum) {
    return std::nullopt;
  }
  return value;
}

// "10.254.0.1/30", whatever its host bits are.
std::optional<InterfaceAddress> with_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = Ipv4::parse(text.substr(0, slash));
  const auto prefix = strict_decimal(text.substr(slash + 1), 32);
  if (!address || !prefix) return std::nullopt;
  return InterfaceAddress{*address, static_cast<int>(*prefix)};
}

}  // namespace

Expected<Ipv4> Ipv4::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::parse,
                fmt::format("'{}' is not an IPv4 address", bringup::printable(text, 80)),
                "four numbers from 0 to 255 with dots between them, like 10.254.0.1");
  };
  std::string_view rest = text;
  std::uint32_t value = 0;
  for (int octet = 0; octet < 4; ++octet) {
    const std::size_t dot = octet < 3 ? rest.find('.') : rest.size();
    if (dot == std::string_view::npos) {
      return bad();
    }
    const auto number = strict_decimal(rest.substr(0, dot), 255);
    if (!number) {
      return bad();
    }
    value = value << 8U | *number;
    rest.remove_prefix(octet < 3 ? dot + 1 : dot);
  }
  return Ipv4(value);
}

std::string Ipv4::to_string() const {
  return fmt::format("{}.{}.{}.{}", value_ >> 24U, value_ >> 16U & 255U, value_ >> 8U & 255U,
                     value_ & 255U);
}

Expected<Subnet> Subnet::parse(std::string_view text) {
  const auto given = with_prefix(text);
  if (!given) {
    return fail(ErrorCode::parse, fmt::format("'{}' is not a subnet", bringup::printable(text, 80)),
                "a network address and a prefix length, like 10.254.0.0/30");
  }
  const Subnet subnet = given->subnet();
  if (subnet.network() != given->address) {
    return fail(ErrorCode::parse,
                fmt::format("'{}' is an address inside a subnet, not a subnet: its host bits are "
                            "not zero",
                            bringup::printable(text, 80)),
                fmt::format("write the network it lies in: {}", subnet.to_string()));
  }
  return subnet;
}

std::string Subnet::to_string() const {
  return fmt::format("{}/{}", network_.to_string(), prefix_);
}

Expected<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  if (const auto given = with_prefix(text)) return *given;
  return fail(ErrorCode::parse,
              fmt::format("'{}' is no address with its prefix length", printable(text, 80)),
              "like 10.254.0.1/30");
}

std::string InterfaceAddress::to_string() const {
  return fmt::format("{}/{}", address.to_string(), prefix);
}

}  // namespace bringup::model
