#include "bringup/topology/ring.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <random>

namespace bringup::topology {
namespace {

// A debug build, instrumented or not, is not what is promised.
#ifdef NDEBUG
constexpr double kSecond = 1;
#else
constexpr double kSecond = 30;
#endif

// Processor time: other tests run beside this one.
double since(std::clock_t began) {
  return static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
}

Cables none(std::size_t n) {
  return Cables(n, std::vector<std::size_t>(n, 0));
}
void plug(Cables& cables, std::size_t a, std::size_t b) {
  ++cables[a][b];
  ++cables[b][a];
}
Cables cables_of(std::size_t n, const std::vector<std::pair<std::size_t, std::size_t>>& pairs) {
  Cables out = none(n);
  for (const auto& [a, b] : pairs) plug(out, a, b);
  return out;
}
std::vector<std::size_t> by_index(std::size_t n) {
  std::vector<std::size_t> out(n);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}
std::vector<std::string> names(std::size_t n) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back("n" + std::to_string(i));
  return out;
}
RingSearch search(const Cables& cables) {
  return find_ring(cables, by_index(cables.size()), names(cables.size()));
}

// Every node once, each next to the following by `cables` cables, the last to the first.
void expect_ring(const Cables& cables, const RingSearch& found) {
  ASSERT_TRUE(found.ring) << found.none.reason;
  auto sorted = found.ring->order;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, by_index(cables.size()));
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    const auto a = found.ring->order[k];
    const auto b = found.ring->order[(k + 1) % sorted.size()];
    EXPECT_GE(cables[a][b], found.ring->cables) << a << " to " << b;
  }
}

TEST(Ring, TheOrderOfRanksIsKeptWhereItIsARing) {
  const auto cables = cables_of(5, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 0}, {0, 2}});
  EXPECT_EQ(search(cables).ring->order, by_index(5));
}

TEST(Ring, FindsTheOrderOfAScrambledRing) {
  const auto cables = cables_of(5, {{0, 3}, {3, 1}, {1, 4}, {4, 2}, {2, 0}});
  const auto found = search(cables);
  expect_ring(cables, found);
  EXPECT_EQ(found.ring->order, (std::vector<std::size_t>{0, 2, 4, 1, 3}));
}

TEST(Ring, StartsAtTheFirstOfTheOrder) {
  const auto cables = cables_of(4, {{0, 1}, {1, 2}, {2, 3}, {3, 0}});
  const auto found = find_ring(cables, {2, 0, 1, 3}, names(4));
  ASSERT_TRUE(found.ring);
  EXPECT_EQ(found.ring->order.front(), 2U);
  expect_ring(cables, found);
}

TEST(Ring, PrefersARingOfDoubleCables) {
  auto cables = cables_of(4, {{0, 1}, {1, 2}, {2, 3}, {3, 0}, {0, 2}, {1, 3}});
  for (const auto& [a, b] :
       std::vector<std::pair<std::size_t, std::size_t>>{{0, 2}, {2, 1}, {1, 3}, {3, 0}}) {
    plug(cables, a, b);
  }
  const auto found = search(cables);
  expect_ring(cables, found);
  EXPECT_EQ(found.ring->cables, 2U);
}

TEST(Ring, TwoNodesAreARingOfTheirCables) {
  auto cables = cables_of(2, {{0, 1}, {0, 1}});
  EXPECT_EQ(search(cables).ring->cables, 2U);
  EXPECT_FALSE(search(none(2)).ring);
  EXPECT_EQ(search(none(2)).none.missing, (std::pair<std::size_t, std::size_t>{0, 1}));
}

TEST(Ring, NamesThePairThatWouldCloseIt) {
  const auto found = search(cables_of(4, {{1, 0}, {0, 3}, {3, 2}}));
  EXPECT_FALSE(found.ring);
  EXPECT_EQ(
      found.none.reason,
      "n1 has a cable to one other node only; a ring needs cables to two nodes at every node");
  EXPECT_EQ(found.none.missing, (std::pair<std::size_t, std::size_t>{1, 2}));
}

TEST(Ring, NamesTheNodeThatEverythingHangsOn) {
  // Two triangles that share node 2.
  const auto found = search(cables_of(5, {{0, 1}, {1, 2}, {2, 0}, {2, 3}, {3, 4}, {4, 2}}));
  EXPECT_FALSE(found.ring);
  EXPECT_EQ(found.none.reason, "every way between the others leads through n2");
  EXPECT_FALSE(found.none.gave_up);
}

TEST(Ring, OneNodeIsNone) {
  EXPECT_FALSE(search(none(1)).ring);
  EXPECT_FALSE(search(none(0)).ring);
}

TEST(Ring, KnowsWhenThereIsNoneAtAll) {
  // The Petersen graph: three cables at each node, two-connected, and famously without a ring.
  Cables cables = none(10);
  for (std::size_t k = 0; k < 5; ++k) {
    plug(cables, k, (k + 1) % 5);
    plug(cables, k, k + 5);
    plug(cables, k + 5, (k + 2) % 5 + 5);
  }
  const auto found = search(cables);
  EXPECT_FALSE(found.ring);
  EXPECT_FALSE(found.none.gave_up);
  EXPECT_EQ(found.none.reason, "no order of the nodes closes a ring");
  EXPECT_TRUE(found.none.missing);
}

// Random fleets of 32 with at most six cables at each node: a hidden ring, and more cables.
TEST(Ring, ThirtyTwoNodesWithSixCablesEachTakeLessThanASecond) {
  std::mt19937 random(20261121);
  for (int round = 0; round < 20; ++round) {
    auto hidden = by_index(32);
    std::shuffle(hidden.begin() + 1, hidden.end(), random);
    Cables cables = none(32);
    for (std::size_t k = 0; k < 32; ++k) plug(cables, hidden[k], hidden[(k + 1) % 32]);
    const auto degree = [&](std::size_t k) {
      return std::accumulate(cables[k].begin(), cables[k].end(), std::size_t{0});
    };
    for (int tries = 0; tries < round * 40; ++tries) {
      const std::size_t a = random() % 32;
      const std::size_t b = random() % 32;
      if (a != b && degree(a) < 6 && degree(b) < 6) plug(cables, a, b);
    }
    const std::clock_t began = std::clock();
    const auto found = search(cables);
    EXPECT_LT(since(began), kSecond) << round;
    expect_ring(cables, found);
    const auto again = search(cables);
    ASSERT_TRUE(again.ring && found.ring);
    EXPECT_EQ(again.ring->order, found.ring->order) << "the same again";
  }
}

// Sixteen and sixteen with cables across only is fine; fifteen and seventeen can have no ring, and
// no cheap reason says so.
TEST(Ring, GivesUpInTimeAndSaysSo) {
  std::mt19937 random(7);
  Cables cables = none(32);
  for (std::size_t a = 0; a < 15; ++a) {
    for (std::size_t k = 0; k < 6; ++k) {
      const std::size_t b = 15 + (a * 6 + k * 5 + random() % 3) % 17;
      if (cables[a][b] == 0) plug(cables, a, b);
    }
  }
  const std::clock_t began = std::clock();
  const auto found = search(cables);
  EXPECT_LT(since(began), 2 * kSecond);
  EXPECT_FALSE(found.ring);
  EXPECT_TRUE(found.none.gave_up);
  EXPECT_EQ(found.none.reason, "no ring found within 2000 steps");
  const auto few = find_ring(cables, by_index(32), names(32), 1, 1);
  EXPECT_TRUE(few.none.gave_up) << few.none.reason;
  EXPECT_EQ(few.none.reason, "no ring found within 1 steps");
}

TEST(Ring, CountsCablesByWhatTheyCarry) {
  model::Fleet fleet;
  fleet.nodes.resize(3);
  model::Link link;
  link.ends[0].node = 0;
  link.ends[1].node = 2;
  fleet.links = {link, link};
  fleet.links[1].rdma = false;
  EXPECT_EQ(count_cables(fleet, Carrying::anything)[2][0], 2U);
  EXPECT_EQ(count_cables(fleet, Carrying::rdma)[0][2], 1U);
  EXPECT_EQ(count_cables(fleet, Carrying::rdma)[0][1], 0U);
}

}  // namespace
}  // namespace bringup::topology
