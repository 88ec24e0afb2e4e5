#include <fmt/format.h>

#include "bringup/plan/persist.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/template.hpp"
#include "script_parts.hpp"

namespace bringup::plan {
namespace {

// `did` and `bad` are all that is written: a line for each change, a line for a new problem. The
// state file is replaced whole. What the tools say is cut to one printable line.
constexpr std::string_view kHead =
    R"sh(# bringup: keeps this node's links as its inventory declares them.
PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 022
nl='
'
changes=0
problem=
note() { printf '%s %s\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$1"; }
did() {
  changes=$((changes + 1))
  note "$1"
}
bad() { problem=${problem:-$1}; }
settle() {
  tries=5
  until "$@"; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then return 1; fi
    sleep 1
  done
}
unconfirmed() {
  for file in "$@"; do
    case $file in
      */armed|*/rolling-back) ;;
      *) continue ;;
    esac
    if [ -e "$file" ] && [ -z "$(find "$file" -newer "$own" 2>/dev/null)" ]; then return 0; fi
  done
  return 1
}
report() {
  problem=$(printf '%s' "$problem" | tr -c '[:print:]' ' ' | head -c 160)
  before=$nl$(cat "$state" 2>/dev/null)$nl
  total=$changes
  case $before in *"${nl}boot $boot$nl"*)
    old=$(sed -n 's/^total \([0-9]\{1,8\}\)$/\1/p' "$state")
    total=$((${old:-0} + changes))
    ;;
  esac
  if [ -n "$problem" ]; then
    case $before in
      *"${nl}problem $problem$nl"*) ;;
      *) note "$problem" ;;
    esac
  fi
  {
    printf 'time %s\nboot %s\nchanges %s\ntotal %s\n' "$(date +%s)" "$boot" "$changes" "$total"
    if [ -n "$problem" ]; then printf 'problem %s\n' "$problem"; fi
  } >"$state.new" && mv -f "$state.new" "$state"
}
)sh";

// Written as the login user, whose file it is: in a folder like /tmp somebody else may have put a
// link in its place, which then leads to nothing that this user could not write anyway.
constexpr std::string_view kMatrix = R"sh(matrix() {
  if [ -f "$2" ] && printf '%s' "$3" | cmp -s - "$2"; then return; fi
  if words=$(as_user "$1" sh -c '
    umask 022
    if [ -d "$1" ]; then echo "it is a folder"; exit 1; fi
    t=$(mktemp "$1.XXXXXX") || exit 1
    printf "%s" "$2" >"$t" && chmod 644 "$t" && mv -f "$t" "$1" && exit 0
    rm -f "$t"
    exit 1
  ' sh "$2" "$3" 2>&1 </dev/null); then
    did "$2 written"
  else
    bad "$2 not written: $words"
  fi
}
)sh";

// ifconfig may fail with exit status 0: what counts is the look afterwards. Without `alias` it
// replaces the first address. deletem can leave a port down.
constexpr std::string_view kDarwin = R"sh(own=<PLIST>
state=<STATE>
log=/var/log/bringup-links.log
boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null) || boot=unknown
as_user() {
  who=$1
  shift
  sudo -n -u "$who" "$@"
}
bridges() {
  ifconfig -a 2>/dev/null | awk -v port="$1" '
    /^[a-z]/ { name = $1; sub(/:$/, "", name) }
    $1 == "member:" && $2 == port { print name }'
}
alone() { [ -z "$(bridges "$1")" ]; }
is_up() {
  case $(ifconfig "$1" 2>/dev/null) in *[\<,]UP[,\>]*) return 0 ;; esac
  return 1
}
holds() {
  case "$(ifconfig "$1" 2>/dev/null | tr '\n' ' ') " in
    *"inet $2 netmask $3 "*) return 0 ;;
  esac
  return 1
}
link() {
  if ! ifconfig "$1" >/dev/null 2>&1; then
    bad "there is no interface $1"
    return
  fi
  found=$(bridges "$1" | tr '\n' ' ')
  for bridge in $found; do
    words=$(ifconfig "$bridge" deletem "$1" 2>&1)
  done
  if [ -n "$found" ]; then
    if ! settle alone "$1"; then
      bad "$1 is still in ${found% }: $words"
      return
    fi
    did "$1 taken out of ${found% }"
    ifconfig "$1" up 2>/dev/null
  fi
  if ! is_up "$1"; then
    words=$(ifconfig "$1" up 2>&1)
    if ! settle is_up "$1"; then
      bad "$1 is down: $words"
      return
    fi
    did "$1 brought up"
  fi
  if holds "$1" "$2" "$4"; then return; fi
  had=$(ifconfig "$1" 2>/dev/null | awk '$1 == "inet" { print $2; exit }')
  words=$(ifconfig "$1" inet "$2" netmask "$3" 2>&1)
  if settle holds "$1" "$2" "$4"; then
    did "$1 given $2, it had ${had:-no address}"
  else
    bad "$1 does not hold $2: $words"
  fi
}
forward() {
  if [ "$(sysctl -n net.inet.ip.forwarding 2>/dev/null)" = 1 ]; then return; fi
  if words=$(sysctl -w net.inet.ip.forwarding=1 2>&1); then
    did 'forwarding switched on'
  else
    bad "forwarding is off: $words"
  fi
}
way() {
  /sbin/route -n get "$1" 2>/dev/null | awk -v via="$2" '
    $1 == "gateway:" && $2 == via { found = 1 }
    END { exit !found }'
}
route() {
  if way "$3" "$2"; then return; fi
  /sbin/route -n delete -net "$1" >/dev/null 2>&1
  words=$(/sbin/route -n add -net "$1" "$2" 2>&1)
  if settle way "$3" "$2"; then
    did "$1 goes by $2"
  else
    bad "no route to $1 by $2: $words"
  fi
}
neighbour() {
  case $(arp -n "$1" 2>/dev/null) in *permanent*) return ;; esac
  if words=$(arp -s "$1" "$2" 2>&1); then
    did "$1 fixed at $2"
  else
    bad "$1 not fixed at $2: $words"
  fi
}
keep() {
  if unconfirmed /Users/*/.bringup/guard/*/* /var/root/.bringup/guard/*/*; then
    bad 'waiting: a guarded change is not confirmed'
    return
  fi
  if launchctl print system/io.exo.networksetup >/dev/null 2>&1; then
    bad 'conflict: io.exo.networksetup is loaded'
    return
  fi
)sh";

// The log is launchd's to write, appending; it is emptied, never replaced.
constexpr std::string_view kTail = R"sh(}
{
  if [ -f "$log" ] && [ "$(wc -c <"$log")" -gt 65536 ]; then : >"$log"; fi
  keep
  report
}
)sh";

std::string link_line(const KeptLink& link) {
  const auto mask = model::Ipv4(model::Subnet::mask_of(link.address.prefix));
  return fmt::format("  link {} {} {} 0x{:08x}\n", link.interface, link.address.address.to_string(),
                     mask.to_string(), mask.value());
}

}  // namespace

std::string keeper_script(const KeptSettings& settings) {
  std::string script(kHead);
  if (!settings.matrix_path.empty()) script += kMatrix;
  script += fill(kDarwin, {{"<PLIST>", std::string(facts::kKeeperPlist)},
                           {"<STATE>", std::string(facts::kKeeperState)}});
  for (const auto& link : settings.links) script += link_line(link);
  if (settings.forwarding) script += "  forward\n";
  for (const auto& route : settings.routes) {
    script += fmt::format("  route {} {} {}\n", route.destination.to_string(),
                          route.via.to_string(), first_host(route.destination));
  }
  for (const auto& one : settings.neighbours) {
    script += fmt::format("  neighbour {} {}\n", one.address.to_string(), one.mac);
  }
  if (!settings.matrix_path.empty()) {
    script += fmt::format("  matrix {} {} {}\n", settings.user, shell_quote(settings.matrix_path),
                          shell_quote(settings.matrix));
  }
  return script + std::string(kTail);
}

}  // namespace bringup::plan
