#include "bringup/model/inventory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "support/hybrid_fleet.hpp"
#include "triangle.hpp"

namespace bringup::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::loaded;
using testing::triangle;

TEST(LoadInventory, KeepsTheOrderOfAppearance) {
  const Fleet fleet = loaded(triangle);
  ASSERT_EQ(fleet.nodes.size(), 3U);
  EXPECT_EQ(fleet.nodes[0].name, "zeta");
  EXPECT_EQ(fleet.nodes[1].name, "alpha");
  EXPECT_EQ(fleet.nodes[2].name, "mid");
  EXPECT_EQ(fleet.nodes[2].rank, 2U);
  EXPECT_EQ(fleet.nodes[1].where.to_string(), "fleet.toml:10:8");
  EXPECT_EQ(fleet.source, "fleet.toml");
  EXPECT_EQ(fleet.name, "studio-triangle");
  const Fleet dotted = loaded("nodes.b.host = \"x\"\nnodes.a = {}\n");
  EXPECT_EQ(dotted.nodes[0].name, "b");
}

TEST(LoadInventory, AppliesDefaultsToNodesAndNotToProxies) {
  const Fleet fleet = loaded(triangle);
  EXPECT_EQ(fleet.nodes[0].ssh.user, "admin");
  EXPECT_EQ(fleet.nodes[0].ssh.host, "zeta.local");
  EXPECT_EQ(fleet.nodes[1].ssh.host, "alpha");
  EXPECT_EQ(fleet.nodes[1].become, Become::sudo);
  EXPECT_EQ(fleet.find_proxy("door")->ssh.user, "ops");
  const Fleet more = loaded(R"([defaults]
user = "admin"
port = 2222
become = "none"
identity_file = "~/.ssh/a"
via = "n1"
groups = ["all"]
host_key = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
[proxies.p]
[nodes.n1]
via = []
port = 22
identity_file = ["~/.ssh/b", "~/.ssh/c"]
become = "sudo-password"
groups = ["first"]
[nodes.n2]
user = "root"
)");
  EXPECT_TRUE(more.proxies[0].ssh.user.empty());
  EXPECT_TRUE(more.nodes[0].via.empty());
  EXPECT_EQ(more.nodes[0].ssh.port, 22);
  EXPECT_THAT(more.nodes[0].ssh.identity_files, ElementsAre("~/.ssh/b", "~/.ssh/c"));
  EXPECT_EQ(more.nodes[0].become, Become::sudo_password);
  EXPECT_THAT(more.nodes[0].groups, ElementsAre("first"));
  EXPECT_EQ(more.nodes[1].ssh.user, "root");
  EXPECT_EQ(more.nodes[1].ssh.port, 2222);
  EXPECT_THAT(more.nodes[1].ssh.identity_files, ElementsAre("~/.ssh/a"));
  EXPECT_EQ(more.nodes[1].become, Become::none);
  EXPECT_THAT(more.nodes[1].via, ElementsAre("n1"));
  EXPECT_EQ(more.nodes[1].ssh.host_key.substr(0, 8), "SHA256:A");
  EXPECT_THAT(more.groups.at("all"), ElementsAre(1U));
}

TEST(LoadInventory, ResolvesTheWholeWay) {
  const Fleet fleet = loaded(R"([proxies.outer]
[proxies.inner]
via = "outer"
[nodes.a]
via = "inner"
[nodes.b]
via = "a"
[nodes.c]
via = ["inner", "a"]
)");
  EXPECT_THAT(fleet.proxies[1].via, ElementsAre("outer"));
  EXPECT_THAT(fleet.nodes[0].via, ElementsAre("outer", "inner"));
  EXPECT_THAT(fleet.nodes[1].via, ElementsAre("outer", "inner", "a"));
  EXPECT_THAT(fleet.nodes[2].via, ElementsAre("inner", "a")) << "an array is the whole chain";
}

TEST(LoadInventory, CutsSubnetsFromThePool) {
  const Fleet fleet = loaded(triangle);
  ASSERT_EQ(fleet.links.size(), 2U);
  EXPECT_EQ(fleet.links[0].subnet.to_string(), "10.254.0.0/30");
  EXPECT_EQ(fleet.links[0].ends[0].address.to_string(), "10.254.0.1");
  EXPECT_EQ(fleet.links[0].ends[1].address.to_string(), "10.254.0.2");
  EXPECT_EQ(fleet.links[1].ends[1].address.to_string(), "10.254.0.6");
  EXPECT_EQ(fleet.links[1].ends[1].rdma_device, "rdma_en3");
  EXPECT_EQ(fleet.links[1].where.line, 18U);
}

std::string addresses(const std::string& keys) {
  const Fleet fleet =
      loaded("[nodes.a]\n[nodes.b]\n[[links]]\na = \"a:en1\"\nb = \"b:en1\"\n" + keys);
  return fleet.links.empty() ? ""
                             : fleet.links[0].ends[0].address.to_string() + " " +
                                   fleet.links[0].ends[1].address.to_string();
}

TEST(LoadInventory, GivesTheOtherEndWhatIsLeft) {
  const std::string subnet = "subnet = \"10.1.0.4/30\"\n";
  EXPECT_EQ(addresses(subnet), "10.1.0.5 10.1.0.6");
  EXPECT_EQ(addresses(subnet + "a_address = \"10.1.0.6\"\n"), "10.1.0.6 10.1.0.5");
  EXPECT_EQ(addresses(subnet + "b_address = \"10.1.0.5\"\n"), "10.1.0.6 10.1.0.5");
  EXPECT_EQ(addresses("subnet = \"10.1.0.0/24\"\na_address = \"10.1.0.9\"\n"), "10.1.0.9 10.1.0.2");
}

TEST(LoadInventory, ReadsEveryKeyOfALink) {
  const Fleet fleet = loaded(R"([expectations.thunderbolt5]
rtt_avg_ms = 0.7
iperf_gbps = 50
rdma_gbps = 60
[nodes.a]
[nodes.b]
[[links]]
a = "a:en1"
b = "b:en1"
mtu = 9000
a_device = "rxe0"
expect = { iperf_gbps = 10, loss_percent = 0 }
[[links]]
a = "a:en2"
b = "b:en2"
kind = "ethernet-1g"
rdma = true
[[links]]
a = "a:en3"
b = "b:en3"
kind = "thunderbolt4"
[[links]]
a = "a:en4"
b = "b:en4"
kind = "custom"
)");
  const Link& link = fleet.links[0];
  EXPECT_EQ(link.mtu, 9000U);
  EXPECT_TRUE(link.rdma);
  EXPECT_EQ(link.ends[0].rdma_device, "rxe0");
  EXPECT_EQ(link.ends[1].rdma_device, "rdma_en1");
  EXPECT_EQ(link.expect.rtt_avg_ms, 0.7);      // of the kind
  EXPECT_EQ(link.expect.iperf_gbps, 10);       // of the link, over that of the kind
  EXPECT_EQ(link.expect.rdma_gbps, 60);        // of the kind
  EXPECT_EQ(link.expect.loss_percent, 0);      // of the link
  EXPECT_EQ(link.expect.negotiated_gbps, 80);  // built in
  EXPECT_TRUE(fleet.links[1].rdma);
  EXPECT_EQ(fleet.links[1].expect, default_expectation(LinkKind::ethernet_1g));
  EXPECT_FALSE(fleet.links[2].rdma);
  EXPECT_FALSE(fleet.links[3].rdma);
  EXPECT_EQ(fleet.links[3].expect, Expectation{});
}

TEST(LoadInventory, GivesRanksThatAreLeft) {
  const Fleet fleet = loaded("[nodes.a]\n[nodes.b]\nrank = 0\n[nodes.c]\n");
  EXPECT_EQ(fleet.nodes[0].rank, 1U);
  EXPECT_EQ(fleet.nodes[2].rank, 2U);
  EXPECT_THAT(fleet.by_rank(), ElementsAre(1U, 0U, 2U));
}

TEST(LoadInventory, ReadsSegmentsAndExpectations) {
  std::string text = test::kHybrid + "[groups]\nedge = [\"pi4\", \"pi5\"]\n";
  const std::string gateway = R"(mini1 = "en8=192.168.50.1")";
  const std::string pi = R"(pi5 = "eth0=192.168.50.2")";
  const std::string members = gateway + ", " + pi;
  ASSERT_NE(text.find(members), std::string::npos);
  const Fleet fleet = loaded(text.replace(text.find(members), members.size(), pi + ", " + gateway));
  ASSERT_EQ(fleet.segments.size(), 3U);
  const Segment& edge = fleet.segments[1];
  EXPECT_EQ(edge.kind, LinkKind::ethernet_1g);
  EXPECT_EQ(edge.subnet.to_string(), "192.168.50.0/24");
  ASSERT_EQ(edge.members.size(), 2U);
  EXPECT_EQ(edge.members[0].node, 3U) << "in order of appearance";
  EXPECT_EQ(edge.members[0].interface, "eth0");
  EXPECT_EQ(edge.members[0].address.to_string(), "192.168.50.2");
  EXPECT_EQ(edge.gateway, 0U);
  EXPECT_THAT(edge.routes_to, ElementsAre("fabric"));
  EXPECT_EQ(fleet.segments[0].gateway, std::nullopt);
  EXPECT_THAT(fleet.groups.at("edge"), ElementsAre(3U, 4U));
  ASSERT_EQ(fleet.expectations.size(), 2U);
  EXPECT_EQ(fleet.expectations[0].from, 3U);
  EXPECT_FALSE(fleet.expectations[0].reachable);
  EXPECT_EQ(fleet.expectations[1].to, "8.8.8.8");
  EXPECT_EQ(fleet.expectations[1].via, "wlan0");
  EXPECT_TRUE(fleet.expectations[1].reachable);
}

TEST(LoadInventory, ReadsTheFleetTable) {
  const Fleet fleet = loaded(R"([fleet]
name = "x"
address_pool = "10.9.0.0/16"
ibv_path = "/var/tmp/my matrix.json"
persist = true
[nodes.a]
)");
  EXPECT_EQ(fleet.address_pool.to_string(), "10.9.0.0/16");
  EXPECT_EQ(fleet.ibv_path, "/var/tmp/my matrix.json");
  EXPECT_TRUE(fleet.persist);
  const Fleet plain = loaded("\xEF\xBB\xBF[nodes.a]\r\n");
  EXPECT_EQ(plain.name, "fleet");
  EXPECT_EQ(plain.ibv_path, "/tmp/mlx_ibv_devices.json");
  EXPECT_FALSE(plain.persist);
}

TEST(LoadInventory, AllowsTheSameHostBehindDifferentProxies) {
  const Fleet fleet = loaded(R"([proxies.p]
[proxies.q]
[nodes.a]
host = "10.0.0.2"
via = "p"
[nodes.b]
host = "10.0.0.2"
via = "q"
[nodes.c]
host = "10.0.0.2"
via = "q"
port = 2222
)");
  EXPECT_EQ(fleet.nodes.size(), 3U);
}

TEST(LoadInventory, RefusesMoreThanOneMebibyte) {
  std::string text = "[nodes.a]\n";
  text.resize(std::size_t{1} << 20U, '#');
  EXPECT_TRUE(load_inventory(text, "f"));
  const auto fleet = load_inventory(text + "#", "f");
  ASSERT_FALSE(fleet);
  EXPECT_THAT(render(fleet.error()), HasSubstr("f:1:1: the inventory has 1048577 bytes"));
}

TEST(LoadInventory, StopsCountingAtAThousandProblems) {
  std::string text = "[nodes.a]\n";
  for (int i = 0; i < 3000; ++i) {
    text += "key" + std::to_string(i) + " = 1\n";
  }
  const auto fleet = load_inventory(text, "f");
  ASSERT_FALSE(fleet);
  EXPECT_EQ(fleet.error().items.size(), 1000U);
}

TEST(LoadInventory, TakesDotsInCommentsForWhatTheyAre) {
  EXPECT_TRUE(load_inventory("# " + std::string(200, '.') + "\n[nodes.a]\n", "f"));
}

TEST(LoadInventory, NeverRenumbersWhenALinkIsAddedAtTheEnd) {
  std::string text = "[nodes.a]\n[nodes.b]\n";
  std::vector<std::string> before;
  for (int link = 0; link < 20; ++link) {
    text += "[[links]]\na = \"a:en" + std::to_string(link) + "\"\nb = \"b:en" +
            std::to_string(link) + "\"\n";
    if (link % 7 == 3) {
      text += "subnet = \"10.254.0." + std::to_string(128 + link * 4) + "/30\"\n";
    }
    const Fleet fleet = loaded(text);
    for (std::size_t i = 0; i < before.size(); ++i) {
      ASSERT_EQ(fleet.links[i].subnet.to_string(), before[i]);
    }
    before.push_back(fleet.links.back().subnet.to_string());
  }
}

TEST(Inventories, ThatAreShippedLoad) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(BRINGUP_SOURCE_DIR) / "inventories")) {
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const Fleet fleet = loaded(text);
    EXPECT_EQ(fleet.name, entry.path().stem().string());
    EXPECT_FALSE(fleet.links.empty() && fleet.segments.empty());
    ++count;
  }
  EXPECT_GE(count, 8U);
}

TEST(Inventories, OfTheDocumentationLoad) {
  std::ifstream in(std::filesystem::path(BRINGUP_SOURCE_DIR) / "docs/inventory.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const std::string fence = "```toml\n";
  std::size_t count = 0;
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    const std::size_t end = page.find("```", at);
    EXPECT_FALSE(loaded(page.substr(at, end - at)).nodes.empty());
    ++count;
  }
  EXPECT_EQ(count, 5U);
  for (const std::string& word : link_kind_words()) {
    EXPECT_NE(page.find("| `" + word + "` |"), std::string::npos) << word;
  }
}

TEST(Render, KeepsLongAndHostileLinesOnTheTerminal) {
  Problem problem;
  problem.where = {"f\x1b.toml", 3, 2};
  problem.length = 4;
  problem.message = "m";
  problem.line_text = "a\x1b[2Jb" + std::string(200, 'x');
  const std::string text = render(problem);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_THAT(text, HasSubstr("f\\x1b.toml:3:2: m\n  3 | a\\x1b[2Jb"));
  EXPECT_THAT(text, HasSubstr("\n    |  ^~~~~~~\n")) << "the escape is as wide as it is shown";
  EXPECT_LT(text.size(), 300U);
}

TEST(Render, SurvivesPositionsOutsideTheLine) {
  Problem problem;
  problem.where = {"f", 1, 900};
  problem.length = 5000;
  problem.message = "m";
  problem.line_text = "short";
  EXPECT_THAT(render(problem), HasSubstr("f:1:900: m\n"));
  problem.where.column = 0;
  EXPECT_THAT(render(problem), HasSubstr("  1 | short\n    | ^~~~~\n"));
}

}  // namespace
}  // namespace bringup::model
