#include "bringup/verify/schedule.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <map>
#include <random>
#include <set>

#include "bringup/verify/checks.hpp"
#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

// A fleet with these cables; every interface is in one link only.
model::Fleet wired(std::size_t nodes, const std::vector<Edge>& edges) {
  model::Fleet fleet;
  fleet.nodes.resize(nodes);
  for (std::size_t i = 0; i < nodes; ++i) fleet.nodes[i].name = fmt::format("n{}", i);
  std::vector<std::size_t> ports(nodes, 0);
  for (const auto& [a, b] : edges) {
    model::Link link;
    link.ends[0] = {a, fmt::format("en{}", ports[a]++), {}, {}};
    link.ends[1] = {b, fmt::format("en{}", ports[b]++), {}, {}};
    fleet.links.push_back(link);
  }
  return fleet;
}

std::vector<std::size_t> everyone(const model::Fleet& fleet) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < fleet.nodes.size(); ++i) all.push_back(i);
  return all;
}

std::vector<Edge> mesh(std::size_t n) {
  std::vector<Edge> edges;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b) edges.emplace_back(a, b);
  }
  return edges;
}

std::size_t largest_degree(std::size_t n, const std::vector<Edge>& edges) {
  std::vector<std::size_t> degree(n, 0);
  std::size_t largest = 0;
  for (const auto& [a, b] : edges) largest = std::max({largest, ++degree[a], ++degree[b]});
  return largest;
}

// Every link once, no round empty, no node twice in a round.
void expect_sound(const model::Fleet& fleet, const std::vector<Round>& rounds,
                  std::size_t expected_links) {
  std::set<std::size_t> seen;
  for (const Round& round : rounds) {
    EXPECT_FALSE(round.empty());
    std::set<std::size_t> busy;
    for (const std::size_t link : round) {
      EXPECT_TRUE(seen.insert(link).second) << "link " << link << " twice";
      for (const auto& end : fleet.links[link].ends) {
        EXPECT_TRUE(busy.insert(end.node).second) << "node " << end.node << " twice in a round";
      }
    }
  }
  EXPECT_EQ(seen.size(), expected_links);
}

std::vector<Edge> random_simple(std::mt19937& random, std::size_t n, double density) {
  std::bernoulli_distribution chosen(density);
  std::vector<Edge> edges;
  for (const auto& edge : mesh(n)) {
    if (chosen(random)) edges.push_back(edge);
  }
  std::shuffle(edges.begin(), edges.end(), random);
  return edges;
}

TEST(Circle, MeetsEveryPairOnceInTheFewestRounds) {
  EXPECT_TRUE(circle_rounds(0).empty());
  EXPECT_TRUE(circle_rounds(1).empty());
  for (std::size_t n = 2; n <= 65; ++n) {
    const auto rounds = circle_rounds(n);
    EXPECT_EQ(rounds.size(), n % 2 == 0 ? n - 1 : n);
    std::set<Edge> met;
    for (const auto& round : rounds) {
      std::set<std::size_t> busy;
      for (const auto& [a, b] : round) {
        EXPECT_LT(a, b);
        EXPECT_LT(b, n);
        EXPECT_TRUE(met.insert({a, b}).second);
        EXPECT_TRUE(busy.insert(a).second);
        EXPECT_TRUE(busy.insert(b).second);
      }
    }
    EXPECT_EQ(met.size(), n * (n - 1) / 2);
  }
}

TEST(EdgeColours, NeedAtMostOneMoreThanTheLargestDegree) {
  std::mt19937 random(20261121);
  for (int round = 0; round < 600; ++round) {
    const std::size_t n = 2 + random() % 40;
    const auto edges = random_simple(random, n, static_cast<double>(random() % 101) / 100);
    const auto colours = edge_colours(n, edges);
    ASSERT_EQ(colours.size(), edges.size());
    std::set<std::pair<std::size_t, std::size_t>> at;
    for (std::size_t i = 0; i < edges.size(); ++i) {
      EXPECT_LE(colours[i], largest_degree(n, edges));
      EXPECT_TRUE(at.insert({edges[i].first, colours[i]}).second);
      EXPECT_TRUE(at.insert({edges[i].second, colours[i]}).second);
    }
  }
}

TEST(Schedule, RunsEveryLinkOnceAndNoNodeTwiceInARound) {
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const std::size_t n = 2 + random() % 24;
    const auto edges = random_simple(random, n, 0.3);
    const auto fleet = wired(n, edges);
    for (const Pairs& pairs : {Pairs{}, Pairs{Pairs::Kind::all, 0}}) {
      expect_sound(fleet, schedule(fleet, everyone(fleet), pairs, Conflict::node), edges.size());
    }
    EXPECT_LE(schedule(fleet, everyone(fleet), {}, Conflict::node).size(),
              edges.empty() ? 0 : largest_degree(n, edges) + 1);
  }
}

TEST(Schedule, GivesParallelCablesTurnsOfTheirOwn) {
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    const std::size_t n = 2 + random() % 10;
    auto edges = random_simple(random, n, 0.5);
    const std::size_t simple = edges.size();
    for (std::size_t k = 0; k < simple; ++k) {
      if (random() % 2 == 0) edges.push_back(edges[k]);
    }
    const auto fleet = wired(n, edges);
    expect_sound(fleet, schedule(fleet, everyone(fleet), {}, Conflict::node), edges.size());
    expect_sound(fleet, schedule(fleet, everyone(fleet), {Pairs::Kind::all, 0}, Conflict::node),
                 edges.size());
  }
  // A fleet of three whose first pair has three cables.
  const auto fleet = wired(3, {{0, 1}, {0, 1}, {1, 0}, {1, 2}});
  EXPECT_EQ(schedule(fleet, everyone(fleet), {}, Conflict::node).size(), 4U);
}

TEST(Schedule, MeshesTakeOneRoundLessThanNodesOrAsMany) {
  for (std::size_t n = 2; n <= 20; ++n) {
    const auto fleet = wired(n, mesh(n));
    EXPECT_EQ(schedule(fleet, everyone(fleet), {}, Conflict::node).size(), n % 2 == 0 ? n - 1 : n);
    EXPECT_EQ(schedule(fleet, everyone(fleet), {Pairs::Kind::all, 0}, Conflict::node).size(),
              n % 2 == 0 ? n - 1 : n);
  }
}

TEST(Schedule, PutsDisjointLinksInOneRound) {
  const auto fleet = wired(6, {{0, 1}, {2, 3}, {4, 5}});
  EXPECT_EQ(schedule(fleet, everyone(fleet), {}, Conflict::node), (std::vector<Round>{{0, 1, 2}}));
}

TEST(Schedule, RunsAllCablesAtOnceUnderStress) {
  auto fleet = wired(4, mesh(4));
  EXPECT_EQ(schedule(fleet, everyone(fleet), {}, Conflict::interface).size(), 1U);
  // Were two links to share a port, they would not share a round.
  fleet.links[1].ends[0] = fleet.links[0].ends[0];
  EXPECT_EQ(schedule(fleet, everyone(fleet), {}, Conflict::interface),
            (std::vector<Round>{{0, 2, 3, 4, 5}, {1}}));
}

TEST(Schedule, LeavesOutLinksToNodesThatAreNotSelected) {
  const auto fleet = wired(4, mesh(4));
  const auto rounds = schedule(fleet, {1, 3}, {}, Conflict::node);
  ASSERT_EQ(rounds, (std::vector<Round>{{4}}));
  EXPECT_EQ(fleet.links[4].ends[0].node, 1U);
  EXPECT_EQ(fleet.links[4].ends[1].node, 3U);
  EXPECT_TRUE(schedule(fleet, {2}, {}, Conflict::node).empty());
}

TEST(Schedule, MatchingKeepsTheFullestRounds) {
  const auto fleet = wired(5, {{0, 1}, {2, 3}, {0, 4}, {1, 2}});
  const auto all = schedule(fleet, everyone(fleet), {}, Conflict::node);
  const auto some = schedule(fleet, everyone(fleet), {Pairs::Kind::matching, 1}, Conflict::node);
  ASSERT_EQ(some.size(), 1U);
  EXPECT_EQ(some[0].size(), 2U);
  EXPECT_EQ(schedule(fleet, everyone(fleet), {Pairs::Kind::matching, 9}, Conflict::node).size(),
            all.size());
}

TEST(Schedule, PlansAThousandNodesInUnderASecond) {
  const auto time = [](auto work) {
    const std::clock_t begin = std::clock();  // processor time: other tests run beside this one
    work();
    return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  };
  const auto fleet = wired(1024, mesh(1024));
  std::vector<Round> rounds;
  double limit = 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
  limit = 30;  // an instrumented build is not what is promised
#endif
  EXPECT_LT(time([&] { rounds = schedule(fleet, everyone(fleet), {}, Conflict::node); }), limit);
  EXPECT_EQ(rounds.size(), 1023U);
  // A fabric that is nearly one needs the colours.
  auto edges = mesh(256);
  edges.erase(edges.begin() + 40, edges.begin() + 90);
  const auto torn = wired(256, edges);
  EXPECT_LT(time([&] { rounds = schedule(torn, everyone(torn), {}, Conflict::node); }), limit);
  expect_sound(torn, rounds, edges.size());
}

TEST(Schedule, RetestsNoMoreAtOnceThanItsWidth) {
  const auto fleet = wired(8, {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}});
  const auto two = retest_schedule(fleet, {0, 1, 2, 3, 4}, 2);
  expect_sound(fleet, two, 5);
  for (const auto& round : two) EXPECT_LE(round.size(), 2U);
  EXPECT_EQ(retest_schedule(fleet, {0, 1, 2}, 1).size(), 3U);
  EXPECT_EQ(retest_schedule(fleet, {0, 1, 2}, 0).size(), 3U);  // no endless loop
}

TEST(Pairs, ReadTheirWords) {
  EXPECT_EQ(parse_pairs("links").value(), Pairs{});
  EXPECT_EQ(parse_pairs("all").value().kind, Pairs::Kind::all);
  EXPECT_EQ(parse_pairs("matching:3").value(), (Pairs{Pairs::Kind::matching, 3}));
  EXPECT_EQ(to_string(parse_pairs("matching:3").value()), "matching:3");
  for (const auto* wrong : {"", "link", "matching", "matching:", "matching:0", "matching:-1",
                            "matching:3x", "matching:99999999999999999999", "ALL"}) {
    const auto refused = parse_pairs(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
  }
}

TEST(Estimate, AddsTheLongestSlotOfEachRound) {
  auto fleet = wired(4, mesh(4));
  CheckOptions options;
  options.only = {CheckKind::iperf};
  options.iperf_seconds = 10;
  Allowances none{0, 0, 0, 0};
  auto rounds = schedule(fleet, everyone(fleet), {}, Conflict::node);
  auto result = estimate(fleet, rounds, options, none);
  EXPECT_EQ(result.rounds, 3U);
  EXPECT_EQ(result.links, 6U);
  EXPECT_EQ(result.widest, 2U);
  EXPECT_DOUBLE_EQ(result.exclusive_s, 60);
  EXPECT_DOUBLE_EQ(result.background_s, 0);
  none.rdma_s = 4;
  options.only = {CheckKind::iperf, CheckKind::rdma};
  EXPECT_DOUBLE_EQ(estimate(fleet, rounds, options, none).exclusive_s, 84);
  for (auto& link : fleet.links) link.rdma = false;
  EXPECT_DOUBLE_EQ(estimate(fleet, rounds, options, none).exclusive_s, 60);
  options.only = {CheckKind::ping};
  options.ping_count = 11;
  options.ping_interval_s = 0.5;
  result = estimate(fleet, rounds, options, none);
  EXPECT_EQ(result.rounds, 0U);
  EXPECT_DOUBLE_EQ(result.exclusive_s, 0);
  EXPECT_NEAR(result.background_s, 5.05, 1e-9);
}

}  // namespace
}  // namespace bringup::verify
