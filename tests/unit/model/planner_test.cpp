#include "bringup/model/planner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "bringup/util/text.hpp"

namespace bringup::model {
namespace {

using Fixed = std::vector<std::optional<Subnet>>;

Subnet subnet(const char* text) {
  return *Subnet::parse(text);
}

std::string planned(const char* pool, const Fixed& fixed) {
  std::vector<std::string> parts;
  for (const auto& given : plan_subnets(subnet(pool), fixed).subnets) {
    parts.push_back(given ? given->to_string() : "-");
  }
  return join(parts, " ");
}

TEST(Planner, CutsThirtiesInTheOrderOfTheLinks) {
  EXPECT_EQ(planned("10.254.0.0/24", {{}, {}, {}}), "10.254.0.0/30 10.254.0.4/30 10.254.0.8/30");
  EXPECT_EQ(links_in(subnet("10.254.0.0/24")), 64U);
}

TEST(Planner, StepsOverWhatEarlierLinksHold) {
  EXPECT_EQ(planned("10.254.0.0/24", {subnet("10.254.0.0/29"), {}, subnet("10.254.0.12/30"), {}}),
            "10.254.0.0/29 10.254.0.8/30 10.254.0.12/30 10.254.0.16/30");
  EXPECT_EQ(planned("10.254.0.0/24", {subnet("10.254.0.6/31"), {}, {}}),
            "10.254.0.6/31 10.254.0.0/30 10.254.0.8/30");
  EXPECT_EQ(planned("10.254.0.0/24", {subnet("10.0.0.0/8")}), "10.0.0.0/8");
  EXPECT_EQ(planned("10.254.0.0/24", {subnet("10.254.0.0/25"), subnet("10.254.0.0/26"), {}}),
            "10.254.0.0/25 10.254.0.0/26 10.254.0.128/30");
}

TEST(Planner, IgnoresWhatLaterLinksHold) {
  EXPECT_EQ(planned("10.254.0.0/24", {{}, subnet("10.254.0.0/30")}), "10.254.0.0/30 10.254.0.0/30");
}

TEST(Planner, TellsWhenThePoolIsUsedUp) {
  const SubnetPlan plan = plan_subnets(subnet("10.254.0.0/29"), Fixed(4));
  EXPECT_EQ(plan.first_without, 2U);
  EXPECT_TRUE(plan.subnets[1]);
  EXPECT_FALSE(plan.subnets[2]);
  EXPECT_FALSE(plan.subnets[3]);
  EXPECT_EQ(planned("10.0.0.0/30", {subnet("10.0.0.0/8"), {}}), "10.0.0.0/8 -");
  EXPECT_EQ(planned("255.255.255.248/29", {{}, {}, {}}), "255.255.255.248/30 255.255.255.252/30 -");
}

Subnet random_subnet(std::mt19937& random) {
  const int prefix = 24 + static_cast<int>(random() % 9);
  return Subnet::containing(Ipv4(0x0AFE0000U + random() % 1024), prefix);
}

Fixed random_links(std::mt19937& random) {
  Fixed fixed;
  const std::size_t count = random() % 40;
  for (std::size_t i = 0; i < count; ++i) {
    fixed.push_back(random() % 3 == 0 ? std::optional(random_subnet(random)) : std::nullopt);
  }
  return fixed;
}

TEST(Planner, NeverRenumbersWhenLinksAreAddedAtTheEnd) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    Fixed fixed = random_links(random);
    const auto before = plan_subnets(subnet("10.254.0.0/24"), fixed).subnets;
    const Fixed more = random_links(random);
    fixed.insert(fixed.end(), more.begin(), more.end());
    const auto after = plan_subnets(subnet("10.254.0.0/24"), fixed).subnets;
    ASSERT_TRUE(std::equal(before.begin(), before.end(), after.begin())) << "round " << round;
  }
}

TEST(Planner, GivesTheFirstFreeBlockOfThePoolAndNothingElse) {
  std::mt19937 random(11);
  const Subnet pool = subnet("10.254.0.0/25");
  for (int round = 0; round < 500; ++round) {
    const Fixed fixed = random_links(random);
    const auto given = plan_subnets(pool, fixed).subnets;
    std::vector<Subnet> taken;
    for (std::size_t link = 0; link < fixed.size(); ++link) {
      if (!fixed[link]) {
        std::optional<Subnet> expected;  // by trying every block
        for (std::uint32_t block = 0; block < 32 && !expected; ++block) {
          const Subnet candidate = Subnet::containing(Ipv4(pool.network().value() + block * 4), 30);
          if (std::none_of(taken.begin(), taken.end(),
                           [&](const Subnet& held) { return held.overlaps(candidate); })) {
            expected = candidate;
          }
        }
        ASSERT_EQ(given[link], expected) << "round " << round << " link " << link;
      } else {
        ASSERT_EQ(given[link], fixed[link]);
      }
      if (given[link]) {
        taken.push_back(*given[link]);
      }
    }
  }
}

TEST(FindOverlaps, FindsEverySubnetThatOverlapsAnother) {
  std::mt19937 random(13);
  for (int round = 0; round < 500; ++round) {
    std::vector<Subnet> subnets;
    for (std::size_t i = 0; i < 2 + random() % 20; ++i) {
      subnets.push_back(random_subnet(random));
    }
    std::vector<bool> found(subnets.size());
    for (const auto& [later, earlier] : find_overlaps(subnets)) {
      ASSERT_GT(later, earlier);
      ASSERT_TRUE(subnets[later].overlaps(subnets[earlier]));
      found[later] = found[earlier] = true;
    }
    for (std::size_t i = 0; i < subnets.size(); ++i) {
      bool expected = false;
      for (std::size_t j = 0; j < subnets.size(); ++j) {
        expected = expected || (i != j && subnets[i].overlaps(subnets[j]));
      }
      ASSERT_EQ(found[i], expected) << "round " << round << ": " << subnets[i].to_string();
    }
  }
}

}  // namespace
}  // namespace bringup::model
