#pragma once
// Parsers of what a Linux node prints. Bounds and errors as in darwin.hpp.
#include <string_view>
#include <vector>

#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform::linux_kernel {

// /etc/os-release: product from NAME, version from VERSION_ID, build from BUILD_ID (mostly absent).
Expected<OsVersion> parse_os_release(std::string_view text);

// `ip -d -j addr`: interfaces in its order, and every bridge with its members, which carry the name
// of their master. `active` is the flag LOWER_UP. Other families and unknown members are skipped.
struct IpAddr {
  std::vector<Interface> interfaces;
  std::vector<Bridge> bridges;
};
Expected<IpAddr> parse_ip_addr(std::string_view text);

// The summary of iputils' ping.
Expected<PingResult> parse_ping(std::string_view text);

}  // namespace bringup::platform::linux_kernel
