#include <fmt/format.h>

#include "bringup/plan/execute.hpp"
#include "bringup/plan/guard.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/template.hpp"
#include "guard_parts.hpp"
#include "script_parts.hpp"

namespace bringup::plan {
namespace {

// How the guard's processes are called, so that `ps` tells whether they live.
constexpr std::string_view kName = "bringup-guard-";

// What all scripts know of the folder. A guard ends with the boot that armed it: what the inverse
// would bring back is not what a boot leaves, least of all the session's own address. A boot that
// cannot be told (no process can be made, say) is this one.
constexpr std::string_view kFolder = R"sh(
bu_boot() {
  case $(uname) in
    Darwin) sysctl -n kern.bootsessionuuid ;;
    *) cat /proc/sys/kernel/random/boot_id ;;
  esac </dev/null 2>/dev/null
}
bu_restarted() {
  bu_this=$(bu_boot)
  bu_that=$(cat "$1/boot" 2>/dev/null)
  [ -n "$bu_this" ] && [ -n "$bu_that" ] && [ "$bu_this" != "$bu_that" ]
}
bu_guard_state() {
  for bu_s in committed rolled-back rollback-failed restarted rolling-back armed; do
    if [ ! -e "$1/$bu_s" ]; then continue; fi
    case $bu_s in armed|rolling-back)
      if bu_restarted "$1"; then bu_s=restarted; fi
      ;;
    esac
    printf '%s' "$bu_s"
    return
  done
  printf gone
}
bu_is_settled() {
  case $(bu_guard_state "$1") in armed|rolling-back) return 1 ;; esac
}
bu_is_over() { [ ! -e "$1/armed" ] && [ ! -e "$1/rolling-back" ]; }
)sh";

// Whoever renames the state to rolling-back undoes. The steps look for `armed` before each change
// and are given a while to come to their end; then they are ended, lest a late one spoils the
// undoing. Two processes wait for the deadline, the second some seconds longer, and either takes
// over when the other was ended in the middle. They do not ask which boot it is: that they live
// tells it. Seconds are counted, not read from the clock, which a change of the network may set.
constexpr std::string_view kWatch = R"sh(
bu_finish() {
  bu_left=75
  while [ -n "$bu_runner" ] && [ -e "$bu_dir/running" ] && kill -0 "$bu_runner" 2>/dev/null; do
    bu_left=$((bu_left - 1))
    if [ "$bu_left" -le 0 ]; then
      kill -KILL "$bu_runner"
      break
    fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  if bu_words=$(bu_undo 2>&1); then bu_end=rolled-back; else bu_end=rollback-failed; fi
  mv "$bu_dir/rolling-back" "$bu_dir/$bu_end" 2>/dev/null
  if [ -n "$bu_words" ]; then printf '%s\n' "$bu_words" >"$bu_dir/words"; fi
}
bu_roll_back() {
  if mv "$bu_dir/armed" "$bu_dir/rolling-back" 2>/dev/null; then bu_finish; fi
}
bu_watch() {
  bu_ticks=0
  bu_stuck=0
  until bu_is_over "$bu_dir"; do
    sleep 1
    bu_ticks=$((bu_ticks + 1))
    if [ -e "$bu_dir/rolling-back" ]; then
      bu_stuck=$((bu_stuck + 1))
      if [ "$bu_stuck" -ge "$2" ]; then
        bu_finish
        return
      fi
      continue
    fi
    bu_until=
    read -r bu_until <"$bu_dir/deadline"
    case $bu_until in ''|*[!0-9]*) bu_until=<SECONDS> ;; esac
    if [ "$bu_ticks" -ge "$((bu_until + $1))" ]; then bu_roll_back; fi
  done
}
)sh";

// Away from the session, its process group and its descriptors. A Mac has no setsid(1) but perl.
constexpr std::string_view kDetach = R"sh(
bu_detach_job() {
  printf '%s\n%s\n' "${BU_PW-}" "$2" | {
    trap '' HUP
    set -- sh -c 'trap "" HUP; unset BU_PW; IFS= read -r BU_PW; bu_s=$(cat); eval "$bu_s"' "$1"
    cd / || exit 1
    if command -v setsid >/dev/null 2>&1; then exec setsid "$@"; fi
    if perl -e 'use POSIX ();' >/dev/null 2>&1; then
      exec perl -e 'use POSIX (); POSIX::setsid(); exec @ARGV;' "$@"
    fi
    exec "$@"
  } >/dev/null 2>&1 &
}
)sh";

// Folders of ours are real, closed to others and our own; a guard that somebody else could touch is
// none. What settled guards left is taken away; one that is not settled is another run's.
constexpr std::string_view kArm = R"sh(
bu_refuse() {
  bu_frame guard.refused 1 "$1"
}
bu_own() {
  if [ -L "$1" ]; then return 1; fi
  if [ ! -d "$1" ]; then mkdir -m 700 "$1" || return 1; fi
  chmod 700 "$1" || return 1
  ls -ldn "$1" | awk -v uid="$(id -ru)" '{ ok = substr($1, 1, 10) == "drwx------" && $3 == uid }
    END { exit !ok }'
}
bu_fill() {
  mkdir -m 700 "$bu_dir" || return 1
  printf '%s\n' <SECONDS> >"$bu_dir/deadline" || return 1
  { bu_boot || :; } >"$bu_dir/boot" || return 1
  printf '%s\n' "$bu_undo_job" >"$bu_dir/undo" || return 1
  printf '%s\n' "$bu_undo_job" | cmp -s - "$bu_dir/undo" || return 1
  : >"$bu_dir/log" || return 1
  : >"$bu_dir/armed" || return 1
  : >"$bu_dir/waiting"
}
bu_arm() {
  case ${HOME-} in
    /*) ;;
    *)
      bu_refuse 'the login has no home folder to keep the guard in'
      return
      ;;
  esac
  for bu_f in "$HOME/.bringup" "$HOME/.bringup/guard"; do
    if bu_words=$(bu_own "$bu_f" 2>&1); then continue; fi
    bu_refuse "$bu_f cannot be made a folder of the login's own: $bu_words"
    return
  done
  for bu_f in "$HOME"/.bringup/guard/*; do
    if [ ! -d "$bu_f" ]; then continue; fi
    if bu_is_settled "$bu_f"; then
      rm -rf "$bu_f"
    else
      bu_refuse "another run's guarded change is not settled yet ($bu_f)"
      return
    fi
  done
  if ! bu_words=$(bu_fill 2>&1); then
    rm -rf "$bu_dir"
    bu_refuse "the guard cannot be written to $bu_dir: $bu_words"
    return
  fi
  bu_detach_job "<NAME>" "$bu_job"
  bu_left=50
  while [ -e "$bu_dir/waiting" ] && [ "$bu_left" -gt 0 ]; do
    bu_left=$((bu_left - 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  if [ -e "$bu_dir/waiting" ] && mv "$bu_dir/waiting" "$bu_dir/never" 2>/dev/null; then
    mv "$bu_dir/armed" "$bu_dir/rolled-back"
    bu_refuse 'the guard did not start'
    return
  fi
  bu_frame guard.armed 0 "$bu_dir"
  bu_left=<WAIT>
  while [ ! -e "$bu_dir/applied" ] && [ "$bu_left" -gt 0 ]; do
    bu_left=$((bu_left - 1))
    sleep 0.2 2>/dev/null || sleep 1
  done
}
)sh";

std::string head(const GuardScriptOptions& options) {
  return std::string(kSurroundings) + facts::frame_functions(options.nonce);
}

std::string folder(const GuardScriptOptions& options) {
  return fmt::format("bu_dir=$HOME/.bringup/guard/{}\n", options.id);
}

// A script of its own that undoes what is armed, or committed. The run's own guard may be at it.
std::string undo_job(const NodePlan& node, const facts::NodeFacts& before,
                     const GuardScriptOptions& options) {
  return head(options) + folder(options) + change_functions(node, options.become) +
         std::string(kFolder) + fill(kWatch, {{"<SECONDS>", std::to_string(options.seconds)}}) +
         undo_function(node, before) +
         "bu_now() {\n"
         "  if [ \"$(bu_guard_state \"$bu_dir\")\" = restarted ]; then\n"
         "    bu_undo_files >/dev/null\n"
         "    mv \"$bu_dir/armed\" \"$bu_dir/restarted\" 2>/dev/null ||\n"
         "      mv \"$bu_dir/rolling-back\" \"$bu_dir/restarted\" 2>/dev/null\n"
         "    return\n"
         "  fi\n"
         "  bu_runner=\n"
         "  if [ -e \"$bu_dir/running\" ]; then read -r bu_runner <\"$bu_dir/running\"; fi\n"
         "  bu_roll_back\n"
         "  if mv \"$bu_dir/committed\" \"$bu_dir/rolling-back\" 2>/dev/null; then bu_finish; fi\n"
         "  bu_watch 0 40\n"
         "}\nbu_now\n";
}

// The guard and the steps. The first process that watches is there before the first change.
std::string guarded_job(const NodePlan& node, const facts::NodeFacts& before,
                        const GuardScriptOptions& options) {
  std::string script = options.preamble + head(options) + folder(options) +
                       change_functions(node, options.become) + std::string(kFolder) +
                       fill(kWatch, {{"<SECONDS>", std::to_string(options.seconds)}}) +
                       undo_function(node, before);
  script += "\nbu_steps() {\n";
  script += change_steps(node, "  [ -e \"$bu_dir/armed\" ] || return\n");
  script += "  bu_frame apply.done 0 ''\n}\n";
  script += fmt::format(
      "bu_guarded() {{\n"
      "  bu_runner=$$\n"
      "  {{ mv \"$bu_dir/waiting\" \"$bu_dir/running\" && bu_watch 0 40; }} &\n"
      "  bu_left=50\n"
      "  while [ -e \"$bu_dir/waiting\" ] && [ \"$bu_left\" -gt 0 ]; do\n"
      "    bu_left=$((bu_left - 1))\n"
      "    sleep 0.1 2>/dev/null || sleep 1\n"
      "  done\n"
      "  if [ ! -e \"$bu_dir/running\" ]; then return; fi\n"
      "  printf '%s\\n' \"$bu_runner\" >\"$bu_dir/running\"\n"
      "{}"
      "  bu_steps\n"
      "  mv \"$bu_dir/running\" \"$bu_dir/applied\"\n"
      "  bu_watch 3 60\n"
      "}}\n"
      "{{ bu_guarded; }} >\"$bu_dir/log\" 2>&1 </dev/null\n",
      options.cuts_session ? "  sleep 0.5 2>/dev/null || sleep 1\n" : "");
  return script;
}

std::string gateway_of(const facts::NodeFacts& facts) {
  for (const auto& route : facts.routes) {
    if (route.destination.prefix() == 0 && model::Ipv4::parse(route.gateway)) return route.gateway;
  }
  return {};
}

std::string probe(const facts::NodeFacts& before) {
  const std::string gateway = gateway_of(before);
  return gateway.empty() ? "" : fmt::format("  bu_run guard.probe 4096 3 ping -c 1 {}\n", gateway);
}

std::string read_back(const GuardScriptOptions& options) {
  facts::ScriptOptions facts;
  facts.nonce = options.nonce;
  facts.ibv_path = options.ibv_path;
  facts.profiler = facts::Profiler::skip;
  return "bu_read_back() {\n" + facts::facts_script(facts) + "\n}\n";
}

std::string_view told() {
  return "  bu_frame guard.state 0 \"$(bu_guard_state \"$bu_dir\")\"\n"
         "  if [ -e \"$bu_dir/applied\" ]; then bu_frame guard.applied 0 yes; fi\n"
         "  if [ -s \"$bu_dir/words\" ]; then bu_frame guard.words 0 \"$(head -c 4096 "
         "\"$bu_dir/words\")\"; fi\n";
}

std::string wait_until(std::string_view condition, int seconds) {
  return fmt::format(
      "  bu_left={}\n"
      "  until {}; do\n"
      "    bu_left=$((bu_left - 1))\n"
      "    if [ \"$bu_left\" -le 0 ]; then break; fi\n"
      "    sleep 0.2 2>/dev/null || sleep 1\n"
      "  done\n",
      seconds * 5, condition);
}

}  // namespace

std::string guard_arm_script(const NodePlan& node, const facts::NodeFacts& before,
                             const GuardScriptOptions& options) {
  std::string script =
      options.preamble + "# bringup: arms a guard, then changes one node beside this session\n";
  script += head(options) + folder(options) + change_functions(node, options.become) +
            std::string(kFolder) + std::string(kDetach);
  script += "bu_job=" + shell_quote(guarded_job(node, before, options)) + "\n";
  script += "bu_undo_job=" + shell_quote(undo_job(node, before, options)) + "\n";
  script +=
      fill(kArm, {{"<SECONDS>", std::to_string(options.seconds)},
                  {"<NAME>", std::string(kName) + options.id},
                  {"<WAIT>", std::to_string(options.cuts_session ? 0 : options.wait_seconds * 5)}});
  script += "bu_begin() {\n";
  script += try_password(node, options.become);
  script += probe(before);
  script += "  bu_arm\n}\n{ bu_begin; }\n";
  return script;
}

std::string guard_look_script(const facts::NodeFacts& before, const GuardScriptOptions& options,
                              GuardAwait await, std::optional<int> extend_to) {
  std::string script = head(options) + folder(options) + std::string(kFolder) + read_back(options);
  script += "bu_look_at() {\n";
  if (extend_to) {
    script += fmt::format(
        "  printf '%s\\n' {} >\"$bu_dir/deadline.new\" && mv \"$bu_dir/deadline.new\" "
        "\"$bu_dir/deadline\"\n",
        *extend_to);
  }
  script += wait_until(await == GuardAwait::applied
                           ? "[ -e \"$bu_dir/applied\" ] || bu_is_settled \"$bu_dir\""
                           : "bu_is_settled \"$bu_dir\"",
                       options.wait_seconds);
  script += told();
  if (await == GuardAwait::applied) script += probe(before);
  script += "  bu_read_back\n  cat \"$bu_dir/log\" 2>/dev/null\n}\n{ bu_look_at; }\n";
  return script;
}

std::string guard_commit_script(const GuardScriptOptions& options) {
  std::string script = head(options) + folder(options) + std::string(kFolder);
  script += "bu_commit() {\n";
  script +=
      "  if [ -e \"$bu_dir/applied\" ]; then mv \"$bu_dir/armed\" \"$bu_dir/committed\" "
      "2>/dev/null; fi\n";
  script += told();
  return script + "}\n{ bu_commit; }\n";
}

std::string guard_rollback_script(const NodePlan& node, const facts::NodeFacts& before,
                                  const GuardScriptOptions& options) {
  std::string script = head(options) + folder(options) + std::string(kFolder) +
                       std::string(kDetach) + read_back(options);
  script += "bu_undo_job=" + shell_quote(undo_job(node, before, options)) + "\n";
  script += "bu_back() {\n";
  script += fmt::format(
      "  case $(bu_guard_state \"$bu_dir\") in\n"
      "    armed|committed|restarted)\n"
      "      bu_detach_job \"{}{}\" \"$bu_undo_job\"\n"
      "      sleep 1\n"
      "      ;;\n"
      "  esac\n",
      kName, options.id);
  script += wait_until("bu_is_settled \"$bu_dir\"", options.wait_seconds);
  script += told();
  return script + "  bu_read_back\n}\n{ bu_back; }\n";
}

std::string guard_forget_script(const std::string& id) {
  return fmt::format("rm -rf \"$HOME/.bringup/guard/{}\"\n", id) +
         "rmdir \"$HOME/.bringup/guard\" \"$HOME/.bringup\" 2>/dev/null\n:\n";
}

std::string guard_settle_script(const GuardScriptOptions& options) {
  std::string script = head(options) + std::string(kFolder) + std::string(kDetach);
  script += fmt::format(R"sh(
bu_lives() {{
  ps -A -o args= | awk -v id="$1" 'index($0, "{}" id) {{ found = 1 }} END {{ exit !found }}'
}}
bu_settle() {{
  bu_left={}
  for bu_f in "$HOME"/.bringup/guard/*; do
    if [ ! -d "$bu_f" ]; then continue; fi
    bu_asked=
    if [ "$(bu_guard_state "$bu_f")" = restarted ] && [ ! -e "$bu_f/restarted" ]; then
      sh "$bu_f/undo" </dev/null >/dev/null 2>&1
    fi
    until bu_is_settled "$bu_f"; do
      if [ -z "$bu_asked" ] && ! bu_lives "${{bu_f##*/}}"; then
        bu_asked=yes
        bu_detach_job "{}${{bu_f##*/}}" "$(cat "$bu_f/undo")"
      fi
      bu_left=$((bu_left - 1))
      if [ "$bu_left" -le 0 ]; then
        bu_frame guard.pending 1 "$bu_f"
        return
      fi
      sleep 1
    done
  done
  bu_frame guard.pending 0 ''
}}
{{ bu_settle; }}
)sh",
                        kName, options.wait_seconds, kName);
  return script;
}

}  // namespace bringup::plan
