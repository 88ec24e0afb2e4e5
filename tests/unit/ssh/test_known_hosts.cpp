#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "bringup/ssh/known_hosts.hpp"

namespace bringup::ssh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kType = "ssh-ed25519";
constexpr const char* kOne = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB";
constexpr const char* kTwo = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC";

class KnownHostsFile : public ::testing::Test {
 protected:
  void parse(const std::string& text) {
    store_.parse(text, "kh", [this](const std::string& line) { warnings_ += line + "\n"; });
  }
  HostKeyVerdict verdict(const std::string& name, const char* key = kOne) const {
    return store_.decide(name, kType, key).verdict;
  }
  KnownHosts store_{{}, {}};
  std::string warnings_;
};

TEST_F(KnownHostsFile, PlainNamesAndPorts) {
  parse(fmt::format("# comment\n\nalpha,10.0.0.1 {} {} a comment\n[beta]:2222 {} {}\r\n", kType,
                    kOne, kType, kTwo));
  EXPECT_EQ(verdict("alpha"), HostKeyVerdict::known);
  EXPECT_EQ(verdict("10.0.0.1"), HostKeyVerdict::known);
  EXPECT_EQ(verdict("alpha", kTwo), HostKeyVerdict::changed);
  EXPECT_EQ(verdict("beta"), HostKeyVerdict::unknown);
  EXPECT_EQ(verdict("[beta]:2222", kTwo), HostKeyVerdict::known);
  EXPECT_EQ(verdict("[beta]:2222", kOne), HostKeyVerdict::changed);
  EXPECT_EQ(verdict("gamma"), HostKeyVerdict::unknown);
  EXPECT_EQ(warnings_, "");
}

TEST_F(KnownHostsFile, NamesTheLineOfAChangedKey) {
  parse(fmt::format("\nalpha {} {}\n", kType, kOne));
  const HostKeyDecision decision = store_.decide("alpha", kType, kTwo);
  ASSERT_EQ(decision.on_file.size(), 1U);
  EXPECT_EQ(decision.on_file[0].file, "kh");
  EXPECT_EQ(decision.on_file[0].line, 2);
  EXPECT_EQ(decision.on_file[0].key, kOne);
}

TEST_F(KnownHostsFile, AnotherPortFallsBackToLinesWithoutOneButRefusesNothingForThem) {
  parse(fmt::format("alpha {} {}\n", kType, kOne));
  EXPECT_EQ(verdict("[alpha]:2222", kOne), HostKeyVerdict::known);
  EXPECT_EQ(verdict("[alpha]:2222", kTwo), HostKeyVerdict::unknown);
}

TEST_F(KnownHostsFile, PatternsAndNegation) {
  parse(fmt::format("*.lab,!bad.lab,node? {} {}\n", kType, kOne));
  EXPECT_EQ(verdict("a.lab"), HostKeyVerdict::known);
  EXPECT_EQ(verdict("bad.lab"), HostKeyVerdict::unknown);
  EXPECT_EQ(verdict("node1"), HostKeyVerdict::known);
  EXPECT_EQ(verdict("node12"), HostKeyVerdict::unknown);
}

TEST_F(KnownHostsFile, HashedNames) {
  // HMAC-SHA1 of "alpha", as ssh-keygen -H writes it.
  parse(fmt::format("|1|{}|{} {} {}\n",
                    "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "NC5ezE/zzl2A/0Mma2OKeOsqYsQ=", kType, kOne));
  EXPECT_EQ(verdict("alpha"), HostKeyVerdict::known);
  EXPECT_EQ(verdict("alpha", kTwo), HostKeyVerdict::changed);
  EXPECT_EQ(verdict("beta"), HostKeyVerdict::unknown);
}

TEST_F(KnownHostsFile, RevokedKeysAreRefusedWhereverTheyStand) {
  parse(fmt::format("alpha {0} {1}\n@revoked * {0} {1}\nalpha {0} {2}\n", kType, kOne, kTwo));
  EXPECT_EQ(verdict("alpha", kOne), HostKeyVerdict::revoked);
  EXPECT_EQ(verdict("[alpha]:2222", kOne), HostKeyVerdict::revoked);
  EXPECT_EQ(verdict("alpha", kTwo), HostKeyVerdict::known);
  EXPECT_EQ(verdict("beta", kTwo), HostKeyVerdict::unknown);
  EXPECT_EQ(store_.decide("alpha", kType, kOne).on_file[0].line, 2);
}

TEST_F(KnownHostsFile, WarnsOfLinesItSkips) {
  parse(fmt::format("@cert-authority *.lab {0} {1}\n@new x {0} {1}\nalpha {0}\nbeta {0} ???\n",
                    kType, kOne));
  EXPECT_THAT(warnings_, HasSubstr("kh:1: @cert-authority line skipped"));
  EXPECT_THAT(warnings_, HasSubstr("kh:2: line with an unknown marker"));
  EXPECT_THAT(warnings_, HasSubstr("kh:3: line skipped: it has fewer"));
  EXPECT_THAT(warnings_, HasSubstr("kh:4: line skipped: its key"));
  EXPECT_EQ(verdict("a.lab"), HostKeyVerdict::unknown);
}

TEST_F(KnownHostsFile, TypesOnFile) {
  parse(fmt::format("alpha ssh-rsa {1}\nalpha {0} {1}\nalpha ssh-rsa {2}\n@revoked alpha x {1}\n",
                    kType, kOne, kTwo));
  EXPECT_THAT(store_.types_for("alpha"), ElementsAre("ssh-rsa", kType));
  EXPECT_THAT(store_.types_for("[alpha]:22022"), ElementsAre("ssh-rsa", kType));
  EXPECT_THAT(store_.types_for("beta"), IsEmpty());
}

TEST_F(KnownHostsFile, AddAppendsOneLineAndRefusesASecondKey) {
  const std::string file =
      std::filesystem::temp_directory_path() / fmt::format("bringup-known-hosts-{}", ::getpid());
  std::ofstream(file) << "# no newline";
  {
    KnownHosts store({file}, {});
    EXPECT_EQ(store.add("alpha", kType, kOne).value(), true);
    EXPECT_EQ(store.add("alpha", kType, kOne).value(), false);
    const auto other = store.add("alpha", kType, kTwo);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::unauthorized);
    EXPECT_EQ(store.decide("alpha", kType, kOne).verdict, HostKeyVerdict::known);
  }
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(text, fmt::format("# no newline\nalpha {} {}\n", kType, kOne));
  std::filesystem::remove(file);
  EXPECT_FALSE(KnownHosts({"/proc/no/such"}, {}).add("alpha", kType, kOne));
}

TEST(KnownHostsName, PortsOtherThan22) {
  EXPECT_EQ(known_hosts_name("Alpha", 22), "alpha");
  EXPECT_EQ(known_hosts_name("Alpha", 2222), "[alpha]:2222");
}

TEST(MatchPattern, StarsAndQuestionMarks) {
  EXPECT_TRUE(match_pattern("*", ""));
  EXPECT_TRUE(match_pattern("a*b*c", "aXXbYYc"));
  EXPECT_FALSE(match_pattern("a*b*c", "aXXbYY"));
  EXPECT_TRUE(match_pattern("NODE?", "node1"));
  EXPECT_FALSE(match_pattern("node?", "node"));
  EXPECT_FALSE(match_pattern("", "x"));
  // Must not take exponential time.
  EXPECT_FALSE(match_pattern("a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(Fingerprint, AsSshKeygenPrintsIt) {
  // ssh-keygen -lf of the key above.
  EXPECT_EQ(fingerprint(kOne), "SHA256:gOPgXFWkBoXrFVwpjf0SBo3P1kFs+IvH5q/vnQhNpFw");
  EXPECT_EQ(fingerprint("not base64"), "");
}

}  // namespace
}  // namespace bringup::ssh
