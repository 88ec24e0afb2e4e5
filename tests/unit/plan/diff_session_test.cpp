// What a plan says of the login's own way to the node, and of its sudo.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/plan/plan.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using platform::SudoState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(DiffSession, ItsOwnInterfaceIsWarnedOf) {
  auto facts = bare_mac();
  facts.bridges[0].members = {};
  interface_of(facts, "en5")->inet = {{ip("192.168.7.2"), 24}};
  facts.session_interface = "en5";
  const auto plan = diff(pair_fleet(), 0, facts);
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_GT(plan.changes(), 0U);
  EXPECT_EQ(only_finding(plan).severity, Severity::warning);
  EXPECT_EQ(only_finding(plan).layer, "interface");
  EXPECT_THAT(only_finding(plan).seen, HasSubstr("en5 itself"));
}

TEST(DiffSession, SoIsAMemberOfTheBridgeThatCarriesIt) {
  auto facts = bare_mac();
  interface_of(facts, "bridge0")->inet = {{ip("169.254.1.1"), 16}};
  facts.session_interface.clear();
  facts.session_address = "169.254.1.1";
  const auto plan = diff(pair_fleet(), 0, facts);
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_THAT(only_finding(plan).seen, HasSubstr("bridge0, of which en5 is a member"));
}

TEST(DiffSession, ALinkThatIsAllRightMayCarryIt) {
  auto facts = ready_mac(pair_fleet(), 0);
  facts.session_interface = "en5";
  EXPECT_EQ(diff(pair_fleet(), 0, facts).state, NodeState::ready);
}

TEST(DiffSession, AnUnknownSessionRefusesNothing) {
  auto facts = bare_mac();
  facts.session_interface.clear();
  facts.session_address = "203.0.113.9";
  EXPECT_EQ(diff(pair_fleet(), 0, facts).state, NodeState::ready);
  facts.session_address = "nonsense";
  EXPECT_EQ(diff(pair_fleet(), 0, facts).state, NodeState::ready);
}

struct SudoCase {
  model::Become become;
  SudoState sudo;
  bool refused;
  const char* cure;
};

class DiffSudo : public ::testing::TestWithParam<SudoCase> {};

TEST_P(DiffSudo, DecidesBeforeAnyChange) {
  const auto& given = GetParam();
  auto fleet = pair_fleet();
  fleet.nodes[0].become = given.become;
  auto facts = bare_mac();
  facts.sudo = given.sudo;
  const auto plan = diff(fleet, 0, facts);
  EXPECT_EQ(plan.state, given.refused ? NodeState::refused : NodeState::ready);
  EXPECT_EQ(plan.changes() == 0, given.refused);
  EXPECT_EQ(plan.has_errors(), given.refused);
  if (given.cure == nullptr) {
    EXPECT_THAT(plan.findings, IsEmpty());
  } else {
    EXPECT_EQ(only_finding(plan).layer, "sudo");
    EXPECT_THAT(only_finding(plan).cure, HasSubstr(given.cure));
  }
  // As root, or with nothing to change, sudo is nobody's business.
  facts.login_user = "root";
  const auto as_root = diff(fleet, 0, facts);
  EXPECT_EQ(as_root.changes(), 4U);
  EXPECT_EQ(as_root.actions[0].shown, as_root.actions[0].command);
  auto ready = ready_mac(pair_fleet(), 0);
  ready.sudo = given.sudo;
  EXPECT_EQ(diff(fleet, 0, ready).state, NodeState::ready);
  // The file alone needs no root.
  ready.matrix_file = {};
  EXPECT_EQ(diff(fleet, 0, ready).changes(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, DiffSudo,
    ::testing::Values(
        SudoCase{model::Become::none, SudoState::passwordless, true, "become = \"sudo\""},
        SudoCase{model::Become::sudo, SudoState::passwordless, false, nullptr},
        SudoCase{model::Become::sudo, SudoState::password_required, true, "--ask-become-pass"},
        SudoCase{model::Become::sudo, SudoState::refused, true,
                 "then run `bringup bootstrap studio1 --ask-pass`"},
        SudoCase{model::Become::sudo, SudoState::absent, true, "install sudo"},
        SudoCase{model::Become::sudo, SudoState::unknown, false, "bringup bootstrap"},
        SudoCase{model::Become::sudo_password, SudoState::passwordless, false, nullptr},
        SudoCase{model::Become::sudo_password, SudoState::password_required, false, nullptr},
        SudoCase{model::Become::sudo_password, SudoState::refused, true, "administrator"},
        SudoCase{model::Become::sudo_password, SudoState::absent, true, "install sudo"}));

}  // namespace
}  // namespace bringup::plan::testing
