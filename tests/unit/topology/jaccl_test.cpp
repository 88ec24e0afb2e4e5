#include "bringup/topology/jaccl.hpp"

#include <gtest/gtest.h>

#include "bringup/topology/coordinator.hpp"

namespace bringup::topology {
namespace {

using Cell = std::vector<std::string>;

std::vector<std::string> names(std::size_t n) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back("n" + std::to_string(i));
  return out;
}

IbvMatrix matrix_of(const std::string& json) {
  auto matrix = parse_ibv_matrix(json);
  EXPECT_TRUE(matrix) << matrix.error().message;
  return matrix.value_or(IbvMatrix{});
}

std::string device(std::size_t peer) {
  return "rdma_en" + std::to_string(peer + 2);
}

IbvMatrix full(std::size_t n) {
  IbvMatrix out;
  out.cells.assign(n, std::vector<Cell>(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i != j) out.cells[i][j] = {device(j)};
    }
  }
  return out;
}

IbvMatrix ring(std::size_t n) {
  return ring_only(full(n), 1);
}

std::string refusal(const IbvMatrix& matrix) {
  const auto shape = jaccl_shape(matrix, names(matrix.cells.size()));
  EXPECT_FALSE(shape);
  return shape ? "" : shape.error().message;
}

TEST(Jaccl, AFullMeshOfUpToEight) {
  for (std::size_t n = 2; n <= 8; ++n) EXPECT_EQ(jaccl_shape(full(n), names(n)), JacclShape::mesh);
  EXPECT_EQ(jaccl_shape(full(9), names(9)), JacclShape::ring) << "nine are a ring only";
}

TEST(Jaccl, ARingInTheOrderOfRanks) {
  EXPECT_EQ(jaccl_shape(ring(5), names(5)), JacclShape::ring);
  EXPECT_EQ(jaccl_shape(ring(3), names(3)), JacclShape::mesh);
}

TEST(Jaccl, ASilentGroupOfOneIsRefused) {
  IbvMatrix empty;
  empty.cells.assign(3, std::vector<Cell>(3));
  EXPECT_EQ(refusal(empty),
            "JACCL would form groups of one without a message: n0 and n1 have no RDMA link, so it "
            "is no mesh; and no ring in the order of ranks: n0 and n1 are neighbours by rank and "
            "have no RDMA link");
  auto path = ring(4);
  path.cells[3][0].clear();
  path.cells[0][3].clear();
  EXPECT_NE(refusal(path).find("n3 and n0 are neighbours by rank"), std::string::npos);
  EXPECT_NE(refusal(path).find("n0 and n2 have no RDMA link"), std::string::npos);
  auto one_sided = full(4);
  one_sided.cells[2][1].clear();
  EXPECT_NE(refusal(one_sided).find("n1 and n2 have no RDMA link"), std::string::npos);
}

TEST(Jaccl, UnequalCablesMakeNoRing) {
  const auto uneven = matrix_of(R"([[null,["a","b"],null,"c"],[["a","b"],null,"c",null],)"
                                R"([null,"a",null,"b"],["a",null,"b",null]])");
  EXPECT_NE(refusal(uneven).find("n1 and n2 have 1 RDMA links, n0 and n1 have 2"),
            std::string::npos);
  EXPECT_EQ(jaccl_shape(ring_only(uneven, 1), names(4)), JacclShape::ring);
}

TEST(Jaccl, MoreCablesThanARingTakesAreRefused) {
  const auto wide = matrix_of(R"([[null,["a","b","c","d","e"],null,["f","g","h","i","j"]],)"
                              R"([["a","b","c","d","e"],null,["f","g","h","i","j"],null],)"
                              R"([null,["a","b","c","d","e"],null,["f","g","h","i","j"]],)"
                              R"([["a","b","c","d","e"],null,["f","g","h","i","j"],null]])");
  EXPECT_NE(refusal(wide).find("JACCL takes 4"), std::string::npos);
  EXPECT_EQ(jaccl_shape(ring_only(wide, 4), names(4)), JacclShape::ring);
}

TEST(Jaccl, WhatIsNoMatrixIsRefused) {
  EXPECT_NE(refusal(full(1)).find("two nodes at least"), std::string::npos);
  auto twice = full(3);
  twice.cells[0][2] = twice.cells[0][1];
  EXPECT_NE(refusal(twice).find("point-to-point"), std::string::npos);
  auto self = full(3);
  self.cells[1][1] = {"x"};
  EXPECT_NE(refusal(self).find("n1 is linked to itself"), std::string::npos);
  auto unnamed = full(3);
  unnamed.cells[1][0] = {""};
  EXPECT_NE(refusal(unnamed).find("has no name"), std::string::npos);
  EXPECT_FALSE(jaccl_shape(full(3), names(2)));
}

TEST(Jaccl, ReorderingMovesRowsAndColumns) {
  const auto matrix = matrix_of(R"([[null,"a1","a2"],["b0",null,"b2"],["c0","c1",null]])");
  EXPECT_EQ(to_json(reordered(matrix, {2, 0, 1})),
            "[[null,\"c0\",\"c1\"],[\"a2\",null,\"a1\"],[\"b2\",\"b0\",null]]\n");
}

TEST(Coordinator, IsTheNodeThatMostOthersReachAtOneAddress) {
  const auto address = [](std::uint32_t value) { return model::Ipv4(value); };
  // Node 0 is reached by both, but at two addresses; node 2 by both at one.
  const std::vector<Reached> reached{
      {0, address(1), {1}}, {0, address(2), {2}}, {1, address(3), {}}, {2, address(4), {1, 0}}};
  const auto chosen = choose_coordinator({0, 1, 2}, reached);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->node, 2U);
  EXPECT_EQ(chosen->address, address(4));
  EXPECT_EQ(chosen->from, (std::vector<std::size_t>{0, 1}));
}

TEST(Coordinator, TiesFallToTheOrderThenToThePreferredAddress) {
  const auto address = [](std::uint32_t value) { return model::Ipv4(value); };
  const std::vector<Reached> reached{
      {0, address(9), {1}}, {0, address(1), {1}}, {1, address(3), {0}}};
  EXPECT_EQ(choose_coordinator({0, 1}, reached)->address, address(9));
  EXPECT_EQ(choose_coordinator({1, 0}, reached)->node, 1U);
  EXPECT_FALSE(choose_coordinator({0, 1}, {}));
}

}  // namespace
}  // namespace bringup::topology
