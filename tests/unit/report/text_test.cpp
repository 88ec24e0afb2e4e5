#include "bringup/report/text.hpp"

#include <gtest/gtest.h>

#include "bringup/util/text.hpp"
#include "support/golden.hpp"
#include "support/report_values.hpp"

namespace bringup::report {
namespace {

using plan::StepStatus;
using plan::Task;
using test::expect_golden;
using test::Healthy;
using test::pair_fleet;
using test::pair_report;

const Style kPlain;

model::Fleet triangle() {
  return test::fleet_of({"studio1", "studio2", "studio3"},
                        {test::cable(0, "en3", 1, "en3", "10.254.0.0/30"),
                         test::cable(0, "en4", 2, "en3", "10.254.0.4/30"),
                         test::cable(1, "en4", 2, "en4", "10.254.0.8/30")});
}

model::Fleet mesh(std::size_t nodes) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < nodes; ++i) names.push_back("hwstudio" + std::to_string(i + 1));
  std::vector<model::Link> links;
  for (std::size_t a = 0; a < nodes; ++a) {
    for (std::size_t b = a + 1; b < nodes; ++b) {
      links.push_back(test::cable(a, "en" + std::to_string(b + 1), b, "en" + std::to_string(a + 2),
                                  "10.254." + std::to_string(links.size()) + ".0/30"));
    }
  }
  return test::fleet_of(names, links);
}

void expect_narrow(const std::string& text, std::size_t width = 80) {
  for (const auto line : split_lines(text)) {
    if (line.find("[dry-run]") != std::string_view::npos) continue;
    EXPECT_LE(display_width(line), width) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

plan::Plan triangle_plan() {
  plan::Plan plan;
  plan.fleet = "lab";
  auto first = test::fresh_node("studio1", "en3", "10.254.0.1");
  first.findings.push_back({plan::Severity::warning, "rdma", "", "RDMA is disabled", "enabled",
                            "boot into Recovery and run: rdma_ctl enable"});
  plan::NodePlan second;
  second.node = "studio2";
  second.actions = {test::action(Task::rdma_check, "rdma", "rdma_ctl status", "is RDMA enabled?")};
  plan::NodePlan third;
  third.node = "studio3";
  plan.nodes = {first, second, third};
  return plan;
}

TEST(TextPlan, ListsEveryCommandUnderItsReason) {
  const auto text = text_plan(triangle(), triangle_plan(), kPlain);
  expect_golden("report/plan.txt", text);
  expect_narrow(text);
}

TEST(TextPlan, SaysWhyNodesAreLeftAlone) {
  auto plan = triangle_plan();
  plan.nodes[1].state = plan::NodeState::refused;
  plan.nodes[1].findings.push_back({plan::Severity::error, "sudo", "", "sudo wants a password",
                                    "passwordless sudo",
                                    "set become = \"sudo-password\" and give --ask-become-pass"});
  plan.nodes[2].state = plan::NodeState::unreachable;
  plan.nodes[2].error =
      Error{ErrorCode::unreachable, "studio3 (192.168.1.7:22): no answer within 10 s",
            "is the node on, and in this network? try: ssh studio3"};
  plan.offline = true;
  const auto text = text_plan(triangle(), plan, kPlain);
  expect_golden("report/plan-refused.txt", text);
  expect_narrow(text);
}

TEST(TextPlan, KeepsCommandsWhole) {
  auto plan = triangle_plan();
  plan.nodes[0].actions[0].shown = "printf '" + std::string(3000, 'x') + "\x1b[2J'";
  const auto text = text_plan(triangle(), plan, kPlain);
  EXPECT_NE(text.find("[dry-run] studio1: printf '" + std::string(3000, 'x')), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(TextApply, HasTheShapeThatPeopleKnow) {
  Healthy lab(pair_fleet());
  const auto text = text_apply(lab.fleet, pair_report(lab), kPlain);
  expect_golden("report/apply.txt", text);
  expect_narrow(text);
}

TEST(TextApply, ColoursMarksAndHeadingsOnlyWhenAsked) {
  Healthy lab(pair_fleet());
  const auto report = pair_report(lab);
  EXPECT_EQ(text_apply(lab.fleet, report, kPlain).find('\x1b'), std::string::npos);
  auto text = text_apply(lab.fleet, report, Style{Colour::on, 80});
  expect_golden("report/apply-colour.txt", text);
  // Without its escapes it is the same text: colours move no column and no line break.
  for (std::size_t at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b', at)) {
    text.erase(at, text.find('m', at) - at + 1);
  }
  EXPECT_EQ(text, text_apply(lab.fleet, report, kPlain));
}

TEST(TextApply, ExplainsFailuresSkipsAndBrokenNodes) {
  Healthy lab(triangle());
  lab.silence(0);
  lab.facts[0].bridges = {{"bridge0", {"en3"}}};
  lab.evidence[2] = {
      Error{ErrorCode::unauthorized, "studio3: the host key has changed", "bringup trust studio3"},
      {},
      nullptr};
  ApplyReport report;
  AppliedNode first;
  first.plan = test::fresh_node("studio1", "en3", "10.254.0.1");
  first.facts = lab.facts[0];
  auto failed = test::step(Task::bridge_detach, "en3", StepStatus::failed,
                           "en3 is still a member of bridge0");
  failed.seen = "ifconfig bridge0 lists member en3 although deletem reported success";
  failed.expected = "en3 in no bridge";
  failed.cure = "turn off Internet Sharing in System Settings, then bringup apply";
  auto skipped =
      test::step(Task::address_assign, "en3", StepStatus::skipped, "address 10.254.0.1/30");
  skipped.seen = "bridge.detach failed";
  first.outcome.steps = {failed, skipped,
                         test::step(Task::file_write, "/tmp/mlx_ibv_devices.json", StepStatus::done,
                                    "IBV matrix written: /tmp/mlx_ibv_devices.json")};
  AppliedNode second;
  second.plan = test::fresh_node("studio2", "en3", "10.254.0.2");
  second.facts = lab.facts[1];
  second.outcome.steps = {
      test::step(Task::bridge_detach, "en3", StepStatus::done, "en3 removed from bridge0"),
      test::step(Task::interface_up, "en3", StepStatus::skipped, "")};
  second.outcome.error = Error{ErrorCode::unreachable, "studio2: connection lost during apply",
                               "run bringup apply again: steps that are done stay done"};
  AppliedNode third;
  third.plan.node = "studio3";
  third.plan.state = plan::NodeState::unreachable;
  third.plan.error = lab.evidence[2].error;
  report.nodes = {first, second, third};
  report.matrix = lab.judge();
  const auto text = text_apply(lab.fleet, report, kPlain);
  expect_golden("report/apply-faults.txt", text);
  expect_narrow(text);
}

TEST(TextApply, TellsAFindingOnceAndARefusedNode) {
  Healthy lab(pair_fleet());
  auto report = pair_report(lab);
  report.nodes[0].plan.findings = {
      {plan::Severity::warning, "rdma", "", "disabled", "enabled",
       "enable it in Recovery: rdma_ctl enable"},
      {plan::Severity::note, "os", "", "macOS 26.2 (25C56)", "", ""},
      {plan::Severity::warning, "os", "", "build differs from hwstudio2", "", "update both"}};
  report.nodes[1].plan.state = plan::NodeState::refused;
  report.nodes[1].plan.findings = {{plan::Severity::error, "os", "", "Linux", "macOS",
                                    "leave hwstudio2 out: --limit '!hwstudio2'"}};
  expect_golden("report/apply-node1.txt",
                text_applied_node(lab.fleet, report.nodes[0], 1, 2, kPlain));
  expect_golden("report/apply-node2.txt",
                text_applied_node(lab.fleet, report.nodes[1], 2, 2, kPlain));
}

TEST(TextApply, BreaksTheHeadingBetweenLinks) {
  const auto fleet = mesh(6);
  AppliedNode node;
  node.plan.node = "hwstudio1";
  const auto text = text_applied_node(fleet, node, 1, 6, kPlain);
  expect_golden("report/apply-heading.txt", text);
  expect_narrow(text);
}

TEST(TextApply, ShowsNoEscapeOfANode) {
  Healthy lab(pair_fleet());
  auto report = pair_report(lab);
  for (auto& step : report.nodes[0].outcome.steps) {
    step.status = StepStatus::failed;
    step.text = step.seen = step.expected = step.cure = "\x1b]0;owned\x07\r\n";
  }
  report.nodes[1].outcome.error = Error{ErrorCode::remote, "\x1b[2J", "\x1b[2J"};
  report.matrix->findings[0].seen = "\x1b[2J";
  report.matrix->cells[1].diagnosis->seen = "\x1b[2J";
  const auto text = text_apply(lab.fleet, report, kPlain);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(TextSummary, BlamesOnlyTheEndThatIsBroken) {
  Healthy lab(triangle());
  lab.silence(1);
  lab.facts[2].interfaces[0].inet.clear();  // studio3:en3, link 1 with studio1:en4
  ApplyReport report;
  for (std::size_t i = 0; i < 3; ++i) {
    AppliedNode node;
    node.plan.node = lab.fleet.nodes[i].name;
    node.facts = lab.facts[i];
    report.nodes.push_back(node);
  }
  report.nodes[0].outcome.steps = {
      test::step(Task::address_assign, "en4", StepStatus::warning, "en4 warned")};
  report.nodes[1].facts->rdma = platform::RdmaState::no_tool;
  report.nodes[2].facts.reset();
  report.matrix = lab.judge();
  expect_golden("report/summary.txt", text_summary(lab.fleet, report, kPlain));
}

TEST(TextSummary, BlamesBothEndsOfACableThatBothSeeUnplugged) {
  Healthy lab(pair_fleet());
  auto report = pair_report(lab);
  report.nodes[0].facts->rdma = platform::RdmaState::enabled;
  report.nodes[0].outcome.steps.clear();
  EXPECT_NE(text_summary(lab.fleet, report, kPlain)
                .find("hwstudio1  en5  10.254.0.5/30  RDMA:enabled  ✓"),
            std::string::npos);
  report.nodes[0].facts->interfaces[0].active = false;
  EXPECT_NE(text_summary(lab.fleet, report, kPlain)
                .find("hwstudio1  en5  10.254.0.5/30  RDMA:enabled  ✗"),
            std::string::npos);
}

TEST(TextSummary, TellsTheDeviceOfEachEndOfALinuxNode) {
  Healthy lab(pair_fleet());
  auto report = pair_report(lab);
  auto& facts = *report.nodes[0].facts;
  facts.os = facts::Os::linux_kernel;
  const auto word = [&] {
    const auto text = text_summary(lab.fleet, report, kPlain);
    const auto at = text.find("RDMA:") + 5;
    return text.substr(at, text.find(' ', at) - at);
  };
  const auto& device = lab.fleet.links[0].ends[0].rdma_device;
  facts.ibv_ports = {{"another", 1, "PORT_ACTIVE", "Ethernet", 200.0, {}},
                     {device, 1, "PORT_ACTIVE", "Ethernet", 200.0, {}}};
  EXPECT_EQ(word(), "active");
  facts.ibv_ports->back().state = "PORT_DOWN";
  EXPECT_EQ(word(), "down");
  facts.ibv_ports->pop_back();
  EXPECT_EQ(word(), "none");
  facts.ibv_ports.reset();
  EXPECT_EQ(word(), "none");
  facts.rdma_interfaces = {{"another", "en5"}};
  EXPECT_EQ(word(), "unknown");
}

TEST(TextVerify, ShowsAGreenTriangle) {
  Healthy lab(triangle());
  expect_golden("report/verify-green.txt", text_verify(lab.fleet, lab.judge(), kPlain));
}

TEST(TextVerify, ShowsEveryStatus) {
  auto fleet =
      test::fleet_of({"a", "b", "c", "d", "e"}, {test::cable(0, "en1", 1, "en1", "10.0.0.0/30"),
                                                 test::cable(0, "en2", 2, "en1", "10.0.0.4/30"),
                                                 test::cable(0, "en3", 3, "en1", "10.0.0.8/30"),
                                                 test::cable(0, "en4", 4, "en1", "10.0.0.12/30")});
  Healthy lab(fleet);
  lab.evidence[0].frames[1] = test::ping_frame(0, 3, "3.100");
  lab.facts[2].interfaces[0].active = false;
  lab.silence(1);
  lab.evidence[3] = {Error{ErrorCode::unreachable, "d: timed out", ""}, {}, nullptr};
  lab.evidence[4] = {};
  lab.evidence[1].frames[1] = test::frame("ping.0", "sh: ping: not found", 127);
  const auto text = text_verify(lab.fleet, lab.judge(), kPlain);
  expect_golden("report/verify-faults.txt", text);
  expect_narrow(text);
  const auto list = text_verify(lab.fleet, lab.judge(), Style{Colour::off, 40});
  expect_golden("report/verify-list.txt", list);
  expect_narrow(list, 40);
}

TEST(TextVerify, FallsBackToAListWhenTheMatrixIsTooWide) {
  Healthy lab(mesh(8));
  const auto text = text_verify(lab.fleet, lab.judge(), kPlain);
  EXPECT_NE(text.find("  hwstudio1 → hwstudio8  ✓ 0.12 ms\n"), std::string::npos);
  EXPECT_NE(text.find("\n56 of 56 pass\n"), std::string::npos);
  const auto wide = text_verify(lab.fleet, lab.judge(), Style{Colour::off, 120});
  EXPECT_EQ(wide.find("→"), std::string::npos);
}

TEST(TextVerify, NamesTheCableWhenSeveralJoinTwoNodes) {
  Healthy lab(test::fleet_of({"a", "b"}, {test::cable(0, "en1", 1, "en1", "10.0.0.0/30"),
                                          test::cable(1, "en2", 0, "en7", "10.0.0.4/30")}));
  lab.silence(1);
  lab.facts[1].interfaces[1].up = false;
  const auto matrix = lab.judge();
  expect_golden("report/connectivity-two-cables.txt", text_connectivity(lab.fleet, matrix, kPlain));
  // The worse of the two stands for the pair.
  EXPECT_NE(text_verify(lab.fleet, matrix, kPlain).find("a          ·  ✗\n"), std::string::npos)
      << text_verify(lab.fleet, matrix, kPlain);
}

TEST(TextVerify, ShowsRoutesAloneAndCellsWithoutDiagnosis) {
  Healthy lab(pair_fleet());
  lab.options.only = {verify::CheckKind::route};
  auto matrix = lab.judge();
  EXPECT_NE(text_connectivity(lab.fleet, matrix, kPlain).find("✓ route"), std::string::npos);
  EXPECT_NE(text_verify(lab.fleet, matrix, kPlain).find("✓"), std::string::npos);
  for (const auto status : {verify::CellStatus::fail, verify::CellStatus::unreachable,
                            verify::CellStatus::error, verify::CellStatus::slow}) {
    matrix.cells[0].status = status;
    EXPECT_FALSE(text_connectivity(lab.fleet, matrix, kPlain).empty());
  }
}

}  // namespace
}  // namespace bringup::report
