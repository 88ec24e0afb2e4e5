// Whatever nodes print of their checks: it is judged, and what is said of it may stand on a
// terminal. The input is what every node answers: frames, each "NAME STATUS", a line break and its
// text, with a zero byte between them.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bringup/util/text.hpp"
#include "bringup/verify/checks.hpp"
#include "support/hybrid_fleet.hpp"

namespace {

namespace facts = bringup::facts;
namespace verify = bringup::verify;

void must_be_shown(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) std::abort();
  }
}

bringup::model::Fleet hybrid_with_a_link() {
  return bringup::test::fleet_from(bringup::test::kHybrid +
                                   "[[links]]\na = \"pi4:eth1\"\nb = \"mini1:en9\"\n"
                                   "kind = \"ethernet-1g\"\n");
}

std::vector<facts::Frame> frames_of(std::string_view text) {
  std::vector<facts::Frame> frames;
  for (const std::string_view part : bringup::split(text, '\0')) {
    const auto end = std::min(part.find('\n'), part.size());
    const auto words = bringup::split_blank(part.substr(0, end));
    if (words.size() != 2) continue;
    int status = 0;
    std::from_chars(words[1].data(), words[1].data() + words[1].size(), status);
    frames.push_back({std::string(words[0]), status, false,
                      std::string(part.substr(std::min(end + 1, part.size())))});
  }
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bringup::model::Fleet fleet = hybrid_with_a_link();
  const auto frames = frames_of({reinterpret_cast<const char*>(data), size});
  std::vector<facts::NodeFacts> known(fleet.nodes.size());
  std::vector<verify::NodeEvidence> evidence;
  std::vector<std::size_t> all;
  for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
    known[node].os =
        fleet.nodes[node].name.starts_with("mini") ? facts::Os::darwin : facts::Os::linux_kernel;
    evidence.push_back({std::nullopt, frames, &known[node]});
    all.push_back(node);
  }
  verify::CheckOptions options;
  options.only = {verify::CheckKind::route, verify::CheckKind::ping, verify::CheckKind::mtu,
                  verify::CheckKind::tcp, verify::CheckKind::reach};
  const auto matrix = verify::judge(fleet, all, evidence, options);
  for (const auto& found : matrix.findings) {
    must_be_shown(found.target + found.layer + found.seen + found.expected + found.cure);
  }
  for (const auto& cell : matrix.reach) {
    if (cell.large && (cell.large->bytes < 1 || cell.large->bytes > 65535)) std::abort();
    for (const auto& verdict : cell.verdicts) must_be_shown(verdict.seen + verdict.expected);
  }
  return 0;
}
