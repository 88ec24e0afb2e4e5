// Inventories made of what is plugged: sound as they are, odd things told in comments.
#include "bringup/topology/discover.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/cabled_macs.hpp"

namespace bringup::topology {
namespace {

using test::CabledMacs;
using testing::HasSubstr;
using testing::Not;

struct Discovering : testing::Test {
  CabledMacs lab{{"s1", "s2", "s3"}};
  Discovery found;

  void SetUp() override {
    lab.plug({"s1:en3", "s2:en3"});
    lab.plug({"s1:en4", "s3:en3"});
    std::vector<std::string> taken;
    for (const auto& name : lab.names) {
      found.hosts.push_back(host_named("admin@" + name + ".local", taken));
    }
    read();
  }
  void read() {
    const auto& facts = lab.facts();
    for (std::size_t i = 0; i < facts.size(); ++i) found.hosts[i].facts = facts[i];
  }
  model::Fleet sound() {
    const auto text = discovered_inventory(found);
    auto fleet = model::load_inventory(text, "discovered");
    if (!fleet) throw std::runtime_error(model::render(fleet.error()) + text);
    return std::move(*fleet);
  }
};

TEST_F(Discovering, MakesASoundInventory) {
  const auto fleet = sound();
  ASSERT_EQ(fleet.nodes.size(), 3U);
  EXPECT_EQ(fleet.nodes[0].ssh.host, "s1.local");
  EXPECT_EQ(fleet.nodes[0].ssh.user, "admin");
  EXPECT_EQ(fleet.nodes[2].rank, 2U);
  ASSERT_EQ(fleet.links.size(), 2U);
  EXPECT_EQ(fleet.link_name(fleet.links[0]), "s1:en3 - s2:en3");
  EXPECT_EQ(fleet.link_name(fleet.links[1]), "s1:en4 - s3:en3");
  EXPECT_EQ(fleet.links[0].kind, model::LinkKind::thunderbolt5);
  EXPECT_TRUE(fleet.links[0].rdma);
  EXPECT_THAT(discovered_inventory(found), Not(HasSubstr("left out")));
}

TEST_F(Discovering, ToldSlowAndDockedCablesAsTheyAre) {
  lab.cables.clear();
  lab.plug({"s1:en3", "s2:en3", 40});
  lab.plug({"s1:en4", "s3:en3", 80, "TS5\\n[nodes.evil]"});
  lab.plug({"s2:en2", "s3:en4"});
  read();
  const auto fleet = sound();
  ASSERT_EQ(fleet.nodes.size(), 3U);
  ASSERT_EQ(fleet.links.size(), 3U);
  EXPECT_EQ(fleet.links[0].kind, model::LinkKind::thunderbolt4);
  EXPECT_EQ(fleet.links[1].kind, model::LinkKind::thunderbolt5);
  EXPECT_FALSE(fleet.links[1].rdma);
  EXPECT_FALSE(fleet.links[2].rdma);
  const auto text = discovered_inventory(found);
  EXPECT_THAT(text, HasSubstr("# both Macs have Thunderbolt 5: another cable makes it 80 Gb/s"));
  EXPECT_THAT(text, HasSubstr("# through TS5"));
  EXPECT_THAT(text, HasSubstr("next to Ethernet"));
}

TEST_F(Discovering, TellsWhoIsMissing) {
  found.hosts[1].facts = nullptr;
  found.hosts[1].problem = "timed out\n[nodes.evil]";
  const auto fleet = sound();
  ASSERT_EQ(fleet.nodes.size(), 2U);
  EXPECT_EQ(fleet.nodes[1].rank, 1U);
  ASSERT_EQ(fleet.links.size(), 1U);
  const auto text = discovered_inventory(found);
  EXPECT_THAT(text, HasSubstr("# s2 (s2.local) was not reached: timed out"));
  EXPECT_THAT(text, HasSubstr("# s1:en3 (Thunderbolt 2) leads to a Mac that was not named or not "
                              "reached: Mac Studio Mac15,14, domain "));
}

TEST_F(Discovering, MakesOneLinkOfAPortWithTwoMacsBehindIt) {
  lab.plug({"s2:en5", "s3:en5"});
  lab.plug({"s1:en7", "s1:en6"});
  read();
  EXPECT_EQ(sound().links.size(), 3U);
  EXPECT_THAT(discovered_inventory(found), HasSubstr("both ends are in one Mac"));
}

TEST_F(Discovering, TakesAPoolThatNobodyUses) {
  EXPECT_EQ(sound().address_pool.to_string(), "10.254.0.0/24");
  // The links' own addresses, of an earlier run, are no obstacle; a VPN's route is.
  auto& first = lab.kept(0);
  platform::Interface port;
  port.name = "en3";
  port.inet = {{model::Ipv4::parse("10.254.0.1").value(), 30}};
  first.interfaces = {port};
  first.routes = {{model::Subnet::parse("10.254.0.0/30").value(), "link#5", "en3"},
                  {model::Subnet::parse("10.254.0.1/32").value(), "127.0.0.1", "lo0"}};
  EXPECT_EQ(sound().address_pool.to_string(), "10.254.0.0/24");
  first.routes.push_back({model::Subnet::parse("10.254.0.0/16").value(), "", "utun3"});
  EXPECT_EQ(sound().address_pool.to_string(), "10.253.0.0/24");
  first.interfaces.push_back(port);
  first.interfaces.back().name = "en9";
  first.interfaces.back().inet = {{model::Ipv4::parse("10.253.0.7").value(), 24}};
  EXPECT_EQ(sound().address_pool.to_string(), "10.252.0.0/24");
}

TEST_F(Discovering, NotesWhatHinders) {
  lab.kept(0).rdma = platform::RdmaState::disabled;
  lab.kept(1).exo_daemon = true;
  lab.kept(1).network_location = "exo";
  lab.kept(2).version.build = "25C57";
  const auto text = discovered_inventory(found);
  EXPECT_THAT(text, HasSubstr("# RDMA is disabled: start in Recovery"));
  EXPECT_THAT(text, HasSubstr("daemon io.exo.networksetup"));
  EXPECT_THAT(text, HasSubstr("# another build of macOS than s1"));
}

TEST(HostNames, AreOfTheFirstLabelAndEachOnce) {
  std::vector<std::string> taken;
  const auto one = host_named("ops@studio1.example.net:2222", taken);
  EXPECT_EQ(one.name, "studio1");
  EXPECT_EQ(one.user, "ops");
  EXPECT_EQ(one.port, 2222);
  EXPECT_EQ(one.host, "studio1.example.net");
  EXPECT_EQ(host_named("studio1", taken).name, "studio1-2");
  EXPECT_EQ(host_named("10.0.0.7", taken).name, "10-0-0-7");
  EXPECT_EQ(host_named("fe80::1%en0", taken).host, "fe80::1%en0");
  EXPECT_EQ(host_named("ü", taken).name.substr(0, 4), "node");
}

TEST(HostNames, AddressesGiveWayToTheMacsOwn) {
  facts::NodeFacts facts;
  facts.hostname = "studio7.local";
  std::vector<std::string> taken;
  Discovery found;
  found.hosts = {host_named("10.0.0.7", taken), host_named("10.0.0.8", taken)};
  found.hosts[0].facts = &facts;
  found.hosts[1].facts = &facts;
  found.hosts[1].via = {found.hosts[0].name};
  name_by_hostname(found);
  EXPECT_EQ(found.hosts[0].name, "studio7");
  EXPECT_EQ(found.hosts[1].name, "studio7-2");
  EXPECT_EQ(found.hosts[1].via, std::vector<std::string>{"studio7"});
}

TEST_F(Discovering, DrawsAGraph) {
  found.hosts[2].facts = nullptr;
  const auto text = discovered_dot(found);
  EXPECT_THAT(text, HasSubstr("\"s1\" [label=\"s1\\nMac15,14\"];"));
  EXPECT_THAT(text, HasSubstr("\"s1\" -- \"s2\" [label=\"en3 - en3, 80 Gb/s\"];"));
  EXPECT_THAT(text, HasSubstr("\"s3\" [label=\"s3\\nnot reached\", style=dashed];"));
  EXPECT_THAT(text, HasSubstr("\"s1\" -- \"? 1\" [label=\"en4\", style=dotted];"));
}

}  // namespace
}  // namespace bringup::topology
