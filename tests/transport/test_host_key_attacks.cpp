// Somebody in the middle shows a key of his own: nothing of the user's gets to him, in any mode.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>

#include "bringup/util/text.hpp"
#include "transport/real_sshd.hpp"

namespace bringup::ssh::testing {
namespace {

using ::testing::HasSubstr;

class HostKeyAttack : public RealSshd {
 protected:
  // A person who says yes to everything, and gives away what is asked for.
  void trust_everybody(HostKeyMode mode) {
    options_.host_keys = mode;
    options_.password = PasswordAuth::on;
    options_.prompts.secret = [this](const std::string&) -> std::optional<Secret> {
      ++secrets_;
      return Secret("not for strangers");
    };
    options_.prompts.confirm = [this](const std::string&) {
      ++confirmed_;
      return true;
    };
    client_.reset();
  }
  void start(const std::vector<std::string>& types, const std::string& extra = {}) {
    Sshd::Options options;
    options.host_key_types = types;
    options.extra = extra + "Match all\n  PasswordAuthentication yes\n";
    server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "id.pub"}, options);
  }
  std::string line_of(const std::string& file) {
    return fmt::format("[127.0.0.1]:{} {}\n", server().port(), trim(read_file(file + ".pub")));
  }
  void expect_nothing_given(const std::string& lines) {
    EXPECT_EQ(secrets_, 0);
    EXPECT_EQ(confirmed_, 0);
    EXPECT_EQ(server().accepted(), 0);
    EXPECT_EQ(read_file(dir_ / "known_hosts"), lines) << "nothing was kept";
  }

  std::atomic<int> secrets_{0};
  std::atomic<int> confirmed_{0};
};

constexpr std::initializer_list<HostKeyMode> kModes = {HostKeyMode::strict, HostKeyMode::accept_new,
                                                       HostKeyMode::ask};

// Whatever the mode: no session, and nothing given away.
struct RefusedKey : HostKeyAttack {
  void expect_refused(const std::vector<std::string>& words) {
    const std::string lines = line_of(dir_ / "true");
    for (const HostKeyMode mode : kModes) {
      write_file(dir_ / "known_hosts", lines);
      trust_everybody(mode);
      const Error error = connect_error(target());
      EXPECT_EQ(error.code, ErrorCode::unauthorized);
      for (const auto& one : words) EXPECT_THAT(error.message, HasSubstr(one));
      expect_nothing_given(lines);
    }
  }
};

TEST_F(RefusedKey, WhenItHasChanged) {
  make_key(dir_ / "true");
  start({"ed25519"});
  expect_refused({"the host key has changed"});
}

TEST_F(RefusedKey, WhenAKnownTypeIsTradedForOneThatIsNotOnFile) {
  make_key(dir_ / "true");
  for (const char* type : {"rsa", "ecdsa"}) {
    SCOPED_TRACE(type);
    start({type});
    expect_refused({"the host key has changed", "has ssh-ed25519"});
  }
}

TEST_F(RefusedKey, WhenTheKnownTypeIsWrongAndAnotherIsNew) {
  make_key(dir_ / "true");
  start({"ed25519", "rsa", "ecdsa"});
  expect_refused({"shows ssh-ed25519"});
}

// The right RSA key, but signatures with SHA-1, which can be forged.
TEST_F(HostKeyAttack, ASignatureWithSha1IsNotTaken) {
  start({"rsa"}, "HostKeyAlgorithms ssh-rsa\n");
  const std::string lines = server().known_hosts_line("rsa");
  for (const HostKeyMode mode : kModes) {
    write_file(dir_ / "known_hosts", lines);
    trust_everybody(mode);
    const Error error = connect_error(target());
    EXPECT_NE(error.message, "connected");
    expect_nothing_given(lines);
  }
  start({"rsa"});  // and with SHA-2 it is
  write_file(dir_ / "known_hosts", server().known_hosts_line("rsa"));
  client_.reset();
  EXPECT_EQ(connect_error(target()).message, "connected");
}

TEST_F(HostKeyAttack, FirstContactInStrictModeGivesNothingAway) {
  start({"ed25519"});
  write_file(dir_ / "known_hosts", "");
  trust_everybody(HostKeyMode::strict);
  const Error error = connect_error(target());
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("no host key on file"));
  expect_nothing_given("");
}

TEST_F(HostKeyAttack, APinnedKeyCountsWhateverKnownHostsSays) {
  make_key(dir_ / "true");
  start({"ed25519", "rsa"});
  const std::string lines = server().known_hosts_line();
  for (const HostKeyMode mode : kModes) {
    write_file(dir_ / "known_hosts", lines);
    trust_everybody(mode);
    Target to = target();
    to.endpoint.host_key = fingerprint_of(dir_ / "true.pub");
    const Error error = connect_error(to);
    EXPECT_EQ(error.code, ErrorCode::unauthorized);
    expect_nothing_given(lines);
  }
}

// bootstrap's last question: does the key do alone?
TEST_F(HostKeyAttack, AnEndpointThatGetsAKeyAloneIsNeverGivenThePassword) {
  make_key(dir_ / "stranger");
  start({"ed25519"});
  write_file(dir_ / "known_hosts", server().known_hosts_line());
  trust_everybody(HostKeyMode::strict);
  options_.key_alone = {"alpha"};
  Target to = target();
  to.endpoint.identity_files = {dir_ / "stranger"};
  EXPECT_EQ(connect_error(to).code, ErrorCode::unauthorized);
  EXPECT_EQ(secrets_, 0);
  options_.key_alone = {"beta"};
  client_.reset();
  EXPECT_EQ(connect_error(to).code, ErrorCode::unauthorized);
  EXPECT_EQ(secrets_, 1);
}

}  // namespace
}  // namespace bringup::ssh::testing
