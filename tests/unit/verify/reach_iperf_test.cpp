// iperf3 beyond the cables: who is measured with whom, and what the figures come to.
#include "bringup/verify/reach_iperf.hpp"

#include <gtest/gtest.h>

#include "bringup/verify/iperf.hpp"
#include "support/reach_lab.hpp"

namespace bringup::verify {
namespace {

using test::ReachLab;
using Lines = std::vector<std::string>;

std::string pair_words(const ReachPairs& pairs, std::size_t pair) {
  const auto& link = pairs.fleet.links[pair];
  std::string words = fmt::format(
      "{} {} - {} {}", pairs.fleet.nodes[link.ends[0].node].name, link.ends[0].address.to_string(),
      pairs.fleet.nodes[link.ends[1].node].name, link.ends[1].address.to_string());
  for (const auto hop : pairs.through[pair]) words += " through " + pairs.fleet.nodes[hop].name;
  return words;
}

struct ReachIperf : testing::Test {
  ReachLab lab;
  ReachPairs pairs = reach_pairs(lab.fleet);

  std::size_t pair(const std::string& words) {
    for (std::size_t i = 0; i < pairs.fleet.links.size(); ++i) {
      if (pair_words(pairs, i) == words) return i;
    }
    throw std::out_of_range(words);
  }
  Measurement figure(std::size_t index, std::size_t side, double gbps) {
    Measurement one;
    one.link = index;
    one.from = pairs.fleet.links[index].ends[side].node;
    one.iperf = IperfResult{};
    one.iperf->gbps = gbps;
    return one;
  }
  const ReachCell& cell(const Matrix& matrix, const std::string& from, const std::string& address) {
    for (const auto& one : matrix.reach) {
      if (one.check.from == lab.at(from) && one.check.address == test::ip(address)) return one;
    }
    throw std::out_of_range(address);
  }
};

TEST_F(ReachIperf, MeasuresMembersAndPairsOverGatewaysOnce) {
  Lines lines;
  for (std::size_t i = 0; i < pairs.fleet.links.size(); ++i) lines.push_back(pair_words(pairs, i));
  EXPECT_EQ(
      lines,
      (Lines{"mini1 10.10.0.1 - mini2 10.10.0.2", "mini1 10.10.0.1 - mini3 10.10.0.3",
             "mini2 10.10.0.2 - mini3 10.10.0.3", "mini1 192.168.50.1 - pi5 192.168.50.2",
             "mini3 192.168.51.1 - pi4 192.168.51.4", "mini3 192.168.51.1 - jetson 192.168.51.5",
             "pi4 192.168.51.4 - jetson 192.168.51.5",
             "pi5 192.168.50.2 - mini2 10.10.0.2 through mini1",
             "pi5 192.168.50.2 - mini3 10.10.0.3 through mini1",
             "pi4 192.168.51.4 - mini1 10.10.0.1 through mini3",
             "pi4 192.168.51.4 - mini2 10.10.0.2 through mini3",
             "jetson 192.168.51.5 - mini1 10.10.0.1 through mini3",
             "jetson 192.168.51.5 - mini2 10.10.0.2 through mini3"}));
  EXPECT_EQ(pairs.fleet.links[0].expect, lab.fleet.segments[0].expect);
  EXPECT_EQ(pairs.fleet.links.back().expect, model::routed_expectation());
}

TEST_F(ReachIperf, GivesNoNodeTwoThingsToDoAtATime) {
  const auto rounds = reach_rounds(pairs, lab.all);
  std::size_t total = 0;
  for (const auto& round : rounds) {
    std::vector<std::size_t> busy;
    for (const auto pair : round) {
      ++total;
      for (const auto& end : pairs.fleet.links[pair].ends) busy.push_back(end.node);
      for (const auto hop : pairs.through[pair]) busy.push_back(hop);
    }
    std::sort(busy.begin(), busy.end());
    EXPECT_EQ(std::adjacent_find(busy.begin(), busy.end()), busy.end());
  }
  EXPECT_EQ(total, pairs.fleet.links.size());
  EXPECT_EQ(reach_rounds(pairs, lab.all, 2).size(), 2U);
  EXPECT_EQ(reach_rounds(pairs, {lab.at("pi5"), lab.at("mini1")}), (std::vector<Round>{{3}}));
}

TEST_F(ReachIperf, RunsFromTheRightAddresses) {
  const auto index = pair("pi5 192.168.50.2 - mini3 10.10.0.3 through mini1");
  const auto client = iperf_script(pairs.fleet, lab.at("pi5"), {index}, "00112233445566778899", {});
  EXPECT_NE(client.find("-c 10.10.0.3 -B 192.168.50.2"), std::string::npos) << client;
  EXPECT_NE(client.find("-P 1 "), std::string::npos);
  const auto server =
      iperf_script(pairs.fleet, lab.at("mini3"), {index}, "00112233445566778899", {});
  EXPECT_NE(server.find(fmt::format("bu_serve {} 10.10.0.3", index)), std::string::npos);
  const auto gateway =
      iperf_script(pairs.fleet, lab.at("mini1"), {index}, "00112233445566778899", {});
  EXPECT_EQ(gateway.find("bu_serve"), std::string::npos);
}

TEST_F(ReachIperf, JudgesBothDirectionsByTheirExpectation) {
  const auto index = pair("pi5 192.168.50.2 - mini3 10.10.0.3 through mini1");
  auto matrix = lab.judge();
  add_reach_iperf(lab.fleet, pairs, {figure(index, 0, 0.94), figure(index, 1, 0.4)}, lab.options,
                  matrix);
  EXPECT_EQ(cell(matrix, "pi5", "10.10.0.3").status, CellStatus::pass);
  EXPECT_DOUBLE_EQ(cell(matrix, "pi5", "10.10.0.3").iperf->gbps.value(), 0.94);
  const auto& slow = cell(matrix, "mini3", "192.168.50.2");
  EXPECT_EQ(slow.status, CellStatus::slow);
  EXPECT_EQ(slow.diagnosis.value().id, "iperf-slow");
  EXPECT_EQ(slow.diagnosis.value().seen, "0.4 Gb/s from mini3:bridge0 to pi5:eth0");
  EXPECT_EQ(slow.diagnosis.value().expected, "at least 0.8 Gb/s");
  EXPECT_EQ(matrix.findings.back().severity, plan::Severity::warning);
}

TEST_F(ReachIperf, StandsAloneWhereNothingElseWasAsked) {
  lab.options.only = {CheckKind::iperf};
  auto matrix = lab.judge();
  EXPECT_TRUE(matrix.reach.empty());
  const auto index = pair("mini3 192.168.51.1 - pi4 192.168.51.4");
  add_reach_iperf(lab.fleet, pairs, {figure(index, 0, 0.94), figure(index, 1, 0.5)}, lab.options,
                  matrix);
  ASSERT_EQ(matrix.reach.size(), 2U);
  EXPECT_EQ(cell(matrix, "mini3", "192.168.51.4").status, CellStatus::pass);
  EXPECT_EQ(cell(matrix, "pi4", "192.168.51.1").status, CellStatus::slow);
}

TEST_F(ReachIperf, SaysWhyItFailed) {
  const auto index = pair("mini3 192.168.51.1 - pi4 192.168.51.4");
  auto matrix = lab.judge();
  add_reach_iperf(lab.fleet, pairs, without_iperf(pairs.fleet, index, lab.at("pi4")), lab.options,
                  matrix);
  EXPECT_EQ(cell(matrix, "mini3", "192.168.51.4").status, CellStatus::error);
  EXPECT_EQ(cell(matrix, "mini3", "192.168.51.4").diagnosis.value().seen, "pi4 has no iperf3");
  EXPECT_EQ(cell(matrix, "pi4", "192.168.51.1").diagnosis.value().seen, "pi4 has no iperf3");
}

TEST_F(ReachIperf, SparesWhatPingsFindBroken) {
  const auto index = pair("pi5 192.168.50.2 - mini3 10.10.0.3 through mini1");
  EXPECT_TRUE(measurable(pairs, index, lab.judge()));
  EXPECT_TRUE(measurable(pairs, index, {}));
  lab.silence("mini3", "192.168.50.2");
  EXPECT_FALSE(measurable(pairs, index, lab.judge()));
}

}  // namespace
}  // namespace bringup::verify
