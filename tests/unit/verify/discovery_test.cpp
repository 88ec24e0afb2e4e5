#include "bringup/verify/discovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

using ::testing::HasSubstr;

TEST(DiscoveryLines, AreReadStrictly) {
  EXPECT_EQ(parse_discovery_hello(R"({"re":"hello","ok":true,"protocol":1})"), 1);
  EXPECT_FALSE(parse_discovery_hello(R"({"re":"hello","ok":true,"protocol":-1})"));
  const auto listen = parse_discovery_listen(
      R"({"re":"listen","ok":true,"interfaces":[{"name":"en5","address":"169.254.7.1","prefix":16,)"
      R"("broadcast":"169.254.255.255","configured":""}]})");
  ASSERT_TRUE(listen);
  EXPECT_EQ((*listen)[0].broadcast, test::ip("169.254.255.255"));
  EXPECT_EQ((*listen)[0].configured, std::nullopt);
  const auto busy = parse_discovery_listen(
      R"({"re":"listen","ok":false,"problem":"in-use","errno":98,"text":"cannot listen"})");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, ErrorCode::remote);
  EXPECT_TRUE(busy.error().message.starts_with("in-use"));
  const auto sent = parse_discovery_send(
      R"({"re":"send","ok":true,"sent":[{"interface":"en5","cast":"limited","count":6,)"
      R"("problem":"","errno":0}]})");
  ASSERT_TRUE(sent);
  EXPECT_EQ((*sent)[0].cast, CastKind::limited);
  const auto heard = parse_discovery_heard(
      R"({"re":"heard","ok":true,"heard":[{"node":"a","sender":"en5","cast":"multicast",)"
      R"("source":"10.0.0.1","interface":"?","count":3}]})");
  ASSERT_TRUE(heard);
  EXPECT_EQ((*heard)[0].interface, "?");
  for (const auto* line :
       {"", "[]", "{", R"({"re":"heard","ok":true})", R"({"re":"send","ok":true,"heard":[]})",
        R"({"re":"heard","ok":1,"heard":[]})",
        R"({"re":"heard","ok":true,"heard":[{"node":"a\u001b","sender":"e","cast":"limited",)"
        R"("source":"1.2.3.4","interface":"e","count":1}]})",
        R"({"re":"heard","ok":true,"heard":[{"node":"a","sender":"e","cast":"loud",)"
        R"("source":"1.2.3.4","interface":"e","count":1}]})",
        R"({"re":"heard","ok":true,"heard":[{"node":"a","sender":"e","cast":"limited",)"
        R"("source":"1.2.3","interface":"e","count":1}]})"}) {
    EXPECT_FALSE(parse_discovery_heard(line)) << line;
  }
}

// hwstudio1:en5 (10.254.0.5/30) - hwstudio2:en5 (10.254.0.6/30), all heard.
struct Lab {
  Lab() {
    for (std::size_t i = 0; i < 2; ++i) {
      DiscoveryEvidence& one = evidence[i];
      one.interfaces = {{"en5", test::ip(i == 0 ? "10.254.0.5" : "10.254.0.6"), 30,
                         test::ip("10.254.0.7"), test::ip("10.254.0.7")}};
      for (const CastKind cast : kCastKinds) {
        one.sent.push_back({"en5", cast, 6, "", 0});
        one.heard.push_back({i == 0 ? "hwstudio2" : "hwstudio1", "en5", cast,
                             test::ip(i == 0 ? "10.254.0.6" : "10.254.0.5"), "en5", 6});
      }
    }
  }
  Matrix judge() {
    Matrix matrix;
    judge_discovery(fleet, discovery_pairs(fleet, {0, 1}), evidence, matrix);
    return matrix;
  }
  // Of hwstudio1 → hwstudio2, the first.
  std::string id() {
    const auto matrix = judge();
    const auto& found = matrix.discovery.at(0).diagnosis;
    return found ? found->id : "";
  }
  model::Fleet fleet = test::pair_fleet();
  std::vector<DiscoveryEvidence> evidence{2};
};

TEST(Discovery, PassesWhereEveryWayIsHeard) {
  Lab lab;
  const auto matrix = lab.judge();
  ASSERT_EQ(matrix.discovery.size(), 2U);
  EXPECT_TRUE(matrix.green());
  EXPECT_EQ(matrix.discovery[0].heard[0], 6U);
  EXPECT_TRUE(matrix.findings.empty());
}

TEST(Discovery, LooksAtMembersOfSegmentsToo) {
  Lab lab;
  model::Segment segment;
  segment.name = "edge";
  segment.subnet = model::Subnet::parse("192.168.50.0/24").value();
  segment.members = {{0, "en0", test::ip("192.168.50.1"), ""},
                     {1, "en0", test::ip("192.168.50.2"), ""}};
  lab.fleet.segments = {segment};
  const auto matrix = lab.judge();
  ASSERT_EQ(matrix.discovery.size(), 4U);
  EXPECT_EQ(matrix.discovery[2].segment, 0U);
  EXPECT_EQ(matrix.discovery[2].diagnosis->id, "discovery-no-interface");
  EXPECT_TRUE(discovery_pairs(lab.fleet, {0}).empty());
}

TEST(Discovery, SilenceIsBlamedByWhatElseIsKnown) {
  Lab lab;
  lab.evidence[1].heard.clear();
  EXPECT_EQ(lab.id(), "discovery-one-way");
  EXPECT_EQ(silent_senders(lab.fleet, discovery_pairs(lab.fleet, {0, 1}), 1, lab.evidence),
            std::set<std::uint32_t>{test::ip("10.254.0.5").value()});
  lab.evidence[1].firewall = {true, "the application firewall is on", "its settings"};
  EXPECT_EQ(lab.id(), "discovery-firewall");
  const auto finding = lab.judge().findings.at(0);
  EXPECT_EQ(finding.target, "hwstudio2:en5");
  EXPECT_THAT(finding.seen, HasSubstr("the application firewall is on"));
  EXPECT_EQ(finding.cure, "let UDP in there: its settings");
  lab.evidence[1].pings[test::ip("10.254.0.5").value()] = false;
  EXPECT_EQ(lab.id(), "discovery-silent");
  lab.evidence[1].pings.clear();
  lab.evidence[0].heard.clear();
  lab.evidence[1].firewall = {};
  EXPECT_EQ(lab.id(), "discovery-firewall");
}

TEST(Discovery, ASenderThatCannotSendIsToBlame) {
  Lab lab;
  lab.evidence[1].heard.clear();
  for (auto& one : lab.evidence[0].sent) {
    one.count = 0;
    one.problem = "no-route";
    one.error_number = 65;
  }
  EXPECT_EQ(lab.id(), "discovery-privacy");
  EXPECT_EQ(lab.judge().findings.at(0).target, "hwstudio1:en5");
  lab.evidence[0].os = facts::Os::linux_kernel;
  EXPECT_EQ(lab.id(), "discovery-send");
}

TEST(Discovery, SubnetsAndBroadcastAddressesAreCompared) {
  Lab lab;
  lab.evidence[0].interfaces[0].configured = test::ip("10.254.0.255");
  EXPECT_EQ(lab.id(), "discovery-wrong-broadcast");
  EXPECT_THAT(lab.judge().findings.at(0).cure,
              HasSubstr("inet 10.254.0.5/30 broadcast 10.254.0.7"));
  lab.evidence[0].interfaces[0].prefix = 24;
  EXPECT_EQ(lab.id(), "discovery-wrong-broadcast") << "all is heard all the same";
  std::erase_if(lab.evidence[1].heard,
                [](const auto& one) { return one.cast == CastKind::broadcast; });
  EXPECT_EQ(lab.id(), "discovery-subnet-mismatch");
  const auto finding = lab.judge().findings.at(0);
  EXPECT_EQ(finding.target, "hwstudio1:en5");
  EXPECT_THAT(finding.seen, HasSubstr("10.254.0.5/24"));
}

TEST(Discovery, OneMissingWayAndOtherInterfacesAreNamed) {
  Lab lab;
  std::erase_if(lab.evidence[1].heard,
                [](const auto& one) { return one.cast == CastKind::multicast; });
  EXPECT_EQ(lab.id(), "discovery-partial");
  for (auto& one : lab.evidence[1].heard) one.interface = "bridge0";
  EXPECT_EQ(lab.id(), "discovery-elsewhere");
  EXPECT_EQ(lab.judge().discovery[0].elsewhere, std::vector<std::string>{"bridge0"});
}

TEST(Discovery, WhatWasNotLookedAtIsUntested) {
  Lab lab;
  lab.evidence[1].untested = "no bringup-probe on hwstudio2";
  auto matrix = lab.judge();
  EXPECT_EQ(matrix.discovery[0].status, CellStatus::untested);
  EXPECT_EQ(matrix.discovery[0].heard[0], std::nullopt);
  EXPECT_TRUE(matrix.findings.empty());
  EXPECT_FALSE(matrix.green());
  lab.evidence[1].no_session = true;
  EXPECT_EQ(lab.judge().discovery[1].status, CellStatus::unreachable);
}

// Strangers may send whatever they like.
TEST(Discovery, ForeignAnnouncementsChangeNothing) {
  Lab lab;
  lab.evidence[1].heard.push_back(
      {"stranger", "en5", CastKind::broadcast, test::ip("10.9.9.9"), "en5", 99});
  lab.evidence[1].heard.push_back(
      {"hwstudio1", "en9", CastKind::broadcast, test::ip("10.9.9.9"), "en5", 99});
  EXPECT_EQ(lab.id(), "");
  EXPECT_EQ(lab.judge().discovery[0].heard[0], 6U);
}

}  // namespace
}  // namespace bringup::verify
