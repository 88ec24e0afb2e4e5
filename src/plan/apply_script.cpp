#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/execute.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/template.hpp"
#include "script_parts.hpp"
#include "step_codes.hpp"

namespace bringup::plan {
namespace {

// Every command has its stdin closed (stdin is the script itself) and its words bounded. The exit
// status travels as the last line of the captured text, since $? of a pipeline is its last part's.
constexpr std::string_view kBasics = R"sh(
bu_nl='
'
bu_dead=' '
bu_sudo=good
bu_rc=0
bu_text=
bu_exec() {
  bu_out=$( { "$@" </dev/null 2>&1; printf '\n%s' "$?"; } | tail -c 4096)
  bu_rc=${bu_out##*"$bu_nl"}
  bu_text=${bu_out%"$bu_nl"*}
  case $bu_rc in ''|*[!0-9]*) bu_rc=125 ;; esac
}
bu_look() { ifconfig "$1" </dev/null 2>/dev/null | head -c 65536; }
bu_gone() { case "$(bu_look "$1")" in *"member: $2 "*) return 1 ;; esac; }
bu_up() { case "$(bu_look "$1")" in *[\<,]UP[,\>]*) return 0 ;; esac; return 1; }
bu_member() { ! bu_gone "$1" "$2"; }
bu_down() { ! bu_up "$1"; }
bu_lacks() { case "$(bu_look "$1")" in *"inet $2 "*) return 1 ;; esac; }
bu_held() { case "$(bu_look "$1")" in *"inet $2 netmask $3 "*|*"inet $2 netmask $3$bu_nl"*) return 0 ;; esac; return 1; }
bu_wait() {
  bu_left=$1
  shift
  while ! "$@"; do
    bu_left=$((bu_left - 1))
    if [ "$bu_left" -le 0 ]; then return 1; fi
    sleep 0.2 2>/dev/null || sleep 1
  done
}
bu_skip() {
  if [ "$bu_sudo" = bad ] && [ "$3" = root ]; then
    bu_frame "step.$1.skipped" 0 sudo
    return 0
  fi
  case $bu_dead in
    *" $2 "*)
      bu_frame "step.$1.skipped" 0 target
      return 0
      ;;
  esac
  return 1
}
bu_fail() { bu_dead="$bu_dead$1 "; }
bu_done() {
  bu_frame "step.$1" "$bu_rc" "$bu_text"
  if [ "$bu_rc" -ne 0 ]; then
    bu_fail "$2"
    case $bu_text in
      *'sudo: a password is required'*|*'sudo: a terminal is required'*) bu_sudo=bad ;;
    esac
    return 1
  fi
}
bu_state() {
  if "$@"; then bu_frame "step.$bu_num.state" 0 held; else bu_frame "step.$bu_num.state" 1 missing; bu_fail "$bu_tgt"; fi
}
bu_detach() {
  bu_num=$1 bu_tgt=$3
  bu_skip "$1" "$3" root && return
  bu_exec bu_root ifconfig "$2" deletem "$3"
  bu_done "$1" "$3" || return
  bu_state bu_wait 5 bu_gone "$2" "$3"
}
bu_raise() {
  bu_num=$1 bu_tgt=$2
  bu_skip "$1" "$2" root && return
  if bu_up "$2"; then bu_frame "step.$1.was" 0 up; else bu_frame "step.$1.was" 0 down; fi
  bu_exec bu_root ifconfig "$2" up
  bu_done "$1" "$2" || return
  bu_state bu_wait 25 bu_up "$2"
}
bu_assign() {
  bu_num=$1 bu_tgt=$2
  bu_skip "$1" "$2" root && return
  bu_exec bu_root ifconfig "$2" inet "$3" netmask "$4"
  bu_done "$1" "$2" || return
  bu_state bu_wait 25 bu_held "$2" "$3" "$5"
}
bu_attach() {
  bu_num=$1 bu_tgt=$3
  bu_skip "$1" "$3" root && return
  bu_exec bu_root ifconfig "$2" addm "$3"
  bu_done "$1" "$3" || return
  bu_state bu_wait 5 bu_member "$2" "$3"
}
bu_lower() {
  bu_num=$1 bu_tgt=$2
  bu_skip "$1" "$2" root && return
  bu_exec bu_root ifconfig "$2" down
  bu_done "$1" "$2" || return
  bu_state bu_wait 5 bu_down "$2"
}
bu_unassign() {
  bu_num=$1 bu_tgt=$2
  bu_skip "$1" "$2" root && return
  bu_exec bu_root ifconfig "$2" inet "$3" -alias
  bu_done "$1" "$2" || return
  bu_state bu_wait 5 bu_lacks "$2" "$3"
}
)sh";

// The file is written beside the old one under a name that mktemp makes (never following a link
// somebody put there), compared, and renamed over it: the old file stays whole until then. In a
// sticky folder only the owner may replace a file: root's is replaced as root, if we may. A sudoers
// rule of ours allows root's file to be removed but nothing to be moved (plan/sudoers.hpp).
constexpr std::string_view kWrite = R"sh(
bu_store() {
  if [ -d "$1" ]; then
    printf '%s is a directory\n' "$1"
    return @DIRECTORY@
  fi
  bu_tmp=$(mktemp "$1.XXXXXX" 2>&1) || {
    printf '%s\n' "$bu_tmp"
    return @CREATE@
  }
  trap 'rm -f "$bu_tmp"; exit @CREATE@' HUP INT TERM
  if ! printf '%s' "$2" | cat >"$bu_tmp"; then
    rm -f "$bu_tmp"
    return @WRITE@
  fi
  if ! printf '%s' "$2" | cmp -s - "$bu_tmp"; then
    rm -f "$bu_tmp"
    return @COMPARE@
  fi
  if ! chmod 644 "$bu_tmp"; then
    rm -f "$bu_tmp"
    return @RENAME@
  fi
  bu_words=$(mv -f "$bu_tmp" "$1" 2>&1) && return 0
  printf '%s\n' "$bu_words"
  if [ "$bu_may_root" = yes ]; then
    if bu_root mv -f "$bu_tmp" "$1"; then return 0; fi
    if bu_root rm -f "$1" && mv -f "$bu_tmp" "$1"; then return 0; fi
  fi
  rm -f "$bu_tmp"
  return @RENAME@
}
bu_unlink() {
  bu_words=$(rm -f "$1" 2>&1) && return 0
  printf '%s\n' "$bu_words"
  [ "$bu_may_root" = yes ] && [ ! -d "$1" ] && bu_root rm -f "$1"
}
bu_remove() {
  bu_num=$1 bu_tgt=$2
  bu_exec bu_unlink "$2"
  bu_frame "step.$1" "$bu_rc" "$bu_text"
}
bu_write() {
  bu_num=$1 bu_tgt=$2
  bu_exec bu_store "$2" "$3"
  bu_frame "step.$1" "$bu_rc" "$bu_text"
}
)sh";

// The keeper's file is written as the login user, then installed as root beside the old one, in a
// folder that is root's alone, and renamed. bootout comes back before a job that runs is gone, and
// bootstrap fails until it is.
constexpr std::string_view kKeeper = R"sh(
bu_keeper_gone() { ! launchctl print system/<LABEL> </dev/null >/dev/null 2>&1; }
bu_keeper_out() {
  if bu_keeper_gone; then return 0; fi
  bu_words=$(bu_root launchctl bootout system/<LABEL> 2>&1)
  if bu_wait 25 bu_keeper_gone; then return 0; fi
  printf '%s\n' "$bu_words"
  return 1
}
bu_keeper_in() {
  for bu_try in 1 2 3 4 5; do
    bu_words=$(bu_root launchctl bootstrap system <PLIST> 2>&1) && return 0
    sleep 0.2 2>/dev/null || sleep 1
  done
  printf '%s\n' "$bu_words"
  return 1
}
bu_keeper_file() {
  bu_tmp=$(mktemp /tmp/<LABEL>.XXXXXX 2>&1) || {
    printf '%s\n' "$bu_tmp"
    return @CREATE@
  }
  if ! printf '%s' "$1" | cat >"$bu_tmp"; then
    rm -f "$bu_tmp"
    return @WRITE@
  fi
  bu_root install -o 0 -g 0 -m 644 "$bu_tmp" <PLIST>.new 2>&1
  bu_status=$?
  rm -f "$bu_tmp"
  if [ "$bu_status" -ne 0 ]; then return "$bu_status"; fi
  if ! printf '%s' "$1" | cmp -s - <PLIST>.new; then
    bu_root rm -f <PLIST>.new
    return @COMPARE@
  fi
  bu_root mv -f <PLIST>.new <PLIST>
}
bu_keeper_set() { bu_keeper_file "$1" && bu_keeper_out && bu_keeper_in; }
bu_keeper_drop() { bu_keeper_out && bu_root rm -f <PLIST>; }
bu_keeper() {
  bu_num=$1 bu_tgt=<PLIST>
  bu_skip "$1" "$bu_tgt" root && return
  if [ $# -eq 2 ]; then bu_exec bu_keeper_set "$2"; else bu_exec bu_keeper_drop; fi
  bu_done "$1" "$bu_tgt"
}
)sh";

// -n first: when sudo would not ask, the command must not find the password on its stdin; when it
// would, the first call ran nothing and the second surely reads the password.
constexpr std::string_view kRootByPassword = R"sh(
bu_root() {
  if [ "$bu_uid" = 0 ]; then "$@" </dev/null; return; fi
  bu_words=$(sudo -n -- "$@" </dev/null 2>&1)
  bu_status=$?
  case $bu_status:$bu_words in
    1:*'sudo: a password is required'*|1:*'sudo: a terminal is required'*)
      printf '%s\n' "${BU_PW-}" | sudo -S -p '' -- "$@"
      return
      ;;
  esac
  printf '%s\n' "$bu_words"
  return "$bu_status"
}
)sh";

constexpr std::string_view kRootBySudo = R"sh(
bu_root() {
  if [ "$bu_uid" = 0 ]; then "$@" </dev/null; return; fi
  sudo -n -- "$@" </dev/null
}
)sh";

constexpr std::string_view kRootByNobody = R"sh(
bu_root() { "$@" </dev/null; }
)sh";

// One question before any change, so that a wrong password is one clear failure and one entry in
// the node's log. -v asks for the right to use sudo at all, whatever commands sudoers names.
constexpr std::string_view kTryPassword = R"sh(
  if [ "$bu_uid" != 0 ]; then
    bu_out=$( { printf '%s\n' "${BU_PW-}" | sudo -S -p '' -v 2>&1; printf '\n%s' "$?"; } | tail -c 4096)
    bu_frame apply.sudo "${bu_out##*"$bu_nl"}" "${bu_out%"$bu_nl"*}"
    if [ "${bu_out##*"$bu_nl"}" != 0 ]; then return; fi
  fi
)sh";

std::string with_codes(std::string_view text) {
  return fill(text, {{"<LABEL>", std::string(facts::kKeeperLabel)},
                     {"<PLIST>", std::string(facts::kKeeperPlist)},
                     {"@DIRECTORY@", std::to_string(write_code::kDirectory)},
                     {"@CREATE@", std::to_string(write_code::kCreate)},
                     {"@WRITE@", std::to_string(write_code::kWrite)},
                     {"@COMPARE@", std::to_string(write_code::kCompare)},
                     {"@RENAME@", std::to_string(write_code::kRename)}});
}

std::string_view root_function(model::Become become) {
  switch (become) {
    case model::Become::none:
      return kRootByNobody;
    case model::Become::sudo:
      return kRootBySudo;
    case model::Become::sudo_password:
      return kRootByPassword;
  }
  return kRootByNobody;
}

bool touches_keeper(const NodePlan& node) {
  return std::ranges::any_of(node.actions,
                             [](const Action& action) { return is_keeper(action.task); });
}

}  // namespace

std::string change_functions(const NodePlan& node, model::Become become) {
  std::string script;
  if (become != model::Become::none) script += "bu_uid=$(id -u </dev/null)\n";
  script += fmt::format("bu_may_root={}\n", become == model::Become::none ? "no" : "yes");
  script += kBasics;
  script += root_function(become);
  script += with_codes(kWrite);
  if (touches_keeper(node)) script += with_codes(kKeeper);
  script += command_functions(node);
  return script;
}

std::string_view try_password(const NodePlan& node, model::Become become) {
  const bool any_root = std::ranges::any_of(node.actions, [](const Action& action) {
    return action.root && nature(action) == Nature::change;
  });
  return any_root && become == model::Become::sudo_password ? kTryPassword : std::string_view();
}

std::string apply_script(const NodePlan& node, const ApplyScriptOptions& options) {
  const std::string_view asking = try_password(node, options.become);
  facts::ScriptOptions read_back;
  read_back.nonce = options.nonce;
  read_back.ibv_path = options.ibv_path;
  read_back.profiler = facts::Profiler::skip;
  // All work stands in functions that the very last line calls: a script that arrives cut off, in
  // the middle of a netmask say, runs nothing.
  std::string script = "# bringup: changes of one node, then its facts read back\n";
  script += kSurroundings;
  script += facts::frame_functions(options.nonce);
  script += change_functions(node, options.become);
  script += "\nbu_steps() {\n  :\n";
  script += asking;
  script += change_steps(node, {});
  script += "  bu_frame apply.done 0 ''\n}\nbu_read_back() {\n";
  script += facts::facts_script(read_back);
  script += asking.empty() ? "\n}\n{ bu_steps; bu_read_back; }\n"
                           : "\n}\n{ bu_steps; BU_PW=; bu_read_back; }\n";
  return script;
}

std::string become_wrapper() {
  return R"(exec sh -c 'unset BU_PW; IFS= read -r BU_PW; bu_s=$(cat); eval "$bu_s"')";
}

}  // namespace bringup::plan
