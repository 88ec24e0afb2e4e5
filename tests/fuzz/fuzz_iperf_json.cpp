// iperf3's JSON: never a crash, never a figure that is not finite, time linear in the text.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/verify/iperf_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = bringup::verify::parse_iperf_json(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed) return 0;
  if (parsed->bits_per_second &&
      (!std::isfinite(*parsed->bits_per_second) || *parsed->bits_per_second < 0)) {
    std::abort();
  }
  if (!parsed->bits_per_second && parsed->error.empty()) std::abort();
  return 0;
}
