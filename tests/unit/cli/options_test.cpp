#include "bringup/cli/options.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace bringup::cli {
namespace {

using std::chrono::milliseconds;

std::variant<Options, Leave> parse(const std::vector<std::string>& words) {
  std::vector<const char*> argv{"bringup"};
  for (const auto& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

Options options(const std::vector<std::string>& words) {
  auto parsed = parse(words);
  if (const Leave* leave = std::get_if<Leave>(&parsed)) {
    ADD_FAILURE() << "left with " << leave->status << ": " << leave->err;
    return {};
  }
  return std::get<Options>(parsed);
}

// What is said when the command line is refused; fails when it is not.
std::string refusal(const std::vector<std::string>& words) {
  const auto parsed = parse(words);
  const Leave* leave = std::get_if<Leave>(&parsed);
  if (leave == nullptr) {
    ADD_FAILURE() << "accepted: " << testing::PrintToString(words);
    return {};
  }
  EXPECT_EQ(leave->status, 2);
  EXPECT_EQ(leave->out, "");
  EXPECT_NE(leave->err, "");
  return leave->err;
}

class NoColor : public testing::Test {
 protected:
  NoColor() {
    if (const char* value = std::getenv("NO_COLOR")) kept_ = value;
    ::unsetenv("NO_COLOR");
  }
  ~NoColor() override {
    if (kept_.empty()) {
      ::unsetenv("NO_COLOR");
    } else {
      ::setenv("NO_COLOR", kept_.c_str(), 1);
    }
  }

 private:
  std::string kept_;
};

TEST(Verbs, AreTheFiveOfTheManual) {
  EXPECT_EQ(options({"check"}).verb, Verb::check);
  EXPECT_EQ(options({"plan"}).verb, Verb::plan);
  EXPECT_EQ(options({"apply"}).verb, Verb::apply);
  EXPECT_EQ(options({"verify"}).verb, Verb::verify);
  EXPECT_EQ(options({"exec", "--", "true"}).verb, Verb::exec);
  refusal({"aply"});
}

TEST(Verbs, NoneIsApplyWhenThereAreLinkEndsAndHelpWhenThereAreNone) {
  const auto o = options({"--node", "a:en3:10.0.0.1", "--node", "b:en3:10.0.0.2", "--proxy", "a:b",
                          "--netmask", "29", "--dry-run", "-v"});
  EXPECT_EQ(o.verb, Verb::apply);
  EXPECT_EQ(o.adhoc.nodes, (std::vector<std::string>{"a:en3:10.0.0.1", "b:en3:10.0.0.2"}));
  EXPECT_EQ(o.adhoc.proxies, (std::vector<std::string>{"a:b"}));
  EXPECT_EQ(o.adhoc.netmask, 29);
  EXPECT_EQ(o.dry_run, Toggle::on);
  EXPECT_EQ(o.verbosity, 1);
  EXPECT_NE(refusal({}).find("apply"), std::string::npos);
}

TEST_F(NoColor, EverythingHasItsDefault) {
  const auto o = options({"apply"});
  EXPECT_EQ(o.inventory, "");
  EXPECT_TRUE(o.adhoc.nodes.empty());
  EXPECT_EQ(o.adhoc.netmask, 30);
  EXPECT_EQ(o.limit, "");
  EXPECT_EQ(o.format, Format::text);
  EXPECT_EQ(o.output, "");
  EXPECT_EQ(o.width, 0U);
  EXPECT_EQ(o.timeout, milliseconds(60000));
  EXPECT_EQ(o.connect_timeout, milliseconds(15000));
  EXPECT_EQ(o.ask_pass, Ask::no);
  EXPECT_EQ(o.ask_become_pass, Ask::no);
  EXPECT_EQ(o.color, Toggle::on);
  EXPECT_EQ(o.quiet, Toggle::off);
  EXPECT_EQ(o.verbosity, 0);
  EXPECT_EQ(o.host_keys, ssh::HostKeyMode::strict);
  EXPECT_EQ(o.ssh_config, "");
  EXPECT_TRUE(o.known_hosts.empty());
  EXPECT_EQ(o.yes, Toggle::off);
  EXPECT_EQ(o.dry_run, Toggle::off);
  EXPECT_EQ(o.offline, Toggle::off);
  EXPECT_EQ(o.detailed_exit_code, Toggle::off);
  EXPECT_EQ(o.plan_out, "");
  EXPECT_EQ(o.plan_file, "");
  EXPECT_TRUE(o.only.empty());
  EXPECT_EQ(o.ping_count, 3);
  EXPECT_DOUBLE_EQ(o.ping_interval_s, 0.2);
  EXPECT_EQ(o.command, "");
}

// Every option that all verbs have, before and after the verb.
class Common : public testing::TestWithParam<bool> {
 protected:
  static Options with(std::vector<std::string> words) {
    words.insert(GetParam() ? words.begin() : words.end(), "verify");
    return options(words);
  }
};

TEST_P(Common, OptionsStandOnEitherSideOfTheVerb) {
  EXPECT_EQ(with({"-i", "f.toml"}).verb, Verb::verify);
  EXPECT_EQ(with({"-i", "f.toml"}).inventory, "f.toml");
  EXPECT_EQ(with({"--inventory", "f.toml"}).inventory, "f.toml");
  EXPECT_EQ(with({"--limit", "studio[1-3],!studio2"}).limit, "studio[1-3],!studio2");
  EXPECT_EQ(with({"--format", "json"}).format, Format::json);
  EXPECT_EQ(with({"--format", "jsonl"}).format, Format::jsonl);
  EXPECT_EQ(with({"--output", "r.json"}).output, "r.json");
  EXPECT_EQ(with({"--width", "120"}).width, 120U);
  EXPECT_EQ(with({"--timeout", "2.5"}).timeout, milliseconds(2500));
  EXPECT_EQ(with({"--connect-timeout", "3"}).connect_timeout, milliseconds(3000));
  EXPECT_EQ(with({"--host-keys", "accept-new"}).host_keys, ssh::HostKeyMode::accept_new);
  EXPECT_EQ(with({"--host-keys", "ask"}).host_keys, ssh::HostKeyMode::ask);
  EXPECT_EQ(with({"--ssh-config", "none"}).ssh_config, "none");
  EXPECT_EQ(with({"--known-hosts", "a", "--known-hosts", "b"}).known_hosts,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(with({"--ask-pass"}).ask_pass, Ask::yes);
  EXPECT_EQ(with({"--ask-become-pass"}).ask_become_pass, Ask::yes);
  EXPECT_EQ(with({"--no-color"}).color, Toggle::off);
  EXPECT_EQ(with({"-q"}).quiet, Toggle::on);
  EXPECT_EQ(with({"--quiet"}).quiet, Toggle::on);
  EXPECT_EQ(with({"-vv"}).verbosity, 2);
  EXPECT_EQ(with({"--node", "a:en3:10.0.0.1"}).adhoc.nodes.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Sides, Common, testing::Bool());

TEST(OwnOptions, OfPlanApplyAndVerify) {
  auto o = options({"plan", "--out", "p.json", "--offline", "--detailed-exitcode"});
  EXPECT_EQ(o.plan_out, "p.json");
  EXPECT_EQ(o.offline, Toggle::on);
  EXPECT_EQ(o.detailed_exit_code, Toggle::on);
  EXPECT_EQ(options({"apply", "p.json"}).plan_file, "p.json");
  EXPECT_EQ(options({"apply", "--yes"}).yes, Toggle::on);
  EXPECT_EQ(options({"apply", "-y"}).yes, Toggle::on);
  EXPECT_EQ(options({"apply", "--dry-run"}).dry_run, Toggle::on);
  o = options({"verify", "--only", "route,ping", "--count", "5", "--interval", "0.5"});
  EXPECT_EQ(o.only, (std::vector<std::string>{"route", "ping"}));
  EXPECT_EQ(o.ping_count, 5);
  EXPECT_DOUBLE_EQ(o.ping_interval_s, 0.5);
}

TEST(OwnOptions, BelongToTheirVerb) {
  refusal({"apply", "--offline"});
  refusal({"apply", "--out", "p.json"});
  refusal({"verify", "--detailed-exitcode"});
  refusal({"plan", "--only", "ping"});
  refusal({"check", "p.json"});
}

TEST(Refused, WhatNobodyKnowsOrCannotBe) {
  EXPECT_NE(refusal({"verify", "--colour"}).find("--colour"), std::string::npos);
  refusal({"--format", "yaml", "verify"});
  refusal({"--host-keys", "off", "verify"});
  refusal({"--width", "5", "verify"});
  refusal({"--timeout", "0", "verify"});
  refusal({"--timeout", "soon", "verify"});
  refusal({"--timeout", "nan", "verify"});
  refusal({"--connect-timeout", "-1", "verify"});
  refusal({"verify", "--count", "0"});
  refusal({"verify", "--interval", "0.001"});
  refusal({"verify", "--interval", "nan"});
  refusal({"verify", "-i"});
  refusal({"verify", "plan"});
  refusal({"exec"});
  refusal({"exec", "--"});
}

TEST(Refused, WhatContradictsItself) {
  EXPECT_NE(refusal({"apply", "-i", "f.toml", "--node", "a:en3:10.0.0.1"}).find("exclude"),
            std::string::npos);
  EXPECT_NE(refusal({"apply", "-i", "f.toml", "--proxy", "a:b"}).find("via"), std::string::npos);
  EXPECT_NE(refusal({"apply", "p.json", "--dry-run"}).find("saved plan"), std::string::npos);
}

// Flags that would be ignored promise something that does not happen.
TEST(Refused, ADryRunOfACommand) {
  EXPECT_NE(refusal({"exec", "--dry-run", "--", "reboot"}).find("--dry-run"), std::string::npos);
  EXPECT_NE(refusal({"--dry-run", "exec", "--", "reboot"}).find("--dry-run"), std::string::npos);
  EXPECT_NE(refusal({"trust", "studio1", "--dry-run"}).find("--dry-run"), std::string::npos);
  EXPECT_EQ(options({"exec", "--", "make", "--dry-run"}).command, "make --dry-run");
}

TEST(Exec, JoinsItsWordsAndLeavesTheirOptionsAlone) {
  EXPECT_EQ(options({"exec", "--", "ls", "-l"}).command, "ls -l");
  EXPECT_EQ(options({"exec", "uptime"}).command, "uptime");
  EXPECT_EQ(options({"exec", "--", "echo $HOME; id"}).command, "echo $HOME; id");
  const auto o = options({"exec", "--limit", "a", "--", "grep", "--limit", "-i", "x", "--help"});
  EXPECT_EQ(o.command, "grep --limit -i x --help");
  EXPECT_EQ(o.limit, "a");
  EXPECT_EQ(o.inventory, "");
  EXPECT_EQ(options({"exec", "--", "git", "log", "--", "file"}).command, "git log -- file");
  const auto verb = options({"exec", "--", "check", "verify"});
  EXPECT_EQ(verb.verb, Verb::exec);
  EXPECT_EQ(verb.command, "check verify");
  refusal({"exec", "ls", "-l"});
}

TEST(Timeouts, ConnectingIsPartOfThePhase) {
  EXPECT_EQ(options({"verify", "--timeout", "5"}).connect_timeout, milliseconds(5000));
  EXPECT_EQ(options({"verify", "--timeout", "5", "--connect-timeout", "9"}).connect_timeout,
            milliseconds(5000));
  EXPECT_EQ(options({"verify", "--timeout", "90"}).connect_timeout, milliseconds(15000));
}

TEST_F(NoColor, TheVariableCountsWhenItIsNotEmpty) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_EQ(options({"verify"}).color, Toggle::off);
  ::setenv("NO_COLOR", "", 1);  // no-color.org: "when present and not an empty string"
  EXPECT_EQ(options({"verify"}).color, Toggle::on);
}

TEST(Help, IsNoError) {
  for (const std::string verb : {"", "check", "plan", "apply", "verify", "exec"}) {
    for (const std::string flag : {"--help", "-h"}) {
      std::vector<std::string> words;
      if (!verb.empty()) words.push_back(verb);
      words.push_back(flag);
      const auto parsed = parse(words);
      const Leave* leave = std::get_if<Leave>(&parsed);
      ASSERT_NE(leave, nullptr) << verb;
      EXPECT_EQ(leave->status, 0);
      EXPECT_EQ(leave->err, "");
      EXPECT_NE(leave->out.find(verb), std::string::npos);
    }
  }
  const auto parsed = parse({"--version"});
  ASSERT_NE(std::get_if<Leave>(&parsed), nullptr);
  EXPECT_EQ(std::get<Leave>(parsed).status, 0);
  EXPECT_TRUE(std::get<Leave>(parsed).out.starts_with("bringup "));
}

TEST(Discover, TakesHostsAndTheWayToThem) {
  const auto o = options({"discover", "admin@s1", "s2:2222", "--via", "door", "--via", "rack", "-o",
                          "found.toml", "--dot"});
  EXPECT_EQ(o.verb, Verb::discover);
  EXPECT_EQ(o.hosts, (std::vector<std::string>{"admin@s1", "s2:2222"}));
  EXPECT_EQ(o.via, (std::vector<std::string>{"door", "rack"}));
  EXPECT_EQ(o.output, "found.toml");
  EXPECT_EQ(o.dot, Toggle::on);
  // A hop takes one word: what follows is a host again.
  EXPECT_EQ(options({"discover", "--via", "door", "s1"}).hosts, std::vector<std::string>{"s1"});
}

TEST(Discover, MakesAnInventoryAndReadsNone) {
  refusal({"discover"});
  refusal({"discover", "s1", "-i", "fleet.toml"});
  refusal({"discover", "s1", "--format", "json"});
}

TEST(Adopt, MakesNoPlan) {
  EXPECT_EQ(options({"plan", "--adopt"}).adopt, Toggle::on);
  refusal({"plan", "--adopt", "--offline"});
  refusal({"plan", "--adopt", "--out", "plan.json"});
}

}  // namespace
}  // namespace bringup::cli
