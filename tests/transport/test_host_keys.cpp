// Whose key a server shows, and what is made of it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "bringup/util/text.hpp"
#include "transport/real_sshd.hpp"

namespace bringup::ssh::testing {
namespace {

using ::testing::HasSubstr;

struct HostKeys : RealSshd {
  void serve(const std::vector<std::string>& types, const std::string& extra) {
    Sshd::Options options;
    options.host_key_types = types;
    options.extra = extra;
    server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "id.pub"}, options);
  }
};

TEST_F(HostKeys, StrictRefusesAnUnknownHostKey) {
  server();
  write_file(dir_ / "known_hosts", "");
  const Error error = connect_error(target());
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("alpha: no host key on file for [127.0.0.1]:"));
  EXPECT_THAT(error.message, HasSubstr(fingerprint_of(server().host_key_file() + ".pub")));
  EXPECT_THAT(error.hint, HasSubstr("bringup trust alpha"));
  EXPECT_EQ(server().accepted(), 0);
}

TEST_F(HostKeys, AcceptNewWritesTheKeyOnceForManySessions) {
  server();
  write_file(dir_ / "known_hosts", "# no newline at the end");
  options_.host_keys = HostKeyMode::accept_new;
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  client();
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] { good += client_->connect(target(), soon(), {}) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 6);
  EXPECT_EQ(read_file(dir_ / "known_hosts"),
            "# no newline at the end\n" + server().known_hosts_line());
  EXPECT_THAT(warnings_.text(), HasSubstr("host key of [127.0.0.1]:"));
}

TEST_F(HostKeys, AChangedKeyIsRefusedInEveryMode) {
  make_key(dir_ / "other");
  const std::string other = read_file(dir_ / "other.pub");
  for (const HostKeyMode mode : {HostKeyMode::strict, HostKeyMode::accept_new, HostKeyMode::ask}) {
    options_.host_keys = mode;
    options_.prompts.confirm = [](const std::string&) { return true; };
    client_.reset();
    const std::string lines =
        fmt::format("# comment\n[127.0.0.1]:{} {}\n", server().port(), trim(other));
    write_file(dir_ / "known_hosts", lines);
    const Error error = connect_error(target());
    EXPECT_EQ(error.code, ErrorCode::unauthorized);
    EXPECT_THAT(error.message,
                HasSubstr("alpha: the host key has changed: " + (dir_ / "known_hosts") +
                          ":2 has ssh-ed25519 " + fingerprint_of(dir_ / "other.pub")));
    EXPECT_THAT(error.message, HasSubstr("shows ssh-ed25519 " +
                                         fingerprint_of(server().host_key_file() + ".pub")));
    EXPECT_THAT(error.hint, HasSubstr("bringup trust alpha"));
    EXPECT_EQ(read_file(dir_ / "known_hosts"), lines);
  }
}

TEST_F(HostKeys, AKeyOfAnotherTypeThanTheOneOnFileIsAChange) {
  make_key(dir_ / "other", "ecdsa");
  server();
  options_.host_keys = HostKeyMode::accept_new;
  write_file(dir_ / "known_hosts",
             fmt::format("[127.0.0.1]:{} {}", server().port(), read_file(dir_ / "other.pub")));
  const Error error = connect_error(target());
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("has ecdsa-sha2-nistp256"));
}

TEST_F(HostKeys, TheTypeOnFileIsTheOneAskedFor) {
  Sshd::Options options;
  options.host_key_types = {"ed25519", "ecdsa", "rsa"};
  server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "id.pub"}, options);
  for (const std::string& type : options.host_key_types) {
    client_.reset();
    write_file(dir_ / "known_hosts", server_->known_hosts_line(type));
    EXPECT_TRUE(client().connect(target(), soon(), {})) << type;
  }
}

TEST_F(HostKeys, HashedAndRevokedLines) {
  server();
  must_run({"ssh-keygen", "-q", "-H", "-f", dir_ / "known_hosts"});
  EXPECT_THAT(read_file(dir_ / "known_hosts"), HasSubstr("|1|"));
  EXPECT_TRUE(client().connect(target(), soon(), {}));

  client_.reset();
  const std::string line = server().known_hosts_line();
  const auto words = split_blank(line);
  write_file(dir_ / "known_hosts", server().known_hosts_line() + "@revoked * " +
                                       std::string(words[1]) + " " + std::string(words[2]));
  const Error error = connect_error(target());
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("known_hosts:2 marks as revoked"));
}

TEST_F(HostKeys, AskTakesTheUsersWord) {
  server();
  write_file(dir_ / "known_hosts", "");
  options_.host_keys = HostKeyMode::ask;
  std::string question;
  bool answer = false;
  options_.prompts.confirm = [&](const std::string& text) {
    question = text;
    return answer;
  };
  EXPECT_EQ(connect_error(target()).code, ErrorCode::unauthorized);
  EXPECT_THAT(question, HasSubstr(fingerprint_of(server().host_key_file() + ".pub")));
  client_.reset();
  answer = true;
  EXPECT_TRUE(client().connect(target(), soon(), {}));
  EXPECT_EQ(read_file(dir_ / "known_hosts"), server().known_hosts_line());
}

TEST_F(HostKeys, APinnedFingerprintWinsOverTheFiles) {
  Sshd::Options options;
  options.host_key_types = {"ed25519", "ecdsa", "rsa"};
  server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "id.pub"}, options);
  write_file(dir_ / "known_hosts", "");
  for (const std::string& type : options.host_key_types) {
    Target to = target();
    to.endpoint.host_key = fingerprint_of(server_->host_key_file(type) + ".pub");
    const auto session = client().connect(to, soon(), {});
    EXPECT_TRUE(session) << type << ": " << session.error().message;
  }
  write_file(dir_ / "known_hosts", server_->known_hosts_line());
  client_.reset();
  Target to = target();
  to.endpoint.host_key = fingerprint_of(dir_ / "id.pub");
  const Error error = connect_error(to);
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("the inventory has " + to.endpoint.host_key));
}

// Somebody in the middle who leaves only weak algorithms in the server's offer.
TEST_F(HostKeys, WeakExchangesAndCiphersAreNotAgreedOn) {
  for (const std::string line :
       {"KexAlgorithms diffie-hellman-group14-sha1", "KexAlgorithms diffie-hellman-group1-sha1",
        "Ciphers 3des-cbc", "MACs hmac-md5\nCiphers aes128-ctr"}) {
    serve({"ed25519"}, line + "\n");
    client_.reset();
    write_file(dir_ / "known_hosts", server_->known_hosts_line());
    EXPECT_FALSE(client().connect(target(), soon(), {})) << line;
    EXPECT_EQ(server_->accepted(), 0) << line;
  }
}

}  // namespace
}  // namespace bringup::ssh::testing
