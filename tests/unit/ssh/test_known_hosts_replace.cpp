#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "bringup/ssh/known_hosts.hpp"

namespace bringup::ssh {
namespace {

constexpr const char* kType = "ssh-ed25519";
const std::string kOld = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB";
const std::string kNew = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC";
const std::string kOldLine = " ssh-ed25519 " + kOld + "\n";
const std::string kNewLine = " ssh-ed25519 " + kNew + "\n";
// "alpha" as sshd(8) has hashed names: salt and HMAC-SHA1.
const std::string kHashed = "|1|c2FsdHNhbHRzYWx0c2FsdHNhbHQ=|zC1JXXIOuREQQF2a/II6XfFwiN0=";

class ReplacedKey : public ::testing::Test {
 protected:
  ReplacedKey() {
    std::string folder = (std::filesystem::temp_directory_path() / "bringup-XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
  }
  ~ReplacedKey() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  KnownHosts open() const { return KnownHosts({path("user"), path("system")}, nullptr); }
  std::filesystem::path folder_;
};

TEST_F(ReplacedKey, TakesOnlyThisNameOutOfEveryFile) {
  write("user",
        "# mine\n\nalpha,10.0.0.1" + kOldLine + "beta" + kOldLine + "@revoked alpha" + kOldLine);
  write("system", "gamma" + kOldLine + "alpha" + kOldLine);
  KnownHosts store = open();
  ASSERT_EQ(store.decide("alpha", kType, kNew).verdict, HostKeyVerdict::changed);
  ASSERT_TRUE(store.replace("alpha", kType, kNew));
  EXPECT_EQ(read("user"), "# mine\n\n10.0.0.1" + kOldLine + "beta" + kOldLine + "@revoked alpha" +
                              kOldLine + "alpha" + kNewLine);
  EXPECT_EQ(read("system"), "gamma" + kOldLine);
}

TEST_F(ReplacedKey, CountsAtOnceAndInTheNextRun) {
  write("user", "alpha" + kOldLine + "beta" + kOldLine);
  KnownHosts store = open();
  ASSERT_TRUE(store.replace("alpha", kType, kNew));
  const KnownHosts next = open();
  for (const KnownHosts* seen : {&std::as_const(store), &next}) {
    EXPECT_EQ(seen->decide("alpha", kType, kNew).verdict, HostKeyVerdict::known);
    EXPECT_EQ(seen->decide("alpha", kType, kOld).verdict, HostKeyVerdict::changed);
    EXPECT_EQ(seen->decide("beta", kType, kOld).verdict, HostKeyVerdict::known);
  }
}

TEST_F(ReplacedKey, AHostOnAnotherPortKeepsItsOwnLines) {
  write("user", "alpha" + kOldLine + "[alpha]:2222" + kOldLine);
  KnownHosts store = open();
  ASSERT_TRUE(store.replace("[alpha]:2222", kType, kNew));
  EXPECT_EQ(read("user"), "alpha" + kOldLine + "[alpha]:2222" + kNewLine);
}

TEST_F(ReplacedKey, APatternThatCoversOthersIsLeftToItsOwner) {
  write("user", "beta" + kOldLine + "al*" + kOldLine);
  KnownHosts store = open();
  const auto replaced = store.replace("alpha", kType, kNew);
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, ErrorCode::usage);
  EXPECT_NE(replaced.error().message.find("user:2: a pattern covers alpha"), std::string::npos)
      << replaced.error().message;
  EXPECT_EQ(read("user"), "beta" + kOldLine + "al*" + kOldLine);
}

TEST_F(ReplacedKey, LinksAndPermissionsStay) {
  write("kept-elsewhere", "alpha" + kOldLine);
  ASSERT_EQ(::chmod(path("kept-elsewhere").c_str(), 0640), 0);
  std::filesystem::create_symlink(path("kept-elsewhere"), path("user"));
  KnownHosts store = open();
  ASSERT_TRUE(store.replace("alpha", kType, kNew));
  EXPECT_TRUE(std::filesystem::is_symlink(path("user")));
  EXPECT_EQ(read("kept-elsewhere"), "alpha" + kNewLine);
  struct stat after {};
  ASSERT_EQ(::stat(path("kept-elsewhere").c_str(), &after), 0);
  EXPECT_EQ(after.st_mode & 0777, 0640U);
}

TEST_F(ReplacedKey, AHostThatWasNotOnFileIsAdded) {
  KnownHosts store = open();
  ASSERT_TRUE(store.replace("alpha", kType, kNew));
  EXPECT_EQ(read("user"), "alpha" + kNewLine);
}

TEST_F(ReplacedKey, HashedLinesOfThisHostGo) {
  write("user", kHashed + kOldLine + "beta" + kOldLine);
  KnownHosts store = open();
  ASSERT_EQ(store.decide("alpha", kType, kNew).verdict, HostKeyVerdict::changed);
  ASSERT_TRUE(store.replace("alpha", kType, kNew));
  EXPECT_EQ(read("user"), "beta" + kOldLine + "alpha" + kNewLine);
  EXPECT_EQ(store.decide("alpha", kType, kNew).verdict, HostKeyVerdict::known);
}

}  // namespace
}  // namespace bringup::ssh
