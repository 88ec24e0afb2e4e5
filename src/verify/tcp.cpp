#include "bringup/verify/tcp.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "pipeline.hpp"

namespace bringup::verify {
namespace {

// The default of mlx.launch.
constexpr std::uint16_t kJacclPort = 32323;
constexpr int kSeconds = 3;

}  // namespace

Expected<void> check_tcp_ports(const std::vector<std::uint16_t>& ports) {
  for (const auto port : ports) {
    if (port == 0) return fail(ErrorCode::usage, "0 is no TCP port", "use 1 to 65535");
    if (port == kJacclPort) {
      return fail(ErrorCode::usage,
                  fmt::format("port {} is JACCL's coordinator, which takes whoever connects for a "
                              "rank of the job",
                              port),
                  "check another port; `bringup verify --only rdma` proves the link");
    }
  }
  return {};
}

std::string nc_script(const model::Fleet& fleet, std::size_t node, const std::string& nonce,
                      const CheckOptions& options, facts::Os os) {
  // The Mac's -w bounds an idle connection, -G its making; others' -w bounds both.
  const std::string nc = os == facts::Os::darwin
                             ? fmt::format("nc -n -v -z -G {} -w {} -s", kSeconds, kSeconds)
                             : fmt::format("nc -n -v -z -w {} -s", kSeconds);
  std::vector<std::string> stages;
  for (const std::size_t index : fleet.links_of(node)) {
    const auto& ends = fleet.links[index].ends;
    for (std::size_t side = 0; side < 2; ++side) {
      if (ends[side].node != node) continue;
      for (const auto port : tcp_ports(fleet, ends[1 - side].node, options)) {
        stages.push_back(fmt::format("bu_reach {} {} {} {}", index, port,
                                     ends[side].address.to_string(),
                                     ends[1 - side].address.to_string()));
      }
    }
  }
  std::string script = facts::frame_functions(nonce);
  if (!stages.empty()) {
    script += kKeepFunctions;
    script += fmt::format(
        "bu_reach() {{\n"
        "  bu_said=$(bu_keep 512 {} {} \"$3\" \"$4\" \"$2\")\n"
        "  cat\n"
        "  bu_part \"tcp.$1.$2\" \"$bu_said\"\n"
        "}}\n",
        kSeconds + 1, nc);
    script += pipeline(stages);
  }
  script += "bu_frame end 0 ''\n";
  return script;
}

std::vector<TcpResult> read_nc(const model::Fleet& fleet, std::size_t link, std::size_t from,
                               const std::vector<facts::Frame>& frames,
                               const CheckOptions& options) {
  const auto& ends = fleet.links[link].ends;
  const std::size_t to = ends[ends[0].node == from ? 1 : 0].node;
  std::vector<TcpResult> results;
  for (const auto port : tcp_ports(fleet, to, options)) {
    const auto name = fmt::format("tcp.{}.{}", link, port);
    const auto frame = std::find_if(frames.begin(), frames.end(),
                                    [&](const auto& one) { return one.name == name; });
    if (frame == frames.end()) continue;
    TcpResult result;
    result.port = port;
    result.by = TcpMeans::nc;
    result.reachable = frame->exit_status == 0;
    if (!result.reachable) {
      const auto text = trim(frame->payload);
      result.error = frame->exit_status == facts::kStatusNotFound    ? "nc: command not found"
                     : frame->exit_status == facts::kStatusTimeLimit ? "no answer in time"
                     : text.empty()                                  ? "no connection"
                                                                     : printable(text, 200);
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace bringup::verify
