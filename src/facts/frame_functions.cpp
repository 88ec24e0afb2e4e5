#include <algorithm>
#include <stdexcept>

#include "bringup/facts/script.hpp"
#include "bringup/util/template.hpp"

namespace bringup::facts {
namespace {

// Time limits without timeout(1), temporary files or job control.
//
// bu_timed: a watch beside the command; whichever ends first ends the other. (The plain kills are
// for nodes whose ps tells nothing.)
//
// bu_run:  script ── $(…) ─┬─ watch ── sleep
//                          ├─ { command; trailer } ─┐
//                          └─ head -c LIMIT ◀───────┘
// head bounds what the shell must hold; a command that prints more dies of SIGPIPE. The trailer
// carries the exit status through the pipe and keeps the output's last newlines, which $(…) would
// strip; the nonce in it keeps a command from printing one. Without it the end of the output is
// missing. The watch is ended by its parent once the pipeline is through. If its sleep ends first,
// it looks up who stands below that parent, itself excepted: first the command and its offspring
// are ended; then, for what cannot be ended, or was adopted elsewhere and still holds the pipe, the
// shell around the command and head as well. Descriptor 5 is closed since scripts keep their own
// stdout there: a command that outlives us must not hold the session's channel.
//
// Sleeps are ended by KILL: a TERM that comes before a new process has shed its shell's traps is
// lost. bf_kill finishes its round even when its parent, seeing the first victim gone, calls it
// off. bf_tree TOP SKIP LEAST: the processes LEAST or more levels below TOP (empty: SKIP's parent),
// but not SKIP's. Parents come first: a shell whose child is ended before it goes on to its next
// command.
constexpr std::string_view kFunctions = R"sh(LC_ALL=C
export LC_ALL
PATH="${PATH:-/usr/bin:/bin}:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin"
export PATH
bu_frame() {
  printf '@@<NONCE> %s %s %s %s\n%s\n' "$1" "$2" "${4:--}" "${#3}" "$3"
}
bf_tree() {
  ps -A -o pid= -o ppid= | awk -v top="$1" -v skip="$2" -v least="$3" '
    { up[$1] = $2 }
    END {
      if (top == "") top = up[skip]
      for (pid in up) {
        at = pid
        for (n = 0; at != top && at != skip && (at in up) && n < 64; n++) at = up[at]
        if (at == top) depth[pid] = n
      }
      for (n = least + 0; n < 64; n++) for (pid in depth) if (depth[pid] == n) print pid
    }'
}
bf_kill() {
  bf_signal=$1
  shift
  bf_over=
  trap 'bf_over=yes' TERM
  for bf_pid in $(bf_tree "$@"); do kill "-$bf_signal" "$bf_pid"; done
  if [ -n "$bf_over" ]; then exit 99; fi
  trap 'kill -KILL "$!"; exit 99' TERM
  sleep 1 &
  wait "$!"
}
bf_sleep() {
  trap 'kill -KILL "$!"; exit 0' TERM
  sleep "$1" &
  wait "$!"
}
bf_watch() {
  bf_sleep "$1"
  bf_self=$(exec sh -c 'echo "$PPID"')
  bf_kill TERM '' "$bf_self" 2
  bf_kill KILL '' "$bf_self" 2
  bf_kill KILL '' "$bf_self" 1
  exit 99
}
bf_watch_one() {
  bf_sleep "$1"
  bf_kill TERM "$2" - 0
  kill -TERM "$2"
  bf_kill KILL "$2" - 0
  kill -KILL "$2"
  exit 99
}
bu_timed() {
  bf_seconds=$1
  shift
  "$@" </dev/null 2>&1 &
  bf_command=$!
  bf_watch_one "$bf_seconds" "$bf_command" </dev/null >/dev/null &
  bf_timer=$!
  wait "$bf_command"
  bf_status=$?
  kill "$bf_timer"
  wait "$bf_timer"
  if [ "$?" -eq 99 ]; then bf_status=124; fi
  return "$bf_status"
} 2>/dev/null
bf_capture() {
  bf_limit=$1
  bf_seconds=$2
  shift 2
  bf_flags=-
  if ! command -v "$1" >/dev/null 2>&1; then
    bf_status=127
    bf_text="$1: command not found"
    return
  fi
  { bf_text=$(
    exec 5>&-
    bf_watch "$bf_seconds" </dev/null >/dev/null &
    bf_timer=$!
    { "$@" </dev/null 2>&1; printf '<NONCE>%03d.' "$?"; } | head -c "$((bf_limit + <TRAILER>))"
    kill "$bf_timer"
    wait "$bf_timer"
  ); } 2>/dev/null
  bf_fired=$?
  case $bf_text in
    *<NONCE>[0-9][0-9][0-9].)
      bf_status=${bf_text##*<NONCE>}
      bf_status=$((1${bf_status%.} - 1000))
      bf_text=${bf_text%<NONCE>*}
      ;;
    *)
      bf_status=141
      bf_flags=t
      ;;
  esac
  if [ "$bf_fired" -eq 99 ]; then
    bf_status=124
    bf_flags=t
  fi
}
bu_run() {
  bf_name=$1
  shift
  bf_capture "$@"
  bu_frame "$bf_name" "$bf_status" "$bf_text" "$bf_flags"
}
)sh";

}  // namespace

std::string frame_functions(const std::string& nonce) {
  const bool plain = std::all_of(nonce.begin(), nonce.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  if (!plain || nonce.size() < 8 || nonce.size() > 64)
    throw std::invalid_argument("nonce must be 8 to 64 letters and digits");
  const std::string trailer = std::to_string(nonce.size() + 4);  // NONCE, three digits, a point
  return fill(kFunctions, {{"<NONCE>", nonce}, {"<TRAILER>", trailer}});
}

}  // namespace bringup::facts
