// The facts script and its functions, run by real shells among commands that play a Mac's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bringup/facts/script.hpp"
#include "support/data.hpp"
#include "support/shell_run.hpp"

namespace bringup::facts {
namespace {

using support::Folder;
using support::Ran;
using support::read_data;
using support::run_script;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kNonce = "00112233445566778899aabbccddeeff";

class Shells : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  // A Mac with RDMA on and two ports in bridge0.
  void make_mac() {
    for (const char* name :
         {"ifconfig_all", "hardware_ports", "netstat", "ibv_devices", "ibv_devinfo", "sw_vers"})
      bin_.write(std::string(name) + ".txt", read_data("darwin/" + std::string(name) + ".txt"));
    bin_.write("profiler.json", read_data("darwin/profiler_peer.json"));
    const auto prints = [&](const char* file) { return "cat " + bin_.path(file); };
    bin_.program("uname", "case $1 in -s) echo Darwin;; -n) echo mac1.local;; *) exit 1;; esac");
    bin_.program("id", "[ \"$*\" = -un ] && echo lab");
    bin_.program(
        "sysctl",
        "case $2 in hw.model) echo Mac15,14;; net.inet.ip.forwarding) echo 1;; *) exit 1;; "
        "esac");
    bin_.program("ifconfig", "[ \"$*\" = -a ] && " + prints("ifconfig_all.txt"));
    bin_.program("networksetup", "case $1 in -listallhardwareports) " +
                                     prints("hardware_ports.txt") +
                                     ";; -getcurrentlocation) echo Automatic;; *) exit 4;; esac");
    bin_.program("netstat", "[ \"$*\" = '-rn -f inet' ] && " + prints("netstat.txt"));
    bin_.program("arp", "[ \"$*\" = -an ] && echo '? (10.0.0.1) at 2:0:0:0:0:4 on en0 [ethernet]'");
    bin_.program("rdma_ctl", "[ \"$*\" = status ] && echo enabled");
    bin_.program("ibv_devices", prints("ibv_devices.txt"));
    bin_.program("ibv_devinfo", "[ \"$*\" = -v ] && " + prints("ibv_devinfo.txt"));
    bin_.program("sw_vers", prints("sw_vers.txt"));
    bin_.program("system_profiler",
                 "[ \"$*\" = 'SPThunderboltDataType -json' ] && " + prints("profiler.json"));
    bin_.program("sudo", "[ \"$*\" = '-n true' ]");
  }

  ScriptOptions options() const {
    ScriptOptions out;
    out.nonce = kNonce;
    out.ibv_path = bin_.path("matrix file.json");
    return out;
  }

  Ran run(const std::string& script) const {
    return run_script(GetParam(), script, bin_.path(),
                      {"SSH_CONNECTION=10.9.9.9 50000 192.168.1.11 22"});
  }

  std::vector<Frame> frames_of(const Ran& ran) const {
    auto frames = parse_frames(ran.out, kNonce);
    EXPECT_TRUE(frames.has_value()) << frames.error().message;
    return frames ? *frames : std::vector<Frame>{};
  }

  NodeFacts read(const ScriptOptions& given) const {
    const Ran ran = run(facts_script(given));
    EXPECT_EQ(ran.status, 0);
    auto facts = parse_facts(frames_of(ran));
    EXPECT_TRUE(facts.has_value()) << facts.error().message;
    return facts ? *facts : NodeFacts{};
  }

  // The one frame of `bu_run x LIMIT SECONDS command`, with a shell function of the test's before.
  Frame run_one(const std::string& arguments, const std::string& before = {}) const {
    const Ran ran =
        run(frame_functions(kNonce) + before + "\nbu_run x " + arguments + "\nbu_frame end 0 ''\n");
    seconds_ = ran.seconds;
    const auto frames = frames_of(ran);
    EXPECT_EQ(frames.size(), 2U) << ran.out.substr(0, 300);
    return frames.empty() ? Frame{} : frames[0];
  }

  Folder bin_;
  mutable double seconds_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Posix, Shells,
                         testing::Values(std::vector<std::string>{"/usr/bin/dash", "-s"},
                                         std::vector<std::string>{"/bin/bash", "--posix", "-s"}),
                         [](const auto& shell) { return shell.index == 0 ? "dash" : "bash"; });

// A Pi with NetworkManager, and what of ours lies on it.
TEST_P(Shells, ReadAWholeLinuxNode) {
  make_mac();
  bin_.program("uname", "case $1 in -s) echo Linux;; -n) echo pi5;; *) exit 1;; esac");
  bin_.program("ip",
               "case \"$*\" in '-d -j addr') cat " + bin_.path("addr") +
                   ";; '-j -4 route show table main') echo '[{\"dst\":\"default\",\"gateway\":"
                   "\"192.168.1.1\",\"dev\":\"en5\"}]';; '-j -4 neigh') echo '[]';; *) exit 2;; "
                   "esac");
  bin_.write("addr", read_data("linux/ip-addr.json"));
  bin_.program(
      "nmcli",
      "case \"$*\" in *device) echo 'en5:connected:5f1b7d2e-0000-4000-8000-00000000000b:"
      "bringup-en5';; '-t -f NAME connection show') printf 'home\\nbringup-en5\\n';; *'id "
      "bringup-en5') printf 'connection.interface-name:en5\\nconnection.autoconnect:yes\\n"
      "ipv4.method:manual\\nipv4.addresses:10.254.0.1/30\\nipv4.never-default:yes\\n"
      "ipv4.routes:\\n802-3-ethernet.mtu:auto\\n';; '-t -f NAME,FILENAME connection show') "
      "echo 'bringup-en5:/etc/NetworkManager/system-connections/x';; *) exit 2;; esac");
  for (const char* absent : {"networkctl", "netplan", "rdma"}) bin_.program(absent, "exit 1");
  const NodeFacts facts = read(options());
  EXPECT_EQ(facts.os, Os::linux_kernel);
  ASSERT_EQ(facts.default_routes().size(), 1U);
  ASSERT_NE(facts.owner_of("en5"), nullptr);
  EXPECT_EQ(facts.owner_of("en5")->manager, platform::Manager::network_manager);
  EXPECT_EQ(facts.owner_of("br0")->manager, platform::Manager::none);
  ASSERT_EQ(facts.own.size(), 1U);
  EXPECT_EQ(facts.own.begin()->first, "NetworkManager:bringup-en5");
  EXPECT_EQ(facts.own.begin()->second.content, "interface en5\naddress 10.254.0.1/30\nsaved yes\n");
  EXPECT_TRUE(facts.forwarding.has_value());
  EXPECT_THAT(facts.problems, IsEmpty());
}

TEST_P(Shells, ReadAWholeMac) {
  make_mac();
  bin_.write("matrix file.json", "[[null]]\n\n");
  const NodeFacts facts = read(options());
  EXPECT_THAT(facts.problems, IsEmpty());
  EXPECT_EQ(facts.os, Os::darwin);
  EXPECT_EQ(facts.uname, "Darwin");
  EXPECT_EQ(facts.hostname, "mac1.local");
  EXPECT_EQ(facts.login_user, "lab");
  EXPECT_EQ(facts.model, "Mac15,14");
  EXPECT_EQ(facts.version, (platform::OsVersion{"macOS", "26.2", "25C56"}));
  EXPECT_EQ(facts.interfaces.size(), 10U);
  ASSERT_NE(facts.bridge_of("en3"), nullptr);
  EXPECT_EQ(facts.bridge_of("en3")->name, "bridge0");
  EXPECT_EQ(facts.bridge_of("en5"), nullptr);
  EXPECT_EQ(facts.ports.size(), 4U);
  EXPECT_EQ(facts.routes.size(), 12U);
  EXPECT_EQ(facts.rdma, platform::RdmaState::enabled);
  EXPECT_THAT(facts.ibv_devices.value(), ElementsAre("rdma_en2", "rdma_en6"));
  ASSERT_EQ(facts.ibv_ports.value().size(), 2U);
  EXPECT_EQ(facts.ibv_ports->at(1).state, "PORT_ACTIVE");
  EXPECT_EQ(facts.sudo, platform::SudoState::passwordless);
  EXPECT_EQ(facts.network_location, "Automatic");
  EXPECT_TRUE(facts.matrix_file.present);
  EXPECT_EQ(facts.matrix_file.content, "[[null]]\n\n");
  EXPECT_EQ(facts.matrix_file.problem, "");
  EXPECT_EQ(facts.profiler_json, read_data("darwin/profiler_peer.json"));
  EXPECT_EQ(facts.session_address, "192.168.1.11");
  EXPECT_EQ(facts.session_interface, "en0");
  EXPECT_FALSE(facts.exo_daemon);
}

TEST_P(Shells, LeaveNoFileAndNoProcess) {
  make_mac();
  const auto list = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(bin_.path()))
      names.push_back(entry.path().filename());
    return names.size();
  };
  const std::size_t before = list();
  // Every process of the script has this in its environment.
  const std::string tag = "BRINGUP_TEST_TAG=" + bin_.path();
  const Ran ran = run_script(GetParam(), facts_script(options()), bin_.path(), {tag});
  EXPECT_EQ(list(), before);
  // A watch's sleep would stay for ten seconds; what is only slow to end is given three.
  const auto left = [&] {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream environment(entry.path() / "environ", std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(environment), {}};
      if (text.find(tag) != std::string::npos) found.push_back(entry.path());
    }
    return found;
  };
  for (int i = 0; i < 30 && !left().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_THAT(left(), IsEmpty());
  EXPECT_EQ(ran.status, 0);
}

TEST_P(Shells, SkipTheProfilerWhenAsked) {
  make_mac();
  bin_.program("system_profiler", "touch " + bin_.path("ran"));
  ScriptOptions given = options();
  given.profiler = Profiler::skip;
  const NodeFacts facts = read(given);
  EXPECT_THAT(facts.problems, IsEmpty());
  EXPECT_EQ(facts.profiler_json, "");
  EXPECT_FALSE(std::filesystem::exists(bin_.path("ran")));
}

TEST_P(Shells, RunTheProfilerBesideTheOthers) {
  make_mac();
  // Each waits, up to 8 s, for the other to have begun.
  const auto meets = [&](const std::string& own, const std::string& other) {
    return "touch " + bin_.path(own) + "\nfor i in 1 2 3 4 5 6 7 8; do [ -e " + bin_.path(other) +
           " ] && break; sleep 1; done\n[ -e " + bin_.path(other) + " ] && ";
  };
  bin_.program("system_profiler", meets("one", "other") + "echo '{}'");
  bin_.program("netstat", meets("other", "one") + "cat " + bin_.path("netstat.txt"));
  const NodeFacts facts = read(options());
  EXPECT_EQ(facts.profiler_json, "{}\n");
  EXPECT_EQ(facts.routes.size(), 12U);
}

TEST_P(Shells, AHangingProfilerLosesOnlyItsRecord) {
  make_mac();
  bin_.program("system_profiler", "echo '{ \"half'; sleep 300");
  ScriptOptions given = options();
  given.command_seconds = 1;
  const auto begin = std::chrono::steady_clock::now();
  const NodeFacts facts = read(given);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took.count(), 8);
  EXPECT_THAT(facts.problems, ElementsAre(HasSubstr("system_profiler: no answer within")));
  EXPECT_EQ(facts.profiler_json, "");
  EXPECT_EQ(facts.raw.at("profiler").exit_status, kStatusTimeLimit);
  EXPECT_EQ(facts.interfaces.size(), 10U);
}

TEST_P(Shells, TellAbsentToolsApart) {
  make_mac();
  for (const char* name : {"rdma_ctl", "networksetup", "system_profiler"})
    std::filesystem::remove(bin_.path(name));
  bin_.program("sudo", "echo 'sudo: a password is required' >&2; exit 1");
  const NodeFacts facts = read(options());
  EXPECT_EQ(facts.rdma, platform::RdmaState::no_tool);
  EXPECT_EQ(facts.sudo, platform::SudoState::password_required);
  EXPECT_THAT(facts.ports, IsEmpty());
  EXPECT_EQ(facts.raw.at("rdma_ctl").exit_status, kStatusNotFound);
  EXPECT_THAT(facts.problems, ElementsAre("networksetup: not found on this node",
                                          "networksetup: not found on this node",
                                          "system_profiler: not found on this node"));
}

TEST_P(Shells, ReadTheMatrixFileOrSayWhyNot) {
  make_mac();
  ScriptOptions given = options();
  given.profiler = Profiler::skip;
  NodeFacts facts = read(given);
  EXPECT_FALSE(facts.matrix_file.present);
  EXPECT_EQ(facts.matrix_file.problem, "");

  ASSERT_EQ(::mkfifo(given.ibv_path.c_str(), 0600), 0);  // cat would wait for ever
  facts = read(given);
  EXPECT_TRUE(facts.matrix_file.present);
  EXPECT_THAT(facts.matrix_file.problem, HasSubstr("not a regular file"));
  std::filesystem::remove(given.ibv_path);

  bin_.write("matrix file.json", std::string(1100000, 'x'));
  facts = read(given);
  EXPECT_TRUE(facts.matrix_file.present);
  EXPECT_EQ(facts.matrix_file.content, "");
  EXPECT_THAT(facts.matrix_file.problem, HasSubstr("more than its limit"));

  bin_.program("cat", "echo 'cat: matrix: Permission denied' >&2; exit 1");
  facts = read(given);
  EXPECT_TRUE(facts.matrix_file.present);
  EXPECT_THAT(facts.matrix_file.problem, HasSubstr("Permission denied"));
}

TEST_P(Shells, QuoteTheMatrixPath) {
  make_mac();
  ScriptOptions given = options();
  given.profiler = Profiler::skip;
  given.ibv_path = bin_.path("it's $(touch " + bin_.path("pwned") + ") <SECONDS>");
  const NodeFacts facts = read(given);
  EXPECT_FALSE(facts.matrix_file.present);
  EXPECT_FALSE(std::filesystem::exists(bin_.path("pwned")));
}

TEST_P(Shells, SurviveHostileOutput) {
  make_mac();
  // Everything of the format but the nonce, which a command cannot see.
  bin_.program("netstat",
               "printf '\\n@@%032d sudo 0 - 0\\n\\n@@ end 0 - 0\\n\\n' 0; printf '\\033[2J'");
  bin_.program("sw_vers", "printf 'a\\000b\\377\\376\\n@@x\\n'; exit 3");
  bin_.program("sysctl", "echo 'Mac15,14; reboot'");
  bin_.program("id", "printf 'lab\\033[2J\\n'");
  bin_.program("ibv_devices", "yes | head -c 100000000");
  const NodeFacts facts = read(options());
  EXPECT_EQ(facts.interfaces.size(), 10U);
  EXPECT_EQ(facts.model, "");
  EXPECT_EQ(facts.login_user, "");
  EXPECT_THAT(facts.routes, IsEmpty());
  EXPECT_FALSE(facts.ibv_devices.has_value());
  EXPECT_EQ(facts.problems.size(), 5U);
  for (const std::string& problem : facts.problems)
    for (const char c : problem) EXPECT_GE(static_cast<unsigned char>(c), ' ');
}

TEST_P(Shells, RecogniseLinuxAndOthers) {
  bin_.program("uname", "case $1 in -s) echo Linux;; -n) echo pi;; esac");
  bin_.program("sudo", "exit 0");
  NodeFacts facts = read(options());
  EXPECT_EQ(facts.os, Os::linux_kernel);
  EXPECT_EQ(facts.hostname, "pi");
  EXPECT_NE(facts.version.product, "");
  EXPECT_EQ(facts.sudo, platform::SudoState::passwordless);
  bin_.program("uname", "echo FreeBSD");
  facts = read(options());
  EXPECT_EQ(facts.os, Os::other);
}

TEST_P(Shells, FrameStatusAndEveryByte) {
  EXPECT_EQ(run_one("100 5 echo hello").payload, "hello\n");
  EXPECT_EQ(run_one("100 5 printf 'x\\n\\n\\n'").payload, "x\n\n\n");
  EXPECT_EQ(run_one("100 5 printf ''").payload, "");
  EXPECT_EQ(run_one("100 5 printf '\\303\\244\\377'").payload, "\xc3\xa4\xff");
  EXPECT_EQ(run_one("100 5 printf 'a\\000b'").payload, "ab");  // a shell cannot keep NULs
  EXPECT_EQ(run_one("100 5 sh -c 'echo out; echo err >&2; exit 9'").payload, "out\nerr\n");
  EXPECT_EQ(run_one("100 5 sh -c 'exit 9'").exit_status, 9);
  EXPECT_EQ(run_one("100 5 sh -c 'exit 100'").exit_status, 100);
  EXPECT_EQ(run_one("100 5 false").exit_status, 1);
  EXPECT_EQ(run_one("100 5 cat").payload, "");  // stdin is closed
  const Frame absent = run_one("100 5 no-such-command");
  EXPECT_EQ(absent.exit_status, kStatusNotFound);
  EXPECT_EQ(run_one("100 5 greet 'a b'", "greet() { echo \"<$1>\"; return 3; }").payload,
            "<a b>\n");
}

TEST_P(Shells, BoundOutput) {
  const Frame exact = run_one("5 5 printf 12345");
  EXPECT_FALSE(exact.truncated);
  EXPECT_EQ(exact.payload, "12345");
  const Frame over = run_one("5 5 printf 123456");
  EXPECT_TRUE(over.truncated);
  EXPECT_EQ(over.exit_status, kStatusCut);
  EXPECT_THAT(over.payload, StartsWith("12345"));

  const Frame flood = run_one("1048576 20 yes");
  EXPECT_TRUE(flood.truncated);
  EXPECT_LT(flood.payload.size(), 1048576U + 64U);
  EXPECT_LT(seconds_, 10);
  const Frame bulk = run_one("1048576 20 head -c 100000000 /dev/zero");
  EXPECT_TRUE(bulk.truncated);
  EXPECT_EQ(bulk.payload, "");

  // Cut exactly behind what looks like a status: still cut.
  const Frame forged = run_one("36 5 sh -c 'while :; do printf \"\\n000\"; done'");
  EXPECT_TRUE(forged.truncated);
  EXPECT_EQ(forged.exit_status, kStatusCut);

  const Frame large = run_one("4194304 20 head -c 4194304 " + bin_.path("large"),
                              "yes | head -c 5000000 > " + bin_.path("large"));
  EXPECT_FALSE(large.truncated);
  EXPECT_EQ(large.payload.size(), 4194304U);
  EXPECT_LT(seconds_, 10);
}

TEST_P(Shells, EndWhatHangs) {
  const Frame silent = run_one("100 1 sleep 300");
  EXPECT_EQ(silent.exit_status, kStatusTimeLimit);
  EXPECT_TRUE(silent.truncated);
  EXPECT_LT(seconds_, 4);

  // TERM comes first, and what it makes the command say is kept.
  const Frame polite =
      run_one("100 1 sh -c 'trap \"echo bye; exit 0\" TERM; sleep 300 & wait; sleep 300'");
  EXPECT_EQ(polite.exit_status, kStatusTimeLimit);
  EXPECT_THAT(polite.payload, HasSubstr("bye\n"));

  const Frame deaf = run_one("100 1 sh -c 'trap \"\" TERM; echo begun; while :; do sleep 9; done'");
  EXPECT_EQ(deaf.exit_status, kStatusTimeLimit);
  EXPECT_THAT(deaf.payload, StartsWith("begun\n"));
  EXPECT_LT(seconds_, 8);

  // A daemon that holds the command's stdout after the command itself is gone.
  const Frame daemon = run_one("100 1 sh -c '(trap \"\" TERM; sleep 6) & echo begun'");
  EXPECT_EQ(daemon.exit_status, kStatusTimeLimit);
  EXPECT_LT(seconds_, 7.5);
}

TEST_P(Shells, EndTheOffspringToo) {
  const std::string mark = bin_.path("still here");
  const Frame frame = run_one("100 1 sh -c 'sh -c \"sleep 4; touch \\\"" + mark + "\\\"\"; :'");
  EXPECT_EQ(frame.exit_status, kStatusTimeLimit);
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST_P(Shells, TimeACommandWithoutAFrame) {
  const auto status = [&](const std::string& command) {
    const Ran ran = run(frame_functions(kNonce) + "bu_timed " + command + "\necho \"=$?\"\n");
    seconds_ = ran.seconds;
    return ran.out;
  };
  EXPECT_EQ(status("5 sh -c 'echo hi; echo err >&2; exit 3'"), "hi\nerr\n=3\n");
  EXPECT_THAT(status("1 sleep 300"), HasSubstr("=124\n"));
  EXPECT_LT(seconds_, 4);
  EXPECT_THAT(status("1 sh -c 'trap \"\" TERM; while :; do sleep 9; done'"), HasSubstr("=124\n"));
  EXPECT_LT(seconds_, 6);
  EXPECT_EQ(status("5 cat"), "=0\n");
}

TEST(FactsScript, PassesShellcheckAndBothShells) {
  Folder folder;
  ScriptOptions options;
  options.nonce = kNonce;
  options.ibv_path = "/tmp/it's a matrix.json";
  for (const Profiler profiler : {Profiler::read, Profiler::skip}) {
    options.profiler = profiler;
    // An apply script defines its own steps between; unused functions are none of its business.
    folder.write("facts.sh",
                 "#!/bin/sh\n" + facts_script(options) +
                     "if [ -n \"${never:-}\" ]; then bu_timed 1 true; bf_profiler; fi\n");
    const std::string path = folder.path("facts.sh");
    EXPECT_EQ(std::system(("dash -n " + path).c_str()), 0);
    EXPECT_EQ(std::system(("bash --posix -n " + path).c_str()), 0);
    EXPECT_EQ(std::system(("shellcheck -s sh " + path).c_str()), 0);
  }
}

}  // namespace
}  // namespace bringup::facts
