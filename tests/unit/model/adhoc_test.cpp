#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/model/inventory.hpp"

namespace bringup::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Fleet loaded(const AdhocFlags& flags) {
  auto fleet = load_adhoc(flags);
  EXPECT_TRUE(fleet) << (fleet ? "" : render(fleet.error()));
  return fleet ? *fleet : Fleet{};
}

// The rendering of a refusal; empty (and a failure) when the flags were taken.
std::string refusal(const AdhocFlags& flags) {
  const auto fleet = load_adhoc(flags);
  EXPECT_FALSE(fleet);
  return fleet ? "" : render(fleet.error());
}

const std::vector<std::string> pair{"hwstudio1:en5:10.254.0.5", "hwstudio2:en5:10.254.0.6"};

TEST(Adhoc, ReadsThePairThatPeopleType) {
  const Fleet fleet = loaded({pair, {}, 30});
  ASSERT_EQ(fleet.nodes.size(), 2U);
  EXPECT_EQ(fleet.nodes[0].name, "hwstudio1");
  EXPECT_EQ(fleet.nodes[0].ssh.host, "hwstudio1");
  EXPECT_EQ(fleet.nodes[1].rank, 1U);
  EXPECT_EQ(fleet.nodes[0].where.to_string(), "--node");
  EXPECT_EQ(fleet.source, "command line");
  ASSERT_EQ(fleet.links.size(), 1U);
  const Link& link = fleet.links[0];
  EXPECT_EQ(link.kind, LinkKind::thunderbolt5);
  EXPECT_TRUE(link.rdma);
  EXPECT_EQ(link.subnet.to_string(), "10.254.0.4/30");
  EXPECT_EQ(link.ends[0].address.to_string(), "10.254.0.5");
  EXPECT_EQ(link.ends[1].address.to_string(), "10.254.0.6");
  EXPECT_EQ(link.ends[1].rdma_device, "rdma_en5");
  EXPECT_EQ(fleet.link_name(link), "hwstudio1:en5 - hwstudio2:en5");
}

TEST(Adhoc, ReadsTheThreeNodesOfTheGuide) {
  const Fleet fleet =
      loaded({{"machine-a:en3:10.254.0.1", "machine-b:en3:10.254.0.2", "machine-a:en5:10.254.0.5",
               "machine-c:en5:10.254.0.6", "machine-b:en5:10.254.0.9", "machine-c:en3:10.254.0.10"},
              {},
              30});
  ASSERT_EQ(fleet.nodes.size(), 3U);
  ASSERT_EQ(fleet.links.size(), 3U);
  EXPECT_EQ(fleet.link_name(fleet.links[0]), "machine-a:en3 - machine-b:en3");
  EXPECT_EQ(fleet.link_name(fleet.links[1]), "machine-a:en5 - machine-c:en5");
  EXPECT_EQ(fleet.link_name(fleet.links[2]), "machine-b:en5 - machine-c:en3");
  EXPECT_EQ(fleet.links[2].ends[1].address.to_string(), "10.254.0.10");
}

TEST(Adhoc, GoesThroughANodeThatIsAProxy) {
  const Fleet fleet = loaded({pair, {"hwstudio1:hwstudio2"}, 30});
  EXPECT_TRUE(fleet.proxies.empty());
  EXPECT_TRUE(fleet.nodes[0].via.empty());
  EXPECT_THAT(fleet.nodes[1].via, ElementsAre("hwstudio1"));
}

TEST(Adhoc, ChainsProxiesThatAreNotNodes) {
  const Fleet fleet = loaded({pair, {"hop:hwstudio1", "ops@door:hop", "hwstudio1:hwstudio2"}, 30});
  ASSERT_EQ(fleet.proxies.size(), 2U);
  ASSERT_NE(fleet.find_proxy("door"), nullptr);
  EXPECT_EQ(fleet.find_proxy("door")->ssh.user, "ops");
  EXPECT_THAT(fleet.nodes[1].via, ElementsAre("door", "hop", "hwstudio1"));
}

TEST(Adhoc, TakesUsersInHosts) {
  const Fleet fleet = loaded({{"admin@a:en5:10.0.0.1", "b:en5:10.0.0.2"}, {"root@b:a"}, 24});
  EXPECT_EQ(fleet.nodes[0].name, "a");
  EXPECT_EQ(fleet.nodes[0].ssh.user, "admin");
  EXPECT_EQ(fleet.nodes[1].ssh.user, "root");
  EXPECT_EQ(fleet.links[0].subnet.to_string(), "10.0.0.0/24");
}

TEST(Adhoc, TellsAboutAHyphenInAProxyWithTheErrorThatPeopleKnow) {
  const auto fleet = load_adhoc({pair, {"a-b"}, 30});
  ASSERT_FALSE(fleet);
  ASSERT_EQ(fleet.error().items.size(), 1U);
  EXPECT_EQ(fleet.error().items[0].message,
            "Invalid --proxy format: 'a-b' (expected proxy_host:target_host)");
  EXPECT_EQ(render(fleet.error()),
            "Invalid --proxy format: 'a-b' (expected proxy_host:target_host)\n"
            "  cure: a colon between the two: --proxy hwstudio1:hwstudio2\n");
}

TEST(Adhoc, TellsAboutMalformedNodes) {
  for (const std::string flag : {"x", "a:b", "a:b:c:d", ":en5:10.0.0.1", "a::10.0.0.1", "a:en5:"}) {
    const auto fleet = load_adhoc({{flag}, {}, 30});
    ASSERT_FALSE(fleet);
    EXPECT_EQ(fleet.error().items[0].message,
              "Invalid --node format: '" + flag + "' (expected ssh_host:interface:rdma_ip)");
  }
}

TEST(Adhoc, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal({{}, {}, 30}), HasSubstr("no --node given"));
  EXPECT_THAT(refusal({pair, {}, 31}), HasSubstr("Invalid --netmask: 31 (expected 1 to 30)"));
  EXPECT_THAT(refusal({pair, {}, 0}), HasSubstr("Invalid --netmask: 0"));
  EXPECT_THAT(refusal({{pair[0]}, {}, 30}),
              HasSubstr("--node 'hwstudio1:en5:10.254.0.5' has no partner in 10.254.0.4/30\n"
                        "  cure: give the other end of the cable with an address from 10.254.0.5 "
                        "to 10.254.0.6\n"));
  EXPECT_THAT(refusal({{"a:en1:10.0.0.1", "b:en1:10.0.0.2", "c:en1:10.0.0.3"}, {}, 29}),
              HasSubstr("3 ends in 10.0.0.0/29: 'a:en1:10.0.0.1', 'b:en1:10.0.0.2', "
                        "'c:en1:10.0.0.3'"));
  EXPECT_THAT(refusal({{"a:en1:10.0.0.1", "a:en2:10.0.0.2"}, {}, 30}),
              HasSubstr("both ends of the link are on 'a'"));
  EXPECT_THAT(
      refusal({{"a:en1:10.0.0.1", "b:en1:10.0.0.2", "a:en1:10.0.0.5", "c:en1:10.0.0.6"}, {}, 30}),
      HasSubstr("'a:en1' is already in the link"));
  EXPECT_THAT(refusal({{"a:en1:10.0.0.0", "b:en1:10.0.0.1"}, {}, 30}),
              HasSubstr("10.0.0.0 is the network address"));
  EXPECT_THAT(refusal({{"a:en1:10.0.0.1", "b:en1:10.0.0.1"}, {}, 30}),
              HasSubstr("both ends of the link have the address 10.0.0.1"));
  EXPECT_THAT(refusal({{"a:en1:10.0.0.900", "b:en1:10.0.0.1"}, {}, 30}),
              HasSubstr("'10.0.0.900' is not an IPv4 address"));
  EXPECT_THAT(refusal({{"a:-en1:10.0.0.1", "b:en1:10.0.0.2"}, {}, 30}),
              HasSubstr("'-en1' is not an interface name"));
  EXPECT_THAT(refusal({{"-oProxyCommand=x:en1:10.0.0.1", "b:en1:10.0.0.2"}, {}, 30}),
              HasSubstr("'-oProxyCommand=x' is not a usable node name"));
  EXPECT_THAT(refusal({{"@a:en1:10.0.0.1", "b:en1:10.0.0.2"}, {}, 30}),
              HasSubstr("'' is not a user name"));
  EXPECT_THAT(refusal({{"u@a:en1:10.0.0.1", "v@a:en2:10.0.0.2"}, {}, 30}),
              HasSubstr("'a' is given with two users, 'u' and 'v'"));
  EXPECT_THAT(refusal({{"a:en1:127.0.0.1", "b:en1:127.0.0.2"}, {}, 30}),
              HasSubstr("overlaps 127.0.0.0/8"));
}

TEST(Adhoc, RefusesProxiesThatLeadNowhere) {
  EXPECT_THAT(refusal({pair, {"door:hwstudio3"}, 30}),
              HasSubstr("--proxy 'door:hwstudio3' leads to 'hwstudio3', which no --node names\n"
                        "  cure: did you mean 'hwstudio"));
  EXPECT_THAT(refusal({pair, {"hwstudio1:hwstudio2", "door:hwstudio2"}, 30}),
              HasSubstr("'hwstudio2' has two proxies, 'hwstudio1' and 'door'"));
  EXPECT_THAT(refusal({pair, {"hwstudio1:hwstudio2", "hwstudio2:hwstudio1"}, 30}),
              HasSubstr("proxy cycle: hwstudio1 → hwstudio2 → hwstudio1"));
  EXPECT_THAT(refusal({pair, {"hwstudio1:hwstudio1"}, 30}),
              HasSubstr("'hwstudio1' is its own proxy"));
  EXPECT_THAT(refusal({pair, {"do or:hwstudio1"}, 30}),
              HasSubstr("'do or' is not a usable proxy name"));
}

TEST(Adhoc, TellsEveryWrongFlagAtOnce) {
  const auto fleet = load_adhoc({{"x", "y"}, {"a-b"}, 30});
  ASSERT_FALSE(fleet);
  EXPECT_EQ(fleet.error().items.size(), 3U);
}

}  // namespace
}  // namespace bringup::model
