// What the verbs do before anything is contacted.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bringup/cli/main.hpp"
#include "bringup/cli/session.hpp"
#include "bringup/plan/plan_file.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"
#include "support/run_values.hpp"

namespace bringup::cli {
namespace {

using nlohmann::json;

constexpr const char* kPair = R"([fleet]
name = "pair"
[nodes.studio1]
[nodes.studio2]
via = "studio1"
[[links]]
a = "studio1:en3"
b = "studio2:en4"
kind = "thunderbolt5"
)";

struct VerbTest : testing::Test {
  VerbTest() {
    // Whatever goes wrong, nothing is written into the developer's own state.
    ::setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
  }
  ~VerbTest() override { ::unsetenv("XDG_STATE_HOME"); }

  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder / name, std::ios::binary) << text;
    return folder / name;
  }
  Options pair() {
    Options o;
    o.inventory = file("pair.toml", kPair);
    o.output = folder / "result";
    return o;
  }
  [[nodiscard]] std::string result() const { return test::read_text(folder / "result"); }

  test::TempFolder folder;
};

template <class Call>
Exit exit_of(Call call) {
  try {
    call();
  } catch (const Exit& exit) {
    return exit;
  }
  ADD_FAILURE() << "no Exit";
  return {0, ""};
}

void expect_says(const Exit& exit, int status, const std::vector<std::string>& words) {
  EXPECT_EQ(exit.status, status);
  for (const auto& word : words) {
    EXPECT_NE(exit.message.find(word), std::string::npos) << word << " in:\n" << exit.message;
  }
  EXPECT_TRUE(exit.message.ends_with("\n"));
}

struct Ran {
  int status;
  std::string out, err;
};

Ran run_program(const std::vector<std::string>& words) {
  std::vector<std::string> copies{"bringup"};
  copies.insert(copies.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (auto& word : copies) argv.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int status = run(static_cast<int>(argv.size()), argv.data());
  return {status, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST_F(VerbTest, LoadFleetReadsTheInventoryOrTheFlags) {
  EXPECT_EQ(load_fleet(pair()).name, "pair");
  Options o;
  o.adhoc.nodes = {"a:en3:10.0.0.1", "b:en4:10.0.0.2"};
  const auto fleet = load_fleet(o);
  EXPECT_EQ(fleet.nodes.size(), 2U);
  EXPECT_EQ(fleet.links.size(), 1U);
}

TEST_F(VerbTest, LoadFleetSaysWhatToDoWithoutAnInventory) {
  Options o;
  o.inventory = folder / "missing.toml";
  expect_says(exit_of([&] { load_fleet(o); }), 2,
              {o.inventory, "cannot be read", "-i FILE", "--node"});
}

TEST_F(VerbTest, LoadFleetTakesBringupTomlOfTheWorkingFolder) {
  file("bringup.toml", kPair);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_EQ(load_fleet(Options{}).source, "bringup.toml");
  std::filesystem::current_path(before);
}

TEST_F(VerbTest, LoadFleetShowsEveryProblemWithItsPlaceAndCure) {
  Options o;
  o.inventory = file("bad.toml", "[nodes.a]\nusr = \"x\"\n[nodes.b]\nport = 99999\n");
  expect_says(exit_of([&] { load_fleet(o); }), 2,
              {"bad.toml:2:1:", "'usr'", "did you mean 'user'", "bad.toml:4:"});
  o.inventory = folder.path();  // a folder opens, and holds nothing
  expect_says(exit_of([&] { load_fleet(o); }), 2, {"no"});
  o.inventory = file("big.toml", std::string((1 << 20) + 10, '#'));
  expect_says(exit_of([&] { load_fleet(o); }), 2, {"1 MiB"});
}

TEST_F(VerbTest, LoadFleetKnowsTheProxyErrorThatPeopleKnow) {
  Options o;
  o.adhoc.nodes = {"a:en3:10.0.0.1", "b:en4:10.0.0.2"};
  o.adhoc.proxies = {"a-b"};
  expect_says(exit_of([&] { load_fleet(o); }), 2,
              {"Invalid --proxy format: 'a-b' (expected proxy_host:target_host)"});
}

TEST_F(VerbTest, SelectionObeysLimit) {
  Options o = pair();
  const auto fleet = load_fleet(o);
  EXPECT_EQ(selection(o, fleet), (std::vector<std::size_t>{0, 1}));
  o.limit = "!studio1";
  EXPECT_EQ(selection(o, fleet), (std::vector<std::size_t>{1}));
  o.limit = "studio9";
  expect_says(exit_of([&] { selection(o, fleet); }), 2, {"--limit", "studio9", "cure"});
}

TEST_F(VerbTest, ResultsGoToAFileWithoutColourAndSayWhenTheyCannot) {
  Options o = pair();
  EXPECT_EQ(result_style(o).colour, report::Colour::off);
  o.width = 111;
  EXPECT_EQ(result_style(o).width, 111U);
  write_result(o, "text\n");
  EXPECT_EQ(result(), "text\n");
  o.output = folder / "no/such/folder";
  expect_says(exit_of([&] { write_result(o, "text"); }), 1, {o.output});
}

TEST_F(VerbTest, CheckShowsTheLinksAndTheirAddresses) {
  const Options o = pair();
  EXPECT_EQ(check_verb(o), 0);
  EXPECT_NE(result().find("pair: 2 nodes, 1 links; the inventory is sound\n"), std::string::npos);
  EXPECT_NE(result().find("studio1:en3"), std::string::npos);
  EXPECT_NE(result().find("10.254.0.1/30"), std::string::npos);
}

TEST_F(VerbTest, CheckAsJsonFitsItsSchema) {
  const auto schema =
      json::parse(test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/check-1.json"));
  Options o = pair();
  for (const auto format : {Format::json, Format::jsonl}) {
    o.format = format;
    EXPECT_EQ(check_verb(o), 0);
    const auto document = json::parse(result());
    EXPECT_EQ(test::misfit(schema, document), "");
    EXPECT_EQ(document["nodes"][1]["via"], json::array({"studio1"}));
    EXPECT_EQ(document["links"][0]["subnet"], "10.254.0.0/30");
    EXPECT_EQ(document["links"][0]["ends"][1]["address"], "10.254.0.2");
  }
  for (const std::string name : {"studio-mesh-4", "studio-ring-5", "pair-behind-proxy",
                                 "smolcluster-hybrid", "dgx-spark-pair", "dgx-spark-ring-3"}) {
    o.inventory = std::string(BRINGUP_SOURCE_DIR) + "/inventories/" + name + ".toml";
    EXPECT_EQ(check_verb(o), 0) << name;
    EXPECT_EQ(test::misfit(schema, json::parse(result())), "") << name;
  }
}

TEST_F(VerbTest, CheckRefusesABadLimit) {
  Options o = pair();
  o.limit = "@nobody";
  EXPECT_EQ(exit_of([&] { check_verb(o); }).status, 2);
}

TEST_F(VerbTest, PlanOfflineListsEveryCommandAndContactsNobody) {
  Options o = pair();
  o.verb = Verb::plan;
  o.offline = Toggle::on;
  o.limit = "studio2";
  o.plan_out = folder / "plan.json";
  EXPECT_EQ(plan_verb(o), 0);
  EXPECT_NE(result().find("[dry-run] studio2: "), std::string::npos) << result();
  EXPECT_EQ(result().find("[dry-run] studio1: "), std::string::npos);
  const auto plan = plan::parse_plan(test::read_text(o.plan_out));
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->offline);
  ASSERT_EQ(plan->nodes.size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder / "state")) << "nothing is journalled either";
  o.plan_out = folder / "no/such/plan.json";
  expect_says(exit_of([&] { plan_verb(o); }), 1, {o.plan_out});
}

TEST_F(VerbTest, ApplyRefusesAPlanFileThatIsNone) {
  Options o = pair();
  o.plan_file = folder / "missing.json";
  expect_says(exit_of([&] { apply_verb(o); }), 2, {o.plan_file, "bringup plan --out"});
  o.plan_file = file("plan.json", "{\"schema\": \"bringup.plan/9\"}");
  expect_says(exit_of([&] { apply_verb(o); }), 2, {o.plan_file, "bringup.plan/1", "cure"});
  EXPECT_FALSE(std::filesystem::exists(folder / "state"));
}

TEST_F(VerbTest, ApplyWantsThePasswordThatTheInventoryAnnounces) {
  Options o = pair();
  o.verb = Verb::apply;
  o.inventory = file("sudo.toml", "[defaults]\nbecome = \"sudo-password\"\n" + std::string(kPair));
  expect_says(exit_of([&] { apply_verb(o); }), 2, {"sudo-password", "--ask-become-pass"});
}

TEST_F(VerbTest, ExportContactsNobodyUnlessAskedTo) {
  Options o = pair();
  o.verb = Verb::export_;
  o.export_format = "ibv-matrix";
  EXPECT_EQ(export_verb(o), 0);
  EXPECT_EQ(result(), "[[null,\"rdma_en3\"],[\"rdma_en4\",null]]\n");
  o.export_format = "mlx-hostfile";
  o.coordinator = "192.168.1.10";
  EXPECT_EQ(export_verb(o), 0);
  EXPECT_NE(result().find("192.168.1.10"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "state"));
}

TEST_F(VerbTest, ExportRefusesWhatDoesNotGoTogether) {
  Options o = pair();
  o.export_format = "hosts";
  o.limit = "studio1";
  expect_says(exit_of([&] { export_verb(o); }), 2, {"--limit", "whole fleet"});
  o.limit.clear();
  o.coordinator = "10.0.0.1";
  expect_says(exit_of([&] { export_verb(o); }), 2, {"mlx-hostfile and jaccl-env only"});
  o.export_format = "jaccl-env";
  o.coordinator = "studio1";
  expect_says(exit_of([&] { export_verb(o); }), 2, {"--coordinator"});
  // Not worth a connection: there is no group whatever is measured.
  o.coordinator.clear();
  o.measure = Toggle::on;
  o.inventory = file("alone.toml", "[nodes.studio1]\n");
  expect_says(exit_of([&] { export_verb(o); }), 2, {"two nodes"});
  EXPECT_FALSE(std::filesystem::exists(folder / "state"));
}

TEST_F(VerbTest, StatusFromAFolderThatIsNoCollectionSaysSo) {
  Options o;
  o.from = folder.path();
  expect_says(exit_of([&] { status_verb(o); }), 2, {"--from", "manifest.json", "bringup collect"});
  file("manifest.json", "{}");
  expect_says(exit_of([&] { status_verb(o); }), 2, {"bringup.collect/1"});
}

TEST_F(VerbTest, VerifyRefusesAnUnknownCheck) {
  Options o = pair();
  o.only = {"route", "pong"};
  expect_says(exit_of([&] { verify_verb(o); }), 2, {"'pong'", "route, ping, mtu"});
}

TEST_F(VerbTest, AnUnwritableStateHomeIsAnErrorOfThisMachine) {
  ::setenv("XDG_STATE_HOME", file("occupied", "").c_str(), 1);
  expect_says(exit_of([&] { exec_verb(pair()); }), 1, {"occupied", "XDG_STATE_HOME"});
}

TEST_F(VerbTest, TheProgramTurnsAllOfItIntoStatusesAndStreams) {
  auto ran = run_program({"check", "-i", pair().inventory});
  EXPECT_EQ(ran.status, 0);
  EXPECT_NE(ran.out.find("the inventory is sound"), std::string::npos);
  EXPECT_EQ(ran.err, "");

  ran = run_program({"check", "-i", folder / "missing.toml"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find("missing.toml"), std::string::npos);

  ran = run_program({"check", "--nonsense"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");

  ran = run_program({"--help"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_NE(ran.out.find("Exit status"), std::string::npos);
  EXPECT_EQ(ran.err, "");
}

}  // namespace
}  // namespace bringup::cli
