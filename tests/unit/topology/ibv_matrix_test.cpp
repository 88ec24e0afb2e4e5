#include "bringup/topology/ibv_matrix.hpp"

#include <gtest/gtest.h>

#include <random>

namespace bringup::topology {
namespace {

model::Fleet fleet_of(std::size_t nodes) {
  model::Fleet fleet;
  for (std::size_t i = 0; i < nodes; ++i) {
    model::Node node;
    node.name = "n" + std::to_string(i);
    node.rank = i;
    fleet.nodes.push_back(node);
  }
  return fleet;
}

model::Link cable(std::size_t a, const std::string& a_if, std::size_t b, const std::string& b_if) {
  model::Link link;
  link.ends[0] = {a, a_if, {}, "rdma_" + a_if};
  link.ends[1] = {b, b_if, {}, "rdma_" + b_if};
  return link;
}

TEST(IbvMatrix, NamesTheDeviceOfTheRowsOwnNode) {
  auto fleet = fleet_of(3);
  fleet.links = {cable(0, "en3", 1, "en5"), cable(0, "en4", 2, "en2"), cable(1, "en4", 2, "en1")};
  const auto matrix = ibv_matrix(fleet);
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_EQ(to_json(*matrix),
            "[[null,\"rdma_en3\",\"rdma_en4\"],[\"rdma_en5\",null,\"rdma_en4\"],"
            "[\"rdma_en2\",\"rdma_en1\",null]]\n");
}

TEST(IbvMatrix, RowsFollowRanksNotOrder) {
  auto fleet = fleet_of(2);
  fleet.nodes[0].rank = 1;
  fleet.nodes[1].rank = 0;
  fleet.links = {cable(0, "en3", 1, "en5")};
  EXPECT_EQ(to_json(ibv_matrix(fleet).value()), "[[null,\"rdma_en5\"],[\"rdma_en3\",null]]\n");
}

TEST(IbvMatrix, SeveralCablesAreAnArrayInTheOrderOfTheLinks) {
  auto fleet = fleet_of(2);
  fleet.links = {cable(0, "en9", 1, "en1"), cable(1, "en2", 0, "en3")};
  EXPECT_EQ(to_json(ibv_matrix(fleet).value()),
            "[[null,[\"rdma_en9\",\"rdma_en3\"]],[[\"rdma_en1\",\"rdma_en2\"],null]]\n");
}

TEST(IbvMatrix, UnlinkedPairsAndLinksWithoutRdmaAreNull) {
  auto fleet = fleet_of(3);
  fleet.links = {cable(0, "en3", 1, "en3"), cable(0, "en4", 2, "en3")};
  fleet.links[1].rdma = false;
  EXPECT_EQ(to_json(ibv_matrix(fleet).value()),
            "[[null,\"rdma_en3\",null],[\"rdma_en3\",null,null],[null,null,null]]\n");
}

TEST(IbvMatrix, RefusesOneDeviceInTwoColumns) {
  auto fleet = fleet_of(3);
  fleet.links = {cable(0, "en3", 1, "en3"), cable(0, "en4", 2, "en3")};
  fleet.links[1].ends[0].rdma_device = "rdma_en3";
  const auto matrix = ibv_matrix(fleet);
  ASSERT_FALSE(matrix);
  EXPECT_EQ(matrix.error().code, ErrorCode::usage);
  EXPECT_NE(matrix.error().message.find("rdma_en3 of n0"), std::string::npos);
  EXPECT_FALSE(matrix.error().hint.empty());
}

TEST(IbvMatrix, RefusesOneDeviceForTwoCablesOfAPair) {
  auto fleet = fleet_of(2);
  fleet.links = {cable(0, "en3", 1, "en3"), cable(0, "en4", 1, "en4")};
  fleet.links[1].ends[1].rdma_device = "rdma_en3";
  EXPECT_FALSE(ibv_matrix(fleet));
}

TEST(IbvMatrix, RefusesALinkThatCannotStandInIt) {
  auto fleet = fleet_of(2);
  fleet.links = {cable(0, "en3", 0, "en4")};
  EXPECT_FALSE(ibv_matrix(fleet));
  fleet.links = {cable(0, "en3", 1, "en4")};
  fleet.links[0].ends[0].rdma_device.clear();
  EXPECT_FALSE(ibv_matrix(fleet));
}

TEST(IbvMatrix, ReadsWhatItWrites) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 1 + random() % 6;
    auto fleet = fleet_of(n);
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = a + 1; b < n; ++b) {
        for (std::size_t k = random() % 4; k > 0; --k) {
          const std::string tag = std::to_string(fleet.links.size());
          fleet.links.push_back(cable(a, "en" + tag, b, "en" + tag));
        }
      }
    }
    const auto matrix = ibv_matrix(fleet);
    ASSERT_TRUE(matrix);
    const auto again = parse_ibv_matrix(to_json(*matrix));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, *matrix);
  }
}

class BadMatrix : public ::testing::TestWithParam<const char*> {};

TEST_P(BadMatrix, IsRefused) {
  const auto matrix = parse_ibv_matrix(GetParam());
  ASSERT_FALSE(matrix);
  EXPECT_EQ(matrix.error().code, ErrorCode::parse);
  EXPECT_FALSE(matrix.error().hint.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadMatrix,
    ::testing::Values("", "nonsense", "{}", "null", "[null]", "[[null,\"a\"]]", "[[\"a\"]]",
                      "[[null,\"\"],[\"b\",null]]", "[[null,[]],[\"b\",null]]",
                      "[[null,[\"a\",\"\"]],[\"b\",null]]", "[[null,1],[\"b\",null]]",
                      "[[null,[[\"a\"]]],[\"b\",null]]", "[[null,{\"a\":1}],[\"b\",null]]",
                      "[[null,\"a\"],[null,\"b\"]]", "[[null,\"a\"],[\"b\",null]] trailing",
                      "[[null,[\"a\",\"a\"]],[\"b\",null]]",
                      "[[null,\"a\",\"a\"],[\"b\",null,null],[null,null,null]]"));

TEST(IbvMatrix, RefusesTooMuchText) {
  std::string text = "[[null]]";
  text.resize((std::size_t{1} << 20) + 1, ' ');
  EXPECT_FALSE(parse_ibv_matrix(text));
  text.pop_back();
  EXPECT_TRUE(parse_ibv_matrix(text));
}

}  // namespace
}  // namespace bringup::topology
