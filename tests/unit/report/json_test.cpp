#include "bringup/report/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/golden.hpp"
#include "support/json_schema.hpp"
#include "support/report_values.hpp"

namespace bringup::report {
namespace {

using nlohmann::json;
using test::Healthy;
using test::misfit;

json schema(const std::string& name) {
  return json::parse(test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/" + name));
}

// A document with every kind of value in it: failures, nulls, unlinked cells, hostile text.
ApplyReport full_report(Healthy& lab) {
  auto report = test::pair_report(lab);
  report.nodes[0].plan.findings = {
      {plan::Severity::note, "os", "", "seen", "", ""},
      {plan::Severity::warning, "rdma", "en5", "\x1b[2J\xff", "enabled", "cure"},
      {plan::Severity::error, "sudo", "", "password", "none", "cure"}};
  report.nodes[0].plan.state = plan::NodeState::refused;
  report.nodes[1].plan.state = plan::NodeState::unreachable;
  report.nodes[1].facts.reset();
  return report;
}

TEST(JsonVerify, FitsItsSchemaWhateverHappened) {
  Healthy lab(test::chain_fleet());
  EXPECT_EQ(misfit(schema("verify-1.json"), json::parse(json_verify(lab.fleet, lab.judge()))), "");
  lab.evidence[0] = {Error{ErrorCode::unreachable, "gone\x1b", ""}, {}, nullptr};
  lab.evidence[1].frames[0] = test::frame("route.0", "route: not in table");
  lab.evidence[2].frames[1] = test::frame("ping.1", "\xff\xfe\x80", 9);
  const auto text = json_verify(lab.fleet, lab.judge());
  const auto document = json::parse(text);
  EXPECT_EQ(misfit(schema("verify-1.json"), document), "");
  EXPECT_EQ(document["summary"]["unlinked"], 2);
  EXPECT_EQ(document["summary"]["unreachable"], 1);
  EXPECT_EQ(document["summary"]["green"], false);
  EXPECT_EQ(document["cells"][0]["ping"], nullptr);
  EXPECT_EQ(document["cells"][1]["link"], nullptr);
}

TEST(JsonVerify, IsTheSameBytesForTheSameValues) {
  Healthy lab(test::pair_fleet());
  test::pair_report(lab);
  test::expect_golden("report/verify.json", json_verify(lab.fleet, lab.judge()));
}

TEST(JsonApply, FitsItsSchemaWithItsMatrixInside) {
  Healthy lab(test::pair_fleet());
  auto report = full_report(lab);
  for (const auto code :
       {ErrorCode::internal, ErrorCode::usage, ErrorCode::unreachable, ErrorCode::unauthorized,
        ErrorCode::remote, ErrorCode::parse, ErrorCode::cancelled}) {
    report.nodes[1].outcome.error = Error{code, "message", "hint"};
    const auto document = json::parse(json_apply(lab.fleet, report));
    EXPECT_EQ(misfit(schema("apply-1.json"), document), "");
    EXPECT_EQ(misfit(schema("verify-1.json"), document["verify"]), "");
  }
  report.run.clear();
  report.matrix.reset();
  report.nodes[0].facts->rdma = platform::RdmaState::no_tool;
  auto document = json::parse(json_apply(lab.fleet, report));
  EXPECT_EQ(misfit(schema("apply-1.json"), document), "");
  EXPECT_EQ(document["run"], nullptr);
  EXPECT_EQ(document["verify"], nullptr);
  EXPECT_EQ(document["nodes"][0]["rdma"], "no-tool");
  report.nodes[0].facts->rdma = platform::RdmaState::unknown;
  document = json::parse(json_apply(lab.fleet, report));
  EXPECT_EQ(document["nodes"][0]["rdma"], "unknown");
}

TEST(JsonApply, IsTheSameBytesForTheSameValues) {
  Healthy lab(test::pair_fleet());
  test::expect_golden("report/apply.json", json_apply(lab.fleet, test::pair_report(lab)));
}

TEST(JsonEvent, IsOneLineThatFitsItsSchema) {
  plan::Event event;
  event.text = "two\nlines \x1b";
  event.node = "studio1";
  for (const auto& [kind, word] : std::vector<std::pair<plan::EventKind, std::string>>{
           {plan::EventKind::phase, "phase"},
           {plan::EventKind::node_started, "node_started"},
           {plan::EventKind::node_done, "node_done"},
           {plan::EventKind::node_failed, "node_failed"},
           {plan::EventKind::step, "step"},
           {plan::EventKind::warning, "warning"},
           {plan::EventKind::raw, "raw"}}) {
    event.kind = kind;
    const auto line = json_event(event);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto document = json::parse(line);
    EXPECT_EQ(misfit(schema("event-1.json"), document), "");
    EXPECT_EQ(document["event"], word);
    EXPECT_FALSE(document.contains("hint"));
  }
  EXPECT_EQ(json_event({plan::EventKind::step, "apply", "n", "s", "done", "t", "h"}),
            "{\"schema\":\"bringup.event/1\",\"event\":\"step\",\"phase\":\"apply\",\"node\":\"n\","
            "\"subject\":\"s\",\"status\":\"done\",\"text\":\"t\",\"hint\":\"h\"}\n");
}

// The validator itself must be able to say no.
TEST(Schema, RefusesWhatDoesNotFit) {
  Healthy lab(test::pair_fleet());
  const auto rules = schema("verify-1.json");
  const auto good = json::parse(json_verify(lab.fleet, lab.judge()));
  auto bad = good;
  bad["cells"][1]["status"] = "great";
  EXPECT_EQ(misfit(rules, bad).substr(0, 17), "/cells/1/status: ");
  bad = good;
  bad["cells"][0]["ping"].erase("avg_ms");
  EXPECT_EQ(misfit(rules, bad), "/cells/0/ping: missing avg_ms");
  bad = good;
  bad["extra"] = 1;
  EXPECT_EQ(misfit(rules, bad), "/: unknown member extra");
  bad = good;
  bad["summary"]["pass"] = 1.5;
  EXPECT_EQ(misfit(rules, bad), "/summary/pass: is not \"integer\"");
  bad["summary"]["pass"] = -1;
  EXPECT_EQ(misfit(rules, bad), "/summary/pass: too small");
  EXPECT_THROW(misfit(json{{"pattern", "x"}}, good), std::runtime_error);
  EXPECT_THROW(misfit(json{{"type", "text"}}, good), std::runtime_error);
  EXPECT_THROW(misfit(json{{"additionalProperties", true}}, good), std::runtime_error);
}

}  // namespace
}  // namespace bringup::report
