// The iperf scripts: against the real iperf3 on two loopback addresses, and against programs of
// ours that play its failures.
#include "bringup/verify/iperf.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "support/data.hpp"
#include "support/shell_run.hpp"
#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

using support::Folder;
using support::Ran;
const std::string kNonce = "00112233445566778899aabbccddeeff";

model::Fleet loopback() {
  return test::fleet_of({"a", "b"}, {test::cable(0, "lo", 1, "lo", "127.77.0.4/30")});
}

CheckOptions quick() {
  CheckOptions options;
  options.only = {CheckKind::iperf};
  options.iperf_seconds = 1;
  options.iperf_streams = 2;
  options.iperf_port = static_cast<std::uint16_t>(20000 + ::getpid() % 20000);
  return options;
}

std::vector<facts::Frame> frames_of(const Ran& ran) {
  EXPECT_EQ(ran.status, 0);
  auto frames = facts::parse_frames(ran.out, kNonce);
  EXPECT_TRUE(frames.has_value()) << ran.out;
  return frames ? *frames : std::vector<facts::Frame>{};
}

struct Both {
  std::vector<NodeEvidence> evidence;
  double seconds = 0;
};

// Both nodes' scripts at once, each with programs of its own.
Both run_both(const model::Fleet& fleet, const CheckOptions& options, const Folder& client,
              const Folder& server, const std::vector<std::string>& shell) {
  Ran ran[2];
  const Folder* bins[] = {&client, &server};
  std::vector<std::thread> threads;
  for (std::size_t node = 0; node < 2; ++node) {
    threads.emplace_back([&, node] {
      ran[node] = support::run_script(shell, iperf_script(fleet, node, {0}, kNonce, options),
                                      bins[node]->path(), {"STATE=" + bins[node]->path()});
    });
  }
  for (auto& thread : threads) thread.join();
  Both both;
  for (auto& one : ran) {
    both.evidence.push_back({std::nullopt, frames_of(one), nullptr});
    both.seconds = std::max(both.seconds, one.seconds);
  }
  return both;
}

class IperfScript : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  model::Fleet fleet = loopback();
  CheckOptions options = quick();
  Folder client, server;
  Both both() { return run_both(fleet, options, client, server, GetParam()); }
};

TEST_P(IperfScript, MeasuresBothDirectionsAndLeavesNothing) {
  const Both told = both();
  const auto measured = read_iperf(fleet, {0}, told.evidence);
  ASSERT_EQ(measured.size(), 2U);
  for (const auto& one : measured) {
    ASSERT_TRUE(one.iperf.has_value());
    EXPECT_FALSE(one.iperf->failure) << one.iperf->error;
    ASSERT_TRUE(one.iperf->gbps.has_value());
    EXPECT_GT(*one.iperf->gbps, 0.01);
    EXPECT_EQ(one.iperf->streams, 2);
    EXPECT_NEAR(one.iperf->seconds, 1, 0.4);
    EXPECT_TRUE(one.iperf->retransmits.has_value());
  }
  EXPECT_EQ(measured[0].from, 0U);
  EXPECT_EQ(measured[1].from, 1U);
  EXPECT_LT(told.seconds, 6);
  EXPECT_EQ(told.evidence[0].frames.back().name, "end");
  // The server's own account says who sent: the peer at first, itself then.
  EXPECT_NE(told.evidence[1].frames[0].payload.find("receiver"), std::string::npos);
  EXPECT_NE(told.evidence[1].frames[1].payload.find("sender"), std::string::npos);
}

TEST_P(IperfScript, CallsAMissingIperfByTheEndThatMissesIt) {
  // A PATH without iperf3: links to every tool but it.
  const auto bare = [](const Folder& bin) {
    bin.program("iperf3", "echo 'sh: iperf3: not found'; exit 127");
  };
  bare(client);
  server.program("iperf3", "exec sleep 1");
  auto told = both();
  auto measured = read_iperf(fleet, {0}, told.evidence);
  EXPECT_EQ(measured[0].iperf->failure, IperfFailure::missing);
  EXPECT_EQ(measured[0].iperf->node, "a");
  EXPECT_FALSE(measured[0].iperf->gbps);
  bare(server);
  client.program(
      "iperf3", "printf '{\"error\":\"unable to connect to server: Connection refused\"}'; exit 1");
  told = both();
  measured = read_iperf(fleet, {0}, told.evidence);
  for (const auto& one : measured) {
    EXPECT_EQ(one.iperf->failure, IperfFailure::missing);
    EXPECT_EQ(one.iperf->node, "b");
  }
}

TEST_P(IperfScript, SaysThatThePortIsBusyWhateverTheClientSaw) {
  server.program("iperf3",
                 "echo 'iperf3: error - unable to start listener for connections: Address already "
                 "in use'; echo 'iperf3: exiting'; exit 1");
  // A foreign server took the client and gave figures: they prove nothing about this link.
  client.program("iperf3", "cat \"$STATE/answer\"");
  client.write("answer", support::read_data("iperf3/fwd.json"));
  const auto told = both();
  for (const auto& one : read_iperf(fleet, {0}, told.evidence)) {
    EXPECT_EQ(one.iperf->failure, IperfFailure::port_busy);
    EXPECT_EQ(one.iperf->node, "b");
    EXPECT_NE(one.iperf->error.find("Address already in use"), std::string::npos);
    EXPECT_FALSE(one.iperf->gbps);
  }
}

TEST_P(IperfScript, TriesAgainWhileTheServerRefuses) {
  server.program("iperf3", "exit 0");
  client.program(
      "iperf3",
      "echo x >> \"$STATE/tries\"\n"
      "if [ $(wc -l < \"$STATE/tries\") -lt 4 ]; then\n"
      "printf '{\"error\":\"unable to connect to server: Connection refused\"}'; exit 1; fi\n"
      "cat \"$STATE/answer\"");
  client.write("answer", support::read_data("iperf3/fwd.json"));
  const auto told = both();
  const auto measured = read_iperf(fleet, {0}, told.evidence);
  EXPECT_TRUE(measured[0].iperf->gbps.has_value());
  EXPECT_TRUE(measured[1].iperf->gbps.has_value());
  EXPECT_LT(told.seconds, 3);
}

TEST_P(IperfScript, TriesAgainWhenItMeetsTheServerOfTheDirectionBefore) {
  server.program("iperf3", "exit 0");
  client.program("iperf3",
                 "echo x >> \"$STATE/tries\"\n"
                 "cat \"$STATE/answer$(wc -l < \"$STATE/tries\" | tr -d ' ')\"");
  client.write("answer1", support::read_data("iperf3/fwd.json"));
  client.write("answer2", support::read_data("iperf3/serverbusy.json"));
  client.write("answer3",
               "{\"start\":{\"connected\":\t[]},\"error\":\"control socket has closed "
               "unexpectedly\"}");
  client.write("answer4",
               "{\"start\":{\"connected\":\t[]},\"error\":\"unable to receive control message: "
               "Connection reset by peer\"}");
  client.write("answer5", support::read_data("iperf3/fwd.json"));
  const auto told = both();
  const auto measured = read_iperf(fleet, {0}, told.evidence);
  EXPECT_TRUE(measured[0].iperf->gbps.has_value());
  EXPECT_TRUE(measured[1].iperf->gbps.has_value());
}

TEST_P(IperfScript, TakesATestThatWasCutForAFailureOfTheLink) {
  server.program("iperf3", "exit 0");
  client.program("iperf3",
                 "echo x >> \"$STATE/tries\"\n"
                 "printf '{\"start\":{\"connected\":[{\"socket\":5}]},\"error\":\"control socket "
                 "has closed unexpectedly\"}'");
  const auto told = both();
  const auto measured = read_iperf(fleet, {0}, told.evidence);
  EXPECT_EQ(measured[0].iperf->failure, IperfFailure::other);
  EXPECT_LT(told.seconds, 3);
}

TEST_P(IperfScript, EndsAClientThatHangsAndDoesNotTryTheOtherDirection) {
  server.program("iperf3", "exit 0");
  client.program("iperf3", "echo x >> \"$STATE/tries\"; exec sleep 60");
  const auto told = both();
  const auto measured = read_iperf(fleet, {0}, told.evidence);
  EXPECT_EQ(measured[0].iperf->failure, IperfFailure::timed_out);
  EXPECT_EQ(measured[1].iperf->failure, IperfFailure::timed_out);
  EXPECT_LT(told.seconds, 10);
  EXPECT_LT(told.seconds, iperf_limit_s(fleet, {0}, options));
}

TEST_P(IperfScript, EndsAServerThatNobodyAsks) {
  const auto ran =
      support::run_script(GetParam(), iperf_script(fleet, 1, {0}, kNonce, options), server.path());
  const auto frames = frames_of(ran);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].exit_status, facts::kStatusTimeLimit);
  EXPECT_EQ(frames[1].exit_status, 125);
  EXPECT_LT(ran.seconds, iperf_limit_s(fleet, {0}, options));
  // The port is free again: the server is gone.
  const Ran again =
      support::run_script({"/bin/sh", "-s"},
                          "iperf3 -s -1 -B 127.77.0.6 -p " + std::to_string(options.iperf_port) +
                              " & s=$!; sleep 0.3; kill $s && echo was there",
                          server.path());
  EXPECT_NE(again.out.find("was there"), std::string::npos) << again.out;
  EXPECT_EQ(again.out.find("in use"), std::string::npos) << again.out;
}

INSTANTIATE_TEST_SUITE_P(Shells, IperfScript,
                         testing::Values(std::vector<std::string>{"/bin/sh", "-s"},
                                         std::vector<std::string>{"/bin/bash", "--posix", "-s"}),
                         [](const auto& one) { return one.index == 0 ? "sh" : "bash"; });

TEST(Iperf, GivesANodeOnlyItsShare) {
  const auto fleet = test::chain_fleet();
  const auto script = iperf_script(fleet, 1, {0, 1}, kNonce, {});
  EXPECT_NE(script.find("bu_serve 0 10.254.0.2 15201"), std::string::npos) << script;
  EXPECT_NE(script.find("bu_client 1 15 -c 10.254.0.6 -B 10.254.0.5 -p 15201 -J -P 4 -t 10 -i 1"),
            std::string::npos)
      << script;
  const auto empty = iperf_script(fleet, 2, {0}, kNonce, {});
  EXPECT_EQ(empty.find("iperf3"), std::string::npos);
  EXPECT_NE(empty.find("bu_frame end"), std::string::npos);
}

TEST(Iperf, TakesOneStreamWhereOneFillsTheWire) {
  model::Link link;
  CheckOptions options;
  EXPECT_EQ(iperf_streams(link, options), 4);
  EXPECT_EQ(iperf_seconds(link, options), 10);
  link.kind = model::LinkKind::ethernet_1g;
  EXPECT_EQ(iperf_streams(link, options), 1);
  options.iperf_streams = 8;
  options.iperf_seconds = 3;
  EXPECT_EQ(iperf_streams(link, options), 8);
  EXPECT_EQ(iperf_seconds(link, options), 3);
}

TEST(Iperf, MeasuresNothingWithoutASession) {
  const auto fleet = loopback();
  std::vector<NodeEvidence> evidence(2);
  evidence[1].error = Error{ErrorCode::unreachable, "gone", ""};
  for (const auto& one : read_iperf(fleet, {0}, evidence)) EXPECT_FALSE(one.iperf.has_value());
}

TEST(Iperf, KnowsFromTheCheckScriptWhetherItIsThere) {
  NodeEvidence evidence;
  EXPECT_FALSE(has_iperf(evidence).has_value());
  evidence.frames = {test::frame("iperf3", "iperf 3.12")};
  EXPECT_EQ(has_iperf(evidence), true);
  evidence.frames = {test::frame("iperf3", "iperf3: command not found", 127)};
  EXPECT_EQ(has_iperf(evidence), false);
  const auto measured = without_iperf(loopback(), 0, 1);
  ASSERT_EQ(measured.size(), 2U);
  EXPECT_EQ(measured[1].iperf->failure, IperfFailure::missing);
  EXPECT_EQ(measured[1].iperf->node, "b");
}

}  // namespace
}  // namespace bringup::verify
