#pragma once
// The last good run: a report of verify (bringup.verify/1) read back.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/util/error.hpp"
#include "bringup/verify/checks.hpp"
#include "bringup/verify/peers.hpp"

namespace bringup::verify {

struct BaselineCell {
  std::string from, to, link;  // names, the link as Fleet::link_name() gives it
  std::map<Metric, double> figures;
  std::optional<std::uint32_t> largest_packet;
};
struct Baseline {
  std::string fleet;
  bool green = false;
  std::vector<BaselineCell> cells;
};

inline constexpr std::size_t kMaxBaseline = std::size_t{64} << 20U;

// Strict: fails (parse) on anything that is not a report of this schema, naming the place. Older
// reports without the newer members are taken.
Expected<Baseline> parse_baseline(std::string_view text);

// Adds a verdict of source `baseline` to each cell that both have figures of. Slow: a bandwidth
// more than 25 % lower, a latency more than doubled (and by more than 0.2 ms for ping), a smaller
// largest packet. `name` is what the baseline is called: "the run of 2026-11-21T05-04-35".
void compare_with_baseline(const model::Fleet& fleet, const Baseline& baseline,
                           const std::string& name, Matrix& matrix);

}  // namespace bringup::verify
