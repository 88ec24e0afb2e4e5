// The facts script, run by real shells among commands that play a Mac's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bringup/facts/script.hpp"
#include "shells.hpp"
#include "support/data.hpp"

namespace bringup::facts {
namespace {

using support::Folder;
using support::Ran;
using support::read_data;
using support::run_script;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kNonce;

class FactsScript : public testing::Shells {
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

  NodeFacts read(const ScriptOptions& given) const {
    const Ran ran = run(facts_script(given));
    EXPECT_EQ(ran.status, 0);
    auto facts = parse_facts(frames_of(ran));
    EXPECT_TRUE(facts.has_value()) << facts.error().message;
    return facts ? *facts : NodeFacts{};
  }
};

INSTANTIATE_TEST_SUITE_P(Posix, FactsScript, testing::both_shells(), testing::shell_name);

// A Pi with NetworkManager, and what of ours lies on it.
TEST_P(FactsScript, ReadAWholeLinuxNode) {
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

TEST_P(FactsScript, ReadAWholeMac) {
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

TEST_P(FactsScript, LeaveNoFileAndNoProcess) {
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

TEST_P(FactsScript, SkipTheProfilerWhenAsked) {
  make_mac();
  bin_.program("system_profiler", "touch " + bin_.path("ran"));
  ScriptOptions given = options();
  given.profiler = Profiler::skip;
  const NodeFacts facts = read(given);
  EXPECT_THAT(facts.problems, IsEmpty());
  EXPECT_EQ(facts.profiler_json, "");
  EXPECT_FALSE(std::filesystem::exists(bin_.path("ran")));
}

TEST_P(FactsScript, RunTheProfilerBesideTheOthers) {
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

TEST_P(FactsScript, AHangingProfilerLosesOnlyItsRecord) {
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

TEST_P(FactsScript, TellAbsentToolsApart) {
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

TEST_P(FactsScript, ReadTheMatrixFileOrSayWhyNot) {
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

TEST_P(FactsScript, QuoteTheMatrixPath) {
  make_mac();
  ScriptOptions given = options();
  given.profiler = Profiler::skip;
  given.ibv_path = bin_.path("it's $(touch " + bin_.path("pwned") + ") <SECONDS>");
  const NodeFacts facts = read(given);
  EXPECT_FALSE(facts.matrix_file.present);
  EXPECT_FALSE(std::filesystem::exists(bin_.path("pwned")));
}

TEST_P(FactsScript, SurviveHostileOutput) {
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

TEST_P(FactsScript, RecogniseLinuxAndOthers) {
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

TEST(FactsScriptText, PassesShellcheckAndBothShells) {
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
