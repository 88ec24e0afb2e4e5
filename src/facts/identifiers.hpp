#pragma once
// Identifiers and addresses by their form. Internal to the room.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bringup::facts {

bool is_hex(char c);
bool is_digit(char c);
bool is_word(char c);   // letters, digits and the underscore
bool is_token(char c);  // what an address or identifier may be made of
bool all_hex(std::string_view text);
std::string lower(std::string_view text);

bool is_uuid(std::string_view text);
bool is_guid(std::string_view text);  // groups of four: "0000:0000:0000:0002"
bool is_zero(std::string_view text);  // no hexadecimal digit in it but zeros

struct Ipv6 {
  std::array<std::uint8_t, 16> bytes{};
};
std::optional<Ipv6> parse_ipv6(std::string_view text);
// In full groups if `like` is, as rdma-core prints GIDs; else as inet_ntop() does.
std::string printed(const Ipv6& address, std::string_view like);

std::string_view first_label(std::string_view host);  // what stands before the first dot

}  // namespace bringup::facts
