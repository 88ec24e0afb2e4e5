#include "bringup/verify/peers.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "bringup/verify/baseline.hpp"
#include "support/measured_values.hpp"

namespace bringup::verify {
namespace {

using test::Measured;
using test::mesh_fleet;

struct Peers : testing::Test {
  Measured lab{mesh_fleet()};
  Matrix matrix;
  // Figures that vary a little, as real ones do.
  void SetUp() override {
    for (std::size_t i = 0; i < lab.measured.size(); ++i) {
      lab.measured[i].iperf = test::iperf(60 + static_cast<double>(i % 5));
    }
  }
  void compare() {
    matrix = lab.judge_all();
    compare_with_peers(lab.fleet, matrix);
  }
  const Cell& cell(std::size_t link, std::size_t from) {
    for (const auto& one : matrix.cells) {
      if (one.link == link && one.from == from) return one;
    }
    throw std::out_of_range("no such cell");
  }
};

TEST(Spreads, AreMedianAndMedianDistance) {
  auto spread = spread_of({1, 2, 3, 4, 100});
  EXPECT_DOUBLE_EQ(spread.median, 3);
  EXPECT_DOUBLE_EQ(spread.mad, 1);
  EXPECT_EQ(spread.count, 5U);
  spread = spread_of({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(spread.median, 2.5);
  EXPECT_DOUBLE_EQ(spread.mad, 1);
  EXPECT_DOUBLE_EQ(spread_of({7}).mad, 0);
}

TEST_F(Peers, LeaveNoiseAlone) {
  compare();
  EXPECT_TRUE(matrix.green());
  EXPECT_TRUE(suspects(matrix).empty());
  std::size_t judged = 0;
  for (const auto& one : cell(0, 0).verdicts) judged += one.source == VerdictSource::peers ? 1 : 0;
  EXPECT_EQ(judged, 4U);  // rtt, iperf, RDMA bandwidth and latency
}

TEST_F(Peers, MakeNoOutlierOfATinyDifferenceAmongEquals) {
  for (auto& one : lab.measured) one.iperf = test::iperf(62);
  lab.of(3, 1).iperf = test::iperf(60.9);
  compare();
  EXPECT_TRUE(matrix.green());
  lab.of(3, 1).iperf = test::iperf(48);  // 23 % below: no reason yet
  compare();
  EXPECT_TRUE(matrix.green());
  lab.of(3, 1).iperf = test::iperf(46);
  compare();
  EXPECT_FALSE(matrix.green());
}

TEST_F(Peers, MakeNoOutlierWhereAllDiffer) {
  for (std::size_t i = 0; i < lab.measured.size(); ++i) {
    lab.measured[i].iperf = test::iperf(45 + 3 * static_cast<double>(i));
  }
  lab.of(3, 1).iperf = test::iperf(41);  // over a quarter below, and so are others nearly
  compare();
  EXPECT_TRUE(matrix.green());
}

TEST_F(Peers, FindTheLinkThatIsHalfAsFast) {
  lab.of(3, 1).iperf = test::iperf(41);  // above what is expected, below all others
  compare();
  EXPECT_EQ(cell(3, 1).status, CellStatus::slow);
  EXPECT_EQ(cell(3, 1).diagnosis->id, "peer-slow");
  EXPECT_EQ(cell(3, 2).status, CellStatus::pass);
  EXPECT_EQ(suspects(matrix), std::vector<std::size_t>{3});
  ASSERT_EQ(matrix.findings.size(), 1U);
  EXPECT_EQ(matrix.findings[0].target, "b:en2");
  EXPECT_NE(matrix.findings[0].expected.find("median of 12 thunderbolt5"), std::string::npos);
}

TEST_F(Peers, AreOfOneKindAndFourAtLeast) {
  for (std::size_t link : {3U, 4U, 5U}) {
    lab.fleet.links[link].kind = model::LinkKind::thunderbolt4;
    lab.fleet.links[link].expect = {};
    for (const auto& end : lab.fleet.links[link].ends) {
      lab.of(link, end.node).iperf = test::iperf(20);
    }
  }
  compare();
  EXPECT_TRUE(matrix.green());  // 20 Gb/s is what the others of their kind have
  // Three figures make no median, four do.
  for (const bool fourth : {false, true}) {
    Measured two(test::chain_fleet());
    two.of(0, 0).iperf = test::iperf(41);
    if (!fourth) two.of(1, 2).iperf.reset();
    auto judged = two.judge_all();
    compare_with_peers(two.fleet, judged);
    const auto& verdicts = judged.cells[0].verdicts;
    EXPECT_EQ(std::any_of(verdicts.begin(), verdicts.end(),
                          [](const Verdict& verdict) {
                            return verdict.source == VerdictSource::peers &&
                                   verdict.check == CheckKind::iperf;
                          }),
              fourth);
  }
  Measured pair(test::pair_fleet());
  pair.of(0, 0).iperf = test::iperf(41);
  auto small = pair.judge_all();
  compare_with_peers(pair.fleet, small);
  for (const auto& verdict : small.cells[0].verdicts) {
    EXPECT_EQ(verdict.source, VerdictSource::expectation);
  }
}

TEST_F(Peers, JudgeLatencyTheOtherWayRound) {
  lab.of(2, 0).rdma = test::rdma(73, 30);
  compare();
  EXPECT_EQ(cell(2, 0).status, CellStatus::slow);
  EXPECT_NE(cell(2, 0).diagnosis->seen.find("rdma latency 30.0 us"), std::string::npos);
  lab.of(2, 0).rdma = test::rdma(73, 1);
  compare();
  EXPECT_EQ(cell(2, 0).status, CellStatus::pass);
}

TEST_F(Peers, TakeTheNoiseOfASchedulerForNoSlowRoundTrip) {
  lab.evidence[1].frames[3] = test::ping_frame(3, 3, "0.310");  // of 0.12
  compare();
  EXPECT_TRUE(matrix.green());
  lab.evidence[1].frames[3] = test::ping_frame(3, 3, "0.330");
  compare();
  EXPECT_EQ(cell(3, 1).status, CellStatus::slow);
}

TEST_F(Peers, InventNoLatencyOfMessagesThatWereLost) {
  auto lost = test::rdma(73, 0, 1000);
  lost.latency[0].p50_us = 900;
  lab.of(2, 0).rdma = lost;
  compare();
  EXPECT_DOUBLE_EQ(*figure(cell(2, 0), Metric::rdma_latency), 2);  // of the larger message
  lab.of(2, 0).rdma->latency.resize(1);
  compare();
  EXPECT_FALSE(figure(cell(2, 0), Metric::rdma_latency).has_value());
}

TEST_F(Peers, PutTheWorstFirst) {
  lab.of(1, 0).iperf = test::iperf(30);
  lab.of(4, 3).iperf = test::iperf(10);
  lab.of(5, 2).iperf = test::iperf(20);
  compare();
  EXPECT_EQ(suspects(matrix), (std::vector<std::size_t>{4, 5, 1}));
}

TEST_F(Peers, DoNotSuspectWhatFailed) {
  lab.of(1, 0).iperf = test::iperf_failure(IperfFailure::missing, "a", "x");
  compare();
  EXPECT_TRUE(suspects(matrix).empty());
}

Attribution only(const std::vector<Attribution>& found) {
  EXPECT_EQ(found.size(), 1U);
  return found.at(0);
}

TEST_F(Peers, BlameTheSenderThatIsShapedOnOneLink) {
  lab.of(3, 1).iperf = test::iperf(25);  // b → c; c → b is fine
  compare();
  const auto found = only(attribute(lab.fleet, matrix));
  EXPECT_EQ(found.culprit, Attribution::Culprit::sender);
  EXPECT_EQ(found.node, "b");
  EXPECT_EQ(found.target, "en2");
  EXPECT_NE(found.why.find("the other way has"), std::string::npos);
  apply_attributions(lab.fleet, {found}, matrix);
  EXPECT_EQ(cell(3, 1).diagnosis->node, "b");
  EXPECT_NE(cell(3, 1).diagnosis->meaning.find("b:en2 (sending side) is to blame"),
            std::string::npos);
  EXPECT_EQ(matrix.findings[0].meaning, cell(3, 1).diagnosis->meaning);
}

TEST_F(Peers, BlameTheNodeThatIsSlowTowardsAll) {
  for (const std::size_t link : {0U, 3U, 4U}) lab.of(link, 1).iperf = test::iperf(25);
  compare();
  const auto found = attribute(lab.fleet, matrix);
  ASSERT_EQ(found.size(), 3U);
  for (const auto& one : found) {
    EXPECT_EQ(one.culprit, Attribution::Culprit::sender);
    EXPECT_EQ(one.node, "b");
    EXPECT_NE(one.why.find("b is as slow towards others"), std::string::npos);
  }
}

TEST_F(Peers, BlameTheNodeThatIsSlowFromAll) {
  // Into c; c sends well.
  lab.of(1, 0).iperf = test::iperf(25);
  lab.of(3, 1).iperf = test::iperf(25);
  lab.of(5, 3).iperf = test::iperf(25);
  compare();
  const auto found = attribute(lab.fleet, matrix);
  ASSERT_EQ(found.size(), 3U);
  for (const auto& one : found) {
    EXPECT_EQ(one.culprit, Attribution::Culprit::receiver);
    EXPECT_EQ(one.node, "c");
  }
}

TEST_F(Peers, BlameTheCableThatIsSlowBothWays) {
  lab.of(3, 1).iperf = test::iperf(42);
  lab.of(3, 2).iperf = test::iperf(41);
  compare();
  const auto found = attribute(lab.fleet, matrix);
  ASSERT_EQ(found.size(), 2U);
  for (const auto& one : found) EXPECT_EQ(one.culprit, Attribution::Culprit::link);
  apply_attributions(lab.fleet, found, matrix);
  EXPECT_NE(cell(3, 1).diagnosis->meaning.find("the cable b:en2 - c:en2"), std::string::npos);
  // Said once, with both figures, at the cable's first end.
  ASSERT_EQ(matrix.findings.size(), 1U);
  EXPECT_EQ(matrix.findings[0].target, "b:en2");
  EXPECT_NE(matrix.findings[0].seen.find("42 Gb/s"), std::string::npos);
  EXPECT_NE(matrix.findings[0].seen.find("41 Gb/s"), std::string::npos);
  EXPECT_NE(matrix.findings[0].meaning.find("the cable b:en2 - c:en2 is to blame"),
            std::string::npos);
}

// Below the floor, below the others and below what it was: each is said once.
TEST_F(Peers, TellOfASlowCableOnceForEachJudgement) {
  Baseline last{"lab", true, {}};
  const std::string link = lab.fleet.link_name(lab.fleet.links[3]);
  last.cells = {{"b", "c", link, {{Metric::iperf, 60}, {Metric::rtt, 0.12}}, 9000},
                {"c", "b", link, {{Metric::iperf, 60}, {Metric::rtt, 0.12}}, 9000}};
  lab.of(3, 1).iperf = test::iperf(25);
  lab.of(3, 2).iperf = test::iperf(24);
  lab.evidence[1].frames[3] = test::ping_frame(3, 3, "0.900");
  lab.evidence[2].frames[3] = test::ping_frame(3, 3, "0.800");
  compare();
  compare_with_baseline(lab.fleet, last, "the last", matrix);
  apply_attributions(lab.fleet, attribute(lab.fleet, matrix), matrix);
  std::multiset<std::string> told;
  for (const auto& finding : matrix.findings) {
    EXPECT_EQ(finding.target, "b:en2") << finding.id;
    told.insert(finding.id + " " + finding.what);
  }
  EXPECT_EQ(told, (std::multiset<std::string>{"iperf-slow iperf", "peer-slow iperf",
                                              "peer-slow rtt", "baseline-slow iperf",
                                              "baseline-slow rtt", "baseline-slow packet"}));
  for (const auto& finding : matrix.findings) {
    if (finding.what == "rtt") {
      EXPECT_EQ(finding.seen, "rtt 0.90 ms; rtt 0.80 ms");
    } else if (finding.what == "packet") {
      EXPECT_EQ(finding.seen, "packet 1500 bytes");  // both ways
    } else if (finding.id == "baseline-slow") {
      EXPECT_EQ(finding.seen, "iperf 25 Gb/s; iperf 24 Gb/s");
    }
  }
}

// Each end sends badly, and well enough elsewhere receives: two culprits.
TEST_F(Peers, KeepTwoEndsThatAreBothToBlameApart) {
  for (const std::size_t link : {0U, 3U, 4U}) lab.of(link, 1).iperf = test::iperf(25);
  for (const std::size_t link : {1U, 3U, 5U}) lab.of(link, 2).iperf = test::iperf(25);
  compare();
  apply_attributions(lab.fleet, attribute(lab.fleet, matrix), matrix);
  std::multiset<std::string> told;
  for (const auto& finding : matrix.findings) told.insert(finding.target);
  EXPECT_EQ(told,
            (std::multiset<std::string>{"b:en1", "b:en2", "b:en3", "c:en1", "c:en2", "c:en3"}));
}

TEST_F(Peers, TellTwoSlowCablesApart) {
  for (const auto& [link, from, to] : {std::array<std::size_t, 3>{0, 0, 1}, {5, 2, 3}}) {
    lab.of(link, from).iperf = test::iperf(42);
    lab.of(link, to).iperf = test::iperf(41);
  }
  compare();
  apply_attributions(lab.fleet, attribute(lab.fleet, matrix), matrix);
  ASSERT_EQ(matrix.findings.size(), 2U);
  EXPECT_EQ(matrix.findings[0].target, "a:en1");
  EXPECT_EQ(matrix.findings[1].target, "c:en3");
}

TEST_F(Peers, OfTwoNodesOnlyTheDirectionsTell) {
  Measured pair(test::pair_fleet());
  pair.of(0, 0).iperf = test::iperf(20);
  const auto judged = pair.judge_all();
  const auto found = only(attribute(pair.fleet, judged));
  EXPECT_EQ(found.culprit, Attribution::Culprit::sender);
  EXPECT_EQ(found.node, "hwstudio1");
}

}  // namespace
}  // namespace bringup::verify
