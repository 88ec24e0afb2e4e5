#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/ssh/handshake.hpp"
#include "bringup/ssh/remote_command.hpp"

namespace bringup::ssh {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(GroupMark, TakesItsLineOutWhereverItIsCut) {
  const std::string stream = "noise of a login shell\nmark 4711\nthe command's own\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    GroupMark mark("mark");
    std::string out = mark.feed(stream.substr(0, cut));
    out += mark.feed(stream.substr(cut));
    out += mark.finish();
    EXPECT_EQ(out, "noise of a login shell\nthe command's own\n") << cut;
    EXPECT_EQ(mark.group(), 4711) << cut;
  }
}

TEST(GroupMark, WithoutTheLineNothingIsLost) {
  GroupMark mark("mark");
  EXPECT_EQ(mark.feed("This account is not available.\n"), "");
  EXPECT_EQ(mark.finish(), "This account is not available.\n");
  EXPECT_FALSE(mark.group());

  GroupMark flood("mark");
  std::string out;
  for (int i = 0; i < 20; ++i) out += flood.feed(std::string(10000, 'x'));
  EXPECT_GT(out.size(), 100000U);
}

TEST(GroupMark, RefusesGroupsThatWouldEndTooMuch) {
  for (const char* line : {"mark 0\n", "mark 1\n", "mark -5\n", "mark \n", "mark 12x\n",
                           "mark 99999999999999999999\n"}) {
    GroupMark mark("mark");
    mark.feed(line);
    EXPECT_FALSE(mark.group()) << line;
  }
}

TEST(DressCommand, IsOneExecForAnyLoginShell) {
  const std::string line = dress_command("echo 'x\\y'", "m");
  EXPECT_THAT(line, StartsWith("exec /bin/sh -c '"));
  EXPECT_THAT(end_group_command(77), HasSubstr("g=77"));
}

TEST(HostKeyAlgorithms, TypesOnFileComeFirst) {
  EXPECT_THAT(host_key_algorithms({}), StartsWith("ssh-ed25519,ecdsa-sha2-nistp256"));
  EXPECT_THAT(host_key_algorithms({"ssh-rsa"}),
              StartsWith("rsa-sha2-512,rsa-sha2-256,ssh-ed25519"));
  EXPECT_THAT(host_key_algorithms({"ssh-rsa", "ecdsa-sha2-nistp384"}),
              StartsWith("ecdsa-sha2-nistp384,rsa-sha2-512,rsa-sha2-256,ssh-ed25519"));
}

}  // namespace
}  // namespace bringup::ssh
