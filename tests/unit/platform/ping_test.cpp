#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/platform/darwin.hpp"
#include "bringup/platform/linux.hpp"
#include "support/data.hpp"

namespace bringup::platform {
namespace {

using support::read_data;
using testing::HasSubstr;

TEST(DarwinPing, ReadsReplies) {
  const auto seen = darwin::parse_ping(read_data("darwin/ping.txt"));
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_EQ(seen->transmitted, 3);
  EXPECT_EQ(seen->received, 3);
  EXPECT_EQ(seen->loss_percent, 0);
  EXPECT_DOUBLE_EQ(seen->min_ms.value(), 0.123);
  EXPECT_DOUBLE_EQ(seen->avg_ms.value(), 0.130);
  EXPECT_DOUBLE_EQ(seen->max_ms.value(), 0.140);
  EXPECT_DOUBLE_EQ(seen->stddev_ms.value(), 0.007);
}

TEST(DarwinPing, InventsNoTimesWhenNothingCameBack) {
  const auto seen = darwin::parse_ping(read_data("darwin/ping_none.txt"));
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_EQ(seen->received, 0);
  EXPECT_EQ(seen->loss_percent, 100);
  EXPECT_FALSE(seen->min_ms || seen->avg_ms || seen->max_ms || seen->stddev_ms);
}

TEST(DarwinPing, ReadsDuplicatesLateRepliesAndMissingDeviations) {
  const auto seen = darwin::parse_ping(
      "3 packets transmitted, 2 packets received, +1 duplicates, 33.3% packet loss, 1 packets out "
      "of wait time\nround-trip min/avg/max/stddev = 0.1/0.2/0.3/nan ms\n");
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_DOUBLE_EQ(seen->loss_percent, 33.3);
  EXPECT_FALSE(seen->stddev_ms.has_value());
}

TEST(DarwinPing, RefusesWhatIsNoSummary) {
  const std::string ok = "3 packets transmitted, 3 packets received, 0.0% packet loss\n";
  const std::string rtt = "round-trip min/avg/max/stddev = ";
  const std::pair<std::string, const char*> cases[] = {
      {"", "no summary"},
      {"ping: cannot resolve nowhere: Unknown host\n", "Unknown host"},
      {"3 packets transmitted, 3 received, 0% packet loss\n", "bad summary"},
      {"3 packets transmitted, 4 packets received, 0.0% packet loss\n", "bad summary"},
      {"-3 packets transmitted, 3 packets received, 0.0% packet loss\n", "bad summary"},
      {"9999999999 packets transmitted, 3 packets received, 0.0% packet loss\n", "bad summary"},
      {"3 packets transmitted,\n", "bad summary"},
      {"3 packets transmitted, 3 packets received\n", "without loss"},
      {"3 packets transmitted, 0 packets received, 101.0% packet loss\n", "bad summary"},
      {"3 packets transmitted, 0 packets received, x% packet loss\n", "bad summary"},
      {ok + ok, "two summaries"},
      {"3 packets transmitted, 0 packets received, 100.0% packet loss\n" + rtt + "1/2/3/4 ms\n",
       "without a reply"},
      {std::string(5000, 'x'), "too long"},
  };
  for (const auto& [text, why] : cases) {
    const auto seen = darwin::parse_ping(text);
    ASSERT_FALSE(seen.has_value()) << text;
    EXPECT_EQ(seen.error().code, ErrorCode::parse);
    EXPECT_THAT(seen.error().message, HasSubstr(why)) << text;
  }
}

TEST(DarwinPing, KeepsTheCountsWhenTheTimesMakeNoSense) {
  const std::string ok = "3 packets transmitted, 3 packets received, 0.0% packet loss\n";
  const std::string rtt = "round-trip min/avg/max/stddev = ";
  for (const std::string& times :
       {std::string(), rtt + "1/2/3 ms\n", rtt + "1/2/3/4\n", rtt + "1/2/x/4 ms\n",
        rtt + "-1/2/3/4 ms\n", rtt + "//// ms\n", rtt + "3/2/1/0 ms\n",
        std::string("round-trip min/avg/max/stddev 1/2/3/4 ms\n")}) {
    const auto seen = darwin::parse_ping(ok + times);
    ASSERT_TRUE(seen.has_value()) << times;
    EXPECT_EQ(seen->received, 3);
    EXPECT_FALSE(seen->min_ms || seen->avg_ms || seen->max_ms || seen->stddev_ms) << times;
  }
  EXPECT_EQ(darwin::parse_ping(ok + rtt + "1/2/3/4 ms\n" + rtt + "5/6/7/8 ms\n")->avg_ms, 2.0);
}

TEST(LinuxPing, ReadsIputils) {
  const auto seen = linux_kernel::parse_ping(
      "--- 10.0.0.2 ping statistics ---\n3 packets transmitted, 2 received, +1 errors, 33.3333% "
      "packet loss, time 2003ms\nrtt min/avg/max/mdev = 0.020/0.025/0.030/0.004 ms, pipe 2\n");
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_EQ(seen->transmitted, 3);
  EXPECT_EQ(seen->received, 2);
  EXPECT_NEAR(seen->loss_percent, 33.3333, 1e-9);
  EXPECT_DOUBLE_EQ(seen->avg_ms.value(), 0.025);
  EXPECT_FALSE(linux_kernel::parse_ping(read_data("darwin/ping.txt")).has_value());
}

TEST(OsRelease, NamesProductAndVersion) {
  const auto seen = linux_kernel::parse_os_release(
      "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\n"
      "BUILD_ID=x\n# a comment\n");
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(*seen, (OsVersion{"Debian GNU/Linux", "12", "x"}));
  EXPECT_FALSE(linux_kernel::parse_os_release("").has_value());
  EXPECT_EQ(linux_kernel::parse_os_release("NAME=\x1b[2J")->product.find('\x1b'),
            std::string::npos);
}

}  // namespace
}  // namespace bringup::platform
