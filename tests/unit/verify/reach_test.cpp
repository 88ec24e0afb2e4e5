// Who is asked, and what their answers come to.
#include "bringup/verify/reach.hpp"

#include <gtest/gtest.h>

#include "support/reach_lab.hpp"

namespace bringup::verify {
namespace {

using test::ReachLab;
using Lines = std::vector<std::string>;

// "routed pi5 -> mini2 10.10.0.2 reachable through mini1"
Lines lines_of(const model::Fleet& fleet, const std::string& from) {
  Lines lines;
  for (const auto& check : reach_checks(fleet)) {
    if (fleet.nodes[check.from].name != from) continue;
    std::string line = fmt::format(
        "{} -> {} {} {}", to_string(check.kind), check.to ? fleet.nodes[*check.to].name : "outside",
        check.address ? check.address->to_string() : "?", to_string(check.wish));
    if (check.source) line += " from " + check.source->to_string();
    for (const auto hop : check.through) line += " through " + fleet.nodes[hop].name;
    lines.push_back(line);
  }
  return lines;
}

const ReachCell& cell(const Matrix& matrix, const ReachLab& lab, const std::string& from,
                      const std::string& address) {
  for (const auto& one : matrix.reach) {
    if (one.check.from == lab.at(from) && one.check.address == test::ip(address)) return one;
  }
  throw std::out_of_range("no such cell");
}

TEST(ReachChecks, AreThoseOfSegmentsRoutesAndExpectations) {
  const auto fleet = test::hybrid_fleet();
  EXPECT_EQ(
      lines_of(fleet, "pi5"),
      (Lines{"segment -> mini1 192.168.50.1 reachable from 192.168.50.2",
             "routed -> mini1 10.10.0.1 reachable",
             "routed -> mini2 10.10.0.2 reachable through mini1",
             "routed -> mini3 10.10.0.3 reachable through mini1",
             "expect -> pi4 192.168.51.4 unreachable", "expect -> outside 8.8.8.8 leaves-via"}));
  EXPECT_EQ(lines_of(fleet, "mini1"),
            (Lines{"segment -> mini2 10.10.0.2 reachable from 10.10.0.1",
                   "segment -> mini3 10.10.0.3 reachable from 10.10.0.1",
                   "segment -> pi5 192.168.50.2 reachable from 192.168.50.1",
                   "routed -> mini3 192.168.51.1 reachable",
                   "routed -> pi4 192.168.51.4 reachable through mini3",
                   "routed -> jetson 192.168.51.5 reachable through mini3"}));
}

TEST(ReachChecks, AreHeldToTheirOwnLimits) {
  const auto fleet = test::hybrid_fleet();
  for (const auto& check : reach_checks(fleet)) {
    if (check.kind == ReachKind::segment) {
      EXPECT_EQ(check.limits, fleet.segments[*check.segment].expect);
    }
    if (check.kind == ReachKind::routed) {
      EXPECT_EQ(check.limits, model::routed_expectation());
    }
    if (check.kind == ReachKind::expect) {
      EXPECT_EQ(check.limits, model::Expectation{});
    }
  }
}

std::string with(const std::string& expectation) {
  return test::kHybrid + "[[expect]]\n" + expectation;
}

TEST(ReachChecks, LetExpectationsHaveTheLastWord) {
  // The same as a segment or route says: no second check, and the expectation is known there.
  auto fleet = test::fleet_from(with("from = \"pi4\"\nto = \"mini3\"\n"));
  EXPECT_EQ(lines_of(fleet, "pi4"), lines_of(test::hybrid_fleet(), "pi4"));
  std::size_t said = 0;
  for (const auto& check : reach_checks(fleet)) said += check.expectation == 2U ? 1 : 0;
  EXPECT_EQ(said, 2U);  // both addresses of mini3
  // The contrary: it replaces the other.
  fleet = test::fleet_from(with("from = \"pi4\"\nto = \"10.10.0.3\"\nreachable = false\n"));
  const auto lines = lines_of(fleet, "pi4");
  EXPECT_NE(std::find(lines.begin(), lines.end(), "expect -> mini3 10.10.0.3 unreachable"),
            lines.end());
  EXPECT_EQ(std::find(lines.begin(), lines.end(), "routed -> mini3 10.10.0.3 reachable"),
            lines.end());
}

TEST(ReachChecks, AskAllAddressesOfWhoIsNotToBeReachedAndNoneOfWhoHasNone) {
  auto fleet = test::fleet_from(with("from = \"pi4\"\nto = \"mini1\"\nreachable = false\n"));
  const auto lines = lines_of(fleet, "pi4");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "expect -> mini1 10.10.0.1 unreachable"), 1);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "expect -> mini1 192.168.50.1 unreachable"), 1);
  fleet = test::fleet_from("[nodes.a]\n[nodes.b]\n[[expect]]\nfrom = \"a\"\nto = \"b\"\n");
  EXPECT_EQ(lines_of(fleet, "a"), (Lines{"expect -> b ? reachable"}));
}

TEST(JudgeReach, IsGreenWhenAllIsAsDeclared) {
  ReachLab lab;
  const auto matrix = lab.judge();
  EXPECT_EQ(matrix.reach.size(), lab.checks.size());
  EXPECT_EQ(matrix.count_reach(CellStatus::pass), lab.checks.size());
  EXPECT_TRUE(matrix.green());
  // The fabric lies on a bridge, which is worth a note.
  ASSERT_EQ(matrix.findings.size(), 1U);
  EXPECT_EQ(matrix.findings[0].id, "segment-bridge");
  EXPECT_EQ(matrix.findings[0].severity, plan::Severity::note);
  EXPECT_EQ(matrix.findings[0].target, "mini1:bridge0");
  EXPECT_EQ(matrix.findings[0].seen,
            "RDMA impossible on bridge0 (segment fabric): a port in a bridge has no RDMA");
  EXPECT_EQ(matrix.count(CellStatus::unlinked), matrix.cells.size());
}

TEST(JudgeReach, TellsRoundTripHopsAndPath) {
  ReachLab lab;
  const auto matrix = lab.judge();
  const auto& far = cell(matrix, lab, "pi5", "10.10.0.3");
  EXPECT_DOUBLE_EQ(far.ping->avg_ms.value(), 0.4);
  EXPECT_EQ(far.hops, 1U);
  ASSERT_EQ(far.path.size(), 2U);
  EXPECT_EQ(far.path[0].node, lab.at("mini1"));
  EXPECT_EQ(far.path[0].answer, Hop::Answer::exceeded);
  EXPECT_EQ(far.path[1].answer, Hop::Answer::reached);
  EXPECT_EQ(far.route_via, test::ip("192.168.50.1"));
  EXPECT_EQ(cell(matrix, lab, "pi5", "10.10.0.1").hops, 0U);
  EXPECT_EQ(cell(matrix, lab, "mini2", "192.168.51.4").hops, 1U);  // a Mac's words
  EXPECT_FALSE(cell(matrix, lab, "pi5", "192.168.50.1").hops.has_value());
}

TEST(JudgeReach, LeavesOutWhoIsNotSelected) {
  ReachLab lab;
  const auto matrix = judge(lab.fleet, {lab.at("pi5"), lab.at("mini1")}, lab.evidence, lab.options);
  Lines asked;
  for (const auto& one : matrix.reach) {
    asked.push_back(lab.fleet.nodes[one.check.from].name + " " + one.check.address->to_string());
  }
  EXPECT_EQ(asked,
            (Lines{"mini1 192.168.50.2", "pi5 192.168.50.1", "pi5 10.10.0.1", "pi5 8.8.8.8"}));
  EXPECT_TRUE(matrix.green());
}

TEST(JudgeReach, AsksNothingThatIsNotWanted) {
  ReachLab lab;
  lab.options.only = {CheckKind::ping};
  EXPECT_TRUE(lab.judge().reach.empty());
}

TEST(JudgeReach, SkipsLinksWhenOnlyReachIsWanted) {
  ReachLab lab(test::pair_fleet());
  const auto matrix = lab.judge();
  EXPECT_EQ(matrix.count(CellStatus::skipped), 2U);
  EXPECT_TRUE(matrix.green());
  lab.options.only = {CheckKind::reach, CheckKind::ping};
  EXPECT_FALSE(lab.judge().green());  // its pings are missing
}

TEST(JudgeReach, IsSlowAboveTheExpectationOfItsKind) {
  ReachLab lab;
  lab.ping(lab.check("pi5", "10.10.0.1"), 3, "2.100");
  auto matrix = lab.judge();
  const auto& slow = cell(matrix, lab, "pi5", "10.10.0.1");
  EXPECT_EQ(slow.status, CellStatus::slow);
  EXPECT_EQ(slow.diagnosis.value().id, "ping-slow");
  EXPECT_EQ(slow.diagnosis.value().expected, "at most 2 ms");
  EXPECT_FALSE(matrix.green());
  lab.ping(lab.check("pi5", "10.10.0.1"), 3, "1.900");
  EXPECT_TRUE(lab.judge().green());
  lab.ping(lab.check("pi5", "10.10.0.1"), 2);
  matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi5", "10.10.0.1").diagnosis.value().id, "ping-loss");
}

TEST(JudgeReach, KnowsNodesThatAreGoneAndToolsThatAre) {
  ReachLab lab;
  const auto one = lab.check("pi4", "10.10.0.2");
  lab.put(one, "reach-ping", "sh: ping: not found\n", 127);
  auto matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi4", "10.10.0.2").status, CellStatus::error);
  lab.drop(one, "reach-route");
  matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi4", "10.10.0.2").status, CellStatus::error);
  lab.evidence[lab.at("pi4")] = {Error{ErrorCode::unreachable, "pi4: timed out", ""}, {}, nullptr};
  matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi4", "10.10.0.2").status, CellStatus::unreachable);
  EXPECT_EQ(cell(matrix, lab, "pi4", "10.10.0.2").diagnosis.value().id, "ssh-no-session");
  lab.evidence[lab.at("pi4")] = {};
  matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi4", "10.10.0.2").status, CellStatus::untested);
  EXPECT_FALSE(matrix.green());
}

TEST(JudgeReach, SaysWhatCouldNotBeAsked) {
  ReachLab lab(test::fleet_from("[nodes.a]\n[nodes.b]\n[[expect]]\nfrom = \"a\"\nto = \"b\"\n"));
  const auto matrix = lab.judge();
  ASSERT_EQ(matrix.reach.size(), 1U);
  EXPECT_EQ(matrix.reach[0].status, CellStatus::untested);
  EXPECT_EQ(matrix.reach[0].diagnosis.value().seen,
            "[[expect]] (fleet.toml:3:1): b has no address in any link or segment");
  EXPECT_EQ(matrix.findings.at(0).severity, plan::Severity::warning);
}

TEST(JudgeReach, FailsWhoAnswersAgainstTheDeclaration) {
  ReachLab lab;
  const auto one = lab.check("pi5", "192.168.51.4");
  lab.ping(one, 2);
  lab.path(one, {"192.168.50.1", "10.10.0.3", "!"});
  const auto matrix = lab.judge();
  const auto& broken = cell(matrix, lab, "pi5", "192.168.51.4");
  EXPECT_EQ(broken.status, CellStatus::fail);
  EXPECT_EQ(broken.diagnosis.value().id, "isolation-broken");
  EXPECT_EQ(broken.diagnosis.value().seen, "192.168.51.4 (pi4) answers pi5 through mini1, mini3");
  EXPECT_EQ(broken.diagnosis.value().expected, "no answer ([[expect]] fleet.toml:32:1)");
  EXPECT_NE(broken.diagnosis.value().cure.find("`ip route get 192.168.51.4` on pi5"),
            std::string::npos);
}

TEST(JudgeReach, FailsAConnectionWherePingsAreDropped) {
  ReachLab lab;
  lab.put(lab.check("pi5", "192.168.51.4"), "reach-tcp", "", 0);
  const auto matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi5", "192.168.51.4").diagnosis.value().seen,
            "192.168.51.4 (pi4) answers pi5 on TCP port 22");
}

TEST(JudgeReach, TakesNoWayForIsolation) {
  ReachLab lab;
  const auto one = lab.check("pi5", "192.168.51.4");
  lab.put(one, "reach-ping", "ping: connect: Network is unreachable\n", 2);
  EXPECT_TRUE(lab.judge().green());
  lab.put(one, "reach-ping", "", 127);
  EXPECT_EQ(lab.judge().count_reach(CellStatus::error), 1U);
}

TEST(JudgeReach, ComparesOnlyTheRouteWhereAnInterfaceIsNamed) {
  ReachLab lab;
  const auto one = lab.check("pi5", "8.8.8.8");
  EXPECT_EQ(cell(lab.judge(), lab, "pi5", "8.8.8.8").route_interface, "wlan0");
  lab.route(one, "usb0");
  auto matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi5", "8.8.8.8").diagnosis.value().id, "wrong-way");
  EXPECT_EQ(cell(matrix, lab, "pi5", "8.8.8.8").diagnosis.value().seen,
            "route to 8.8.8.8 leaves through usb0");
  EXPECT_EQ(cell(matrix, lab, "pi5", "8.8.8.8").diagnosis.value().expected, "through wlan0");
  lab.put(one, "reach-route", "RTNETLINK answers: Network is unreachable\n", 2);
  matrix = lab.judge();
  EXPECT_EQ(cell(matrix, lab, "pi5", "8.8.8.8").diagnosis.value().seen,
            "route to 8.8.8.8 leaves through no interface");
}

}  // namespace
}  // namespace bringup::verify
