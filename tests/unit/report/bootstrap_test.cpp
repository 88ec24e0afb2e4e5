#include "bringup/report/bootstrap.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bringup::report {
namespace {

using plan::BootstrapPart;
using plan::BootstrapStatus;

BootstrapReport sample() {
  BootstrapReport report{"run-1", {}};
  report.nodes.push_back({"studio1",
                          std::nullopt,
                          {{BootstrapPart::key, BootstrapStatus::ok, "key there", ""},
                           {BootstrapPart::sudoers, BootstrapStatus::change, "rule", ""}},
                          "# the file\nadmin ALL=(ALL) NOPASSWD: ALL\n"});
  report.nodes.push_back(
      {"studio2",
       Error{ErrorCode::unreachable, "no \x1b[2J answer", "look there"},
       {{BootstrapPart::sudoers, BootstrapStatus::failed, "not written", "free space"},
        {BootstrapPart::login, BootstrapStatus::not_done, "no login", "again"}},
       std::nullopt});
  return report;
}

TEST(BootstrapReport, CountsChangesAndFailures) {
  EXPECT_EQ(changed_items(sample()), 1U);
  EXPECT_EQ(failed_items(sample()), 2U);
}

TEST(BootstrapReport, ThePlanShowsTheWholeFile) {
  const std::string text = text_bootstrap_plan(sample(), Style{});
  EXPECT_NE(text.find("[dry-run] studio1: rule\n      # the file\n      admin ALL="),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(BootstrapReport, TheResultSaysWhatFailedAndTheCure) {
  auto report = sample();
  report.nodes[0].items[1].status = BootstrapStatus::done;
  const std::string text = text_bootstrap(report, Style{});
  for (const char* words : {"✓ key there", "✓ rule: done", "✗ not written", "free space",
                            "✗ not done: no login", "look there", "2 nodes, 1 change, 2 failed"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words << "\n" << text;
  }
}

TEST(BootstrapReport, JsonHoldsAllOfIt) {
  const auto document = nlohmann::json::parse(json_bootstrap(sample()));
  EXPECT_EQ(document["schema"], "bringup.bootstrap/1");
  EXPECT_EQ(document["nodes"][0]["items"][1]["status"], "change");
  EXPECT_EQ(document["nodes"][0]["error"], nullptr);
  EXPECT_EQ(document["nodes"][1]["items"][1]["status"], "not-done");
  EXPECT_EQ(document["nodes"][1]["error"]["cure"], "look there");
  EXPECT_EQ(document["nodes"][1]["sudoers"], nullptr);
  EXPECT_EQ(document["failed"], 2);
}

}  // namespace
}  // namespace bringup::report
