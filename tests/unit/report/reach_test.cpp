// Who reaches whom, as text and as JSON.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/report/json.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/util/text.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"
#include "support/reach_lab.hpp"

namespace bringup::report {
namespace {

using nlohmann::json;
using test::expect_golden;
using test::ReachLab;
using verify::CheckKind;

const Style kPlain;

void expect_narrow(const std::string& text) {
  for (const auto line : split_lines(text)) {
    EXPECT_LE(display_width(line), 80U) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

int status_of(const verify::Matrix& matrix) {
  RunSummary summary;
  add(summary, matrix);
  return exit_status(summary);
}

std::string misfit_of(const std::string& text) {
  return test::misfit(
      json::parse(test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/verify-1.json")),
      json::parse(text));
}

// Everything that a check can come to.
void break_all(ReachLab& lab) {
  lab.of("mini1").forwarding = false;
  lab.silence("pi5", "10.10.0.2", {"192.168.50.1"});
  lab.ping(lab.check("pi5", "10.10.0.1"), 3, "2.100");
  lab.put(lab.check("pi5", "10.10.0.3"), "reach-large", "packet 1500\n100% packet loss\n", 1);
  lab.put(lab.check("pi4", "10.10.0.1"), "reach-large", "packet 1500\nFrag needed\n", 1);
  lab.ping(lab.check("pi5", "192.168.51.4"), 2);
  lab.path(lab.check("pi5", "192.168.51.4"), {"192.168.50.1", "10.10.0.9", "!"});
  lab.route(lab.check("pi5", "8.8.8.8"), "usb0");
  lab.put(lab.check("pi4", "10.10.0.2"), "reach-ping", "\x1b[2J\n", 1);
  lab.evidence[lab.at("jetson")] = {
      Error{ErrorCode::unreachable, "jetson: timed out", ""}, {}, nullptr};
  lab.evidence[lab.at("mini3")] = {};
}

TEST(ReachText, ShowsWhoReachesWhom) {
  ReachLab lab;
  lab.options.only = {CheckKind::route, CheckKind::ping, CheckKind::reach};
  const auto matrix = lab.judge();
  const auto text = text_verify(lab.fleet, matrix, kPlain);
  expect_golden("report/reach.txt", text);
  expect_narrow(text);
  EXPECT_EQ(status_of(matrix), 0);
}

TEST(ReachText, ShowsEveryFailure) {
  ReachLab lab;
  break_all(lab);
  const auto matrix = lab.judge();
  const auto text = text_verify(lab.fleet, matrix, kPlain);
  expect_golden("report/reach-faults.txt", text);
  expect_narrow(text);
  EXPECT_EQ(status_of(matrix), 4);
}

TEST(ReachText, StandsBesideLinks) {
  ReachLab lab(test::pair_fleet());
  lab.options.only = {CheckKind::reach};
  auto text = text_verify(lab.fleet, lab.judge(), kPlain);
  EXPECT_EQ(text.find("Reach"), std::string::npos) << text;
  EXPECT_NE(text.find("0 of 0 pass"), std::string::npos) << text;
  test::Healthy both(test::pair_fleet());
  both.fleet.expectations = {{0, "8.8.8.8", true, "en0", {}}};
  both.evidence[0].frames.push_back(test::frame("reach-route.0", "  interface: en0\n"));
  text = text_verify(both.fleet, both.judge(), kPlain);
  EXPECT_NE(text.find("Ping, average round trip"), std::string::npos);
  EXPECT_NE(text.find("\nReach\n  hwstudio1 → 8.8.8.8  ✓ leaves through en0\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("\n2 of 2 pass; 1 of 1 reach checks pass\n"), std::string::npos) << text;
  text = text_connectivity(both.fleet, both.judge(), kPlain);
  EXPECT_NE(text.find("✓ leaves through en0"), std::string::npos) << text;
}

TEST(ReachSummary, MakesItsFailuresTheRuns) {
  ReachLab lab;
  lab.ping(lab.check("pi5", "192.168.51.4"), 2);
  EXPECT_EQ(status_of(lab.judge()), 6);
  lab.ping(lab.check("pi5", "192.168.51.4"), 0);
  lab.ping(lab.check("pi5", "10.10.0.1"), 3, "9.000");
  EXPECT_EQ(status_of(lab.judge()), 6);
}

TEST(ReachJson, FitsItsSchemaWhateverHappened) {
  ReachLab lab;
  const auto good = json_verify(lab.fleet, lab.judge());
  EXPECT_EQ(misfit_of(good), "");
  break_all(lab);
  const auto text = json_verify(lab.fleet, lab.judge());
  EXPECT_EQ(misfit_of(text), "");
  const auto document = json::parse(text);
  EXPECT_EQ(document["summary"]["green"], false);
  EXPECT_EQ(document["checks"], json::parse("[\"reach\"]"));
}

TEST(ReachJson, HasTheFigures) {
  ReachLab lab;
  const auto document = json::parse(json_verify(lab.fleet, lab.judge()));
  EXPECT_EQ(document["summary"]["green"], true);
  const auto& all = document["reach"];
  const auto find = [&](const std::string& from, const std::string& address) -> const json& {
    for (const auto& one : all) {
      if (one["from"] == from && one["address"] == address) return one;
    }
    throw std::out_of_range(address);
  };
  expect_golden("report/reach-cell.json", find("pi5", "10.10.0.2").dump(2) + "\n");
  EXPECT_EQ(find("pi5", "8.8.8.8")["to"], nullptr);
  EXPECT_EQ(find("pi5", "8.8.8.8")["expected"], "leaves-via");
  EXPECT_EQ(find("pi5", "192.168.51.4")["expected"], "unreachable");
}

}  // namespace
}  // namespace bringup::report
