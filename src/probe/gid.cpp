#include "gid.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace bringup::probe {

std::string gid_text(const Gid& gid) {
  char text[INET6_ADDRSTRLEN] = {};
  return ::inet_ntop(AF_INET6, gid.data(), text, sizeof text) != nullptr ? text : "";
}

std::optional<Gid> parse_gid(std::string_view text) {
  Gid gid{};
  if (::inet_pton(AF_INET6, std::string(text).c_str(), gid.data()) != 1) return std::nullopt;
  return gid;
}

std::optional<Gid> mapped_gid(std::string_view address) {
  Gid gid{};
  gid[10] = gid[11] = 0xff;
  if (::inet_pton(AF_INET, std::string(address).c_str(), gid.data() + 12) != 1) return std::nullopt;
  return gid;
}

bool is_empty(const Gid& gid) {
  return std::all_of(gid.begin(), gid.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace bringup::probe
