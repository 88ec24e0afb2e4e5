// Which changes need a guard, and who stands or falls together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/plan/guard.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

GuardNeed need_of(const model::Fleet& fleet, const facts::NodeFacts& facts,
                  GuardMode mode = GuardMode::automatic) {
  return guard_need(fleet, diff(fleet, 0, facts), facts, mode);
}

TEST(GuardNeed, AChangeAwayFromTheSessionNeedsNone) {
  EXPECT_FALSE(need_of(pair_fleet(), bare_mac()).needed);
}

TEST(GuardNeed, NothingToChangeNeedsNoneWhateverIsAsked) {
  EXPECT_FALSE(need_of(pair_fleet(), ready_mac(pair_fleet(), 0), GuardMode::always).needed);
}

TEST(GuardNeed, TheSessionsOwnInterfaceAndItsNewAddress) {
  auto facts = bare_mac();
  facts.bridges[0].members = {};
  interface_of(facts, "en5")->inet = {{ip("192.168.7.2"), 24}};
  facts.session_interface = "en5";
  facts.session_address = "192.168.7.2";
  const auto need = need_of(pair_fleet(), facts);
  EXPECT_TRUE(need.needed);
  EXPECT_TRUE(need.cuts_session);
  EXPECT_THAT(need.why, HasSubstr("arrives through en5"));
  ASSERT_TRUE(need.new_address);
  EXPECT_EQ(need.new_address->to_string(), "10.254.0.1");
  EXPECT_FALSE(need_of(pair_fleet(), facts, GuardMode::never).needed);
}

TEST(GuardNeed, AnotherAddressOfTheSessionsInterfaceLeavesItsOwn) {
  auto facts = bare_mac();
  facts.bridges[0].members = {};
  interface_of(facts, "en5")->inet = {{ip("192.168.8.2"), 24}, {ip("192.168.7.2"), 24}};
  facts.session_interface = "en5";
  facts.session_address = "192.168.7.2";
  const auto need = need_of(pair_fleet(), facts);
  EXPECT_TRUE(need.needed);
  EXPECT_FALSE(need.new_address);
}

TEST(GuardNeed, AMemberOfTheSessionsBridge) {
  auto facts = bare_mac();
  interface_of(facts, "bridge0")->inet = {{ip("169.254.1.1"), 16}};
  facts.session_interface.clear();
  facts.session_address = "169.254.1.1";
  const auto need = need_of(pair_fleet(), facts);
  EXPECT_TRUE(need.cuts_session);
  EXPECT_THAT(need.why, HasSubstr("bridge0, of which en5 is a member"));
}

TEST(GuardNeed, ANodeThatOthersAreReachedThrough) {
  auto fleet = pair_fleet();
  fleet.nodes[1].via = {"studio1"};
  const auto need = need_of(fleet, bare_mac());
  EXPECT_TRUE(need.needed);
  EXPECT_FALSE(need.cuts_session);
}

TEST(GuardNeed, AFileAloneCutsNobodyOff) {
  auto fleet = pair_fleet();
  fleet.nodes[1].via = {"studio1"};
  auto facts = ready_mac(fleet, 0);
  facts.matrix_file = {};
  EXPECT_FALSE(need_of(fleet, facts).needed);
  EXPECT_TRUE(need_of(fleet, facts, GuardMode::always).needed);
}

TEST(GuardGroups, TheOtherEndOfAChangedLinkStandsWithIt) {
  const auto fleet = triangle_fleet();
  Plan plan;
  for (std::size_t i = 0; i < 3; ++i) plan.nodes.push_back(diff(fleet, i, bare_mac()));
  std::vector<GuardNeed> needs(3);
  EXPECT_THAT(guard_groups(fleet, plan, needs), IsEmpty());
  needs[1].needed = true;
  EXPECT_THAT(guard_groups(fleet, plan, needs), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_TRUE(needs[0].needed);
  EXPECT_THAT(needs[2].why, HasSubstr("studio2"));
}

TEST(GuardGroups, ALinkThatIsRightAtOneEndJoinsNobody) {
  const auto fleet = pair_fleet();
  Plan plan;
  plan.nodes = {diff(fleet, 0, bare_mac()), diff(fleet, 1, ready_mac(fleet, 1))};
  std::vector<GuardNeed> needs(2);
  needs[0].needed = true;
  EXPECT_THAT(guard_groups(fleet, plan, needs), ElementsAre(ElementsAre(0)));
  EXPECT_FALSE(needs[1].needed);
}

TEST(GuardState, WordsComeBack) {
  EXPECT_EQ(guard_state({{"guard.state", 0, false, "rolled-back"}}), GuardState::rolled_back);
  EXPECT_EQ(guard_state({{"guard.state", 0, false, "rubbish"}}), GuardState::unknown);
  EXPECT_EQ(guard_state({}), GuardState::unknown);
  for (const auto& word : guard_mode_words()) EXPECT_TRUE(parse_guard_mode(word)) << word;
  EXPECT_FALSE(parse_guard_mode("Always"));
}

}  // namespace
}  // namespace bringup::plan::testing
