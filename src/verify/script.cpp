// The script that runs one node's checks.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bringup/util/shell.hpp"
#include "bringup/verify/checks.hpp"
#include "pipeline.hpp"
#include "reach_script.hpp"

namespace bringup::verify {
namespace {

constexpr std::size_t kAtOnce = 64;  // stages of one pipeline

// How an operating system asks for a route and spells the limits of a ping.
struct Dialect {
  std::string route;           // + PEER
  std::string ping_once;       // + OWN PEER; ends by itself
  std::string ping_run;        // + OWN PEER; ends by itself
  int attempts;                // of ping_once, so that all of them take about 2 s
  int limit_s;                 // within which ping_run ends by itself
  std::string ping_sized;      // unfragmented; + size, sender and PEER; ends by itself
  std::string ping_from;       // the flag for the sender's address
  int mtu_tries;               // of ping_sized
  std::string show_interface;  // + INTERFACE: prints " mtu N"
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
            2, limit_s,
            // With a deadline, ping sends on until one reply is there.
            "ping -n -M 'do' -c 1 -i 0.2 -w 1", "-I", 1, "ip link show dev"};
  }
  // The Mac's -W counts milliseconds and its -t bounds the whole run in seconds.
  return {"route -n get",
          "ping -n -c 1 -W 300 -t 1 -S",
          fmt::format("ping -n -c {} -i {} -W {} -t {} -S", count, options.ping_interval_s,
                      options.ping_wait_ms, limit_s),
          5,
          limit_s,
          "ping -n -D -c 1 -W 300 -t 1",
          "-S",
          3,
          "ifconfig"};
}

// The largest echo that comes back: the interface's own MTU at first, which is the answer where all
// is well; then the sizes that MTUs usually have, the one above the best of them (is that the
// limit?), and only then bisection. One reply is proof, three silences are taken for a no. Prints
// "interface MTU" and "largest PAYLOAD"; the latter is left out when nothing came back.
constexpr std::string_view kMtu = R"sh(
bu_fits() {
  bu_tries=<TRIES>
  while [ "$bu_tries" -gt 0 ]; do
    bu_timed 3 <PING> -s "$1" <FROM> "$bu_own" "$bu_peer" >/dev/null && return 0
    bu_tries=$((bu_tries - 1))
  done
  return 1
}
bu_mtu() {
  bu_own=$1
  bu_peer=$2
  bu_mtu=$(bu_mtu_of <SHOW> "$3")
  if [ -z "$bu_mtu" ]; then
    echo "no MTU of $3"
    return 1
  fi
  echo "interface $bu_mtu"
  [ "$4" = yes ] || return 0
  bu_high=$((bu_mtu - 28))
  if [ "$bu_high" -gt 65507 ]; then bu_high=65507; fi
  if bu_fits "$bu_high"; then
    echo "largest $bu_high"
    return 0
  fi
  bu_low=0
  for bu_size in 1472 8972 548; do
    if [ "$bu_size" -ge "$bu_high" ] || [ "$bu_size" -le "$bu_low" ]; then continue; fi
    if bu_fits "$bu_size"; then bu_low=$bu_size; else bu_high=$bu_size; fi
  done
  if [ "$bu_low" -eq 0 ]; then
    bu_fits 56 || return 2
    bu_low=56
  fi
  bu_size=$((bu_low + 1))
  while [ "$((bu_high - bu_low))" -gt 1 ]; do
    if bu_fits "$bu_size"; then bu_low=$bu_size; else bu_high=$bu_size; fi
    bu_size=$(((bu_low + bu_high) / 2))
  done
  echo "largest $bu_low"
}
)sh";

void replace(std::string& text, std::string_view mark, std::string_view value) {
  const auto at = text.find(mark);
  if (at != std::string::npos) text.replace(at, mark.size(), value);
}

std::string mtu_functions(const Dialect& dialect) {
  std::string text(kMtu);
  replace(text, "<TRIES>", std::to_string(dialect.mtu_tries));
  replace(text, "<PING>", dialect.ping_sized);
  replace(text, "<FROM>", dialect.ping_from);
  replace(text, "<SHOW>", dialect.show_interface);
  return text;
}

}  // namespace

std::string check_script(const model::Fleet& fleet, std::size_t node, const std::string& nonce,
                         const CheckOptions& options, facts::Os os) {
  const Dialect dialect = dialect_of(os, options);
  std::string script = facts::frame_functions(nonce);
  script += kKeepFunctions;

  std::string body;
  std::string parts;
  if (wanted(options, CheckKind::route)) {
    body += fmt::format("  bu_route=$(bu_keep 2048 5 {} \"$3\")\n", dialect.route);
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
        "  bu_ping=$(bu_keep 2048 {} {} \"$2\" \"$3\")\n",
        dialect.attempts, dialect.ping_once, dialect.limit_s + 2, dialect.ping_run);
    parts += "  bu_part \"ping.$1\" \"$bu_ping\"\n";
  }
  if (wanted(options, CheckKind::mtu)) {
    // Who does not answer at all is not asked for sizes.
    body += wanted(options, CheckKind::ping)
                ? "  case $bu_ping in *bu_rc=0) bu_ask=yes ;; *) bu_ask=no ;; esac\n"
                : "  bu_ask=yes\n";
    body += "  bu_sizes=$(bu_mtu \"$2\" \"$3\" \"$4\" \"$bu_ask\")\n  bu_sizes_rc=$?\n";
    parts += "  bu_frame \"mtu.$1\" \"$bu_sizes_rc\" \"$bu_sizes\"\n";
    script += mtu_functions(dialect);
  }
  if (wanted(options, CheckKind::iperf)) script += "bu_run iperf3 256 5 iperf3 --version\n";
  std::vector<std::string> stages;
  if (!body.empty()) {
    script += "bu_link() {\n" + body + "  cat\n" + parts + "}\n";
    for (const std::size_t index : fleet.links_of(node)) {
      const auto& ends = fleet.links[index].ends;
      for (std::size_t side = 0; side < 2; ++side) {
        if (ends[side].node != node) continue;
        stages.push_back(fmt::format("bu_link {} {} {} {}", index, ends[side].address.to_string(),
                                     ends[1 - side].address.to_string(),
                                     shell_quote(ends[side].interface)));
      }
    }
  }
  if (wanted(options, CheckKind::reach)) {
    const auto reach = reach_stages(fleet, node);
    if (!reach.empty()) script += reach_functions(options, os);
    stages.insert(stages.end(), reach.begin(), reach.end());
  }
  // A node of a large segment must not run out of processes.
  for (std::size_t first = 0; first < stages.size(); first += kAtOnce) {
    const auto last = std::min(stages.size(), first + kAtOnce);
    script += pipeline({stages.begin() + static_cast<std::ptrdiff_t>(first),
                        stages.begin() + static_cast<std::ptrdiff_t>(last)});
  }
  script += "bu_frame end 0 ''\n";
  return script;
}

}  // namespace bringup::verify
