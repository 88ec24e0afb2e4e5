// What verify asks the nodes again, and whom.
#include "bringup/run/verify.hpp"

#include <gtest/gtest.h>

#include "support/run_values.hpp"

namespace bringup::run {
namespace {

using test::FakeFleet;
using verify::CellStatus;

struct Retest : testing::Test {
  FakeFleet fakes{test::triangle_fleet()};

  void SetUp() override {
    for (const auto& link : fakes.fleet.links) {
      for (const auto& end : link.ends) {
        auto& mac = fakes.node(fakes.fleet.nodes[end.node].name).mac;
        mac.bridge0.clear();
        mac.ports[end.interface].inet = {{end.address, link.subnet.prefix()}};
      }
    }
  }
  // The node's pings take this long in its first so many scripts, and what they should after that.
  void slow(const std::string& name, double rtt_ms, std::size_t scripts) {
    auto& node = fakes.node(name);
    node.on_exec = [&node, rtt_ms, scripts] {
      node.mac.rtt_ms = node.heard.size() < scripts ? rtt_ms : 0.12;
    };
  }
  verify::Matrix verified() {
    auto crew = fakes.crew();
    return verify(crew, {});
  }
  [[nodiscard]] std::vector<std::size_t> heard() {
    std::vector<std::size_t> counts;
    for (const auto& node : fakes.fleet.nodes) counts.push_back(fakes.node(node.name).heard.size());
    return counts;
  }
};

TEST_F(Retest, AsksNobodyTwiceWhenAllIsWell) {
  const auto matrix = verified();
  EXPECT_TRUE(matrix.green());
  EXPECT_EQ(matrix.cells.size(), 6U);
  EXPECT_EQ(heard(), (std::vector<std::size_t>{1, 1, 1}));
}

// 0.9 ms is within what the link expects; it stands out against the peers only.
TEST_F(Retest, AsksAgainWhoseRoundTripsStandOutAgainstTheirPeers) {
  slow("studio1", 0.9, 1);
  const auto matrix = verified();
  EXPECT_TRUE(matrix.green());
  EXPECT_TRUE(matrix.findings.empty());
  EXPECT_EQ(heard(), (std::vector<std::size_t>{2, 1, 1}));
  EXPECT_NE(fakes.node("studio1").heard[1].input.find("-c 10 "), std::string::npos);
}

TEST_F(Retest, DoesNotBelieveWhatIsSlowTwice) {
  slow("studio2", 0.9, 2);
  EXPECT_TRUE(verified().green());
  EXPECT_EQ(heard(), (std::vector<std::size_t>{1, 3, 1}));
}

TEST_F(Retest, AsksAtMostTwiceAgain) {
  slow("studio3", 0.9, 100);
  const auto matrix = verified();
  EXPECT_EQ(heard(), (std::vector<std::size_t>{1, 1, 3}));
  EXPECT_EQ(matrix.count(CellStatus::slow), 2U);
  ASSERT_FALSE(matrix.findings.empty());
  EXPECT_EQ(matrix.findings[0].id, "peer-slow");
}

TEST_F(Retest, AsksAgainWhatIsSlowerThanExpected) {
  slow("studio1", 30, 1);
  EXPECT_TRUE(verified().green());
  EXPECT_EQ(heard(), (std::vector<std::size_t>{2, 1, 1}));
}

}  // namespace
}  // namespace bringup::run
