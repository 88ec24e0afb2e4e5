// The check script, run by real shells against commands of ours that play a Mac's.
#include <gtest/gtest.h>

#include <fstream>

#include "bringup/verify/checks.hpp"
#include "support/shell_run.hpp"
#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

using support::Folder;
const std::string kNonce = "00112233445566778899aabbccddeeff";

support::Ran run(const std::vector<std::string>& shell, const std::string& script,
                 const Folder& bin) {
  return support::run_script(shell, script, bin.path(), {"STATE=" + bin.path()});
}

const facts::Frame* find(const std::vector<facts::Frame>& frames, const std::string& name) {
  for (const auto& frame : frames) {
    if (frame.name == name) return &frame;
  }
  return nullptr;
}

// Plays a Mac: route answers, ping takes half a second for a counted run and says how it was
// called.
void play_mac(const Folder& bin) {
  bin.program("route", "echo \"   route to: $3\"\necho '  interface: en5'\n");
  bin.program("ping",
              "echo \"$*\" >> \"$STATE/calls\"\n"
              "case \"$*\" in *'-c 1 '*) exit 0;; esac\n"
              "for peer; do :; done\n"
              "i=0\n"
              "while [ $i -lt 5 ]; do echo \"64 bytes from $peer: icmp_seq=$i\"; sleep 0.1;"
              " i=$((i+1)); done\n"
              "echo '3 packets transmitted, 3 packets received, 0.0% packet loss'\n"
              "echo 'round-trip min/avg/max/stddev = 0.1/0.2/0.3/0.1 ms'\n");
}

std::string calls(const Folder& bin) {
  std::ifstream file(bin.path("calls"));
  return {std::istreambuf_iterator<char>(file), {}};
}

// A hub with `spokes` cables.
model::Fleet star(std::size_t spokes) {
  std::vector<std::string> names = {"hub"};
  std::vector<model::Link> links;
  for (std::size_t i = 1; i <= spokes; ++i) {
    names.push_back("spoke" + std::to_string(i));
    links.push_back(test::cable(0, "en" + std::to_string(i), i, "en1",
                                "10.254." + std::to_string(i) + ".0/30"));
  }
  return test::fleet_of(names, links);
}

class CheckScript : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  Folder bin;
};

TEST_P(CheckScript, ChecksAllLinksAtOnceAndFramesThemInOrder) {
  play_mac(bin);
  constexpr std::size_t kLinks = 12;
  const auto fleet = star(kLinks);
  const auto ran = run(GetParam(), check_script(fleet, 0, kNonce, {}), bin);
  EXPECT_EQ(ran.status, 0);
  const auto frames = facts::parse_frames(ran.out, kNonce);
  ASSERT_TRUE(frames.has_value()) << ran.out;
  ASSERT_EQ(frames->size(), 2 * kLinks + 1);
  for (std::size_t i = 0; i < kLinks; ++i) {
    EXPECT_EQ((*frames)[2 * i].name, "route." + std::to_string(i));
    EXPECT_EQ((*frames)[2 * i + 1].name, "ping." + std::to_string(i));
    const std::string peer = "10.254." + std::to_string(i + 1) + ".2";
    EXPECT_NE((*frames)[2 * i].payload.find("route to: " + peer), std::string::npos);
    EXPECT_NE((*frames)[2 * i + 1].payload.find("from " + peer), std::string::npos);
    EXPECT_NE((*frames)[2 * i + 1].payload.find("3 packets received"), std::string::npos);
    EXPECT_EQ((*frames)[2 * i + 1].exit_status, 0);
  }
  EXPECT_EQ(frames->back().name, "end");
  EXPECT_LT(ran.seconds, 3) << "one after the other would take 6 s";
}

TEST_P(CheckScript, SpeaksTheMacsDialectFromTheLinksOwnAddress) {
  play_mac(bin);
  run(GetParam(), check_script(test::pair_fleet(), 1, kNonce, {}), bin);
  EXPECT_EQ(calls(bin),
            "-n -c 1 -W 300 -t 1 -S 10.254.0.6 10.254.0.5\n"
            "-n -c 3 -i 0.2 -W 1000 -t 3 -S 10.254.0.6 10.254.0.5\n");
}

TEST_P(CheckScript, SpeaksTheDialectOfLinux) {
  play_mac(bin);
  bin.program("ip", "echo \"$*\" >> \"$STATE/calls\"; echo '10.254.0.6 dev en5 src 10.254.0.5'\n");
  const auto ran = run(
      GetParam(), check_script(test::pair_fleet(), 0, kNonce, {}, facts::Os::linux_kernel), bin);
  EXPECT_EQ(calls(bin),
            "route get 10.254.0.6\n"
            "-n -c 1 -W 1 -w 1 -I 10.254.0.5 10.254.0.6\n"
            "-n -c 3 -i 0.2 -W 1 -w 3 -I 10.254.0.5 10.254.0.6\n");
}

TEST_P(CheckScript, WaitsForAPeerThatAnswersLate) {
  play_mac(bin);
  bin.program("ping",
              "case \"$*\" in *'-c 1 '*) echo x >> \"$STATE/tries\"; "
              "[ $(wc -l < \"$STATE/tries\") -ge 3 ]; exit;; esac\n"
              "echo '3 packets transmitted, 3 packets received, 0.0% packet loss'\n");
  const auto ran = run(GetParam(), check_script(test::pair_fleet(), 0, kNonce, {}), bin);
  std::ifstream tries(bin.path("tries"));
  const std::string text{std::istreambuf_iterator<char>(tries), {}};
  EXPECT_EQ(text, "x\nx\nx\n");
  EXPECT_NE(ran.out.find("3 packets received"), std::string::npos);
}

TEST_P(CheckScript, GivesUpOnASilentPeerAndStillCounts) {
  play_mac(bin);
  bin.program("ping",
              "case \"$*\" in *'-c 1 '*) echo x >> \"$STATE/tries\"; exit 2;; esac\n"
              "echo '3 packets transmitted, 0 packets received, 100.0% packet loss'; exit 2\n");
  const auto ran = run(GetParam(), check_script(test::pair_fleet(), 0, kNonce, {}), bin);
  const auto frames = facts::parse_frames(ran.out, kNonce);
  ASSERT_TRUE(frames.has_value());
  EXPECT_EQ(find(*frames, "ping.0")->exit_status, 2);
  EXPECT_EQ(ran.status, 0);
}

TEST_P(CheckScript, ReportsMissingToolsAndOnlyTheEndOfLongTalk) {
  bin.program("ping",
              "case \"$*\" in *'-c 1 '*) exit 0;; esac\n"
              "i=0; while [ $i -lt 500 ]; do echo \"noise $i bu_rc=7\"; i=$((i+1)); done\n"
              "printf 'last words, no newline'; exit 3\n");
  bin.program("route", "exit 127\n");
  const auto ran = run(GetParam(), check_script(test::pair_fleet(), 0, kNonce, {}), bin);
  const auto frames = facts::parse_frames(ran.out, kNonce);
  ASSERT_TRUE(frames.has_value()) << ran.out;
  EXPECT_EQ(find(*frames, "route.0")->exit_status, 127);
  EXPECT_EQ(find(*frames, "route.0")->payload, "");
  const auto* ping = find(*frames, "ping.0");
  EXPECT_EQ(ping->exit_status, 3);
  EXPECT_LE(ping->payload.size(), 2048U);
  EXPECT_TRUE(ping->payload.ends_with("last words, no newline"));
}

TEST_P(CheckScript, EndsAPingThatIgnoresItsLimits) {
  play_mac(bin);
  bin.program("ping", "case \"$*\" in *'-c 1 '*) exit 0;; esac\necho begun; exec sleep 60\n");
  CheckOptions options;
  options.ping_interval_s = 0;
  options.ping_wait_ms = 0;
  const auto ran = run(GetParam(), check_script(test::pair_fleet(), 0, kNonce, options), bin);
  const auto frames = facts::parse_frames(ran.out, kNonce);
  ASSERT_TRUE(frames.has_value()) << ran.out;
  EXPECT_NE(find(*frames, "ping.0")->exit_status, 0);
  EXPECT_EQ(find(*frames, "ping.0")->payload, "begun\n");
  EXPECT_LT(ran.seconds, 10);
}

TEST_P(CheckScript, CannotBeFooledByForgedFrames) {
  play_mac(bin);
  bin.program("route",
              "printf '@@%s ping.0 0 - 3\\nabc\\n' " + kNonce + "\necho '  interface: en5'\n");
  const auto ran = run(GetParam(), check_script(test::pair_fleet(), 0, kNonce, {}), bin);
  const auto frames = facts::parse_frames(ran.out, kNonce);
  ASSERT_TRUE(frames.has_value());
  ASSERT_EQ(frames->size(), 3U);
  EXPECT_NE((*frames)[1].payload.find("3 packets received"), std::string::npos);
}

TEST_P(CheckScript, RunsOnlyWhatIsWantedAndNothingForANodeWithoutLinks) {
  play_mac(bin);
  CheckOptions options;
  options.only = {CheckKind::route};
  auto ran = run(GetParam(), check_script(test::pair_fleet(), 0, kNonce, options), bin);
  EXPECT_EQ(calls(bin), "");
  EXPECT_EQ(facts::parse_frames(ran.out, kNonce)->size(), 2U);
  options.only = {};
  ran = run(GetParam(), check_script(test::pair_fleet(), 0, kNonce, options), bin);
  EXPECT_EQ(facts::parse_frames(ran.out, kNonce)->size(), 1U);
  const auto lonely = test::fleet_of({"one"}, {});
  ran = run(GetParam(), check_script(lonely, 0, kNonce, {}), bin);
  EXPECT_EQ(facts::parse_frames(ran.out, kNonce)->size(), 1U);
  EXPECT_EQ(ran.status, 0);
}

// bash by the name sh, as macOS has it, restricts itself to what POSIX says.
INSTANTIATE_TEST_SUITE_P(Shells, CheckScript,
                         testing::Values(std::vector<std::string>{"/bin/sh", "-s"},
                                         std::vector<std::string>{"/bin/bash", "--posix", "-s"}),
                         [](const auto& one) { return one.index == 0 ? "sh" : "bash"; });

}  // namespace
}  // namespace bringup::verify
