#include "bringup/model/address.hpp"

#include <gtest/gtest.h>

namespace bringup::model {
namespace {

TEST(Ipv4, ReadsAndPrintsDottedQuads) {
  for (const char* text : {"0.0.0.0", "10.254.0.1", "255.255.255.255", "192.168.51.2"}) {
    const auto address = Ipv4::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(Ipv4::parse("10.254.0.5")->value(), 0x0AFE0005U);
}

TEST(Ipv4, RefusesEverythingElse) {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", " 1.2.3.4", "1.2.3.4 ",
        "1.2.3.-4", "+1.2.3.4", "1..3.4", "1.2.3.", ".1.2.3", "0x1.2.3.4", "1.2.3.4/30", "a.b.c.d",
        "1.2.3.4\n", "1.2.3.1000"}) {
    const auto address = Ipv4::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, ErrorCode::parse);
  }
  EXPECT_EQ(Ipv4::parse("1.2.3\x1b").error().message, "'1.2.3\\x1b' is not an IPv4 address");
}

TEST(Subnet, ReadsNetworksAndPrefixLengths) {
  const auto subnet = Subnet::parse("10.254.0.4/30");
  ASSERT_TRUE(subnet);
  EXPECT_EQ(subnet->to_string(), "10.254.0.4/30");
  EXPECT_EQ(subnet->netmask().to_string(), "255.255.255.252");
  EXPECT_EQ(subnet->broadcast().to_string(), "10.254.0.7");
  EXPECT_EQ(subnet->size(), 4U);
  EXPECT_EQ(Subnet::parse("0.0.0.0/0")->size(), std::uint64_t{1} << 32);
  EXPECT_EQ(Subnet::parse("1.2.3.4/32")->size(), 1U);
}

TEST(Subnet, RefusesHostBitsAndNamesTheNetwork) {
  const auto subnet = Subnet::parse("10.254.0.5/30");
  ASSERT_FALSE(subnet);
  EXPECT_NE(subnet.error().hint.find("10.254.0.4/30"), std::string::npos);
  for (const char* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0/24",
                           "/24", "10.0.0.0/24/24", "10.0.0.0/-1", "10.0.0.0/a"}) {
    EXPECT_FALSE(Subnet::parse(text)) << text;
  }
}

TEST(Subnet, KnowsWhatItContainsAndOverlaps) {
  const Subnet wide = *Subnet::parse("10.254.0.0/24");
  const Subnet inner = *Subnet::parse("10.254.0.8/30");
  const Subnet beside = *Subnet::parse("10.254.0.12/30");
  EXPECT_TRUE(wide.contains(inner));
  EXPECT_FALSE(inner.contains(wide));
  EXPECT_TRUE(wide.overlaps(inner));
  EXPECT_TRUE(inner.overlaps(wide));
  EXPECT_FALSE(inner.overlaps(beside));
  EXPECT_TRUE(inner.contains(*Ipv4::parse("10.254.0.11")));
  EXPECT_FALSE(inner.contains(*Ipv4::parse("10.254.0.12")));
}

TEST(InterfaceAddress, BelongsToItsSubnet) {
  const InterfaceAddress address{*Ipv4::parse("10.254.0.6"), 30};
  EXPECT_EQ(address.to_string(), "10.254.0.6/30");
  EXPECT_EQ(address.subnet().to_string(), "10.254.0.4/30");
}

TEST(Subnet, TellsThePrefixOfAContiguousMask) {
  EXPECT_EQ(Subnet::prefix_of(0), 0);
  EXPECT_EQ(Subnet::prefix_of(0xFFFFFFFCU), 30);
  EXPECT_EQ(Subnet::prefix_of(0xFFFFFFFFU), 32);
  EXPECT_EQ(Subnet::prefix_of(0xFF00FF00U), std::nullopt);
  EXPECT_EQ(Subnet::prefix_of(0x00FFFFFFU), std::nullopt);
}

TEST(InterfaceAddress, ReadsJustWhatItPrints) {
  for (const char* text : {"10.254.0.1/30", "0.0.0.0/0", "192.168.51.2/32"}) {
    const auto address = InterfaceAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  for (const char* text :
       {"", "10.254.0.1", "10.254.0.1/", "/30", "10.254.0.1/33", "10.254.0.1/030", "10.254.0.1/+3",
        "10.254.0.1/30 ", "10.254.0/30", "10.254.0.1/3/0"}) {
    EXPECT_FALSE(InterfaceAddress::parse(text)) << text;
  }
  EXPECT_EQ(InterfaceAddress::parse("\x1b").error().message,
            "'\\x1b' is no address with its prefix length");
}

}  // namespace
}  // namespace bringup::model
