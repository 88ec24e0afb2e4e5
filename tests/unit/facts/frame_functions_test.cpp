// The functions with which scripts run commands in frames, in real shells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "shells.hpp"

namespace bringup::facts {
namespace {

using support::Ran;
using ::testing::HasSubstr;
using testing::kNonce;
using ::testing::StartsWith;

class FrameFunctions : public testing::Shells {
 protected:
  // The one frame of `bu_run x LIMIT SECONDS command`, with a shell function of the test's before.
  Frame run_one(const std::string& arguments, const std::string& before = {}) const {
    const Ran ran =
        run(frame_functions(kNonce) + before + "\nbu_run x " + arguments + "\nbu_frame end 0 ''\n");
    seconds_ = ran.seconds;
    const auto frames = frames_of(ran);
    EXPECT_EQ(frames.size(), 2U) << ran.out.substr(0, 300);
    return frames.empty() ? Frame{} : frames[0];
  }

  mutable double seconds_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Posix, FrameFunctions, testing::both_shells(), testing::shell_name);

TEST_P(FrameFunctions, FrameStatusAndEveryByte) {
  EXPECT_EQ(run_one("100 5 echo hello").payload, "hello\n");
  EXPECT_EQ(run_one("100 5 printf 'x\\n\\n\\n'").payload, "x\n\n\n");
  EXPECT_EQ(run_one("100 5 printf ''").payload, "");
  EXPECT_EQ(run_one("100 5 printf '\\303\\244\\377'").payload, "\xc3\xa4\xff");
  EXPECT_EQ(run_one("100 5 printf 'a\\000b'").payload, "ab");  // a shell cannot keep NULs
  EXPECT_EQ(run_one("100 5 sh -c 'echo out; echo err >&2; exit 9'").payload, "out\nerr\n");
  EXPECT_EQ(run_one("100 5 sh -c 'exit 9'").exit_status, 9);
  EXPECT_EQ(run_one("100 5 sh -c 'exit 100'").exit_status, 100);
  EXPECT_EQ(run_one("100 5 false").exit_status, 1);
  EXPECT_EQ(run_one("100 5 cat").payload, "");  // stdin is closed
  const Frame absent = run_one("100 5 no-such-command");
  EXPECT_EQ(absent.exit_status, kStatusNotFound);
  EXPECT_EQ(run_one("100 5 greet 'a b'", "greet() { echo \"<$1>\"; return 3; }").payload,
            "<a b>\n");
}

TEST_P(FrameFunctions, BoundOutput) {
  const Frame exact = run_one("5 5 printf 12345");
  EXPECT_FALSE(exact.truncated);
  EXPECT_EQ(exact.payload, "12345");
  const Frame over = run_one("5 5 printf 123456");
  EXPECT_TRUE(over.truncated);
  EXPECT_EQ(over.exit_status, kStatusCut);
  EXPECT_THAT(over.payload, StartsWith("12345"));

  const Frame flood = run_one("1048576 20 yes");
  EXPECT_TRUE(flood.truncated);
  EXPECT_LT(flood.payload.size(), 1048576U + 64U);
  EXPECT_LT(seconds_, 10);
  const Frame bulk = run_one("1048576 20 head -c 100000000 /dev/zero");
  EXPECT_TRUE(bulk.truncated);
  EXPECT_EQ(bulk.payload, "");

  // Cut exactly behind what looks like a status: still cut.
  const Frame forged = run_one("36 5 sh -c 'while :; do printf \"\\n000\"; done'");
  EXPECT_TRUE(forged.truncated);
  EXPECT_EQ(forged.exit_status, kStatusCut);

  const Frame large = run_one("4194304 20 head -c 4194304 " + bin_.path("large"),
                              "yes | head -c 5000000 > " + bin_.path("large"));
  EXPECT_FALSE(large.truncated);
  EXPECT_EQ(large.payload.size(), 4194304U);
  EXPECT_LT(seconds_, 10);
}

TEST_P(FrameFunctions, EndWhatHangs) {
  const Frame silent = run_one("100 1 sleep 300");
  EXPECT_EQ(silent.exit_status, kStatusTimeLimit);
  EXPECT_TRUE(silent.truncated);
  EXPECT_LT(seconds_, 4);

  // TERM comes first, and what it makes the command say is kept.
  const Frame polite =
      run_one("100 1 sh -c 'trap \"echo bye; exit 0\" TERM; sleep 300 & wait; sleep 300'");
  EXPECT_EQ(polite.exit_status, kStatusTimeLimit);
  EXPECT_THAT(polite.payload, HasSubstr("bye\n"));

  const Frame deaf = run_one("100 1 sh -c 'trap \"\" TERM; echo begun; while :; do sleep 9; done'");
  EXPECT_EQ(deaf.exit_status, kStatusTimeLimit);
  EXPECT_THAT(deaf.payload, StartsWith("begun\n"));
  EXPECT_LT(seconds_, 8);

  // A daemon that holds the command's stdout after the command itself is gone.
  const Frame daemon = run_one("100 1 sh -c '(trap \"\" TERM; sleep 6) & echo begun'");
  EXPECT_EQ(daemon.exit_status, kStatusTimeLimit);
  EXPECT_LT(seconds_, 7.5);
}

TEST_P(FrameFunctions, EndTheOffspringToo) {
  const std::string mark = bin_.path("still here");
  const Frame frame = run_one("100 1 sh -c 'sh -c \"sleep 4; touch \\\"" + mark + "\\\"\"; :'");
  EXPECT_EQ(frame.exit_status, kStatusTimeLimit);
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST_P(FrameFunctions, TimeACommandWithoutAFrame) {
  const auto status = [&](const std::string& command) {
    const Ran ran = run(frame_functions(kNonce) + "bu_timed " + command + "\necho \"=$?\"\n");
    seconds_ = ran.seconds;
    return ran.out;
  };
  EXPECT_EQ(status("5 sh -c 'echo hi; echo err >&2; exit 3'"), "hi\nerr\n=3\n");
  EXPECT_THAT(status("1 sleep 300"), HasSubstr("=124\n"));
  EXPECT_LT(seconds_, 4);
  EXPECT_THAT(status("1 sh -c 'trap \"\" TERM; while :; do sleep 9; done'"), HasSubstr("=124\n"));
  EXPECT_LT(seconds_, 6);
  EXPECT_EQ(status("5 cat"), "=0\n");
}

}  // namespace
}  // namespace bringup::facts
