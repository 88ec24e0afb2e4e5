#include "fake_node.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>

#include "bringup/util/shell.hpp"

namespace bringup::plan::testing {
namespace {

namespace fs = std::filesystem;

// State: port.IF (content: "up" or "down"), inet.IF ("A MASK"), member.BRIDGE.IF.
// Faults: stuck.IF, leaves-down.IF, stays-down.IF, refuse.IF, lose.IF, quiet-refuse.IF.
constexpr std::string_view kIfconfig = R"sh(#!/bin/sh
cd "$NODE" || exit 9
if [ -t 0 ] || ! IFS= read -r line; then line=; fi
printf 'ifconfig %s stdin=[%s] env=[%s]\n' "$*" "$line" "$(env | grep hunter2)" >>log
may() { if [ -z "${FAKE_ROOT-}" ]; then echo "ifconfig: $1: permission denied" >&2; exit 1; fi; }
if [ $# -eq 1 ]; then
  case $1 in
    -a)
      for b in 0 1; do
        echo "bridge$b: flags=8863<UP,BROADCAST> mtu 1500"
        for m in member.bridge"$b".*; do
          if [ -e "$m" ]; then printf '\tmember: %s flags=3<LEARNING,DISCOVER>\n' "${m##*.}"; fi
        done
      done
      exit 0 ;;
    bridge*)
      echo "$1: flags=8863<UP,BROADCAST> mtu 1500"
      for m in member."$1".*; do
        if [ -e "$m" ]; then printf '\tmember: %s flags=3<LEARNING,DISCOVER>\n' "${m##*.}"; fi
      done
      exit 0 ;;
  esac
  if [ ! -e "port.$1" ]; then echo "ifconfig: interface $1 does not exist" >&2; exit 1; fi
  if [ "$(cat "port.$1")" = up ]; then f='8863<UP,BROADCAST>'; else f='8822<BROADCAST>'; fi
  echo "$1: flags=$f mtu 1500"
  if [ -e "inet.$1" ]; then
    read -r a m <"inet.$1"
    printf '\tinet %s netmask 0xfffffffc broadcast 10.254.0.3\n' "$a"
  fi
  exit 0
fi
case $2 in
  deletem)
    may BRDGDEL
    if [ -e "stuck.$3" ]; then exit 0; fi
    if ! rm "member.$1.$3" 2>/dev/null; then
      echo "ifconfig: BRDGDEL $3: No such file or directory" >&2; exit 1
    fi
    if [ -e "leaves-down.$3" ]; then echo down >"port.$3"; fi ;;
  addm)
    may BRDGADD
    if [ ! -e "refuse-member.$3" ]; then : >"member.$1.$3"; fi ;;
  down)
    may SIOCSIFFLAGS
    echo down >"port.$1" ;;
  up)
    may SIOCSIFFLAGS
    if [ ! -e "port.$1" ]; then echo "ifconfig: interface $1 does not exist" >&2; exit 1; fi
    if [ ! -e "stays-down.$1" ]; then echo up >"port.$1"; fi ;;
  inet)
    may 'ioctl (SIOCAIFADDR)'
    if [ "$4" = -alias ]; then rm -f "inet.$1"; exit 0; fi
    if [ -e "refuse.$1" ]; then echo "ifconfig: ioctl (SIOCAIFADDR): File exists" >&2; exit 1; fi
    if [ -e "quiet-refuse.$1" ]; then echo "ifconfig: ioctl (SIOCAIFADDR): File exists" >&2; exit 0; fi
    if [ ! -e "lose.$1" ]; then echo "$3 $5" >"inet.$1"; fi ;;
esac
)sh";

// Modes (file "sudo"): nopasswd, password, limited (a password, and ifconfig alone), absent is the
// stand-in's removal.
constexpr std::string_view kSudo = R"sh(#!/bin/sh
mode=$(cat "$NODE/sudo")
printf 'sudo %s\n' "$*" >>"$NODE/log"
ask=yes verify=no stdin=no
while [ $# -gt 0 ]; do
  case $1 in
    -n) ask=no ;;
    -S) stdin=yes ;;
    -p) shift ;;
    -v) verify=yes ;;
    --) shift; break ;;
    -*) echo "sudo: invalid option $1" >&2; exit 1 ;;
    *) break ;;
  esac
  shift
done
if [ "$mode" != nopasswd ]; then
  if [ "$ask" = no ]; then echo 'sudo: a password is required' >&2; exit 1; fi
  if [ "$stdin" = no ]; then echo 'sudo: a terminal is required to read the password' >&2; exit 1; fi
  if ! IFS= read -r word; then echo 'sudo: no password was provided' >&2; exit 1; fi
  if [ "$word" != hunter2 ]; then
    printf 'Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n' >&2
    exit 1
  fi
fi
if [ "$verify" = yes ]; then exit 0; fi
if [ "$mode" = limited ] && [ "$1" != ifconfig ]; then
  echo "Sorry, user admin is not allowed to execute '$*' as root" >&2; exit 1
fi
FAKE_ROOT=1; export FAKE_ROOT
exec "$@"
)sh";

constexpr std::string_view kId = R"sh(#!/bin/sh
case $1 in
  -u) cat "$NODE/uid" ;;
  -ru) exec /usr/bin/id -u ;;
  *) echo admin ;;
esac
)sh";

// Waiting for a state is made short; sleeps that bound a command's time are left as they are.
constexpr std::string_view kSleep = R"sh(#!/bin/sh
if [ "$1" = 0.2 ]; then exec /bin/sleep 0.01; fi
exec /bin/sleep "$1"
)sh";

constexpr std::string_view kUname = "#!/bin/sh\necho Darwin\n";

}  // namespace

FakeNode::FakeNode(std::string shell) {
  std::string pattern = (fs::temp_directory_path() / "bringup-plan.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  root_ = pattern;
  fs::create_directory(root_ / "bin");
  put("bin/ifconfig", kIfconfig);
  put("bin/sudo", kSudo);
  put("bin/id", kId);
  put("bin/uname", kUname);
  put("bin/sysctl", "#!/bin/sh\necho 0B00715C-0000-4000-8000-000000000001\n");
  put("bin/sleep", kSleep);
  for (const auto& entry : fs::directory_iterator(root_ / "bin")) {
    fs::permissions(entry.path(), fs::perms::owner_all);
  }
  // The scripts say "sh": that is the shell under test, also within the password's wrapper.
  for (const char* folder : {"/bin/", "/usr/bin/", "/opt/homebrew/bin/"}) {
    if (!fs::exists(folder + shell) || fs::is_symlink(root_ / "bin/sh")) continue;
    fs::create_symlink(folder + shell, root_ / "bin/sh");
  }
  put("sudo", "nopasswd");
  put("uid", "501\n");
  put("log", "");
}

FakeNode::~FakeNode() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void FakeNode::put(std::string_view name, std::string_view content) const {
  std::ofstream(path(name), std::ios::binary) << content;
}

std::string FakeNode::get(std::string_view name) const {
  std::ifstream in(path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool FakeNode::has(std::string_view name) const {
  return fs::exists(path(name));
}

std::vector<std::string> FakeNode::names(std::string_view folder) const {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(path(folder))) {
    out.push_back(entry.path().filename().string());
  }
  return out;
}

std::string FakeNode::run(const std::string& input, const std::string& command) const {
  put("input", input);
  const std::string line = "cd / && env -u BU_PW NODE=" + shell_quote(root_.string()) +
                           " PATH=" + shell_quote((root_ / "bin").string()) +
                           ":/usr/bin:/bin sh -c " + shell_quote(command) + " <" +
                           shell_quote(path("input").string()) + " >" +
                           shell_quote(path("output").string()) + " 2>&1";
  status_ = std::system(line.c_str());
  return get("output");
}

std::vector<facts::Frame> FakeNode::frames(const std::string& input,
                                           const std::string& command) const {
  const std::string output = run(input, command);
  auto parsed = facts::parse_frames(output, kNonce);
  EXPECT_TRUE(parsed) << output;
  return parsed ? *parsed : std::vector<facts::Frame>{};
}

const facts::Frame* find(const std::vector<facts::Frame>& frames, std::string_view name) {
  for (const auto& frame : frames) {
    if (frame.name == name) return &frame;
  }
  return nullptr;
}

}  // namespace bringup::plan::testing
