#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/report/exec.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"

namespace bringup::report {
namespace {

using nlohmann::json;

CommandResult ok(const std::string& node, const std::string& out, const std::string& err = "") {
  CommandResult result;
  result.node = node;
  result.out = out;
  result.err = err;
  return result;
}

std::string text(const std::vector<CommandResult>& results) {
  return text_exec(results, {});
}

TEST(TextExec, ShowsOnceWhatSeveralNodesSay) {
  EXPECT_EQ(text({ok("studio1", "macOS 26.2\n"), ok("studio2", "macOS 26.1\n"),
                  ok("studio3", "macOS 26.2\n"), ok("studio4", "macOS 26.2\n")}),
            "studio[1,3-4] (3)\n"
            "  macOS 26.2\n"
            "studio2 (1)\n"
            "  macOS 26.1\n");
}

TEST(TextExec, FoldsSilenceAndNothingElseIntoIt) {
  EXPECT_EQ(text({ok("a", ""), ok("b", "")}), "a,b (2)\n");
  EXPECT_EQ(text({}), "");
}

// Nodes whose blocks would read alike, and differ.
TEST(TextExec, KeepsApartWhatDiffersInAnyWay) {
  const auto apart = [](const CommandResult& a, const CommandResult& b) {
    const std::string shown = text({a, b});
    return shown.find("a (1)\n") != std::string::npos && shown.find("b (1)\n") != std::string::npos;
  };
  CommandResult failed = ok("b", "x\n");
  failed.exit_status = 1;
  EXPECT_TRUE(apart(ok("a", "x\n"), failed));
  EXPECT_TRUE(apart(ok("a", "x\n"), ok("b", "", "x\n"))) << "stdout and stderr";
  EXPECT_TRUE(apart(ok("a", "x  y\n"), ok("b", "x y\n")));
  EXPECT_TRUE(apart(ok("a", "x\ty\n"), ok("b", "x y\n"))) << "both print as a blank";
  EXPECT_TRUE(apart(ok("a", "x\n  ✗ exit status 1\n"), failed)) << "a node that plays a failure";
  CommandResult killed = ok("b", "x\n");
  killed.signal = "KILL";
  CommandResult ended = ok("a", "x\n");
  ended.signal = "TERM";
  EXPECT_TRUE(apart(ended, killed));
  CommandResult cut = ok("b", "x\n");
  cut.truncated = true;
  EXPECT_TRUE(apart(ok("a", "x\n"), cut));
  CommandResult gone = ok("b", "");
  gone.error = Error{ErrorCode::unreachable, "no answer", ""};
  CommandResult denied = ok("a", "");
  denied.error = Error{ErrorCode::unauthorized, "no key", ""};
  EXPECT_TRUE(apart(denied, gone));
}

TEST(TextExec, SaysHowACommandEnded) {
  CommandResult failed = ok("a", "out\n", "err\n");
  failed.exit_status = 3;
  CommandResult killed = ok("b", "");
  killed.signal = "KILL";
  killed.exit_status = -1;
  CommandResult cut = ok("c", "half");
  cut.truncated = true;
  CommandResult gone = ok("d", "");
  gone.error = Error{ErrorCode::unreachable, "d: no answer", "look at its cable"};
  EXPECT_EQ(text({failed, killed, cut, gone}),
            "a (1)\n  out\n  err\n  ✗ exit status 3\n"
            "b (1)\n  ✗ ended by signal KILL\n"
            "c (1)\n  half\n  ✗ printed too much and was ended\n"
            "d (1)\n  ✗ d: no answer\n    next: look at its cable\n");
}

TEST(TextExec, SaysThatItEndedACommandWhoseSignalWasOurs) {
  CommandResult cut = ok("a", "half");
  cut.truncated = true;
  cut.signal = "TERM";
  EXPECT_EQ(text({cut}), "a (1)\n  half\n  ✗ printed too much and was ended\n");
}

TEST(TextExec, FoldsTheSameFailureOfSeveralNodes) {
  CommandResult one = ok("studio1", "x\n");
  one.exit_status = 2;
  CommandResult two = one;
  two.node = "studio2";
  EXPECT_EQ(text({one, two}), "studio[1-2] (2)\n  x\n  ✗ exit status 2\n");
}

TEST(TextExec, MakesHostileOutputHarmless) {
  CommandResult hostile = ok("a", "\x1b]0;title\x07\x1b[2J\rfake\n\xff\xfe\nstudio9 (1)\n");
  hostile.err =
      "\xC2\x9b"
      "31m\n";
  CommandResult gone = ok("b", "");
  gone.error = Error{ErrorCode::remote, "bad\x1b[2J\nstudio8 (1)", "run\x07"};
  CommandResult killed = ok("c", "");
  killed.signal = "\x1b[H";
  const std::string shown = text({hostile, gone, killed});
  for (const char c : shown) {
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
  }
  EXPECT_EQ(shown.find("\xC2\x9b"), std::string::npos) << "the one-byte CSI";
  EXPECT_EQ(shown.find('\xff'), std::string::npos);
  EXPECT_NE(shown.find("\\x1b]0;title\\x07"), std::string::npos) << shown;
  EXPECT_NE(shown.find("  studio9 (1)\n"), std::string::npos) << "indented: no heading";
  EXPECT_EQ(shown.find("\nstudio8"), std::string::npos);
}

TEST(TextExec, BoundsALineThatDoesNotEnd) {
  EXPECT_LT(text({ok("a", std::string(1 << 20, 'x'))}).size(), 5000U);
}

json exec_schema() {
  return json::parse(test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/exec-1.json"));
}

TEST(JsonExec, FitsItsSchemaHoweverTheCommandsEnded) {
  CommandResult failed = ok("b", "out", "err");
  failed.exit_status = 9;
  CommandResult killed = ok("c", "");
  killed.signal = "KILL";
  killed.exit_status = -1;
  CommandResult gone = ok("d", "");
  gone.error = Error{ErrorCode::unreachable, "no answer", "look"};
  CommandResult cut = ok("e", "x");
  cut.truncated = true;
  const auto document = json::parse(json_exec({ok("a", "x\n"), failed, killed, gone, cut}));
  EXPECT_EQ(test::misfit(exec_schema(), document), "");
  const auto& nodes = document["nodes"];
  ASSERT_EQ(nodes.size(), 5U);
  EXPECT_EQ(nodes[0], (json{{"node", "a"},
                            {"exit_status", 0},
                            {"truncated", false},
                            {"stdout", "x\n"},
                            {"stderr", ""}}));
  EXPECT_EQ(nodes[1]["exit_status"], 9);
  EXPECT_EQ(nodes[1]["stderr"], "err");
  EXPECT_EQ(nodes[2]["exit_status"], nullptr) << "a number is never invented";
  EXPECT_EQ(nodes[2]["signal"], "KILL");
  EXPECT_EQ(nodes[3]["error"], (json{{"message", "no answer"}, {"cure", "look"}}));
  EXPECT_FALSE(nodes[3].contains("exit_status"));
  EXPECT_EQ(nodes[4]["truncated"], true);
  EXPECT_EQ(test::misfit(exec_schema(), json::parse(json_exec({}))), "");
}

TEST(JsonExec, CarriesHostileBytesEscapedAndReplaced) {
  const std::string document = json_exec({ok("a", "\x1b[2J\xff\n")});
  EXPECT_EQ(document.find('\x1b'), std::string::npos);
  EXPECT_EQ(json::parse(document)["nodes"][0]["stdout"], "\x1b[2J\xEF\xBF\xBD\n");
}

TEST(ExecSchema, RefusesWhatIsNotOfIt) {
  auto document = json::parse(json_exec({ok("a", "x")}));
  document["nodes"][0].erase("stdout");
  EXPECT_EQ(test::misfit(exec_schema(), document), "/nodes/0: missing stdout");
  document = json::parse(json_exec({}));
  document["extra"] = 1;
  EXPECT_NE(test::misfit(exec_schema(), document), "");
}

}  // namespace
}  // namespace bringup::report
