// The largest packet and TCP by nc, found by real shells against programs of ours.
#include <gtest/gtest.h>

#include <fstream>

#include "bringup/verify/checks.hpp"
#include "bringup/verify/iperf.hpp"
#include "bringup/verify/tcp.hpp"
#include "support/shell_run.hpp"
#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

using support::Folder;
const std::string kNonce = "00112233445566778899aabbccddeeff";

class NodeScript : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  // A Mac whose port has this MTU and whose link takes payloads up to `most`; every ping is noted.
  void play(int mtu, int most) {
    bin.program("ifconfig", "echo \"$1: flags=8863<UP> mtu " + std::to_string(mtu) + "\"");
    bin.program("route", "echo '  interface: en5'");
    bin.program("ping",
                "echo \"$*\" >> \"$STATE/calls\"\n"
                "size=0\n"
                "while [ $# -gt 0 ]; do if [ \"$1\" = -s ]; then size=$2; fi; shift; done\n"
                "if [ \"$size\" -gt " +
                    std::to_string(most) +
                    " ]; then exit 2; fi\n"
                    "echo '3 packets transmitted, 3 packets received, 0.0% packet loss'");
  }
  std::vector<facts::Frame> run(const std::string& script) {
    const auto ran = support::run_script(GetParam(), script, bin.path(), {"STATE=" + bin.path()});
    EXPECT_EQ(ran.status, 0);
    seconds = ran.seconds;
    const auto frames = facts::parse_frames(ran.out, kNonce);
    EXPECT_TRUE(frames.has_value()) << ran.out;
    return frames ? *frames : std::vector<facts::Frame>{};
  }
  std::string mtu(CheckOptions options = {}) {
    options.only = {CheckKind::mtu};
    const auto frames = run(check_script(test::pair_fleet(), 0, kNonce, options));
    EXPECT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames.at(0).name, "mtu.0");
    status = frames.at(0).exit_status;
    return frames.at(0).payload;
  }
  std::size_t calls() const {
    std::ifstream file(bin.path("calls"));
    std::string line;
    std::size_t n = 0;
    while (std::getline(file, line)) ++n;
    return n;
  }
  Folder bin;
  int status = -1;
  double seconds = 0;
};

TEST_P(NodeScript, NeedsOnePingWhereAllIsWell) {
  play(1500, 1472);
  EXPECT_EQ(mtu(), "interface 1500\nlargest 1472");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(calls(), 1U);
  std::ifstream file(bin.path("calls"));
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "-n -D -c 1 -W 300 -t 1 -s 1472 -S 10.254.0.5 10.254.0.6");
}

TEST_P(NodeScript, FindsTheUsualLimitInFewSteps) {
  play(9000, 1472);
  EXPECT_EQ(mtu(), "interface 9000\nlargest 1472");
  EXPECT_LE(calls(), 7U);  // 3 at 8972, 1 at 1472, 3 at 1473
}

TEST_P(NodeScript, FindsAnyLimit) {
  for (const int most : {0, 56, 100, 547, 548, 1400, 1471, 1473, 4068, 8971}) {
    play(9000, most);
    const bool none = most < 56;
    EXPECT_EQ(mtu(), none ? "interface 9000" : "interface 9000\nlargest " + std::to_string(most));
    EXPECT_EQ(status, none ? 2 : 0);
  }
}

TEST_P(NodeScript, AsksForNoMoreThanAnEchoCarries) {
  play(65536, 65507);
  EXPECT_EQ(mtu(), "interface 65536\nlargest 65507");
  play(1280, 1252);
  EXPECT_EQ(mtu(), "interface 1280\nlargest 1252");
}

TEST_P(NodeScript, SurvivesALostPing) {
  play(1500, 1472);
  bin.program("ping",
              "echo x >> \"$STATE/calls\"; [ \"$(($(wc -l < \"$STATE/calls\") % 3))\" -eq 0 ]");
  EXPECT_EQ(mtu(), "interface 1500\nlargest 1472");
}

TEST_P(NodeScript, AsksNoSizesOfAPeerThatIsSilent) {
  play(1500, 1472);
  bin.program("ping", "case \"$*\" in *-D*) echo \"$*\" >> \"$STATE/calls\";; esac; exit 2");
  CheckOptions options;
  options.only = {CheckKind::ping, CheckKind::mtu};
  const auto frames = run(check_script(test::pair_fleet(), 0, kNonce, options));
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[1].name, "mtu.0");
  EXPECT_EQ(frames[1].payload, "interface 1500");
  EXPECT_EQ(calls(), 0U);
}

TEST_P(NodeScript, SaysWhenThereIsNoMtu) {
  play(1500, 1472);
  bin.program("ifconfig", "echo 'ifconfig: interface en5 does not exist'; exit 1");
  EXPECT_EQ(mtu(), "no MTU of en5");
  EXPECT_EQ(status, 1);
}

TEST_P(NodeScript, SpeaksTheLinuxDialect) {
  play(1500, 1472);
  bin.program("ip", "echo '2: en5: <UP> mtu 9000 qdisc fq'");
  CheckOptions options;
  options.only = {CheckKind::mtu};
  const auto frames =
      run(check_script(test::pair_fleet(), 0, kNonce, options, facts::Os::linux_kernel));
  EXPECT_EQ(frames.at(0).payload, "interface 9000\nlargest 1472");
  std::ifstream file(bin.path("calls"));
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "-n -M do -c 1 -i 0.2 -w 1 -s 8972 -I 10.254.0.5 10.254.0.6");
}

TEST_P(NodeScript, TellsWhetherThereIsIperf) {
  CheckOptions options;
  options.only = {CheckKind::iperf};
  bin.program("iperf3", "[ \"$*\" = --version ] && echo 'iperf 3.12'");
  NodeEvidence evidence;
  evidence.frames = run(check_script(test::pair_fleet(), 0, kNonce, options));
  EXPECT_EQ(has_iperf(evidence), true);
}

TEST_P(NodeScript, QuotesAnInterfaceThatIsNoWord) {
  play(1500, 1472);
  auto fleet = test::pair_fleet();
  fleet.links[0].ends[0].interface = "en5; touch " + bin.path("pwned");
  CheckOptions options;
  options.only = {CheckKind::mtu};
  run(check_script(fleet, 0, kNonce, options));
  EXPECT_FALSE(std::filesystem::exists(bin.path("pwned")));
}

TEST_P(NodeScript, TriesPortsByNcAndReadsWhatItSays) {
  bin.program("nc",
              "echo \"$*\" >> \"$STATE/calls\"\n"
              "case \"$*\" in\n"
              "*' 22') echo 'Connection to 10.254.0.6 port 22 [tcp/*] succeeded!';;\n"
              "*' 81') echo 'nc: connectx to 10.254.0.6 port 81 (tcp) failed: Connection refused';"
              " exit 1;;\n"
              "*) exec sleep 30;;\n"
              "esac");
  CheckOptions options;
  options.tcp_ports = {22, 81, 99};
  const auto fleet = test::pair_fleet();
  const auto frames = run(nc_script(fleet, 0, kNonce, options));
  EXPECT_LT(seconds, 8);
  const auto results = read_nc(fleet, 0, 0, frames, options);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(results[0].reachable);
  EXPECT_EQ(results[0].by, TcpMeans::nc);
  EXPECT_FALSE(results[1].reachable);
  EXPECT_NE(results[1].error.find("Connection refused"), std::string::npos);
  EXPECT_FALSE(results[2].reachable);
  EXPECT_EQ(results[2].error, "no answer in time");
  EXPECT_TRUE(read_nc(fleet, 0, 1, {}, options).empty());
}

INSTANTIATE_TEST_SUITE_P(Shells, NodeScript,
                         testing::Values(std::vector<std::string>{"/bin/sh", "-s"},
                                         std::vector<std::string>{"/bin/bash", "--posix", "-s"}),
                         [](const auto& one) { return one.index == 0 ? "sh" : "bash"; });

TEST(Tcp, NeverTriesJacclsCoordinator) {
  EXPECT_TRUE(check_tcp_ports({22, 80, 65535}).has_value());
  EXPECT_TRUE(check_tcp_ports({}).has_value());
  for (const std::uint16_t port : {std::uint16_t{32323}, std::uint16_t{0}}) {
    const auto refused = check_tcp_ports({22, port});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
  }
}

TEST(Tcp, TriesThePeersSshPortUnlessTold) {
  auto fleet = test::pair_fleet();
  EXPECT_EQ(tcp_ports(fleet, 1, {}), std::vector<std::uint16_t>{22});
  fleet.nodes[1].ssh.port = 2222;
  EXPECT_EQ(tcp_ports(fleet, 1, {}), std::vector<std::uint16_t>{2222});
  const auto script = nc_script(fleet, 0, kNonce, {}, facts::Os::linux_kernel);
  EXPECT_NE(script.find("bu_reach 0 2222 10.254.0.5 10.254.0.6"), std::string::npos);
  EXPECT_EQ(script.find("-G"), std::string::npos);
}

TEST(Scripts, AreCleanToShellcheck) {
  ASSERT_EQ(std::system("command -v shellcheck >/dev/null 2>&1"), 0) << "shellcheck is missing";
  const Folder folder;
  CheckOptions options;
  options.only = {CheckKind::route, CheckKind::ping, CheckKind::mtu, CheckKind::iperf};
  const auto fleet = test::chain_fleet();
  for (const auto os : {facts::Os::darwin, facts::Os::linux_kernel}) {
    for (const auto& script :
         {check_script(fleet, 1, kNonce, options, os), nc_script(fleet, 1, kNonce, options, os),
          iperf_script(fleet, 1, {0, 1}, kNonce, options)}) {
      folder.write("script.sh", "#!/bin/sh\n" + script);
      EXPECT_EQ(std::system(("shellcheck -s sh -S warning " + folder.path("script.sh")).c_str()),
                0);
    }
  }
}

}  // namespace
}  // namespace bringup::verify
