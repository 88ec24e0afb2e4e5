#include <gmock/gmock.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "bringup/ssh/config.hpp"

namespace bringup::ssh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<ConfigLine> scan(std::string_view text) {
  return scan_config(text, "/home/u", "/none");
}

TEST(ScanConfig, DebiansOwnConcernsNobody) {
  const auto lines = scan(
      "Include /etc/ssh/no-such-dir/*.conf\n\nHost *\n#   ForwardAgent no\n    SendEnv LANG LC_*\n"
      "    HashKnownHosts yes\n    GSSAPIAuthentication yes\n");
  EXPECT_FALSE(lines.empty());
  EXPECT_FALSE(config_concerns(lines, "alpha"));
}

TEST(ScanConfig, OnlyMatchingBlocksConcern) {
  const auto lines = scan("Host web-* !web-9\n  User www\nHost other\n  Port 2222\n");
  EXPECT_TRUE(config_concerns(lines, "web-1"));
  EXPECT_FALSE(config_concerns(lines, "web-9"));
  EXPECT_TRUE(config_concerns(lines, "other"));
  EXPECT_FALSE(config_concerns(lines, "alpha"));
}

TEST(ScanConfig, GlobalLinesAndMatchBlocksConcernEveryone) {
  EXPECT_TRUE(config_concerns(scan("user = me\nHost x\n"), "alpha"));
  EXPECT_TRUE(config_concerns(scan("Match exec \"true\"\n  ProxyJump door\n"), "alpha"));
  EXPECT_FALSE(config_concerns(scan("Match exec \"true\"\n  ForwardAgent yes\n"), "alpha"));
  EXPECT_TRUE(config_concerns(scan("Host x\nMatch all\n  Port 1\n"), "alpha"));
}

TEST(ScanConfig, FollowsIncludes) {
  const std::string dir = std::filesystem::temp_directory_path() /
                          ("bringup-config-test." + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  std::ofstream(dir + "/one.conf") << "Host alpha\n  Port 1\nHost beta\n  Port 2\n";
  std::ofstream(dir + "/two.conf") << "Port 3\n";
  std::ofstream(dir + "/self") << "Include self\nUser deep\n";
  const auto top = scan_config("Include *.conf\n", "/home/u", dir);
  EXPECT_EQ(read_config(top, "alpha", "/home/u").port, 1);
  EXPECT_EQ(read_config(top, "gamma", "/home/u").port, 3);
  // Within a block an include counts only there.
  const auto nested = scan_config("Host gamma\n  Include two.conf\n", "/home/u", dir);
  EXPECT_EQ(read_config(nested, "gamma", "/home/u").port, 3);
  EXPECT_FALSE(config_concerns(nested, "alpha"));
  // A file that includes itself ends.
  EXPECT_EQ(read_config(scan_config("Include self\n", "/home/u", dir), "x", "/h").user, "deep");
  std::filesystem::remove_all(dir);
}

TEST(ReadConfig, FirstValueWinsAndIdentitiesAddUp) {
  const auto lines = scan(
      "Host alpha\n  HostName %h.lab\n  User one\n  IdentityFile ~/.ssh/a\n  IdentityFile \"/k/b "
      "c\"\n"
      "  IdentitiesOnly yes\nHost *\n  User two\n  Port=2200\n  ProxyJump me@door:22,hall\n"
      "  UserKnownHostsFile ~/kh1 /kh2\n  HostKeyAlias pool # all the same\n  IdentitiesOnly no\n");
  const HostConfig config = read_config(lines, "alpha", "/home/u");
  EXPECT_EQ(config.source, ConfigSource::own_parser);
  EXPECT_EQ(config.host_name, "alpha.lab");
  EXPECT_EQ(config.user, "one");
  EXPECT_EQ(config.port, 2200);
  EXPECT_THAT(config.identity_files, ElementsAre("/home/u/.ssh/a", "/k/b c"));
  EXPECT_TRUE(config.identities_only);
  EXPECT_EQ(config.proxy_jump, "me@door:22,hall");
  EXPECT_THAT(config.known_hosts_files, ElementsAre("/home/u/kh1", "/kh2"));
  EXPECT_EQ(config.host_key_alias, "pool");
}

TEST(ReadConfig, NoneMeansNoProxy) {
  const HostConfig config = read_config(scan("ProxyJump none\nProxyCommand nc %h\n"), "a", "/h");
  EXPECT_EQ(config.proxy_jump, "");
  EXPECT_EQ(config.proxy_command, "");
}

TEST(ParseSshG, TakesWhatItNeeds) {
  const auto config = parse_ssh_g(
      "user me\nhostname 10.0.0.1\nport 2222\nidentitiesonly yes\nidentityfile ~/.ssh/work\n"
      "identityfile /k/two\nproxyjump a,b\nuserknownhostsfile ~/.ssh/known_hosts /x\n"
      "hostkeyalias pool\nforwardx11 no\n",
      "/home/u");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->source, ConfigSource::ssh_program);
  EXPECT_EQ(config->host_name, "10.0.0.1");
  EXPECT_EQ(config->user, "me");
  EXPECT_EQ(config->port, 2222);
  EXPECT_TRUE(config->identities_only);
  EXPECT_THAT(config->identity_files, ElementsAre("/home/u/.ssh/work", "/k/two"));
  EXPECT_EQ(config->proxy_jump, "a,b");
  EXPECT_THAT(config->known_hosts_files, ElementsAre("/home/u/.ssh/known_hosts", "/x"));
  EXPECT_EQ(config->host_key_alias, "pool");
}

TEST(ParseSshG, ItsDefaultIdentitiesAreOurDefaults) {
  const auto config = parse_ssh_g(
      "hostname a\nport 22\nidentityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ed25519\n", "/h");
  ASSERT_TRUE(config);
  EXPECT_THAT(config->identity_files, IsEmpty());
}

TEST(ParseSshG, RefusesWhatIsNotItsOutput) {
  EXPECT_FALSE(parse_ssh_g("", "/h"));
  EXPECT_FALSE(parse_ssh_g("hostname a\nport 99999\n", "/h"));
}

class Resolver : public ::testing::Test {
 protected:
  Resolver()
      : file_(std::filesystem::temp_directory_path() /
              ("bringup-resolver-test." + std::to_string(::getpid()))) {
    std::ofstream(file_) << "Host alpha\n  HostName 10.1.1.1\n  User lab\n";
  }
  ~Resolver() override { std::filesystem::remove(file_); }
  std::string file_;
};

TEST_F(Resolver, AsksSshOnlyWhereSomethingApplies) {
  ConfigResolver resolver(file_);
  const auto alpha = resolver.look_up("alpha");
  ASSERT_TRUE(alpha) << alpha.error().message;
  EXPECT_EQ(alpha->source, ConfigSource::ssh_program);
  EXPECT_EQ(alpha->host_name, "10.1.1.1");
  EXPECT_EQ(alpha->user, "lab");
  EXPECT_EQ(resolver.look_up("beta")->source, ConfigSource::defaults);
}

TEST_F(Resolver, ReadsForItselfWhereThereIsNoSsh) {
  for (const char* program : {"", "no-such-program"}) {
    ConfigResolver resolver(file_, program);
    const auto alpha = resolver.look_up("alpha");
    ASSERT_TRUE(alpha) << alpha.error().message;
    EXPECT_EQ(alpha->source, ConfigSource::own_parser);
    EXPECT_EQ(alpha->host_name, "10.1.1.1");
    EXPECT_EQ(alpha->user, "lab");
  }
}

TEST_F(Resolver, SaysWhatSshSays) {
  std::ofstream(file_) << "Host alpha\n  User lab\n  NoSuchOption yes\n";
  ConfigResolver resolver(file_);
  const auto alpha = resolver.look_up("alpha");
  ASSERT_FALSE(alpha);
  EXPECT_EQ(alpha.error().code, ErrorCode::usage);
  EXPECT_THAT(alpha.error().message, HasSubstr("nosuchoption"));
}

TEST_F(Resolver, NamesThatWouldBeOptionsAreNotPassedOn) {
  std::ofstream(file_) << "User lab\n";
  ConfigResolver resolver(file_);
  EXPECT_EQ(resolver.look_up("-oProxyCommand=true").error().code, ErrorCode::usage);
}

TEST(ParseJump, AllForms) {
  const auto full = parse_jump("me@door:2222");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->user, "me");
  EXPECT_EQ(full->host, "door");
  EXPECT_EQ(full->port, 2222);
  EXPECT_EQ(parse_jump("[fe80::1]:22")->host, "fe80::1");
  EXPECT_EQ(parse_jump("fe80::1")->host, "fe80::1");
  EXPECT_EQ(parse_jump("ssh://a@b:3/")->port, 3);
  for (const char* bad : {"", "@door", "door:", "door:x", "door:0", "[fe80::1", "-oX"}) {
    EXPECT_FALSE(parse_jump(bad)) << bad;
  }
}

TEST(ExpandHome, TildeOnlyAtTheStart) {
  EXPECT_EQ(expand_home("~/x", "/h"), "/h/x");
  EXPECT_EQ(expand_home("~", "/h"), "/h");
  EXPECT_EQ(expand_home("~root/x", "/h"), "~root/x");
  EXPECT_EQ(expand_home("/a~/x", "/h"), "/a~/x");
}

}  // namespace
}  // namespace bringup::ssh
