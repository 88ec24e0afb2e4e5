#pragma once
// MAC addresses as text. In this program they are six pairs of lower-case hexadecimal digits with
// colons between, as Linux prints them; macOS leaves leading zeros out.
#include <optional>
#include <string>
#include <string_view>

namespace bringup::model {

// "02:00:00:00:00:04", or "2:0:0:0:0:4" as arp(8) of macOS has it, in either case, to lower case
// with two digits each; nothing for anything else.
std::optional<std::string> parse_mac(std::string_view text);

// Is it just what parse_mac() returns?
bool is_mac(std::string_view text);

// May one host have it: no group's address, and not zero. For a text of which is_mac() is true.
bool is_host_mac(std::string_view mac);

}  // namespace bringup::model
