#pragma once
// Parsers of what a Linux node prints. Bounds and errors as in darwin.hpp.
#include <string_view>

#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform::linux_kernel {

// /etc/os-release: product from NAME, version from VERSION_ID, build from BUILD_ID (mostly absent).
Expected<OsVersion> parse_os_release(std::string_view text);

// The summary of iputils' ping.
Expected<PingResult> parse_ping(std::string_view text);

}  // namespace bringup::platform::linux_kernel
