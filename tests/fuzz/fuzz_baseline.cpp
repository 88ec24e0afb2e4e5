// A former report as a baseline: never a crash, and only finite figures.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/verify/baseline.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed =
      bringup::verify::parse_baseline(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed) return 0;
  for (const auto& cell : parsed->cells) {
    for (const auto& [metric, value] : cell.figures) {
      if (!std::isfinite(value) || value < 0) std::abort();
    }
  }
  return 0;
}
