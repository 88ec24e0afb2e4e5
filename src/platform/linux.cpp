#include "bringup/platform/linux.hpp"

#include <algorithm>

#include "bringup/util/text.hpp"
#include "ping_summary.hpp"
#include "scan.hpp"

namespace bringup::platform::linux_kernel {

Expected<OsVersion> parse_os_release(std::string_view text) {
  constexpr std::string_view kWhat = "os-release";
  OsVersion out;
  for (const std::string_view line : split_lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.size() > 4096) continue;
    std::string_view value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    const std::string_view key = line.substr(0, equals);
    std::string* member = key == "NAME"         ? &out.product
                          : key == "VERSION_ID" ? &out.version
                          : key == "BUILD_ID"   ? &out.build
                                                : nullptr;
    if (member != nullptr) *member = printable(value, 64);
  }
  if (out.product.empty()) return malformed(kWhat, "no NAME in it", "");
  return out;
}

Expected<PingResult> parse_ping(std::string_view text) {
  return parse_ping_summary(text, {"received", "rtt min/avg/max/mdev"});
}

}  // namespace bringup::platform::linux_kernel
