#include "bringup/model/mac.hpp"

#include <gtest/gtest.h>

namespace bringup::model {
namespace {

TEST(Mac, IsReadAsEitherSystemPrintsIt) {
  EXPECT_EQ(parse_mac("dc:a6:32:01:02:03"), "dc:a6:32:01:02:03");
  EXPECT_EQ(parse_mac("DC:A6:32:01:02:03"), "dc:a6:32:01:02:03");
  EXPECT_EQ(parse_mac("2:0:0:0:0:4"), "02:00:00:00:00:04");
  EXPECT_EQ(parse_mac("0:0:0:0:0:0"), "00:00:00:00:00:00");
  for (const char* text :
       {"", ":::::", "2:0:0:0:0", "2:0:0:0:0:4:5", "2:0:0:0:0:", "dc-a6-32-01-02-03", "N/A",
        "dca6:32:01:02:03:04", "dc:a6:32:01:02:0g", "-1:0:0:0:0:4", "+1:0:0:0:0:4", "2:0:0:0:0: 4",
        "0x:0:0:0:0:4", "dc:a6:32:01:02:03 ", "(incomplete)"}) {
    EXPECT_EQ(parse_mac(text), std::nullopt) << text;
  }
}

TEST(Mac, IsOneFormOnlyInsideTheProgram) {
  EXPECT_TRUE(is_mac("dc:a6:32:01:02:03"));
  for (const char* text : {"", "DC:A6:32:01:02:03", "2:0:0:0:0:4", "dc:a6:32:01:02:03:04",
                           "dc:a6:32:01:02:03\n", "dc:a6:32:01:02:;d"}) {
    EXPECT_FALSE(is_mac(text)) << text;
  }
}

TEST(Mac, OfAGroupOrOfNobodyIsNoHosts) {
  EXPECT_TRUE(is_host_mac("dc:a6:32:01:02:03"));
  EXPECT_TRUE(is_host_mac("02:00:00:00:00:04"));
  EXPECT_FALSE(is_host_mac("01:00:5e:00:00:01"));
  EXPECT_FALSE(is_host_mac("ff:ff:ff:ff:ff:ff"));
  EXPECT_FALSE(is_host_mac("00:00:00:00:00:00"));
}

}  // namespace
}  // namespace bringup::model
