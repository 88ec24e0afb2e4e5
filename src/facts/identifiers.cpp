#include "identifiers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "bringup/util/text.hpp"

namespace bringup::facts {

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_token(char c) {
  return is_word(c) || c == '.' || c == ':' || c == '-';
}

bool all_hex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_hex);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_uuid(std::string_view text) {
  const auto parts = split(text, '-');
  constexpr std::array<std::size_t, 5> kLengths = {8, 4, 4, 4, 12};
  if (parts.size() != kLengths.size()) return false;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    if (parts[k].size() != kLengths[k] || !all_hex(parts[k])) return false;
  }
  return true;
}

bool is_guid(std::string_view text) {
  const auto parts = split(text, ':');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return part.size() == 4 && all_hex(part);
         });
}

bool is_zero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return !is_hex(c) || c == '0'; });
}

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  if (text.size() > 45 || std::count(text.begin(), text.end(), ':') < 2) return std::nullopt;
  Ipv6 out;
  if (::inet_pton(AF_INET6, std::string(text).c_str(), out.bytes.data()) != 1) return std::nullopt;
  return out;
}

std::string printed(const Ipv6& address, std::string_view like) {
  const auto parts = split(like, ':');
  const bool full = parts.size() == 8 && std::all_of(parts.begin(), parts.end(),
                                                     [](auto part) { return part.size() == 4; });
  if (full) {  // as rdma-core prints GIDs
    std::string out;
    for (std::size_t k = 0; k < 16; k += 2) {
      out += fmt::format("{}{:02x}{:02x}", k == 0 ? "" : ":", address.bytes.at(k),
                         address.bytes.at(k + 1));
    }
    return out;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string_view first_label(std::string_view host) {
  return host.substr(0, host.find('.'));
}

}  // namespace bringup::facts
