// Commands, keys and host keys against a real sshd.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "bringup/util/text.hpp"
#include "transport/real_sshd.hpp"

namespace bringup::ssh::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(RealSshd, RunsACommand) {
  const auto result = connect()->exec(command("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->exit_status, 3);
  EXPECT_EQ(result->signal, "");
  EXPECT_FALSE(result->truncated);
}

TEST_F(RealSshd, RunsManyCommandsOnOneConnection) {
  const auto session = connect();
  for (int i = 0; i < 15; ++i) {
    const auto result = session->exec(command(fmt::format("echo {}", i)));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->out, fmt::format("{}\n", i));
    EXPECT_EQ(result->err, "");
  }
  EXPECT_EQ(server().accepted(), 1);
  EXPECT_EQ(session->peer(), fmt::format("127.0.0.1:{}", server().port()));
}

TEST_F(RealSshd, KeepsQuotesAndBackslashes) {
  const auto result = connect()->exec(command("printf '%s|' 'a\\b' \"it's\" '$HOME' '*'"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out, "a\\b|it's|$HOME|*|");
}

TEST_F(RealSshd, ReportsTheSignalThatEndedACommand) {
  const auto result = connect()->exec(command("kill -TERM $$"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->signal, "TERM");
}

TEST_F(RealSshd, FeedsAScriptOnStdin) {
  ExecRequest request = command("exec sh -s");
  request.input = "echo one\necho two >&2\nexit 4\n";
  const auto result = connect()->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out, "one\n");
  EXPECT_EQ(result->err, "two\n");
  EXPECT_EQ(result->exit_status, 4);
}

TEST_F(RealSshd, InputBeyondEveryWindowComesBackWhole) {
  ExecRequest request = command("cat");
  request.max_output = 32 << 20;
  for (int i = 0; request.input.size() < (12 << 20); ++i) request.input += std::to_string(i);
  const auto result = connect()->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->out == request.input);
}

TEST_F(RealSshd, InputThatNobodyReadsIsNoFailure) {
  ExecRequest request = command("exec <&-; exit 5");
  request.input.assign(4 << 20, 'x');
  const auto result = connect()->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->exit_status, 5);
}

TEST_F(RealSshd, StreamsOutputWhileTheCommandRuns) {
  ExecRequest request =
      command("echo first; read -r line; echo \"$line\" >&2; sleep 0.3; echo last");
  request.input = "second\n";
  std::string seen;
  const auto began = std::chrono::steady_clock::now();
  milliseconds first_after{0};
  request.on_output = [&](Stream stream, std::string_view text) {
    if (seen.empty()) {
      first_after =
          std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
    }
    seen += (stream == Stream::out ? "o:" : "e:") + std::string(text);
  };
  const auto result = connect()->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out, "first\nlast\n");
  EXPECT_THAT(seen, HasSubstr("o:first\n"));
  EXPECT_THAT(seen, HasSubstr("e:second\n"));
  EXPECT_THAT(seen, Not(HasSubstr("bringup-group")));
  EXPECT_GT(std::chrono::steady_clock::now() - began, first_after + milliseconds(250));
}

TEST_F(RealSshd, EndsACommandThatPrintsTooMuch) {
  ExecRequest request = command("echo $$ >&2; yes");
  request.max_output = 100000;
  const auto result = connect()->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->truncated);
  EXPECT_EQ(result->out.size(), 100000U);
  EXPECT_FALSE(process_lives(std::stol(result->err)));
}

TEST_F(RealSshd, CancellingEndsTheWholeProcessGroup) {
  const auto session = connect();
  for (const char* line : {"echo $$; sleep 1000 & echo $!; sleep 1001",
                           "trap '' TERM; echo $$; sleep 1000 & echo $!; sleep 1001"}) {
    CancelSource source;
    ExecRequest request = command(line);
    request.cancel = source.get_token();
    std::string out;
    request.on_output = [&](Stream, std::string_view text) {
      out += text;
      if (std::count(out.begin(), out.end(), '\n') == 2) source.request_stop();
    };
    const auto result = session->exec(request);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::cancelled);
    EXPECT_EQ(result.error().message, "alpha: the command was cancelled; it was ended");
    for (const std::string_view pid : split_lines(out)) {
      EXPECT_FALSE(process_lives(std::stol(std::string(pid)))) << line;
    }
  }
  // The connection is as good as before.
  EXPECT_EQ(session->exec(command("echo still"))->out, "still\n");
}

TEST_F(RealSshd, ADeadlineEndsTheCommand) {
  const auto session = connect();
  ExecRequest request = command("echo $$; exec sleep 1000");
  request.deadline = soon(milliseconds(1500));
  std::string out;
  request.on_output = [&](Stream, std::string_view text) { out += text; };
  const auto result = session->exec(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unreachable);
  EXPECT_EQ(result.error().message, "alpha: the command did not finish within 1.5 s; it was ended");
  ASSERT_FALSE(out.empty());
  EXPECT_FALSE(process_lives(std::stol(out)));
}

TEST_F(RealSshd, AStoppedTokenStartsNothing) {
  CancelSource source;
  source.request_stop();
  ExecRequest request = command("echo never");
  request.cancel = source.get_token();
  const auto result = connect()->exec(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
  EXPECT_EQ(client().connect(target(), soon(), source.get_token()).error().code,
            ErrorCode::cancelled);
}

// Logins

TEST_F(RealSshd, ARefusedKeyIsNamedAndNotTriedAgain) {
  make_key(dir_ / "stranger");
  Target to = target();
  to.endpoint.identity_files = {dir_ / "stranger", dir_ / "absent"};
  const Error error = connect_error(to);
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_EQ(error.message,
            fmt::format("alpha: login as {}@127.0.0.1:{} was refused; offered: {}; not usable: {}: "
                        "no such file",
                        current_user(), server().port(), dir_ / "stranger", dir_ / "absent"));
  EXPECT_THAT(error.hint, HasSubstr("authorized_keys"));
}

TEST_F(RealSshd, NoKeyAtAll) {
  Target to = target();
  to.endpoint.identity_files = {dir_ / "known_hosts"};
  const Error error = connect_error(to);
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("no key to log in as "));
  EXPECT_THAT(error.message, HasSubstr("known_hosts: not a private key"));
}

TEST_F(RealSshd, APassphraseIsAskedForOnce) {
  make_key(dir_ / "locked", "ed25519", "open sesame");
  server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "locked.pub"});
  write_file(dir_ / "known_hosts", server_->known_hosts_line());
  std::atomic<int> asked{0};
  options_.prompts.secret = [&](const std::string& question) -> std::optional<Secret> {
    EXPECT_EQ(question, "Passphrase for " + (dir_ / "locked") + ": ");
    ++asked;
    return Secret("open sesame");
  };
  Target to = target();
  to.endpoint.identity_files = {dir_ / "locked"};
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  client();
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] { good += client_->connect(to, soon(), {}) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 5);
  EXPECT_EQ(asked, 1);
}

TEST_F(RealSshd, AWrongPassphraseIsSaidThreeTimes) {
  make_key(dir_ / "locked", "ecdsa", "open sesame");
  Target to = target();
  to.endpoint.identity_files = {dir_ / "locked"};
  int asked = 0;
  options_.prompts.secret = [&](const std::string&) -> std::optional<Secret> {
    ++asked;
    return Secret("wrong");
  };
  EXPECT_THAT(connect_error(to).message, HasSubstr("locked: the passphrase was wrong"));
  EXPECT_THAT(connect_error(to).message, HasSubstr("locked: the passphrase was wrong"));
  EXPECT_EQ(asked, 3);
  client_.reset();
  options_.prompts.secret = nullptr;
  EXPECT_THAT(connect_error(to).message, HasSubstr("locked: its passphrase was not given"));
}

// ssh-agent

class Agent {
 public:
  explicit Agent(const TempDir& dir) : socket_(dir / "agent") {
    const std::string text = must_run({"ssh-agent", "-s", "-a", socket_});
    const std::size_t at = text.find("SSH_AGENT_PID=");
    pid_ = std::stol(text.substr(at + 14));
  }
  ~Agent() { ::kill(static_cast<pid_t>(pid_), SIGTERM); }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  void add(const std::string& key) const {
    must_run({"env", "SSH_AUTH_SOCK=" + socket_, "ssh-add", "-q", key});
  }
  [[nodiscard]] const std::string& socket() const { return socket_; }
  [[nodiscard]] std::size_t connections() const {
    // Each shows as a line of the socket's path.
    const std::string text = read_file("/proc/net/unix");
    std::size_t count = 0;
    for (std::size_t at = text.find(socket_); at != std::string::npos;
         at = text.find(socket_, at + 1)) {
      ++count;
    }
    return count - 1;  // the listener
  }

 private:
  std::string socket_;
  long pid_ = -1;
};

TEST_F(RealSshd, OneAgentConnectionServesAllSessions) {
  const Agent agent(dir_);
  agent.add(dir_ / "id");
  options_.agent_socket = agent.socket();
  Target to = target();
  to.endpoint.identity_files.clear();
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::unique_ptr<Session>> sessions;
  client();
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      auto session = client_->connect(to, soon(), {});
      const std::lock_guard lock(mutex);
      if (session) sessions.push_back(*std::move(session));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sessions.size(), 6U);
  EXPECT_EQ(agent.connections(), 1U);
  EXPECT_EQ(sessions.at(0)->exec(command("echo in"))->out, "in\n");
}

TEST_F(RealSshd, OnlyTheNamedKeyOfAFullAgentIsOffered) {
  const Agent agent(dir_);
  for (int i = 0; i < 8; ++i) {
    make_key(dir_ / fmt::format("extra{}", i));
    agent.add(dir_ / fmt::format("extra{}", i));
  }
  make_key(dir_ / "locked", "ed25519", "");
  agent.add(dir_ / "locked");
  must_run({"ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", dir_ / "locked"});
  server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "locked.pub"});
  write_file(dir_ / "known_hosts", server_->known_hosts_line());
  options_.agent_socket = agent.socket();
  Target to = target();
  to.endpoint.identity_files = {dir_ / "locked"};
  const auto session = client().connect(to, soon(), {});
  EXPECT_TRUE(session) << session.error().message;
}

TEST_F(RealSshd, AnAgentsOtherKeysAreNotOfferedForANamedOne) {
  const Agent agent(dir_);
  agent.add(dir_ / "id");
  make_key(dir_ / "stranger");
  options_.agent_socket = agent.socket();
  Target to = target();
  to.endpoint.identity_files = {dir_ / "stranger"};
  const Error error = connect_error(to);
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("offered: " + (dir_ / "stranger")));
}

TEST_F(RealSshd, NoMoreKeysAreOfferedThanServersTake) {
  const Agent agent(dir_);
  for (int i = 0; i < 8; ++i) {
    make_key(dir_ / fmt::format("extra{}", i));
    agent.add(dir_ / fmt::format("extra{}", i));
  }
  options_.agent_socket = agent.socket();
  Target to = target();
  to.endpoint.identity_files.clear();
  const Error error = connect_error(to);
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("was refused; offered: agent: test key, "));
  EXPECT_THAT(server().log(), Not(HasSubstr("Too many authentication failures")));
}

}  // namespace
}  // namespace bringup::ssh::testing
