// The script that runs one node's checks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bringup/verify/checks.hpp"

namespace bringup::verify {
namespace {

// How an operating system asks for a route and spells the limits of a ping.
struct Dialect {
  std::string route;      // + PEER
  std::string ping_once;  // + OWN PEER; ends by itself
  std::string ping_run;   // + OWN PEER; ends by itself
  int attempts;           // of ping_once, so that all of them take about 2 s
  int limit_s;            // within which ping_run ends by itself
};

int whole_seconds(double seconds) {
  return std::max(1, static_cast<int>(std::ceil(seconds)));
}

Dialect dialect_of(facts::Os os, const CheckOptions& options) {
  const int count = std::max(1, options.ping_count);
  const double wait_s = options.ping_wait_ms / 1000.0;
  // One second more than the run can take, so that the limit never eats the last reply.
  const int limit_s = whole_seconds(count * options.ping_interval_s + wait_s + 1);
  if (os == facts::Os::linux_kernel) {
    return {"ip route get", "ping -n -c 1 -W 1 -w 1 -I",
            fmt::format("ping -n -c {} -i {} -W {} -w {} -I", count, options.ping_interval_s,
                        whole_seconds(wait_s), limit_s),
            2, limit_s};
  }
  // The Mac's -W counts milliseconds and its -t bounds the whole run in seconds.
  return {"route -n get", "ping -n -c 1 -W 300 -t 1 -S",
          fmt::format("ping -n -c {} -i {} -W {} -t {} -S", count, options.ping_interval_s,
                      options.ping_wait_ms, limit_s),
          5, limit_s};
}

// bu_try keeps the end of what a command says (a ping's summary stands last) with its status behind
// it, since a pipe's status would be that of tail; a command that overstays SECONDS is ended.
// bu_part takes the two apart again.
constexpr std::string_view kFunctions = R"sh(
bu_try() {
  { bu_timed "$@"; printf '\nbu_rc=%s' "$?"; } | tail -c 2048
}
bu_part() {
  bu_status=${2##*bu_rc=}
  bu_frame "$1" "${bu_status:-127}" "${2%?bu_rc=*}"
}
)sh";

}  // namespace

std::string check_script(const model::Fleet& fleet, std::size_t node, const std::string& nonce,
                         const CheckOptions& options, facts::Os os) {
  const Dialect dialect = dialect_of(os, options);
  std::string script = facts::frame_functions(nonce);
  script += kFunctions;

  // The links of a node stand side by side in one pipeline. Each stage first runs its own checks,
  // all stages at once, keeping what they print in variables; then it passes on what the stages
  // before it wrote and adds its own frames. So no two processes ever write to one pipe, frames
  // cannot mix whatever their length, their order is that of the links, and nothing is stored on
  // the node. (One write per frame from background jobs would not do: bash writes line by line, and
  // sshd may hand the shell a socket, for which PIPE_BUF promises nothing.)
  std::string body;
  std::string parts;
  if (wanted(options, CheckKind::route)) {
    body += fmt::format("  bu_route=$(bu_try 5 {} \"$3\")\n", dialect.route);
    parts += "  bu_part \"route.$1\" \"$bu_route\"\n";
  }
  if (wanted(options, CheckKind::ping)) {
    body += fmt::format(
        "  bu_left={}\n"
        "  while [ \"$bu_left\" -gt 0 ]; do\n"
        "    bu_timed 2 {} \"$2\" \"$3\" >/dev/null && break\n"
        "    sleep 0.1\n"
        "    bu_left=$((bu_left - 1))\n"
        "  done\n"
        "  bu_ping=$(bu_try {} {} \"$2\" \"$3\")\n",
        dialect.attempts, dialect.ping_once, dialect.limit_s + 2, dialect.ping_run);
    parts += "  bu_part \"ping.$1\" \"$bu_ping\"\n";
  }
  if (!body.empty()) {
    script += "bu_link() {\n" + body + "  cat\n" + parts + "}\n";
    std::string pipeline;
    for (const std::size_t index : fleet.links_of(node)) {
      const auto& ends = fleet.links[index].ends;
      for (std::size_t side = 0; side < 2; ++side) {
        if (ends[side].node != node) continue;
        pipeline += fmt::format("{}bu_link {} {} {}{}", pipeline.empty() ? "" : " |\n", index,
                                ends[side].address.to_string(), ends[1 - side].address.to_string(),
                                pipeline.empty() ? " </dev/null" : "");
      }
    }
    if (!pipeline.empty()) script += pipeline + "\n";
  }
  script += "bu_frame end 0 ''\n";
  return script;
}

}  // namespace bringup::verify
