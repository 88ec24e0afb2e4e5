#pragma once
#include <string_view>

#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform {

// The words in which two families of ping say the same.
struct PingDialect {
  std::string_view received;  // after the count: "packets received" or "received"
  std::string_view rtt;       // "round-trip min/avg/max/stddev"
};

Expected<PingResult> parse_ping_summary(std::string_view text, const PingDialect& dialect);

}  // namespace bringup::platform
