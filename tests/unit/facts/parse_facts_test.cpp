#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/facts/script.hpp"
#include "support/data.hpp"

namespace bringup::facts {
namespace {

using support::read_data;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Frame> mac() {
  const auto data = [](const char* name) { return read_data(std::string("darwin/") + name); };
  return {
      {"uname", 0, false, "Darwin\n"},
      {"hostname", 0, false, "mac1.local\n"},
      {"user", 0, false, "lab\n"},
      {"session", 0, false, "10.9.9.9 50000 192.168.1.11 22"},
      {"sudo", 0, false, ""},
      {"matrix", 127, false, ""},
      {"sw_vers", 0, false, data("sw_vers.txt")},
      {"model", 0, false, "Mac15,14\n"},
      {"ifconfig", 0, false, data("ifconfig_all.txt")},
      {"ports", 0, false, data("hardware_ports.txt")},
      {"location", 0, false, "exo\n"},
      {"routes", 0, false, data("netstat.txt")},
      {"rdma_ctl", 0, false, "enabled\n"},
      {"ibv_devices", 0, false, data("ibv_devices.txt")},
      {"ibv_devinfo", 0, false, data("ibv_devinfo.txt")},
      {"exo", 0, false, "present"},
      {"profiler", 0, false, data("profiler_peer.json")},
      {"end", 0, false, ""},
  };
}

std::vector<Frame> with(const std::string& name, Frame frame) {
  auto frames = mac();
  frame.name = name;
  for (Frame& old : frames)
    if (old.name == name) old = frame;
  return frames;
}

std::vector<Frame> without(const std::string& name) {
  auto frames = mac();
  std::erase_if(frames, [&](const Frame& frame) { return frame.name == name; });
  return frames;
}

TEST(ParseFacts, ReadsAMac) {
  const auto facts = parse_facts(mac());
  ASSERT_TRUE(facts.has_value());
  EXPECT_THAT(facts->problems, IsEmpty());
  EXPECT_TRUE(facts->exo_daemon);
  EXPECT_EQ(facts->network_location, "exo");
  EXPECT_EQ(facts->session_interface, "en0");
  ASSERT_NE(facts->find_interface("en5"), nullptr);
  EXPECT_EQ(facts->find_interface("en9"), nullptr);
  EXPECT_EQ(facts->raw.at("model").text, "Mac15,14\n");
  EXPECT_EQ(facts->raw.at("profiler").text, "");  // kept once, in profiler_json
}

TEST(ParseFacts, NeedsTheBeginningAndTheEnd) {
  for (const char* name : {"uname", "end"}) {
    const auto facts = parse_facts(without(name));
    ASSERT_FALSE(facts.has_value());
    EXPECT_EQ(facts.error().code, ErrorCode::remote);
    EXPECT_NE(facts.error().hint, "");
  }
  EXPECT_FALSE(parse_facts({}).has_value());
}

TEST(ParseFacts, NamesEveryRecordThatIsMissing) {
  for (const char* name : {"hostname", "user", "sudo", "matrix", "sw_vers", "model", "ifconfig",
                           "ports", "location", "routes", "rdma_ctl", "ibv_devices"}) {
    const auto facts = parse_facts(without(name));
    ASSERT_TRUE(facts.has_value());
    EXPECT_EQ(facts->problems.size(), 1U) << name;
    EXPECT_THAT(facts->problems, Contains(HasSubstr("no answer"))) << name;
  }
}

TEST(ParseFacts, NeverTakesALostMatrixForAnAbsentOne) {
  EXPECT_NE(parse_facts(without("matrix"))->matrix_file.problem, "");
  const auto slow = parse_facts(with("matrix", {"", kStatusTimeLimit, true, "[["}));
  EXPECT_TRUE(slow->matrix_file.present);
  EXPECT_EQ(slow->matrix_file.content, "");
  EXPECT_THAT(slow->matrix_file.problem, HasSubstr("no answer within"));
  EXPECT_FALSE(parse_facts(mac())->matrix_file.present);
  EXPECT_EQ(parse_facts(mac())->matrix_file.problem, "");
}

TEST(ParseFacts, UsesNothingThatWasCutOrFailed) {
  const std::string listing = read_data("darwin/ifconfig_all.txt");
  for (const Frame& bad : {Frame{"", 0, true, listing}, Frame{"", kStatusCut, true, listing},
                           Frame{"", 1, false, listing}, Frame{"", 0, false, "\x1b[2J"}}) {
    const auto facts = parse_facts(with("ifconfig", bad));
    ASSERT_TRUE(facts.has_value());
    EXPECT_THAT(facts->interfaces, IsEmpty());
    ASSERT_EQ(facts->problems.size(), 1U);
    EXPECT_EQ(facts->problems[0].find('\x1b'), std::string::npos);
    EXPECT_EQ(facts->session_interface, "");
    EXPECT_EQ(facts->session_address, "192.168.1.11");
  }
  EXPECT_EQ(parse_facts(with("rdma_ctl", {"", 0, true, "enabled"}))->rdma,
            platform::RdmaState::unknown);
  EXPECT_EQ(parse_facts(with("sudo", {"", 0, true, ""}))->sudo, platform::SudoState::unknown);
  EXPECT_EQ(parse_facts(with("profiler", {"", 0, true, "{}"}))->profiler_json, "");
}

TEST(ParseFacts, TellsNoRdmaPortsFromNotKnowing) {
  EXPECT_EQ(parse_facts(mac())->ibv_ports->size(), 2U);
  EXPECT_EQ(parse_facts(mac())->ibv_ports->at(1).gids.at(1).gid, "::ffff:10.254.0.1");
  for (const auto* text :
       {"No IB devices found\n", "Failed to get IB devices list: Function not implemented\n"}) {
    const auto facts = parse_facts(with("ibv_devinfo", {"", 255, false, text}));
    EXPECT_TRUE(facts->ibv_ports.has_value() && facts->ibv_ports->empty()) << text;
    EXPECT_THAT(facts->problems, IsEmpty());
  }
  EXPECT_FALSE(parse_facts(without("ibv_devinfo"))->ibv_ports.has_value());
  EXPECT_THAT(parse_facts(with("ibv_devinfo", {"", 127, false, ""}))->problems, IsEmpty());
  const auto bad = parse_facts(with("ibv_devinfo", {"", 0, false, "hca_id:\t;rm\n"}));
  EXPECT_FALSE(bad->ibv_ports.has_value());
  EXPECT_THAT(bad->problems, ElementsAre(HasSubstr("ibv_devinfo")));
}

TEST(ParseFacts, SaysWhyRdmaOrSudoIsUnknown) {
  EXPECT_THAT(parse_facts(with("rdma_ctl", {"", 0, false, "perhaps\x1b"}))->problems,
              ElementsAre(HasSubstr("neither enabled nor disabled")));
  EXPECT_THAT(parse_facts(with("rdma_ctl", {"", 127, false, ""}))->problems, IsEmpty());
  EXPECT_THAT(parse_facts(with("sudo", {"", 1, false, "sudo: broken"}))->problems,
              ElementsAre(HasSubstr("sudo: failed with status 1: sudo: broken")));
  EXPECT_THAT(parse_facts(with("ibv_devices", {"", 127, false, ""}))->problems, IsEmpty());
  EXPECT_FALSE(parse_facts(with("ibv_devices", {"", 127, false, ""}))->ibv_devices.has_value());
  EXPECT_THAT(parse_facts(with("profiler", {"", 0, false, "\n"}))->problems,
              ElementsAre(HasSubstr("printed nothing")));
}

TEST(ParseFacts, FindsTheSessionsInterface) {
  const auto session = [](const char* text) {
    const auto facts = parse_facts(with("session", {"", 0, false, text}));
    return std::pair(facts->session_address, facts->session_interface);
  };
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(session(""), Pair("", ""));
  EXPECT_EQ(session("10.9.9.9 50000 10.254.0.1"), Pair("", ""));
  EXPECT_EQ(session("10.9.9.9 50000 10.254.0.1 22"), Pair("10.254.0.1", "en5"));
  EXPECT_EQ(session("10.9.9.9 50000 172.16.0.1 22"), Pair("172.16.0.1", ""));
  EXPECT_EQ(session("::1 50000 ::1 22"), Pair("::1", "lo0"));
  EXPECT_EQ(session("fe80::2%en5 50000 fe80::1021:1bac:fe1:b5e3%en5 22"),
            Pair("fe80::1021:1bac:fe1:b5e3%en5", "en5"));
  // The same address may stand on every interface: without its scope it names none.
  EXPECT_EQ(session("fe80::2 50000 fe80::1021:1bac:fe1:b5e3 22").second, "");
  EXPECT_EQ(session("a b \x1b[2J d"), Pair("", ""));
}

std::vector<Frame> with_keeper(const std::string& state) {
  auto frames = mac();
  frames.insert(frames.begin(), {{"keeper.file", 0, false, "<plist>\n"},
                                 {"keeper.loaded", 0, false, ""},
                                 {"keeper.state", 0, false, "now 1000\nhere b-1\n" + state}});
  return frames;
}

TEST(ParseFacts, ReadsTheKeeperAndWhatItDid) {
  auto facts = parse_facts(with_keeper("time 990\nboot b-1\nchanges 2\ntotal 5\n"));
  ASSERT_TRUE(facts);
  EXPECT_THAT(facts->problems, IsEmpty());
  EXPECT_TRUE(facts->keeper.loaded);
  EXPECT_EQ(facts->keeper.file.content, "<plist>\n");
  ASSERT_TRUE(facts->keeper.last_run);
  EXPECT_EQ(facts->keeper.last_run->seconds_ago, 10);
  EXPECT_TRUE(facts->keeper.last_run->this_boot);
  EXPECT_EQ(facts->keeper.last_run->changes, 2U);
  EXPECT_EQ(facts->keeper.last_run->total, 5U);
  EXPECT_EQ(facts->keeper.last_run->problem, "");
  facts =
      parse_facts(with_keeper("time 2000\nboot b-0\nchanges 0\ntotal 0\nproblem it \x1b[2J is\n"));
  EXPECT_EQ(facts->keeper.last_run->seconds_ago, 0) << "a clock set back";
  EXPECT_FALSE(facts->keeper.last_run->this_boot);
  EXPECT_EQ(facts->keeper.last_run->problem.find('\x1b'), std::string::npos);
}

TEST(ParseFacts, TellsAKeeperThatDidNotRunFromOneThatCannotBeRead) {
  auto facts = parse_facts(with_keeper(""));
  EXPECT_FALSE(facts->keeper.last_run);
  EXPECT_THAT(facts->problems, IsEmpty());
  for (const char* state :
       {"time 990\n", "time -1\nboot b\nchanges 0\ntotal 0\n",
        "time 1\nboot b\nchanges 0x\ntotal 0\n", "time 1\ntime 1\nboot b\nchanges 0\ntotal 0\n",
        "time 99999999999999999999\nboot b\nchanges 0\ntotal 0\n", "x\ny\nz\n"}) {
    facts = parse_facts(with_keeper(state));
    EXPECT_FALSE(facts->keeper.last_run) << state;
    EXPECT_THAT(facts->problems, Contains(HasSubstr("/var/run/bringup-links.state"))) << state;
  }
}

TEST(PlanDigest, FollowsTheKeeperButNotItsRuns) {
  const auto with = [](const char* state) { return plan_digest(*parse_facts(with_keeper(state))); };
  EXPECT_EQ(with("time 990\nboot b-1\nchanges 2\ntotal 5\n"),
            with("time 999\nboot b-1\nchanges 0\ntotal 5\n"));
  auto facts = *parse_facts(with_keeper(""));
  const std::string same = plan_digest(facts);
  EXPECT_NE(same, plan_digest(*parse_facts(mac())));
  facts.keeper.loaded = false;
  EXPECT_NE(plan_digest(facts), same);
  facts.keeper.loaded = true;
  facts.keeper.file.content += "x";
  EXPECT_NE(plan_digest(facts), same);
}

// The digest with one thing changed.
template <class Change>
std::string digest(Change change) {
  auto facts = parse_facts(mac());
  change(*facts);
  return plan_digest(*facts);
}

TEST(PlanDigest, ChangesWithWhatAPlanDependsOn) {
  const std::string same = digest([](NodeFacts&) {});
  EXPECT_EQ(same.size(), 64U);
  const auto differs = [&](auto change) { return digest(change) != same; };
  EXPECT_TRUE(differs([](NodeFacts& f) { f.os = Os::linux_kernel; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.version.build = "25C57"; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.interfaces[3].up = false; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.interfaces[3].mtu = 9000; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.interfaces[3].flags.push_back("LINK0"); }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.interfaces[3].inet.clear(); }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.interfaces[3].inet[0].prefix = 25; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.interfaces.erase(f.interfaces.begin() + 3); }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.bridges[0].members.pop_back(); }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.bridges[0].name = "bridge1"; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.routes.pop_back(); }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.routes[0].interface = "en9"; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.rdma = platform::RdmaState::disabled; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.ibv_devices->pop_back(); }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.ibv_devices.reset(); }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.matrix_file.present = true; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.matrix_file.content = "x"; }));
  EXPECT_TRUE(differs([](NodeFacts& f) { f.sudo = platform::SudoState::refused; }));
  // An empty list is not a missing one, and fields do not run into each other.
  EXPECT_NE(digest([](NodeFacts& f) { f.ibv_devices.reset(); }),
            digest([](NodeFacts& f) { f.ibv_devices->clear(); }));
  EXPECT_NE(digest([](NodeFacts& f) {
              f.version = {"a", "bc", "d"};
            }),
            digest([](NodeFacts& f) {
              f.version = {"ab", "c", "d"};
            }));
}

TEST(PlanDigest, IgnoresWhatChangesByItself) {
  const std::string same = digest([](NodeFacts&) {});
  const auto equals = [&](auto change) { return digest(change) == same; };
  EXPECT_TRUE(equals([](NodeFacts& f) { f.profiler_json = "{}"; }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.hostname = "other"; }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.raw.clear(); }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.session_address = "10.0.0.1"; }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.session_interface = "en9"; }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.problems.push_back("x"); }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.interfaces[3].inet6.clear(); }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.interfaces[3].flags.push_back("PROMISC"); }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.interfaces[3].active = std::nullopt; }));
  EXPECT_TRUE(equals([](NodeFacts& f) { std::swap(f.interfaces[0], f.interfaces[3]); }));
  EXPECT_TRUE(equals([](NodeFacts& f) { std::swap(f.routes[2], f.routes[3]); }));
  EXPECT_TRUE(equals([](NodeFacts& f) { std::swap((*f.ibv_devices)[0], (*f.ibv_devices)[1]); }));
  EXPECT_TRUE(equals([](NodeFacts& f) { f.routes[3].gateway = "link#99"; }));
  EXPECT_TRUE(equals([](NodeFacts& f) {
    platform::Interface awdl;
    awdl.name = "awdl0";
    f.interfaces.push_back(awdl);
  }));
}

}  // namespace
}  // namespace bringup::facts
