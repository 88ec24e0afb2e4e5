// The Thunderbolt profiler's documents: tests/data/thunderbolt, one of each kind that was seen or
// must be expected.
#include "bringup/topology/thunderbolt.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "support/data.hpp"

namespace bringup::topology {
namespace {

using support::read_data;

std::string profile_text(const std::string& name) {
  return read_data("thunderbolt/" + name + ".json");
}

// "1 up to 120 | 2 80 Mac17,7/00000001+rdma via DOCK [DOCK]"; a port whose bus has no domain ends
// in "?".
std::string describe(const ThunderboltProfile& profile) {
  std::string out;
  for (const auto& port : profile.ports) {
    if (!out.empty()) out += " | ";
    out += port.receptacle.empty() ? "-" : port.receptacle;
    if (port.gbps > 0) out += fmt::format(" {}{:g}", port.idle ? "up to " : "", port.gbps);
    if (port.connected != (!port.peers.empty() || !port.devices.empty())) out += " connected";
    for (const auto& peer : port.peers) {
      out += fmt::format(" {}/{}{}", peer.model,
                         peer.domain.empty() ? "nameless" : peer.domain.substr(0, 8),
                         peer.rdma ? "+rdma" : "");
      for (const auto& one : peer.through) out += " via " + one;
    }
    for (const auto& device : port.devices) out += " [" + device + "]";
    if (port.domain.empty()) out += " ?";
  }
  return out;
}

TEST(Thunderbolt, ReadsEveryDocument) {
  const std::map<std::string, std::string> expected = {
      {"direct-rdma", "1 up to 120 | 2 80 Mac17,7/00000001+rdma"},
      {"direct-no-rdma", "1 up to 120 | 2 80 Mac17,7/00000001"},
      {"direct-other-side", "1 80 Mac15,14/00000102+rdma | 3 up to 120"},
      {"studio-six-ports-two-peers",
       "1 up to 120 | 2 up to 120 | 3 80 Mac17,7/00000001+rdma | 4 80 Mac17,7/00000002+rdma | "
       "5 up to 120 | 6 up to 120"},
      {"dock-upstream",
       "1 up to 120 | 3 40 Mac16,5/nameless via ThunderBay Flex 8 [ThunderBay Flex 8] ?"},
      {"dock-upstream-with-domain",
       "1 up to 120 | 3 40 Mac16,5/00000007+rdma via ThunderBay Flex 8 [ThunderBay Flex 8]"},
      {"dock-downstream", "1 40 Mac15,14/00000103+rdma | 2 up to 120"},
      {"hub-at-80",
       "1 80 Mac17,7/00000009+rdma via iVANKY Fusiondock Ultra [iVANKY Fusiondock Ultra]"},
      {"docks-nested-two",
       "2 80 Mac17,7/00000004+rdma via CalDigit Element 5 Hub via ThunderBay Flex 8 "
       "[CalDigit Element 5 Hub] [ThunderBay Flex 8]"},
      {"dock-with-two-macs",
       "2 80 Mac17,7/00000004+rdma via CalDigit Element 5 Hub Mac16,11/00000005 via CalDigit "
       "Element 5 Hub [CalDigit Element 5 Hub]"},
      {"dock-with-drive-and-mac",
       "2 40 Mac17,7/00000004+rdma via OWC Thunderbolt Hub [OWC Thunderbolt Hub] [Envoy Express]"},
      {"dock-alone", "2 40 [TS4]"},
      {"display-alone", "1 up to 120 | 2 40 [Studio Display]"},
      {"display-between", "2 80 Mac17,7/00000006+rdma via Studio Display XDR [Studio Display XDR]"},
      {"drive", "1 40 [Sabrent Rocket XTRM-Q]"},
      {"tb3", "1 40 iMacPro1,1/00000003 | 2 up to 40"},
      {"tb4-mini", "1 up to 40 | 2 40 Mac15,14/00000003+rdma | 3 up to 40"},
      {"tb5-with-tb4-cable", "1 up to 120 | 2 40 Mac17,7/00000001+rdma"},
      {"tb5-asymmetric-120", "1 up to 80 | 2 120 Mac17,7/00000001+rdma"},
      {"empty-mac",
       "1 up to 120 | 2 up to 120 | 3 up to 120 | 4 up to 120 | 5 up to 120 | 6 up to 120"},
      {"no-buses", ""},
      {"no-receptacle", "1 up to 120 | - Mac17,7/00000001+rdma"},
      {"no-domains", "1 up to 120 ? | 2 80 Mac17,7/nameless+rdma ?"},
      {"duplicate-receptacle-one-empty", "1 up to 120 | 2 80 Mac17,7/00000001+rdma"},
      {"duplicate-receptacle-both-linked",
       "1 up to 120 | 2 80 Mac17,7/00000001+rdma | 2 80 Mac17,7/00000002+rdma"},
      {"receptacle-as-number", "2 80 Mac17,7/00000001+rdma"},
      {"receptacle-tag-renamed", "2 80 Mac17,7/00000001+rdma"},
      {"rdma-as-text", "2 80 Mac17,7/00000001+rdma"},
      {"rdma-as-hex", "2 80 Mac17,7/00000001+rdma"},
      {"rdma-as-fraction", "2 80 Mac17,7/00000001+rdma"},
      {"rdma-by-service-key", "2 80 Mac17,7/00000001+rdma"},
      {"rdma-not-quite", "2 80 Mac17,7/00000001"},
      {"lower-case", "1 up to 120 | 2 80 Mac17,7/0000ABCD+rdma"},
      {"attached-though-said-empty", "2 80 Mac17,7/00000001+rdma"},
      {"peer-listed-twice", "2 80 Mac17,7/00000001+rdma"},
      {"domain-not-a-uuid", "2 80 Mac17,7/nameless+rdma ?"},
      {"speed-unreadable", "1 | 2 Mac17,7/00000001+rdma"},
      {"wrong-types", "3 up to 120 | - Mac17,7/00000001 | -"},
      {"escape-sequences", "2 80 Mac17,7/00000001+rdma"},
      {"other-computer", "2 40 ThinkPad X1/00000077"},
  };
  std::size_t seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(BRINGUP_TEST_DATA) + "/thunderbolt")) {
    const std::string name = entry.path().stem().string();
    if (name.starts_with("refused-")) continue;
    ++seen;
    const auto profile = parse_thunderbolt(profile_text(name));
    ASSERT_TRUE(profile.has_value()) << name << ": " << profile.error().message;
    ASSERT_TRUE(expected.contains(name)) << name << ": " << describe(*profile);
    EXPECT_EQ(describe(*profile), expected.at(name)) << name;
  }
  EXPECT_EQ(seen, expected.size());
  EXPECT_GE(seen, 30U);
}

TEST(Thunderbolt, RefusesWhatIsNoProfile) {
  const std::map<std::string, std::string> expected = {
      {"refused-not-an-object", "has no list SPThunderboltDataType"},
      {"refused-no-list", "has no list SPThunderboltDataType"},
      {"refused-other-type", "has no list SPThunderboltDataType"},
      {"refused-truncated", "is not JSON, or was cut off"},
      {"refused-text", "is not JSON, or was cut off"},
      {"refused-twice", "is not JSON, or was cut off"},
      {"refused-deep", "is nested more than 64 deep"},
  };
  for (const auto& [name, words] : expected) {
    const auto profile = parse_thunderbolt(profile_text(name));
    ASSERT_FALSE(profile.has_value()) << name;
    EXPECT_EQ(profile.error().code, ErrorCode::parse) << name;
    EXPECT_NE(profile.error().message.find(words), std::string::npos) << profile.error().message;
    EXPECT_FALSE(profile.error().hint.empty());
  }
  EXPECT_FALSE(parse_thunderbolt("").has_value());
}

// A parser that goes down with the text runs out of stack long before its end.
TEST(Thunderbolt, RefusesTenMegabytesOfNesting) {
  for (const std::string open : {"[", R"({"_items":[)"}) {
    for (const std::size_t bytes : {std::size_t{10} << 20, kMostProfile - 1024}) {
      std::string text = R"({"SPThunderboltDataType":[)";
      while (text.size() < bytes) text += open;
      EXPECT_FALSE(parse_thunderbolt(text).has_value());
    }
  }
  const std::string brackets(1000, '[');
  const auto quoted =
      parse_thunderbolt(R"({"SPThunderboltDataType":[{"_name":"\")" + brackets + R"("}]})");
  EXPECT_TRUE(quoted.has_value()) << quoted.error().message;  // brackets in a name do not count
}

TEST(Thunderbolt, BoundsWhatItKeeps) {
  std::string buses;
  for (int i = 0; i < 1000; ++i) {
    buses += fmt::format(R"({}{{"receptacle_1_tag":{{"receptacle_id_key":"{}"}}}})",
                         i == 0 ? "" : ",", i);
  }
  const auto many = parse_thunderbolt(R"({"SPThunderboltDataType":[)" + buses + "]}");
  ASSERT_TRUE(many.has_value());
  EXPECT_EQ(many->ports.size(), kMostPorts);
  EXPECT_FALSE(many->oddities.empty());

  std::string items;
  for (int i = 0; i < 5000; ++i) items += i == 0 ? R"({"_name":"x"})" : R"(,{"_name":"x"})";
  const auto crowded =
      parse_thunderbolt(R"({"SPThunderboltDataType":[{"_items":[)" + items + "]}]}");
  ASSERT_TRUE(crowded.has_value());
  EXPECT_LE(crowded->ports[0].devices.size(), kMostAttached);
  EXPECT_FALSE(crowded->oddities.empty());
}

TEST(Thunderbolt, KeepsNothingThatATerminalObeys) {
  const auto profile = parse_thunderbolt(profile_text("escape-sequences"));
  ASSERT_TRUE(profile.has_value());
  const auto& name = profile->ports[0].peers[0].name;
  EXPECT_EQ(name.find('\x1b'), std::string::npos) << name;
  EXPECT_EQ(name.find('\n'), std::string::npos) << name;
}

TEST(Thunderbolt, SaysWhatItPassedOver) {
  const auto profile = parse_thunderbolt(profile_text("wrong-types"));
  ASSERT_TRUE(profile.has_value());
  EXPECT_GE(profile->oddities.size(), 5U);
  EXPECT_TRUE(parse_thunderbolt(profile_text("direct-rdma"))->oddities.empty());
}

// The MacBook's ports: Thunderbolt 1 is en1, 2 is en6, 3 is en2.
TEST(Thunderbolt, NamesInterfacesByNamesNeverByPosition) {
  auto profile = parse_thunderbolt(profile_text("studio-six-ports-two-peers"));
  ASSERT_TRUE(profile.has_value());
  name_interfaces(*profile, {{"Wi-Fi", "en0", ""},
                             {"Thunderbolt 3", "en2", ""},
                             {"Thunderbolt Bridge", "bridge0", ""},
                             {"Thunderbolt 1", "en1", ""},
                             {"thunderbolt 2", "en6", ""},
                             {"Thunderbolt 4", "en8", ""},
                             {"Thunderbolt 4", "en9", ""}});
  std::map<std::string, std::string> names;
  for (const auto& port : profile->ports) names[port.receptacle] = port.interface;
  const std::map<std::string, std::string> expected = {{"1", "en1"}, {"2", "en6"}, {"3", "en2"},
                                                       {"4", ""},    {"5", ""},    {"6", ""}};
  EXPECT_EQ(names, expected);

  auto twice = parse_thunderbolt(profile_text("duplicate-receptacle-both-linked"));
  name_interfaces(*twice, {{"Thunderbolt 1", "en2", ""}, {"Thunderbolt 2", "en3", ""}});
  EXPECT_EQ(twice->ports[0].interface, "en2");
  EXPECT_EQ(twice->ports[1].interface, "");
  EXPECT_EQ(twice->ports[2].interface, "");
}

TEST(Thunderbolt, TellsTheHardwareBySpeedNotByName) {
  const auto four = [](const std::string& name) {
    return is_thunderbolt4_hardware(parse_thunderbolt(profile_text(name))->ports);
  };
  EXPECT_TRUE(four("tb4-mini"));
  EXPECT_TRUE(four("tb3"));
  EXPECT_FALSE(four("tb5-with-tb4-cable"));  // its idle port does 120
  EXPECT_FALSE(four("empty-mac"));
  EXPECT_FALSE(four("dock-alone"));  // one port, held back by what is in it: not known
  EXPECT_FALSE(four("no-buses"));
}

TEST(Thunderbolt, NamesWhatStandsBetween) {
  const auto between = [](const std::string& name) {
    return parse_thunderbolt(profile_text(name))->ports.back().between();
  };
  EXPECT_EQ(between("direct-rdma"), "");
  EXPECT_EQ(between("docks-nested-two"), "CalDigit Element 5 Hub, ThunderBay Flex 8");
  EXPECT_EQ(between("dock-alone"), "TS4");
}

TEST(Thunderbolt, ReadsANodesFacts) {
  facts::NodeFacts facts;
  EXPECT_FALSE(thunderbolt_profile(facts).has_value());
  EXPECT_TRUE(thunderbolt_ports(facts).empty());
  facts.profiler_json = profile_text("direct-rdma");
  facts.ports = {{"Thunderbolt 2", "en3", ""}};
  const auto ports = thunderbolt_ports(facts);
  ASSERT_EQ(ports.size(), 2U);
  EXPECT_EQ(ports[1].interface, "en3");
  EXPECT_EQ(ports[1].family, "Mac Studio");
}

}  // namespace
}  // namespace bringup::topology
