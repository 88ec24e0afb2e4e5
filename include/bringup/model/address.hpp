#pragma once
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bringup/util/error.hpp"

namespace bringup::model {

// An IPv4 address, in host byte order.
class Ipv4 {
 public:
  constexpr Ipv4() = default;
  constexpr explicit Ipv4(std::uint32_t value) : value_(value) {}
  static Expected<Ipv4> parse(std::string_view text);  // strict dotted quad, no leading zeros

  [[nodiscard]] constexpr std::uint32_t value() const { return value_; }
  [[nodiscard]] std::string to_string() const;
  constexpr auto operator<=>(const Ipv4&) const = default;  // NOLINT(modernize-use-nullptr)

 private:
  std::uint32_t value_ = 0;
};

// A network and its prefix length; host bits are zero.
class Subnet {
 public:
  constexpr Subnet() = default;
  static Expected<Subnet> parse(std::string_view text);  // "10.254.0.0/30"; host bits must be zero
  static constexpr Subnet containing(Ipv4 address, int prefix) {
    return {Ipv4(address.value() & mask_of(prefix)), prefix};
  }

  [[nodiscard]] constexpr Ipv4 network() const { return network_; }
  [[nodiscard]] constexpr int prefix() const { return prefix_; }
  [[nodiscard]] constexpr Ipv4 netmask() const { return Ipv4(mask_of(prefix_)); }
  [[nodiscard]] constexpr Ipv4 broadcast() const {
    return Ipv4(network_.value() | ~mask_of(prefix_));
  }
  [[nodiscard]] constexpr std::uint64_t size() const { return std::uint64_t{1} << (32 - prefix_); }
  [[nodiscard]] constexpr bool contains(Ipv4 address) const {
    return (address.value() & mask_of(prefix_)) == network_.value();
  }
  [[nodiscard]] constexpr bool contains(const Subnet& other) const {
    return other.prefix_ >= prefix_ && contains(other.network_);
  }
  [[nodiscard]] constexpr bool overlaps(const Subnet& other) const {
    return contains(other.network_) || other.contains(network_);
  }
  [[nodiscard]] std::string to_string() const;
  constexpr auto operator<=>(const Subnet&) const = default;  // NOLINT(modernize-use-nullptr)

  static constexpr std::uint32_t mask_of(int prefix) {
    return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
  }
  // Nothing unless the mask is contiguous.
  static constexpr std::optional<int> prefix_of(std::uint32_t mask) {
    const int prefix = std::countl_one(mask);
    return mask_of(prefix) == mask ? std::optional(prefix) : std::nullopt;
  }

 private:
  constexpr Subnet(Ipv4 network, int prefix) : network_(network), prefix_(prefix) {}
  Ipv4 network_;
  int prefix_ = 0;
};

// An address on an interface: "10.254.0.1/30".
struct InterfaceAddress {
  Ipv4 address;
  int prefix = 32;
  static Expected<InterfaceAddress> parse(std::string_view text);  // strict, as to_string() has it
  [[nodiscard]] Subnet subnet() const { return Subnet::containing(address, prefix); }
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const InterfaceAddress&) const = default;
};

}  // namespace bringup::model
