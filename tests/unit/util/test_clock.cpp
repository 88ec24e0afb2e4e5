#include <gtest/gtest.h>

#include "bringup/util/clock.hpp"

namespace bringup {
namespace {

using namespace std::chrono;

TEST(Rfc3339, UtcWithMilliseconds) {
  const auto t = sys_days(2026y / November / 21) + 5h + 4min + 35s + 123ms;
  EXPECT_EQ(rfc3339(t), "2026-11-21T05:04:35.123Z");
  EXPECT_EQ(rfc3339(system_clock::time_point{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(system_clock::time_point{} - 1ms), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace bringup
