#include "reach_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bringup/verify/reach.hpp"

namespace bringup::verify {
namespace {

constexpr std::size_t kMostHops = 5;
constexpr std::size_t kStrayHops = 3;  // of a reply that should not have come

struct Dialect {
  std::string route;     // + ADDRESS
  std::string own;       // the flag for the sender's address
  std::string once;      // one ping; + ADDRESS
  std::string run;       // the counted run
  std::string quiet;     // about 2 s of them, for who is not to answer
  std::string few_hops;  // one ping; + TTL ADDRESS
  std::string whole;     // one that no gateway may divide; + -s BYTES, the sender's, ADDRESS
  int largest;           // BYTES that it can send, at most
  std::string out;       // sed's pattern for the interface in the route's words
  std::string show;      // + INTERFACE: prints " mtu N"
  std::string connect;   // nc; + ADDRESS PORT
  int attempts;          // of `once`, so that all of them take about 2 s
  int limit_s;           // of `run`
};

Dialect dialect_of(facts::Os os, const CheckOptions& options) {
  const int count = std::max(1, options.ping_count);
  const double wait_s = options.ping_wait_ms / 1000.0;
  const auto whole = [](double seconds) {
    return std::max(1, static_cast<int>(std::ceil(seconds)));
  };
  const int limit_s = whole(count * options.ping_interval_s + wait_s + 1);
  if (os == facts::Os::linux_kernel) {
    // Without a deadline a ping ends at the first error that comes back.
    return {"ip route get",
            "-I",
            "ping -n -c 1 -W 1",
            fmt::format("ping -n -c {} -i {} -W {} -w {}", count, options.ping_interval_s,
                        whole(wait_s), limit_s),
            "ping -n -c 2 -i 0.5 -W 1 -w 2",
            "ping -n -c 1 -W 1 -t",
            "ping -n -c 1 -W 1 -M 'do'",
            65507,
            "s/.* dev \\([^ ]*\\).*/\\1/p",
            "ip link show dev",
            "nc -n -v -z -w 2",
            2,
            limit_s};
  }
  return {"route -n get",
          "-S",
          "ping -n -c 1 -W 300 -t 1",
          fmt::format("ping -n -c {} -i {} -W {} -t {}", count, options.ping_interval_s,
                      options.ping_wait_ms, limit_s),
          "ping -n -c 2 -i 0.5 -W 1000 -t 2",
          "ping -n -c 1 -W 700 -t 2 -m",
          "ping -n -c 1 -W 700 -t 1 -D",
          8184,  // net.inet.raw.maxdgram as shipped, less the ICMP header
          "s/^ *interface: \\([^ ]*\\).*/\\1/p",
          "ifconfig",
          "nc -n -v -z -G 2 -w 2",
          5,
          limit_s};
}

// bu_line LABEL BYTES SECONDS COMMAND…: what came before, then one line of the command's words.
// bu_ways ADDRESS HOPS PORT: pings of 1…HOPS hops and a connection (0: none), all at once.
// bu_large ADDRESS [OWN]: pings as large as the interface of $bu_way, three at most: one answer is
// enough, one silence is not.
// bu_reach N ADDRESS MODE HOPS PORT [OWN]
//
// Bash by itself opens connections where there is no nc.
constexpr std::string_view kReach = R"sh(
bu_connect() {
  if command -v nc >/dev/null 2>&1; then
    <CONNECT> "$1" "$2"
  else
    bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2"
  fi
}
bu_line() {
  bu_label=$1
  shift
  bu_words=$(bu_keep "$@" | tr '\r\n\t' '   ')
  cat
  printf '%s %s\n' "$bu_label" "$bu_words"
}
bu_ways() {
  if [ "$2" -gt 0 ]; then
    bu_ways "$1" "$(($2 - 1))" "$3" | bu_line "hop $2" 400 2 <FEW_HOPS> "$2" "$1"
  elif [ "$3" -gt 0 ]; then
    bu_line tcp 400 3 bu_connect "$1" "$3" </dev/null
  fi
}
bu_large() {
  bu_out=$(printf '%s\n' "$bu_way" | sed -n '<OUT>' | head -n 1)
  [ -n "$bu_out" ] || return 0
  bu_mtu=$(bu_mtu_of <SHOW> "$bu_out")
  bu_size=$((${bu_mtu:-0} - 28))
  if [ "$bu_size" -gt <LARGEST> ]; then bu_size=<LARGEST>; fi
  [ "$bu_size" -gt 56 ] || return 0
  bu_left=3
  while [ "$bu_left" -gt 0 ]; do
    bu_said=$(bu_keep 1024 3 <WHOLE> -s "$bu_size" ${2:+<OWN> "$2"} "$1")
    case $bu_said in *bu_rc=0 | *'rag needed'* | *'essage too long'*) break ;; esac
    bu_left=$((bu_left - 1))
  done
  printf 'packet %s\n%s' "$((bu_size + 28))" "$bu_said"
}
bu_reach() {
  bu_way=$(bu_keep 2048 5 <ROUTE> "$2")
  bu_echo=
  bu_more=
  bu_big=
  case $3 in
    reachable)
      bu_left=<ATTEMPTS>
      while [ "$bu_left" -gt 0 ]; do
        bu_echo=$(bu_keep 2048 2 <ONCE> ${6:+<OWN> "$6"} "$2")
        case $bu_echo in *bu_rc=0) break ;; esac
        sleep 0.1
        bu_left=$((bu_left - 1))
      done
      case $bu_echo in
        *bu_rc=0)
          bu_echo=$(bu_keep 2048 <LIMIT> <RUN> ${6:+<OWN> "$6"} "$2")
          bu_more=$(bu_ways "$2" "$4" 0)
          bu_big=$(bu_large "$2" "${6-}")
          ;;
        *) bu_more=$(bu_ways "$2" "$4" "$5") ;;
      esac
      ;;
    unreachable)
      bu_echo=$(bu_keep 2048 4 <QUIET> "$2")
      case $bu_echo in *bu_rc=0) bu_more=$(bu_ways "$2" "$4" 0) ;; esac
      ;;
  esac
  cat
  bu_part "reach-route.$1" "$bu_way"
  if [ -n "$bu_echo" ]; then bu_part "reach-ping.$1" "$bu_echo"; fi
  if [ -n "$bu_big" ]; then bu_part "reach-large.$1" "$bu_big"; fi
  if [ -n "$bu_more" ]; then bu_frame "reach-more.$1" 0 "$bu_more"; fi
}
bu_stray() {
  bu_said=$(bu_keep 512 3 bu_connect "$2" "$3")
  cat
  bu_part "reach-tcp.$1" "$bu_said"
}
)sh";

void replace_all(std::string& text, std::string_view mark, std::string_view value) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    text.replace(at, mark.size(), value);
    at += value.size();
  }
}

}  // namespace

std::string reach_functions(const CheckOptions& options, facts::Os os) {
  const Dialect dialect = dialect_of(os, options);
  std::string text(kReach);
  replace_all(text, "<CONNECT>", dialect.connect);
  replace_all(text, "<FEW_HOPS>", dialect.few_hops);
  replace_all(text, "<ROUTE>", dialect.route);
  replace_all(text, "<OUT>", dialect.out);
  replace_all(text, "<SHOW>", dialect.show);
  replace_all(text, "<WHOLE>", dialect.whole);
  replace_all(text, "<LARGEST>", std::to_string(dialect.largest));
  replace_all(text, "<ATTEMPTS>", std::to_string(dialect.attempts));
  replace_all(text, "<ONCE>", dialect.once);
  replace_all(text, "<OWN>", dialect.own);
  replace_all(text, "<LIMIT>", std::to_string(dialect.limit_s + 2));
  replace_all(text, "<RUN>", dialect.run);
  replace_all(text, "<QUIET>", dialect.quiet);
  return text;
}

std::vector<std::string> reach_stages(const model::Fleet& fleet, std::size_t node) {
  std::vector<std::string> stages;
  const auto checks = reach_checks(fleet);
  for (std::size_t index = 0; index < checks.size(); ++index) {
    const ReachCheck& check = checks[index];
    if (check.from != node || !check.address) continue;
    const std::string address = check.address->to_string();
    const int port = check.to ? fleet.nodes[*check.to].ssh.port.value_or(22) : 0;
    std::size_t hops = 0;
    std::string_view mode = "route";
    if (check.wish == ReachWish::reachable) {
      mode = "reachable";
      // One more than there are gateways: the last must be the address itself.
      if (check.kind == ReachKind::routed) hops = std::min(kMostHops, check.through.size() + 1);
    } else if (check.wish == ReachWish::unreachable) {
      mode = "unreachable";
      hops = kStrayHops;
    }
    std::string stage = fmt::format("bu_reach {} {} {} {} {}", index, address, mode, hops,
                                    check.wish == ReachWish::reachable ? port : 0);
    if (check.source) stage += " " + check.source->to_string();
    stages.push_back(std::move(stage));
    if (check.wish == ReachWish::unreachable && port > 0) {
      stages.push_back(fmt::format("bu_stray {} {} {}", index, address, port));
    }
  }
  return stages;
}

}  // namespace bringup::verify
