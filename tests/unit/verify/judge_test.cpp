#include <gtest/gtest.h>

#include "bringup/verify/checks.hpp"
#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

using test::chain_fleet;
using test::frame;
using test::Healthy;
using test::pair_fleet;
using test::ping_frame;
using test::route_frame;

const Cell& cell(const Matrix& matrix, std::size_t from, std::size_t to) {
  for (const auto& one : matrix.cells) {
    if (one.from == from && one.to == to) return one;
  }
  throw std::out_of_range("no such cell");
}

TEST(Judge, PassesEveryLinkedPairBothWaysWhenAllIsWell) {
  Healthy lab(chain_fleet());
  const Matrix matrix = lab.judge();
  ASSERT_EQ(matrix.cells.size(), 6U);
  EXPECT_EQ(matrix.count(CellStatus::pass), 4U);
  EXPECT_TRUE(matrix.green());
  EXPECT_TRUE(matrix.findings.empty());
  EXPECT_EQ(matrix.fleet, "lab");
  EXPECT_EQ(matrix.nodes, (std::vector<std::string>{"studio1", "studio2", "studio3"}));
  const Cell& one = cell(matrix, 1, 2);
  EXPECT_EQ(one.link, 1U);
  EXPECT_EQ(one.route_ok, true);
  EXPECT_EQ(one.route_interface, "en4");
  ASSERT_TRUE(one.ping.has_value());
  EXPECT_EQ(one.ping->transmitted, 3);
  EXPECT_EQ(one.ping->received, 3);
  EXPECT_DOUBLE_EQ(one.ping->loss_percent, 0);
  EXPECT_DOUBLE_EQ(one.ping->min_ms.value(), 0.1);
  EXPECT_DOUBLE_EQ(one.ping->avg_ms.value(), 0.12);
  EXPECT_DOUBLE_EQ(one.ping->max_ms.value(), 9);
  EXPECT_DOUBLE_EQ(one.ping->stddev_ms.value(), 0.007);
  EXPECT_FALSE(one.diagnosis.has_value());
  EXPECT_NE(one.raw.find("interface: en4"), std::string::npos);
  EXPECT_NE(one.raw.find("ping statistics"), std::string::npos);
}

TEST(Judge, CallsPairsWithoutACableUnlinkedEvenWhenTheNodeIsGone) {
  Healthy lab(chain_fleet());
  lab.evidence[0] = {Error{ErrorCode::unreachable, "studio1: no route to host", ""}, {}, nullptr};
  const Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 0, 2).status, CellStatus::unlinked);
  EXPECT_EQ(cell(matrix, 2, 0).status, CellStatus::unlinked);
  EXPECT_FALSE(cell(matrix, 0, 2).diagnosis.has_value());
  EXPECT_FALSE(matrix.green());
}

TEST(Judge, LeavesOutNodesThatAreNotSelected) {
  Healthy lab(chain_fleet());
  const Matrix matrix = judge(lab.fleet, {1, 2}, lab.evidence, lab.options);
  ASSERT_EQ(matrix.cells.size(), 2U);
  EXPECT_EQ(matrix.nodes, (std::vector<std::string>{"studio2", "studio3"}));
  EXPECT_TRUE(matrix.green());
}

TEST(Judge, GivesEachOfSeveralCablesItsOwnCell) {
  Healthy lab(test::fleet_of({"a", "b"}, {test::cable(0, "en1", 1, "en1", "10.0.0.0/30"),
                                          test::cable(1, "en2", 0, "en2", "10.0.0.4/30")}));
  lab.evidence[0].frames[3] = ping_frame(1, 0);
  const Matrix matrix = lab.judge();
  ASSERT_EQ(matrix.cells.size(), 4U);
  EXPECT_EQ(matrix.cells[0].link, 0U);
  EXPECT_EQ(matrix.cells[0].status, CellStatus::pass);
  EXPECT_EQ(matrix.cells[1].link, 1U);
  EXPECT_EQ(matrix.cells[1].status, CellStatus::fail);
  EXPECT_EQ(matrix.cells[3].status, CellStatus::pass);
}

TEST(Judge, CallsALinkSlowWhenItsRoundTripIsAboveExpectation) {
  Healthy lab(pair_fleet());
  lab.evidence[0].frames[1] = ping_frame(0, 3, "3.100");
  const Matrix matrix = lab.judge();
  const Cell& slow = cell(matrix, 0, 1);
  EXPECT_EQ(slow.status, CellStatus::slow);
  EXPECT_EQ(slow.diagnosis->seen, "rtt 3.10 ms on average");
  EXPECT_EQ(slow.diagnosis->expected, "at most 1 ms");
  EXPECT_EQ(cell(matrix, 1, 0).status, CellStatus::pass);
  ASSERT_EQ(matrix.findings.size(), 1U);
  EXPECT_EQ(matrix.findings[0].severity, plan::Severity::warning);
  EXPECT_FALSE(matrix.green());
}

TEST(Judge, DoesNotJudgeWhatIsNotExpected) {
  Healthy lab(pair_fleet());
  lab.fleet.links[0].expect = {};
  lab.evidence[0].frames[1] = ping_frame(0, 1, "300.000");
  EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::pass);
  lab.evidence[0].frames[1] = ping_frame(0, 0);
  EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::fail);
}

TEST(Judge, FailsLossAboveExpectation) {
  Healthy lab(pair_fleet());
  lab.evidence[0].frames[1] = ping_frame(0, 2);
  const Matrix lossy_matrix = lab.judge();
  const Cell& lossy = cell(lossy_matrix, 0, 1);
  EXPECT_EQ(lossy.status, CellStatus::fail);
  EXPECT_EQ(lossy.diagnosis->layer, "ping");
  EXPECT_EQ(lossy.diagnosis->seen, "1 of 3 pings lost");
  EXPECT_EQ(lossy.diagnosis->expected, "at most 0% lost");
  lab.fleet.links[0].expect.loss_percent = 50;
  EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::pass);
}

TEST(Judge, InventsNoNumberForAFailure) {
  Healthy lab(pair_fleet());
  lab.silence(0);
  const Matrix matrix = lab.judge();
  const Cell& dead = cell(matrix, 0, 1);
  EXPECT_EQ(dead.status, CellStatus::fail);
  ASSERT_TRUE(dead.ping.has_value());
  EXPECT_EQ(dead.ping->received, 0);
  EXPECT_DOUBLE_EQ(dead.ping->loss_percent, 100);
  EXPECT_FALSE(dead.ping->avg_ms.has_value());
  EXPECT_FALSE(dead.ping->min_ms.has_value());
}

TEST(Judge, PassesAPeerThatAnswersPingsButNotSsh) {
  Healthy lab(pair_fleet());
  lab.evidence[1] = {
      Error{ErrorCode::unauthorized, "hwstudio2: no identity accepted", "use --ask-pass"},
      {},
      nullptr};
  const Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 0, 1).status, CellStatus::pass);
  const Cell& gone = cell(matrix, 1, 0);
  EXPECT_EQ(gone.status, CellStatus::unreachable);
  EXPECT_FALSE(gone.ping.has_value());
  EXPECT_EQ(gone.diagnosis->layer, "ssh");
  EXPECT_EQ(gone.diagnosis->node, "hwstudio2");
  EXPECT_EQ(gone.diagnosis->seen, "hwstudio2: no identity accepted");
  EXPECT_EQ(gone.diagnosis->cure, "use --ask-pass");
  ASSERT_EQ(matrix.findings.size(), 1U);
  EXPECT_EQ(matrix.findings[0].target, "hwstudio2");
}

TEST(Judge, KeepsWhatCameBeforeTheConnectionWasCut) {
  Healthy lab(chain_fleet());
  lab.evidence[1].error = Error{ErrorCode::unreachable, "studio2: connection lost", ""};
  lab.evidence[1].frames.resize(2);  // route.0 and ping.0
  const Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 1, 0).status, CellStatus::pass);
  EXPECT_EQ(cell(matrix, 1, 2).status, CellStatus::unreachable);
  EXPECT_NE(matrix.findings[0].cure.find("ssh studio2"), std::string::npos);
}

TEST(Judge, LeavesUntestedWhatNobodyRan) {
  Healthy lab(pair_fleet());
  lab.evidence[0] = {};
  EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::untested);
  lab.options.only = {};
  EXPECT_EQ(cell(lab.judge(), 1, 0).status, CellStatus::untested);
}

TEST(Judge, CallsAMissingRecordAnError) {
  Healthy lab(pair_fleet());
  lab.evidence[0].frames.erase(lab.evidence[0].frames.begin() + 1);
  const Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 0, 1).status, CellStatus::error);
  EXPECT_EQ(cell(matrix, 0, 1).diagnosis->layer, "ping");
  lab.evidence[1].frames.erase(lab.evidence[1].frames.begin());
  EXPECT_EQ(cell(lab.judge(), 1, 0).diagnosis->layer, "route");
}

TEST(Judge, CallsAToolThatCannotBeReadAnError) {
  Healthy lab(pair_fleet());
  lab.evidence[0].frames[1] = frame("ping.0", "sh: ping: command not found\n", 127);
  lab.evidence[1].frames[1] = frame("ping.0", "", 1);
  const Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 0, 1).status, CellStatus::error);
  EXPECT_EQ(cell(matrix, 0, 1).diagnosis->seen,
            "ping: sh: ping: command not found (exit status 127)");
  EXPECT_EQ(cell(matrix, 1, 0).diagnosis->seen, "ping: no output, exit status 1");
}

TEST(Judge, NeverShowsANodesEscapesRaw) {
  Healthy lab(pair_fleet());
  lab.evidence[0].frames[1] = frame("ping.0", "\x1b[2Jgone\n", 1);
  lab.evidence[0].frames[0] = route_frame(0, "en\x1b[2J");
  const Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 0, 1).diagnosis->seen.find('\x1b'), std::string::npos);
  EXPECT_EQ(cell(matrix, 0, 1).route_interface.find('\x1b'), std::string::npos);
}

TEST(Judge, DoesNotBelieveMalformedStatistics) {
  for (const std::string text :
       {"3 packets transmitted, x packets received, 0.0% packet loss",
        "0 packets transmitted, 0 packets received, 0.0% packet loss",
        "-3 packets transmitted, 3 packets received, 0.0% packet loss",
        "99999999999 packets transmitted, 3 packets received", "3 packets transmitted,"}) {
    Healthy lab(pair_fleet());
    lab.evidence[0].frames[1] = frame("ping.0", text);
    EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::error) << text;
  }
  for (const std::string times : {"a/b/c/d", "0.1/0.2/0.3", "////"}) {
    Healthy lab(pair_fleet());
    lab.evidence[0].frames[1] =
        frame("ping.0",
              "3 packets transmitted, 3 packets received, 0.0% packet loss\n"
              "round-trip min/avg/max/stddev = " +
                  times + " ms\n");
    EXPECT_FALSE(cell(lab.judge(), 0, 1).ping->avg_ms.has_value()) << times;
  }
}

TEST(Judge, DoesNotBelieveMalformedLinuxStatistics) {
  Healthy lab(pair_fleet());
  lab.facts[0].os = facts::Os::linux_kernel;
  lab.evidence[0].frames[0] = frame("route.0", "10.254.0.6 dev en5 src 10.254.0.5\n");
  for (const std::string text :
       {"x packets transmitted, 3 received, 0% packet loss",
        "0 packets transmitted, 0 received, 0%",
        "3 packets transmitted, 4 received, 0% packet loss", "3 packets transmitted,"}) {
    lab.evidence[0].frames[1] = frame("ping.0", text);
    EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::error) << text;
  }
  for (const std::string times :
       {"a/b/c/d", "0.1/0.2/0.3", "1/2/3/nan", "1/2/3/1e5", "1/2/3/", "1/2.0.0/3/4"}) {
    lab.evidence[0].frames[1] = frame("ping.0",
                                      "3 packets transmitted, 3 received, 0% packet loss\n"
                                      "rtt min/avg/max/mdev = " +
                                          times + " ms\n");
    EXPECT_FALSE(cell(lab.judge(), 0, 1).ping->avg_ms.has_value()) << times;
  }
  lab.evidence[0].frames[0] = frame("route.0", "command not found", 127);
  EXPECT_EQ(cell(lab.judge(), 0, 1).diagnosis->layer, "route");
}

TEST(Judge, ReadsTheLinuxDialect) {
  Healthy lab(pair_fleet());
  lab.facts[0].os = facts::Os::linux_kernel;
  lab.evidence[0].frames[0] =
      frame("route.0", "10.254.0.6 dev en5 src 10.254.0.5 uid 0 \n    cache \n");
  lab.evidence[0].frames[1] =
      frame("ping.0",
            "3 packets transmitted, 3 received, 0% packet loss, time 400ms\n"
            "rtt min/avg/max/mdev = 0.030/0.040/0.050/0.008 ms\n");
  const Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 0, 1).status, CellStatus::pass);
  EXPECT_DOUBLE_EQ(cell(matrix, 0, 1).ping->avg_ms.value(), 0.04);
}

TEST(Judge, RunsOnlyWhatWasAsked) {
  Healthy lab(pair_fleet());
  lab.options.only = {CheckKind::route};
  lab.evidence[0].frames = {route_frame(0, "en5")};
  lab.evidence[1].frames = {route_frame(0, "en0")};
  Matrix matrix = lab.judge();
  EXPECT_EQ(cell(matrix, 0, 1).status, CellStatus::pass);
  EXPECT_FALSE(cell(matrix, 0, 1).ping.has_value());
  EXPECT_EQ(cell(matrix, 1, 0).status, CellStatus::fail);
  lab.options.only = {CheckKind::ping};
  lab.evidence[0].frames = {ping_frame(0, 3)};
  EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::pass);
  EXPECT_FALSE(cell(lab.judge(), 0, 1).route_ok.has_value());
}

TEST(Judge, FailsARouteThatLeavesElsewhereThoughPingsAreAnswered) {
  Healthy lab(pair_fleet());
  lab.evidence[0].frames[0] = route_frame(0, "en0");
  const Matrix matrix = lab.judge();
  const Cell& one = cell(matrix, 0, 1);
  EXPECT_EQ(one.status, CellStatus::fail);
  EXPECT_EQ(one.route_ok, false);
  EXPECT_EQ(one.route_interface, "en0");
  EXPECT_EQ(one.diagnosis->layer, "route");
  EXPECT_EQ(one.diagnosis->node, "hwstudio1");
  EXPECT_EQ(one.diagnosis->target, "en5");
  EXPECT_EQ(one.diagnosis->seen, "route to 10.254.0.6 leaves through en0");
  EXPECT_EQ(one.diagnosis->expected, "en5");
  EXPECT_EQ(cell(matrix, 1, 0).status, CellStatus::pass);
}

TEST(Judge, TakesNoRouteForABrokenLayerAndNoAnswerForAnError) {
  Healthy lab(pair_fleet());
  lab.evidence[0].frames[0] =
      frame("route.0", "route: writing to routing socket: not in table\n", 0);
  EXPECT_EQ(cell(lab.judge(), 0, 1).diagnosis->seen, "no route to 10.254.0.6");
  EXPECT_EQ(cell(lab.judge(), 0, 1).route_ok, false);
  lab.evidence[0].frames[0] = frame("route.0", "sh: route: not found\n", 127);
  EXPECT_EQ(cell(lab.judge(), 0, 1).status, CellStatus::error);
  EXPECT_EQ(cell(lab.judge(), 0, 1).diagnosis->layer, "route");
  EXPECT_FALSE(cell(lab.judge(), 0, 1).route_ok.has_value());
}

TEST(Words, AreTheSchemas) {
  EXPECT_EQ(to_string(CheckKind::route), "route");
  EXPECT_EQ(to_string(CheckKind::ping), "ping");
  EXPECT_EQ(to_string(CellStatus::pass), "pass");
  EXPECT_EQ(to_string(CellStatus::slow), "slow");
  EXPECT_EQ(to_string(CellStatus::fail), "fail");
  EXPECT_EQ(to_string(CellStatus::unlinked), "unlinked");
  EXPECT_EQ(to_string(CellStatus::untested), "untested");
  EXPECT_EQ(to_string(CellStatus::unreachable), "unreachable");
  EXPECT_EQ(to_string(CellStatus::error), "error");
}

}  // namespace
}  // namespace bringup::verify
