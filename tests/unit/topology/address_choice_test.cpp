#include "bringup/topology/address_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bringup::topology {
namespace {

model::InterfaceAddress inet(const std::string& address, int prefix) {
  return {model::Ipv4::parse(address).value(), prefix};
}

platform::Interface interface(const std::string& name,
                              const std::vector<model::InterfaceAddress>& inet) {
  platform::Interface out;
  out.name = name;
  out.up = true;
  out.inet = inet;
  return out;
}

// A Mac with everything that can hold an address, worst first.
facts::NodeFacts busy_mac() {
  facts::NodeFacts facts;
  facts.os = facts::Os::darwin;
  facts.interfaces = {interface("lo0", {inet("127.0.0.1", 8)}),
                      interface("utun4", {inet("100.101.102.103", 32)}),
                      interface("en1", {inet("192.168.2.1", 24), inet("192.168.100.1", 30)}),
                      interface("en0", {inet("17.1.2.3", 24), inet("192.168.1.10", 24)}),
                      interface("en8", {inet("10.0.0.7", 16)}),
                      interface("bridge0", {inet("192.168.3.1", 24)}),
                      interface("en2", {inet("169.254.7.8", 16)})};
  facts.bridges = {{"bridge0", {"en5"}}};
  facts.ports = {{"Thunderbolt 1", "en1", ""},
                 {"Thunderbolt 2", "en2", ""},
                 {"Wi-Fi", "en0", ""},
                 {"Thunderbolt Bridge", "bridge0", ""},
                 {"Ethernet", "en8", ""}};
  facts.routes = {{model::Subnet::parse("192.168.2.0/24").value(), "link#9", "bridge0"}};
  return facts;
}

std::vector<std::string> addresses(const std::vector<RankedAddress>& ranked) {
  std::vector<std::string> out;
  for (const RankedAddress& one : ranked) out.push_back(one.candidate.address.to_string());
  return out;
}

TEST(AddressChoice, ARingPrefersTheDedicatedThunderboltSubnetAndLeavesAliasesToTheEnd) {
  const auto ranked = ranked_addresses(address_candidates(busy_mac()), Purpose::ring);
  EXPECT_EQ(
      addresses(ranked),
      (std::vector<std::string>{"192.168.100.1", "10.0.0.7", "192.168.1.10", "17.1.2.3",
                                "100.101.102.103", "192.168.2.1", "192.168.3.1", "169.254.7.8"}));
}

TEST(AddressChoice, ACoordinatorPrefersWhatEveryoneReaches) {
  const auto ranked = ranked_addresses(address_candidates(busy_mac()), Purpose::coordinator);
  EXPECT_EQ(
      addresses(ranked),
      (std::vector<std::string>{"10.0.0.7", "192.168.1.10", "17.1.2.3", "192.168.100.1",
                                "100.101.102.103", "192.168.2.1", "192.168.3.1", "169.254.7.8"}));
}

TEST(AddressChoice, TheLinksOwnAddressGoesBeforeEverything) {
  model::LinkEnd end;
  end.interface = "en2";
  end.address = model::Ipv4::parse("169.254.7.8").value();
  const auto ranked = ranked_addresses(address_candidates(busy_mac(), &end), Purpose::ring);
  EXPECT_EQ(ranked.front().reason, "169.254.7.8 on en2: the link's own address");
  // The same address elsewhere is not the link's.
  end.interface = "en1";
  EXPECT_EQ(addresses(ranked_addresses(address_candidates(busy_mac(), &end), Purpose::ring)).back(),
            "169.254.7.8");
}

TEST(AddressChoice, EveryChoiceIsExplained) {
  const auto ranked = ranked_addresses(address_candidates(busy_mac()), Purpose::ring);
  std::vector<std::string> reasons;
  for (const auto& one : ranked) reasons.push_back(one.reason);
  EXPECT_EQ(reasons,
            (std::vector<std::string>{
                "192.168.100.1 on en1: Thunderbolt, private", "10.0.0.7 on en8: Ethernet, private",
                "192.168.1.10 on en0: Wi-Fi, private", "17.1.2.3 on en0: Wi-Fi, public",
                "100.101.102.103 on utun4: tunnel, 100.64/10 (Tailscale)",
                "192.168.2.1 on en1: an alias routed through bridge0: late choice",
                "192.168.3.1 on bridge0: an address of a bridge: late choice",
                "169.254.7.8 on en2: link-local, which changes at boot: last choice"}));
}

TEST(AddressChoice, AnAddressOfABridgeMemberIsAnAlias) {
  auto facts = busy_mac();
  facts.bridges[0].members.push_back("en1");
  const auto ranked = ranked_addresses(address_candidates(facts), Purpose::ring);
  EXPECT_EQ(ranked.front().candidate.interface, "en8");
  EXPECT_EQ(ranked[4].candidate.via_bridge, "bridge0");
}

TEST(AddressChoice, PrivateBeforeSharedBeforePublicOnTheSameKind) {
  std::vector<AddressCandidate> same;
  for (const char* address : {"8.8.8.8", "100.64.0.1", "172.31.255.1", "172.32.0.1", "100.128.0.1",
                              "192.168.0.1", "10.9.8.7"}) {
    AddressCandidate one;
    one.address = model::Ipv4::parse(address).value();
    one.interface = "en0";
    same.push_back(one);
  }
  EXPECT_EQ(addresses(ranked_addresses(same, Purpose::ring)),
            (std::vector<std::string>{"10.9.8.7", "172.31.255.1", "192.168.0.1", "100.64.0.1",
                                      "8.8.8.8", "100.128.0.1", "172.32.0.1"}));
}

TEST(AddressChoice, ANarrowSubnetIsMoreDedicatedThanAWideOne) {
  facts::NodeFacts facts = busy_mac();
  facts.interfaces = {
      interface("en1", {inet("10.0.0.1", 16), inet("192.168.100.1", 30), inet("10.9.0.1", 24)})};
  EXPECT_EQ(addresses(ranked_addresses(address_candidates(facts), Purpose::ring)),
            (std::vector<std::string>{"192.168.100.1", "10.9.0.1", "10.0.0.1"}));
}

TEST(AddressChoice, TheOrderInWhichANodeListsItsAddressesDoesNotMatter) {
  auto facts = busy_mac();
  const auto expected = addresses(ranked_addresses(address_candidates(facts), Purpose::ring));
  std::reverse(facts.interfaces.begin(), facts.interfaces.end());
  EXPECT_EQ(addresses(ranked_addresses(address_candidates(facts), Purpose::ring)), expected);
}

TEST(AddressChoice, LinuxNamesItsKinds) {
  facts::NodeFacts facts;
  facts.os = facts::Os::linux_kernel;
  facts.interfaces = {interface("wlp3s0", {inet("192.168.1.2", 24)}),
                      interface("enp5s0", {inet("192.168.1.3", 24)}),
                      interface("br-0", {inet("172.18.0.1", 16)}),
                      interface("wg0", {inet("10.8.0.2", 24)})};
  EXPECT_EQ(addresses(ranked_addresses(address_candidates(facts), Purpose::coordinator)),
            (std::vector<std::string>{"192.168.1.3", "192.168.1.2", "10.8.0.2", "172.18.0.1"}));
}

}  // namespace
}  // namespace bringup::topology
