// The lock's scripts, run by real shells.
#include "bringup/run/lock.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "bringup/facts/script.hpp"
#include "support/golden.hpp"
#include "support/shell_run.hpp"

namespace bringup::run {
namespace {

const std::string kNonce = "00112233445566778899aabbccddeeff";

struct LockScript : testing::TestWithParam<const char*> {
  support::Folder folder;

  LockRequest request(const std::string& token) {
    LockRequest out;
    out.path = folder.path("lock");
    out.token = token;
    out.run = "run-" + token;
    out.who = "ops@laptop";
    out.pid = 41;
    return out;
  }
  std::string sh(const std::string& script) {
    return support::run_script({GetParam(), "-s"}, script, folder.path()).out;
  }
  facts::Frame take(const LockRequest& which) {
    const auto frames =
        facts::parse_frames(sh(facts::frame_functions(kNonce) + lock_script(which)), kNonce);
    if (!frames || frames->size() != 1) return {"none", -1, false, ""};
    return frames->front();
  }
  [[nodiscard]] bool held() const { return std::filesystem::exists(folder.path("lock")); }
  void change(const std::string& from, const std::string& to) {
    std::string text = test::read_text(folder.path("lock"));
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    text.replace(at, text.find('\n', at) - at, to);
    folder.write("whole", text);  // a watch may read it at any moment
    std::filesystem::rename(folder.path("whole"), folder.path("lock"));
  }
};

TEST_P(LockScript, IsHeldByOneUntilItIsDropped) {
  EXPECT_EQ(take(request("aa")).payload, "taken");
  const auto second = take(request("bb"));
  EXPECT_EQ(second.exit_status, 1);
  EXPECT_TRUE(holder_words(second.payload).starts_with("ops@laptop (process 41) since 20"))
      << second.payload;
  EXPECT_TRUE(holder_words(second.payload).ends_with(" UTC, run run-aa"));
  sh(unlock_script(request("bb")));
  EXPECT_TRUE(held()) << "somebody else's";
  sh(unlock_script(request("aa")));
  EXPECT_FALSE(held());
  EXPECT_EQ(take(request("bb")).payload, "taken");
  sh(unlock_script(request("bb")));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ADD_FAILURE() << entry.path() << " was left";
  }
}

TEST_P(LockScript, IsTakenOverWhenItsRunIsKnownToBeOver) {
  ASSERT_EQ(take(request("aa")).exit_status, 0);
  auto knows = request("bb");
  knows.over = "run-cc";
  EXPECT_EQ(take(knows).exit_status, 1) << "another run's";
  knows.over = "run-aa";
  const auto over = take(knows);
  EXPECT_EQ(over.exit_status, 0);
  EXPECT_TRUE(over.payload.starts_with("over\nbringup lock 1\ntoken=aa\n")) << over.payload;
  sh(unlock_script(request("aa")));
  EXPECT_TRUE(held()) << "it is no longer theirs";
  sh(unlock_script(knows));
}

TEST_P(LockScript, IsTakenOverWhenItsSessionIsGoneOrItsTimeIsOver) {
  ASSERT_EQ(take(request("aa")).exit_status, 0);
  const std::string text = test::read_text(folder.path("lock"));
  sh(unlock_script(request("aa")));  // its watch goes, which would drop what is stale by itself
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  folder.write("lock", text);
  change("start=", "start=before_the_restart");
  auto over = take(request("bb"));
  EXPECT_EQ(over.exit_status, 0);
  EXPECT_TRUE(over.payload.starts_with("over\nbringup lock 1\ntoken=aa\n")) << over.payload;
  change("until=", "until=1");
  over = take(request("cc"));
  EXPECT_TRUE(over.payload.starts_with("over\n")) << over.payload;
  sh(unlock_script(request("cc")));
}

TEST_P(LockScript, PassesToNobodyWhileAWorkerLives) {
  ASSERT_EQ(take(request("aa")).exit_status, 0);
  const std::string worker =
      sh("sleep 60 </dev/null >/dev/null 2>&1 &\n"
         "printf '%s %s' $! \"$(LC_ALL=C ps -o lstart= -p $! | tr -s ' ' '_')\"");
  const auto blank = worker.find(' ');
  ASSERT_NE(blank, std::string::npos) << worker;
  const std::string pid = worker.substr(0, blank);
  std::string text = test::read_text(folder.path("lock"));
  // The watch would drop it: the session's start is wrong only now, with a worker there.
  text += "worker=" + pid + ":" + worker.substr(blank + 1) + "\n";
  folder.write("lock", text);
  change("start=", "start=before");
  EXPECT_EQ(take(request("bb")).exit_status, 1);
  sh("kill " + pid);
  EXPECT_EQ(take(request("cc")).exit_status, 0);
  sh(unlock_script(request("cc")));
}

TEST_P(LockScript, EndsAChangeWhoseLockHasGone) {
  const auto ours = request("aa");
  ASSERT_EQ(take(ours).exit_status, 0);
  EXPECT_EQ(sh(lock_preamble(ours) + "echo changed\n"), "changed\n");
  EXPECT_NE(test::read_text(folder.path("lock")).find("\nworker="), std::string::npos);
  EXPECT_EQ(sh(lock_preamble(request("bb")) + "echo changed\n"), "");
  sh(unlock_script(ours));
  EXPECT_EQ(sh(lock_preamble(ours) + "echo changed\n"), "");
}

TEST_P(LockScript, OneOfManyAtOnceWins) {
  std::vector<int> statuses(8, -1);
  {
    std::vector<std::jthread> all;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
      all.emplace_back(
          [&, i] { statuses[i] = take(request("t" + std::to_string(i))).exit_status; });
    }
  }
  EXPECT_EQ(std::ranges::count(statuses, 0), 1);
  EXPECT_EQ(std::ranges::count(statuses, 1), 7);
  std::filesystem::remove(folder.path("lock"));
}

TEST_P(LockScript, SaysWhyItCannotBeMade) {
  auto nowhere = request("aa");
  nowhere.path = folder.path("none/lock");
  const auto frame = take(nowhere);
  EXPECT_EQ(frame.exit_status, 2);
  EXPECT_FALSE(frame.payload.empty());
}

INSTANTIATE_TEST_SUITE_P(Shells, LockScript, testing::Values("/bin/sh", "/bin/bash"));

TEST(HolderWords, AreFitForATerminalWhateverStandsThere) {
  EXPECT_EQ(holder_words(""), "somebody whose lock cannot be read");
  EXPECT_EQ(holder_words("who=\x1b[2Jme\nsince=99999999999999999999\n"), "\\x1b[2Jme");
  EXPECT_EQ(holder_words("who=a@b\nsince=0\n"), "a@b since 1970-01-01 00:00:00 UTC");
}

}  // namespace
}  // namespace bringup::run
