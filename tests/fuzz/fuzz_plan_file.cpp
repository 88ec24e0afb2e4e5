// A plan file is another program's text until it is read: whatever comes, reading ends, and what is
// accepted is written and read again as the same plan, of nothing but our own commands.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/execute.hpp"
#include "bringup/plan/plan_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto plan = bringup::plan::parse_plan(text);
  if (!plan) return 0;
  for (const auto& node : plan->nodes) {
    for (const auto& action : node.actions) {
      if (!bringup::plan::parse_command(action)) std::abort();
    }
    bringup::plan::ApplyScriptOptions options;
    options.nonce = "00112233445566778899aabbccddeeff";
    options.ibv_path = "/tmp/mlx_ibv_devices.json";
    if (bringup::plan::apply_script(node, options).empty()) std::abort();
  }
  const std::string once = bringup::plan::to_json(*plan);
  const auto again = bringup::plan::parse_plan(once);
  if (!again || bringup::plan::to_json(*again) != once) std::abort();
  return 0;
}
