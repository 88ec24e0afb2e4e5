#include "bringup/model/fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "triangle.hpp"

namespace bringup::model {
namespace {

using ::testing::ElementsAre;
using testing::loaded;
using testing::triangle;

TEST(Fleet, FindsNodesAndLinks) {
  const Fleet fleet = loaded(triangle);
  EXPECT_EQ(fleet.find_node("alpha"), &fleet.nodes[1]);
  EXPECT_EQ(fleet.find_node("door"), nullptr);
  EXPECT_EQ(fleet.node_index("mid"), 2U);
  EXPECT_EQ(fleet.find_proxy("zeta"), nullptr);
  EXPECT_THAT(fleet.links_of(0), ElementsAre(0U, 1U));
  EXPECT_THAT(fleet.links_of(2), ElementsAre(1U));
  EXPECT_THAT(fleet.links_between(2, 0), ElementsAre(1U));
  EXPECT_TRUE(fleet.links_between(1, 2).empty());
  EXPECT_EQ(fleet.link_name(fleet.links[1]), "zeta:en4 - mid:en3");
}

TEST(LinkKinds, HaveWordsAndExpectations) {
  for (const std::string& word : link_kind_words()) {
    const auto kind = parse_link_kind(word);
    ASSERT_TRUE(kind) << word;
    EXPECT_EQ(to_string(*kind), word);
    EXPECT_EQ(default_expectation(*kind).rtt_avg_ms.has_value(), *kind != LinkKind::custom);
  }
  EXPECT_FALSE(parse_link_kind("Thunderbolt5"));
  EXPECT_EQ(default_expectation(LinkKind::thunderbolt5).negotiated_gbps, 80);
  EXPECT_EQ(default_expectation(LinkKind::thunderbolt5).rtt_avg_ms, 1.0);
  EXPECT_EQ(default_expectation(LinkKind::thunderbolt5).iperf_gbps, 40);
  EXPECT_EQ(default_expectation(LinkKind::thunderbolt5).rdma_gbps, 40);
  EXPECT_FALSE(default_expectation(LinkKind::thunderbolt4).rdma_gbps.has_value());
  EXPECT_EQ(default_expectation(LinkKind::thunderbolt5).loss_percent, 1.0);
  EXPECT_EQ(default_expectation(LinkKind::thunderbolt4).rtt_avg_ms, 0.5);
  EXPECT_EQ(default_expectation(LinkKind::thunderbolt4).iperf_gbps, 20);
  EXPECT_EQ(default_expectation(LinkKind::ethernet_1g).iperf_gbps, 0.8);
  EXPECT_EQ(default_expectation(LinkKind::ethernet_1g).rtt_avg_ms, 2.0);
  EXPECT_TRUE(default_rdma(LinkKind::roce_200g));
  EXPECT_FALSE(default_rdma(LinkKind::thunderbolt4));
}

TEST(SelectNodes, UnderstandsLimits) {
  const Fleet fleet =
      loaded("[nodes.s1]\ngroups = [\"odd\"]\n[nodes.s2]\n[nodes.s3]\ngroups = [\"odd\"]\n");
  EXPECT_THAT(*select_nodes(fleet, "s[1-3],!s2"), ElementsAre(0U, 2U));
  EXPECT_THAT(*select_nodes(fleet, "@odd"), ElementsAre(0U, 2U));
  EXPECT_THAT(*select_nodes(fleet, "s3,s1"), ElementsAre(0U, 2U));
  const auto unknown = select_nodes(fleet, "s4,@even");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::usage);
  EXPECT_EQ(unknown.error().message, "unknown node 's4'; unknown group '@even'");
  const auto nothing = select_nodes(fleet, "s1!s1");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().message, "'s1!s1' leaves no node");
  EXPECT_EQ(nothing.error().hint, "known: s[1-3]");
}

}  // namespace
}  // namespace bringup::model
