#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "bringup/facts/script.hpp"

namespace bringup::facts {
namespace {

using testing::HasSubstr;

const std::string kNonce = "00112233445566778899aabbccddeeff";
const std::string kMark = "@@" + kNonce + " ";

std::string frame(const std::string& name, const std::string& payload, const char* status = "0",
                  const char* flags = "-") {
  return kMark + name + " " + status + " " + flags + " " + std::to_string(payload.size()) + "\n" +
         payload + "\n";
}

std::string error_of(const std::string& output) {
  const auto frames = parse_frames(output, kNonce);
  EXPECT_FALSE(frames.has_value()) << output;
  if (frames) return "(no error)";
  EXPECT_EQ(frames.error().code, ErrorCode::parse);
  for (const char c : frames.error().message) EXPECT_GE(static_cast<unsigned char>(c), ' ');
  return frames.error().message;
}

TEST(Frames, ComeInOrderWithEveryByte) {
  const std::string odd = std::string("a\0b\n\n", 5) + "\xff\x1b[2J";
  const auto frames = parse_frames(
      frame("one", odd) + frame("two", "", "127") + frame("three", "x", "124", "t"), kNonce);
  ASSERT_TRUE(frames.has_value()) << frames.error().message;
  ASSERT_EQ(frames->size(), 3U);
  EXPECT_EQ((*frames)[0].name, "one");
  EXPECT_EQ((*frames)[0].payload, odd);
  EXPECT_FALSE((*frames)[0].truncated);
  EXPECT_EQ((*frames)[1].exit_status, 127);
  EXPECT_EQ((*frames)[1].payload, "");
  EXPECT_EQ((*frames)[2].exit_status, 124);
  EXPECT_TRUE((*frames)[2].truncated);
}

TEST(Frames, SkipAChattyShellBeforeAndWhatFollowsTheEnd) {
  for (const char* motd :
       {"Welcome!\n", "no newline at the end: ", "@@0011 uname 0 - 5\nfalse\n"}) {
    const auto frames = parse_frames(
        motd + frame("uname", "Darwin\n") + frame("end", "") + "logout\n" + kMark + "rubbish",
        kNonce);
    ASSERT_TRUE(frames.has_value()) << frames.error().message;
    ASSERT_EQ(frames->size(), 2U);
    EXPECT_EQ((*frames)[0].payload, "Darwin\n");
  }
}

TEST(Frames, OfOneScriptMayFollowAnothers) {
  const auto frames = parse_frames(
      frame("uname", "Darwin\n") + frame("end", "") + frame("ping.0", "x") + frame("end", ""),
      kNonce);
  ASSERT_TRUE(frames.has_value()) << frames.error().message;
  ASSERT_EQ(frames->size(), 4U);
  EXPECT_EQ((*frames)[2].name, "ping.0");
}

TEST(Frames, CannotBeForgedInsideAPayload) {
  // All of the format but the nonce; and even with the nonce, within a frame's length, only text.
  const std::string without = "\n@@aaaabbbbccccdddd sudo 0 - 0\n\n";
  const std::string with = "\n" + frame("sudo", "");
  const auto frames =
      parse_frames(frame("a", without) + frame("b", with) + frame("end", ""), kNonce);
  ASSERT_TRUE(frames.has_value()) << frames.error().message;
  ASSERT_EQ(frames->size(), 3U);
  EXPECT_EQ((*frames)[0].payload, without);
  EXPECT_EQ((*frames)[1].payload, with);
}

TEST(Frames, RefuseDamage) {
  const std::string good = frame("uname", "Darwin\n");
  EXPECT_THAT(error_of(""), HasSubstr("nothing"));
  EXPECT_THAT(error_of(" \n"), HasSubstr("nothing"));
  EXPECT_THAT(error_of("sh: not found\x1b[2J"), HasSubstr("no frame"));
  EXPECT_THAT(error_of(good + "stray\n" + frame("end", "")), HasSubstr("should start"));
  EXPECT_THAT(error_of(good + kMark + "x 0 - 0"), HasSubstr("cut"));
  EXPECT_THAT(error_of(good + kMark + "x 0 - 5\nabc"), HasSubstr("cut"));
  EXPECT_THAT(error_of(good + kMark + "x 0 - 3\nabc"), HasSubstr("cut"));
  EXPECT_THAT(error_of(good + kMark + "x 0 - 3\nabcd\n"), HasSubstr("cut"));
  for (const char* header :
       {"x 0 -\n", "x 0 - 0 0\n", " 0 - 0\n", "x -1 - 0\n", "x 1000 - 0\n", "x 0 z 0\n",
        "x 0 - -1\n", "x 0 - 99999999999999999999999\n", "x 0 - 0x1\n", "x;y 0 - 0\n", "x  - 0\n"})
    EXPECT_THAT(error_of(good + kMark + header + "\n"), HasSubstr("malformed")) << header;
  EXPECT_THAT(error_of(good + kMark + std::string(500, 'x') + " 0 - 0\n\n"), HasSubstr("cut"));
  EXPECT_THAT(error_of(good + kMark + "x 0 - 18446744073709551615\nabc\n"), HasSubstr("cut"));
}

TEST(Frames, ThePrefixKeepsWhatWasWhole) {
  const std::string good = frame("uname", "Darwin\n") + frame("user", "lab\n");
  const auto frames = parse_frames_prefix(good + kMark + "x 0 - 9\nabc", kNonce);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[1].name, "user");
  EXPECT_TRUE(parse_frames_prefix("rubbish", kNonce).empty());
}

TEST(Frames, AreBoundedInNumber) {
  std::string many;
  for (int i = 0; i < 65536; ++i) many += frame("x", "");
  EXPECT_TRUE(parse_frames(many, kNonce).has_value());
  EXPECT_THAT(error_of(many + frame("x", "")), HasSubstr("too many"));
}

TEST(FrameFunctions, TakeOnlyPlainNonces) {
  EXPECT_NO_THROW(frame_functions("abcdEF01"));
  EXPECT_THROW(frame_functions("short"), std::invalid_argument);
  EXPECT_THROW(frame_functions("$(reboot)"), std::invalid_argument);
  EXPECT_THROW(frame_functions(std::string(65, 'a')), std::invalid_argument);
}

}  // namespace
}  // namespace bringup::facts
