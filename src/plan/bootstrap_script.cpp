#include <fmt/format.h>

#include "bootstrap_codes.hpp"
#include "bringup/plan/bootstrap.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/template.hpp"
#include "script_parts.hpp"

namespace bringup::plan {
namespace {

// What sshd would not trust, or what leads elsewhere, is not written to. sshd(8): StrictModes.
constexpr std::string_view kHome = R"sh(
bb_foreign() {
  bb_owner=$(ls -ldn "$1" | awk '{ print $3 }')
  [ "$bb_owner" != "$(id -u)" ]
}
bb_home_problem() {
  case ${HOME-} in
    /*) ;;
    *)
      printf 'the login has no home folder\n'
      return
      ;;
  esac
  for bb_one in "$HOME/.ssh" "$HOME/.ssh/authorized_keys"; do
    if [ -L "$bb_one" ]; then
      printf '%s is a symbolic link\n' "$bb_one"
      return
    fi
    if [ ! -e "$bb_one" ]; then return; fi
    if [ "$bb_one" = "$HOME/.ssh" ] && [ ! -d "$bb_one" ]; then
      printf '%s is no folder\n' "$bb_one"
      return
    fi
    if bb_foreign "$bb_one"; then
      printf '%s belongs to another user (%s)\n' "$bb_one" "$bb_owner"
      return
    fi
  done
  if [ ! -f "$bb_one" ]; then printf '%s is no file\n' "$bb_one"; fi
}
bb_has() {
  awk -v key="$1" '
    $1 !~ /^#/ { for (i = 1; i <= NF; i++) if ($i == key) found = 1 }
    END { exit !found }' "$2" 2>/dev/null
}
)sh";

// -k: what sudo remembers of a password does not count. -n: it must not ask.
constexpr std::string_view kAskSudo = R"sh(
bb_ask_sudo() {
  if [ "$(id -u)" = 0 ]; then
    bu_run boot.sudo 4096 10 true
    bu_run boot.dropin 65536 10 cat <FILE>
    return
  fi
  bu_run boot.sudo 4096 10 sudo -k -n true
  bu_run boot.dropin 65536 10 sudo -k -n cat <FILE>
}
)sh";

// The old lines stay, byte for byte, in front of the new ones.
constexpr std::string_view kAddKeys = R"sh(
bb_old() {
  if [ ! -f "$bb_f" ]; then return 0; fi
  cat "$bb_f" || return 1
  if [ -n "$(tail -c 1 "$bb_f")" ]; then printf '\n'; fi
}
bb_whole() {
  for bb_key in <BLOBS>; do
    bb_has "$bb_key" "$bb_t" || return 1
  done
  if [ ! -f "$bb_f" ]; then return 0; fi
  bb_size=$(($(wc -c <"$bb_f")))
  head -c "$bb_size" "$bb_t" | cmp -s - "$bb_f"
}
bb_add_keys() {
  umask 077
  bb_said=$(bb_home_problem)
  if [ -n "$bb_said" ]; then
    printf '%s\n' "$bb_said"
    return @PLACE@
  fi
  bb_f=$HOME/.ssh/authorized_keys
  if [ ! -d "$HOME/.ssh" ]; then mkdir -m 700 "$HOME/.ssh" || return @CREATE@; fi
  chmod 700 "$HOME/.ssh" || return @CREATE@
  bb_t=$(mktemp "$bb_f.XXXXXX" 2>&1) || {
    printf '%s\n' "$bb_t"
    return @CREATE@
  }
  trap 'rm -f "$bb_t"; exit @CREATE@' HUP INT TERM
  bb_rc=0
  if ! { bb_old && printf '%s\n' "$@"; } >"$bb_t" || ! bb_whole; then
    bb_rc=@WRITE@
  elif ! chmod 600 "$bb_t" || ! mv -f "$bb_t" "$bb_f"; then
    bb_rc=@RENAME@
  fi
  if [ "$bb_rc" != 0 ]; then rm -f "$bb_t"; fi
  return "$bb_rc"
}
)sh";

// Runs as root, with the file's content as its argument. The name with a point in it is one that
// sudo does not read.
constexpr std::string_view kRootJob = R"sh(
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 077
f=<FILE>
d=${f%/*}
if [ -L "$d" ] || [ ! -d "$d" ]; then
  echo "$d is no folder"
  exit @PLACE@
fi
if [ -f "$f" ] && [ ! -L "$f" ] && printf "%s" "$1" | cmp -s - "$f"; then
  chown 0:0 "$f" && chmod 440 "$f" && echo kept
  exit
fi
if [ -d "$f" ] && [ ! -L "$f" ]; then
  echo "$f is a folder"
  exit @PLACE@
fi
t=$(mktemp "$f.XXXXXX") || exit @CREATE@
trap "rm -f \"$t\"" 0
trap "exit @CREATE@" HUP INT TERM
printf "%s" "$1" >"$t" || exit @WRITE@
printf "%s" "$1" | cmp -s - "$t" || exit @WRITE@
chown 0:0 "$t" && chmod 440 "$t" || exit @CREATE@
visudo -cf "$t" 2>&1 || exit @CHECK@
mv -f "$t" "$f" || exit @RENAME@
echo written
)sh";

// -n first, as for every command of ours: where sudo does not ask, the password must not become the
// job's stdin. -k with the password: it is asked for, and not remembered.
constexpr std::string_view kInstall = R"sh(
bb_install() {
  if [ "$(id -u)" = 0 ]; then
    sh -c "$bb_job" bringup-bootstrap "$bb_text" </dev/null
    return
  fi
  bb_words=$(sudo -k -n -- sh -c "$bb_job" bringup-bootstrap "$bb_text" </dev/null 2>&1)
  bb_status=$?
  if [ -n "${BU_PW-}" ]; then
    case $bb_status:$bb_words in
      1:*'sudo: a password is required'*|1:*'sudo: a terminal is required'*)
        printf '%s\n' "$BU_PW" | sudo -k -S -p '' -- sh -c "$bb_job" bringup-bootstrap "$bb_text"
        return
        ;;
    esac
  fi
  printf '%s\n' "$bb_words"
  return "$bb_status"
}
)sh";

constexpr std::string_view kFramed = R"sh(
bb_framed() {
  bb_name=$1
  shift
  bb_out=$("$@" 2>&1)
  bb_got=$?
  bu_frame "$bb_name" "$bb_got" "$(printf '%s' "$bb_out" | tail -c 4096)"
}
)sh";

std::string with_codes(std::string_view text) {
  namespace code = bootstrap_code;
  return fill(text, {{"<FILE>", std::string(kSudoersFile)},
                     {"@PLACE@", std::to_string(code::kPlace)},
                     {"@CREATE@", std::to_string(code::kCreate)},
                     {"@WRITE@", std::to_string(code::kWrite)},
                     {"@CHECK@", std::to_string(code::kCheck)},
                     {"@RENAME@", std::to_string(code::kRename)}});
}

std::string head(const std::string& nonce) {
  return std::string(kSurroundings) + facts::frame_functions(nonce);
}

std::string line_of(const LoginKey& key) {
  std::string line = key.type + " " + key.base64;
  if (!key.comment.empty()) line += " " + key.comment;
  return line;
}

}  // namespace

std::string bootstrap_look_script(const std::vector<LoginKey>& keys, const std::string& nonce) {
  std::string script = "# bringup: looks at the login's keys and its right to sudo\n";
  script += head(nonce) + std::string(kHome) + with_codes(kAskSudo);
  script +=
      "bb_look() {\n"
      "  bu_run boot.uname 4096 10 uname -s\n"
      "  bu_run boot.user 4096 10 id -un\n"
      "  bu_run boot.uid 4096 10 id -u\n"
      "  bu_frame boot.home 0 \"$(bb_home_problem)\"\n";
  for (std::size_t i = 0; i < keys.size(); ++i) {
    script += fmt::format(
        "  if bb_has {} \"${{HOME-}}/.ssh/authorized_keys\"; then bu_frame boot.key.{} 0 ''; "
        "else bu_frame boot.key.{} 1 ''; fi\n",
        shell_quote(keys[i].base64), i, i);
  }
  return script + "  bb_ask_sudo\n  bu_frame end 0 ''\n}\n{ bb_look; }\n";
}

std::string bootstrap_change_script(const BootstrapPlan& plan, const std::vector<LoginKey>& keys,
                                    const std::string& nonce) {
  std::string script = "# bringup: the login's keys and its right to sudo\n";
  script += head(nonce) + std::string(kFramed);
  std::string steps;
  if (!plan.keys.empty()) {
    std::vector<std::string> blobs;
    std::vector<std::string> lines{"bb_framed", "boot.keys", "bb_add_keys"};
    for (const std::size_t i : plan.keys) {
      blobs.push_back(keys[i].base64);
      lines.push_back(line_of(keys[i]));
    }
    script += std::string(kHome) + fill(with_codes(kAddKeys), {{"<BLOBS>", shell_join(blobs)}});
    steps += "  " + shell_join(lines) + "\n";
  }
  if (plan.sudoers) {
    script += kInstall;
    script += "bb_job=" + shell_quote(with_codes(kRootJob)) + "\n";
    script += "bb_text=" + shell_quote(*plan.sudoers) + "\n";
    steps += "  bb_framed boot.sudoers bb_install\n";
  }
  return script + "bb_change() {\n" + steps + "  bu_frame end 0 ''\n}\n{ bb_change; }\n";
}

std::string bootstrap_check_script(const std::string& nonce) {
  return head(nonce) + with_codes(kAskSudo) + "{ bb_ask_sudo; bu_frame end 0 ''; }\n";
}

}  // namespace bringup::plan
