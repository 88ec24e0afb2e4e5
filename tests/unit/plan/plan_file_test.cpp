#include "bringup/plan/plan_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>

#include "bringup/plan/commands.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Plan sample() {
  const auto fleet = triangle_fleet();
  Plan plan;
  plan.fleet = "studio-\"triangle\" \xc3\xa9";
  plan.inventory_digest = inventory_digest(fleet);
  auto disabled = bare_mac();
  disabled.rdma = platform::RdmaState::disabled;
  disabled.matrix_file = {true, "two\nlines\x01\\", ""};
  auto refused = bare_mac();
  refused.sudo = platform::SudoState::password_required;
  plan.nodes = {diff(fleet, 0, disabled), diff(fleet, 1, refused), {}};
  plan.nodes[2].node = "studio3";
  plan.nodes[2].state = NodeState::unreachable;
  plan.nodes[2].error =
      Error{ErrorCode::unauthorized, "host key\nhas changed", "bringup trust studio3"};
  return plan;
}

void expect_same(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.fleet, b.fleet);
  EXPECT_EQ(a.inventory_digest, b.inventory_digest);
  EXPECT_EQ(a.offline, b.offline);
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    EXPECT_EQ(a.nodes[i].node, b.nodes[i].node);
    EXPECT_EQ(a.nodes[i].state, b.nodes[i].state);
    EXPECT_EQ(a.nodes[i].facts_digest, b.nodes[i].facts_digest);
    EXPECT_EQ(a.nodes[i].actions, b.nodes[i].actions);
    EXPECT_EQ(a.nodes[i].findings, b.nodes[i].findings);
    ASSERT_EQ(a.nodes[i].error.has_value(), b.nodes[i].error.has_value());
    if (!a.nodes[i].error) continue;
    EXPECT_EQ(a.nodes[i].error->code, b.nodes[i].error->code);
    EXPECT_EQ(a.nodes[i].error->message, b.nodes[i].error->message);
    EXPECT_EQ(a.nodes[i].error->hint, b.nodes[i].error->hint);
  }
}

// The part of JSON Schema that our schema uses.
class Schema {
 public:
  Schema() {
    std::ifstream in(BRINGUP_SOURCE_DIR "/docs/schema/plan-1.json");
    root_ = json::parse(in);
  }
  std::string check(const json& value) const { return check(value, root_, "$"); }

 private:
  std::string check(const json& value, const json& schema, const std::string& at) const {
    if (schema.contains("$ref")) {
      const auto name = schema["$ref"].get<std::string>().substr(8);
      return check(value, root_["$defs"][name], at);
    }
    if (schema.contains("const") && value != schema["const"]) return at + ": const";
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
      return at + ": enum";
    }
    if (schema.contains("oneOf")) {
      int fits = 0;
      for (const auto& one : schema["oneOf"]) fits += check(value, one, at).empty() ? 1 : 0;
      return fits == 1 ? "" : at + ": oneOf";
    }
    const std::string type = schema.value("type", "");
    if (type == "null") return value.is_null() ? "" : at + ": null";
    if (type == "boolean" && !value.is_boolean()) return at + ": boolean";
    if (type == "string") {
      if (!value.is_string()) return at + ": string";
      if (schema.contains("pattern") &&
          !std::regex_search(value.get<std::string>(),
                             std::regex(schema["pattern"].get<std::string>()))) {
        return at + ": pattern";
      }
    }
    if (type == "array") {
      if (!value.is_array()) return at + ": array";
      for (const auto& item : value) {
        if (auto wrong = check(item, schema["items"], at + "[]"); !wrong.empty()) return wrong;
      }
    }
    if (type == "object") {
      if (!value.is_object()) return at + ": object";
      for (const auto& name : schema["required"]) {
        if (!value.contains(name.get<std::string>())) return at + ": lacks " + name.dump();
      }
      for (const auto& [name, member] : value.items()) {
        if (!schema["properties"].contains(name)) return at + ": unknown " + name;
        auto wrong = check(member, schema["properties"][name], at + "." + name);
        if (!wrong.empty()) return wrong;
      }
    }
    return "";
  }
  json root_;
};

TEST(PlanFile, ReadsWhatItWrites) {
  const auto plan = sample();
  const std::string text = to_json(plan);
  const auto again = parse_plan(text);
  ASSERT_TRUE(again) << again.error().message;
  expect_same(plan, *again);
  EXPECT_EQ(to_json(*again), text);
}

TEST(PlanFile, OfflineToo) {
  Plan plan;
  plan.offline = true;
  plan.nodes = {from_scratch(triangle_fleet(), 0)};
  const auto again = parse_plan(to_json(plan));
  ASSERT_TRUE(again) << again.error().message;
  expect_same(plan, *again);
}

TEST(PlanFile, FitsItsSchema) {
  const Schema schema;
  const auto document = json::parse(to_json(sample()));
  EXPECT_EQ(schema.check(document), "");
  auto wrong = document;
  wrong["nodes"][0]["actions"][0]["task"] = "reboot";
  EXPECT_NE(schema.check(wrong), "");
  wrong = document;
  wrong["nodes"][0]["extra"] = 1;
  EXPECT_NE(schema.check(wrong), "");
}

struct Wrong {
  const char* name;
  std::function<void(json&)> change;
  const char* message;
};

TEST(PlanFile, EveryDeviationIsAUsageErrorThatNamesIt) {
  const std::vector<Wrong> cases{
      {"schema", [](json& d) { d["schema"] = "bringup.plan/2"; }, "bringup.plan/1"},
      {"no schema", [](json& d) { d.erase("schema"); }, "bringup.plan/1"},
      {"array", [](json& d) { d = json::array(); }, "must be an object"},
      {"unknown", [](json& d) { d["color"] = 1; }, "unknown member \"color\""},
      {"fleet", [](json& d) { d["fleet"] = 7; }, "plan.fleet must be a string"},
      {"digest", [](json& d) { d["inventory_digest"] = "abc"; }, "64 hex digits"},
      {"offline", [](json& d) { d["offline"] = "no"; }, "true or false"},
      {"nodes", [](json& d) { d["nodes"] = json::object(); }, "must be an array"},
      {"lacks", [](json& d) { d["nodes"][0].erase("state"); }, "plan.nodes[0] lacks \"state\""},
      {"state", [](json& d) { d["nodes"][0]["state"] = "fine"; }, "ready, refused or unreachable"},
      {"twice", [](json& d) { d["nodes"][1]["node"] = "studio1"; }, "names studio1 again"},
      {"facts", [](json& d) { d["nodes"][0]["facts_digest"] = std::string(64, 'G'); },
       "hex digits"},
      {"refused", [](json& d) { d["nodes"][0]["state"] = "refused"; }, "must be empty"},
      {"control", [](json& d) { d["nodes"][0]["node"] = "a\nb"; }, "control characters"},
      {"task", [](json& d) { d["nodes"][0]["actions"][0]["task"] = "rm"; }, "no task"},
      {"nature", [](json& d) { d["nodes"][0]["actions"][0]["nature"] = "check"; }, "nature"},
      {"command",
       [](json& d) { d["nodes"][0]["actions"][0]["command"] = "ifconfig bridge0 deletem en3; id"; },
       "not the command of bridge.detach on en3"},
      {"target", [](json& d) { d["nodes"][0]["actions"][0]["target"] = "en4"; }, "not the command"},
      {"content", [](json& d) { d["nodes"][0]["actions"][6]["content"] = "x"; }, "not the command"},
      {"root", [](json& d) { d["nodes"][0]["actions"][0]["root"] = 1; }, "root must be true"},
      {"severity", [](json& d) { d["nodes"][0]["findings"][0]["severity"] = "bad"; }, "severity"},
      {"finding", [](json& d) { d["nodes"][0]["findings"][0] = 1; },
       "findings[0] must be an object"},
      {"code", [](json& d) { d["nodes"][2]["error"]["code"] = "odd"; }, "no error code"},
      {"error", [](json& d) { d["nodes"][2]["error"] = "odd"; }, "error must be an object"},
  };
  const auto document = json::parse(to_json(sample()));
  for (const auto& wrong : cases) {
    auto changed = document;
    wrong.change(changed);
    const auto plan = parse_plan(changed.dump());
    ASSERT_FALSE(plan) << wrong.name;
    EXPECT_EQ(plan.error().code, ErrorCode::usage);
    EXPECT_THAT(plan.error().message, HasSubstr(wrong.message)) << wrong.name;
    EXPECT_THAT(plan.error().hint, HasSubstr("--out"));
  }
  EXPECT_FALSE(parse_plan(""));
  EXPECT_FALSE(parse_plan("{"));
  EXPECT_FALSE(parse_plan(std::string((std::size_t{16} << 20) + 1, ' ')));
}

TEST(PlanFile, EverySeverityAndErrorCodeComesBack) {
  Plan plan;
  for (const auto code :
       {ErrorCode::internal, ErrorCode::usage, ErrorCode::unreachable, ErrorCode::unauthorized,
        ErrorCode::remote, ErrorCode::parse, ErrorCode::cancelled}) {
    NodePlan node;
    node.node = "n" + std::to_string(plan.nodes.size());
    node.state = NodeState::unreachable;
    node.error = Error{code, "m", "h"};
    node.findings = {{Severity::note, "a", "", "", "", ""},
                     {Severity::warning, "b", "", "", "", ""},
                     {Severity::error, "c", "", "", "", ""}};
    plan.nodes.push_back(node);
  }
  expect_same(plan, parse_plan(to_json(plan)).value());
}

// --- words and commands

Action action_of(Task task, const std::string& target, const std::string& command) {
  Action action;
  action.task = task;
  action.target = target;
  action.command = command;
  return action;
}

TEST(Commands, AreReadBackStrictly) {
  const auto detach =
      parse_command(action_of(Task::bridge_detach, "en5", "ifconfig bridge12 deletem en5"));
  ASSERT_TRUE(detach);
  EXPECT_EQ(detach->bridge, "bridge12");
  const auto address = parse_command(
      action_of(Task::address_assign, "en5", "ifconfig en5 inet 10.0.0.1 netmask 255.255.255.252"));
  ASSERT_TRUE(address);
  EXPECT_EQ(address->address, (model::InterfaceAddress{ip("10.0.0.1"), 30}));
  for (const auto& wrong : {
           action_of(Task::bridge_detach, "en5", "ifconfig bridge0 deletem en6"),
           action_of(Task::bridge_detach, "en5", "ifconfig bridge deletem en5"),
           action_of(Task::bridge_detach, "en5", "ifconfig bridgex deletem en5"),
           action_of(Task::bridge_detach, "en5", "ifconfig en0 deletem en5"),
           action_of(Task::bridge_detach, "en5", "ifconfig bridge0 addm en5"),
           action_of(Task::bridge_detach, "en5", "ifconfig  bridge0 deletem en5"),
           action_of(Task::interface_up, "en5", "ifconfig en5 down"),
           action_of(Task::interface_up, "5en", "ifconfig 5en up"),
           action_of(Task::interface_up, "en5;id", "ifconfig en5;id up"),
           action_of(Task::interface_up, "", "ifconfig  up"),
           action_of(Task::interface_up, "abcdefghijklmnop", "ifconfig abcdefghijklmnop up"),
           action_of(Task::address_assign, "en5", "ifconfig en5 inet 10.0.0.1"),
           action_of(Task::address_assign, "en5", "ifconfig en5 inet 10.0.0.1 netmask 255.0.255.0"),
           action_of(Task::address_assign, "en5",
                     "ifconfig en5 inet 10.0.0.1x netmask 255.255.255.0"),
           action_of(Task::file_write, "relative", write_command("relative", "")),
           action_of(Task::file_write, "/a\nb", write_command("/a\nb", "")),
           action_of(Task::file_write, "/a", "rm -rf /"),
           action_of(static_cast<Task>(99), "/a", "x"),
       }) {
    EXPECT_FALSE(parse_command(wrong)) << wrong.command;
  }
  auto nul = action_of(Task::file_write, "/a", "");
  nul.content = std::string("a\0b", 3);
  nul.command = write_command(nul.target, nul.content);
  EXPECT_FALSE(parse_command(nul));
}

// --- plan --offline

TEST(FromScratch, ShowsEveryCommand) {
  const auto fleet = pair_fleet();
  const auto plan = from_scratch(fleet, 1);
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_EQ(plan.facts_digest, "");
  ASSERT_EQ(plan.actions.size(), 15U);
  for (std::size_t i = 0; i < 10; ++i) {
    const std::string bridge = "bridge" + std::to_string(i);
    EXPECT_EQ(plan.actions[i].shown, "ifconfig " + bridge +
                                         " | grep -q 'member: en5 ' && sudo ifconfig " + bridge +
                                         " deletem en5");
  }
  EXPECT_EQ(plan.actions[10].shown, "sudo ifconfig en5 up");
  EXPECT_EQ(plan.actions[11].shown, "sudo ifconfig en5 inet 10.254.0.2 netmask 255.255.255.252");
  EXPECT_THAT(plan.actions[12].shown, HasSubstr("mv -f"));
  EXPECT_EQ(plan.actions[12].content, topology::to_json(*topology::ibv_matrix(fleet)));
  EXPECT_EQ(plan.actions[13].shown, "rdma_ctl status; ibv_devices");
  EXPECT_EQ(plan.actions[14].task, Task::profiler_collect);
}

TEST(FromScratch, WithoutRdmaOrSudo) {
  auto fleet = pair_fleet();
  fleet.links[0].rdma = false;
  fleet.nodes[0].become = model::Become::none;
  const auto plan = from_scratch(fleet, 0);
  ASSERT_EQ(plan.actions.size(), 13U);
  EXPECT_EQ(plan.actions[10].shown, "ifconfig en5 up");
}

TEST(InventoryDigest, FollowsWhatMatters) {
  auto fleet = pair_fleet();
  const auto digest = inventory_digest(fleet);
  EXPECT_EQ(digest.size(), 64U);
  fleet.links[0].where.line = 99;
  EXPECT_EQ(inventory_digest(fleet), digest);
  fleet.ibv_path = "/tmp/other.json";
  EXPECT_NE(inventory_digest(fleet), digest);
}

TEST(Counts, AddUp) {
  const auto plan = sample();
  EXPECT_EQ(plan.changes(), 7U);
  EXPECT_EQ(plan.nodes[0].changes(), 7U);
  EXPECT_FALSE(plan.nodes[0].has_errors());
  EXPECT_TRUE(plan.nodes[1].has_errors());
}

}  // namespace
}  // namespace bringup::plan::testing
