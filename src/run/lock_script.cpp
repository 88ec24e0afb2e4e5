#include <fmt/format.h>

#include <charconv>

#include "bringup/run/lock.hpp"
#include "bringup/util/clock.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"

namespace bringup::run {
namespace {

// Dropping is the last thing that a script does: a signal in the middle of it, and the second of
// two is sent soon after the first, would leave the folder of the change behind.
//
// A process is told by its number and its start: numbers come again, after a restart above all.
// Whatever stands in the file may be another user's: only numbers are used of it.
constexpr std::string_view kFunctions = R"sh(
bl_get() { sed -n "s/^$1=//p" "$bl_path" 2>/dev/null | head -n 1; }
bl_number() {
  case $1 in ''|*[!0-9]*) return 1 ;; esac
  [ "${#1}" -le 10 ]
}
bl_start() { LC_ALL=C ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' '_'; }
bl_lives() {
  bl_number "$1" || return 1
  bl_seen=$(bl_start "$1")
  [ -n "$bl_seen" ] && [ "$bl_seen" = "$2" ]
}
bl_works() {
  sed -n 's/^worker=//p' "$bl_path" 2>/dev/null | head -n 100 | {
    while IFS=: read -r bl_pid bl_since; do
      if bl_lives "$bl_pid" "$bl_since"; then exit 0; fi
    done
    exit 1
  }
}
bl_ours() { [ "$(bl_get token)" = "$bl_token" ]; }
bl_late() {
  bl_until=$(bl_get until)
  bl_number "$bl_until" && [ "$(date +%s)" -gt "$bl_until" ]
}
bl_state() {
  if [ ! -e "$bl_path" ] && [ ! -L "$bl_path" ]; then
    echo free
  elif bl_late; then
    echo late
  elif { [ -z "$bl_over" ] || [ "$(bl_get run)" != "$bl_over" ]; } &&
    bl_lives "$(bl_get session)" "$(bl_get start)"; then
    echo held
  elif bl_works; then
    echo ending
  else
    echo stale
  fi
}
bl_enter() {
  bl_tries=0
  until mkdir "$bl_path.change" 2>/dev/null; do
    if [ -n "$(find "$bl_path.change" -prune -mmin +1 2>/dev/null)" ]; then rmdir "$bl_path.change" 2>/dev/null; fi
    bl_tries=$((bl_tries + 1))
    if [ "$bl_tries" -gt 10 ]; then return 1; fi
    sleep 1
  done
}
bl_leave() { rmdir "$bl_path.change" 2>/dev/null; }
bl_drop() {
  trap '' HUP INT TERM
  bl_ours || return 0
  bl_enter || return 1
  if bl_ours; then rm -f "$bl_path"; fi
  bl_leave
}
)sh";

// The session's process is the nearest sshd above us: what lies between is the login shell.
//
// The watch has no descriptor of the session: `exec`, since a shell that redirects a function keeps
// the old ones open beside. It stands in the process group of this script, which is ended when the
// script is cancelled: before any change was sent, so the lock goes then.
constexpr std::string_view kTake = R"sh(
bl_session() {
  bl_up=$PPID
  bl_deep=0
  while bl_number "$bl_up" && [ "$bl_up" -gt 1 ] && [ "$bl_deep" -lt 16 ]; do
    case $(ps -o comm= -p "$bl_up" 2>/dev/null) in
      *sshd*)
        echo "$bl_up"
        return
        ;;
    esac
    bl_up=$(ps -o ppid= -p "$bl_up" 2>/dev/null | tr -d ' ')
    bl_deep=$((bl_deep + 1))
  done
  echo "$PPID"
}
bl_make() {
  bl_new=$(mktemp "$bl_path.XXXXXX" 2>&1) || {
    bl_words=$bl_new
    return 1
  }
  bl_now=$(date +%s)
  if bl_words=$({ printf 'bringup lock 1\ntoken=%s\nrun=%s\nwho=%s\npid=%s\nsince=%s\nuntil=%s\nsession=%s\nstart=%s\n' \
    "$bl_token" "$bl_run" "$bl_who" "$bl_by" "$bl_now" "$((bl_now + bl_valid))" "$bl_above" \
    "$bl_begun" >"$bl_new" && chmod 644 "$bl_new"; } 2>&1); then
    return 0
  fi
  rm -f "$bl_new"
  return 1
}
bl_link() {
  ln "$bl_new" "$bl_path" 2>/dev/null && bl_ours
}
bl_take() {
  bl_above=$(bl_session)
  bl_begun=$(bl_start "$bl_above")
  bl_old=
  bl_left=12
  while :; do
    case $(bl_state) in
      held) bl_left=0 ;;
      free)
        if ! bl_make; then
          bu_frame lock 2 "$bl_words"
          return 1
        fi
        bl_link
        bl_got=$?
        rm -f "$bl_new"
        if [ "$bl_got" -eq 0 ]; then
          if [ -n "$bl_old" ]; then bu_frame lock 0 "over$bl_nl$bl_old"; else bu_frame lock 0 taken; fi
          return 0
        fi
        ;;
      late | stale)
        if bl_enter; then
          case $(bl_state) in
            late | stale)
              bl_old=$(head -c 4096 "$bl_path" 2>/dev/null)
              bl_words=$(rm -f "$bl_path" 2>&1) || {
                bl_leave
                bu_frame lock 2 "$bl_words"
                return 1
              }
              ;;
          esac
          bl_leave
        fi
        ;;
      ending) sleep 1 ;;
    esac
    bl_left=$((bl_left - 1))
    if [ "$bl_left" -lt 0 ]; then
      bu_frame lock 1 "$(head -c 4096 "$bl_path" 2>/dev/null)"
      return 1
    fi
  done
}
bl_watch() {
  trap '' HUP
  trap 'bl_drop; exit 1' TERM
  while bl_ours && bl_lives "$bl_above" "$bl_begun"; do sleep 1; done
  while bl_ours && bl_works && ! bl_late; do sleep 1; done
  bl_drop
}
trap 'bl_drop; exit 1' HUP INT TERM
if bl_take; then ( (exec </dev/null >/dev/null 2>&1; bl_watch) & ); fi
)sh";

std::string variables(const LockRequest& request) {
  return fmt::format("bl_nl='\n'\nbl_path={}\nbl_token={}\n", shell_quote(request.path),
                     shell_quote(request.token));
}

// The value of "name=" in the lock's lines.
std::string value_of(std::string_view lines, std::string_view name) {
  for (const auto line : split_lines(lines)) {
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=') {
      return printable(line.substr(name.size() + 1), 100);
    }
  }
  return {};
}

std::string moment(const std::string& seconds) {
  long long value = 0;
  const auto [stop, error] =
      std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
  if (error != std::errc() || stop != seconds.data() + seconds.size() || value < 0 ||
      value > 32503680000) {
    return {};
  }
  const std::string iso =
      rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(value)));
  return iso.substr(0, 10) + " " + iso.substr(11, 8) + " UTC";
}

}  // namespace

std::string lock_script(const LockRequest& request) {
  return variables(request) +
         fmt::format("bl_run={}\nbl_who={}\nbl_by={}\nbl_valid={}\nbl_over={}\n",
                     shell_quote(request.run), shell_quote(request.who), request.pid,
                     request.valid.count(), shell_quote(request.over)) +
         std::string(kFunctions) + std::string(kTake);
}

std::string unlock_script(const LockRequest& request) {
  return variables(request) + std::string(kFunctions) + "bl_drop\n";
}

std::string lock_preamble(const LockRequest& request) {
  return variables(request) + std::string(kFunctions) +
         "if ! bl_ours; then exit 93; fi\n"
         "printf 'worker=%s:%s\\n' \"$$\" \"$(bl_start \"$$\")\" >>\"$bl_path\"\n";
}

Error lock_lost(const std::string& node) {
  return {ErrorCode::remote,
          node +
              ": its lock has passed to another controller before the changes began; nothing was "
              "changed there",
          "see who changes it, then run bringup apply again"};
}

std::string holder_run(std::string_view lines) {
  return value_of(lines, "run");
}

std::string holder_words(std::string_view lines) {
  std::string who = value_of(lines, "who");
  if (who.empty()) who = "somebody whose lock cannot be read";
  if (const auto pid = value_of(lines, "pid"); !pid.empty()) who += " (process " + pid + ")";
  if (const auto since = moment(value_of(lines, "since")); !since.empty()) who += " since " + since;
  if (const auto run = value_of(lines, "run"); !run.empty()) who += ", run " + run;
  return who;
}

}  // namespace bringup::run
