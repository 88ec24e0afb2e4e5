// What real servers rarely do, and links that break.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "transport/scripted_server.hpp"

namespace bringup::ssh::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Scripted : public ::testing::Test {
 protected:
  Scripted() {
    make_key(dir_ / "id");
    options_.config_file = "none";
    options_.agent_socket = "none";
    options_.known_hosts_files = {dir_ / "known_hosts"};
    options_.host_keys = HostKeyMode::accept_new;
  }
  Target target(std::uint16_t port) const {
    Target to;
    to.endpoint.name = "beta";
    to.endpoint.host = "127.0.0.1";
    to.endpoint.port = port;
    to.endpoint.user = "someone";
    to.endpoint.identity_files = {dir_ / "id"};
    return to;
  }
  Expected<std::unique_ptr<Session>> try_connect(std::uint16_t port) {
    if (!client_) client_ = make_client(options_);
    return client_->connect(target(port), soon(), {});
  }
  std::unique_ptr<Session> connect(std::uint16_t port) {
    auto session = try_connect(port);
    if (!session) throw std::runtime_error(session.error().message);
    return *std::move(session);
  }
  Error connect_error(std::uint16_t port) {
    const auto session = try_connect(port);
    return session ? Error{ErrorCode::internal, "connected", {}} : session.error();
  }

  TempDir dir_;
  ClientOptions options_;
  std::unique_ptr<Transport> client_;
};

TEST_F(Scripted, SaysWhatItIsTold) {
  const ScriptedServer server;
  const auto session = connect(server.port());
  EXPECT_EQ(session->exec(command("say hello"))->out, "hello");
  EXPECT_EQ(session->exec(command("nonsense"))->exit_status, 127);
  EXPECT_EQ(session->exec(command("die KILL"))->signal, "KILL");
}

TEST_F(Scripted, BigOutputIsWhole) {
  const ScriptedServer server;
  ExecRequest request = command("big 20000000");
  request.max_output = 32 << 20;
  const auto result = connect(server.port())->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out.size(), 20000000U);
}

TEST_F(Scripted, InputAndOutputBeyondTheWindowsDoNotDeadlock) {
  const ScriptedServer server;
  ExecRequest request = command("cat");
  request.input.assign(8 << 20, 'y');
  request.max_output = 32 << 20;
  const auto result = connect(server.port())->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->out == request.input);
}

TEST_F(Scripted, OutputBeyondTheBoundIsCutOff) {
  const ScriptedServer server;
  ExecRequest request = command("big 100000000");
  request.max_output = 1 << 20;
  const auto result = connect(server.port())->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->truncated);
  EXPECT_EQ(result->out.size(), 1U << 20);
}

TEST_F(Scripted, ASilentServerIsNamedAfterTheTimeout) {
  RawServer server("", RawServer::Then::stay);
  options_.connect_timeout = seconds(1);
  const auto began = std::chrono::steady_clock::now();
  const Error error = connect_error(server.port());
  EXPECT_EQ(error.code, ErrorCode::unreachable);
  EXPECT_EQ(error.message,
            fmt::format("beta: connected to 127.0.0.1:{}, but the server sent nothing within 1 s",
                        server.port()));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(3));
}

TEST_F(Scripted, AServerThatIsSilentAfterItsVersion) {
  RawServer server("SSH-2.0-OpenSSH_9.2\r\n", RawServer::Then::stay);
  options_.connect_timeout = seconds(1);
  EXPECT_EQ(connect_error(server.port()).message,
            fmt::format("beta: connected to 127.0.0.1:{}, but the key exchange was not finished "
                        "within 1 s",
                        server.port()));
}

TEST_F(Scripted, AServerOfAnotherKind) {
  RawServer staying("220 mail.example \x1b[31mESMTP\r\n", RawServer::Then::stay);
  options_.connect_timeout = seconds(1);
  const Error error = connect_error(staying.port());
  EXPECT_EQ(error.code, ErrorCode::unreachable);
  EXPECT_THAT(error.message, AllOf(StartsWith("beta: 127.0.0.1:"),
                                   HasSubstr("\"220 mail.example \\x1b[31mESMTP\"")));

  RawServer closing("Not allowed at this time\r\n", RawServer::Then::close);
  EXPECT_THAT(connect_error(closing.port()).message, HasSubstr("\"Not allowed at this time\""));
}

TEST_F(Scripted, RubbishAfterTheVersion) {
  RawServer server("SSH-2.0-x\r\n" + std::string(200, '\xff'), RawServer::Then::stay);
  options_.connect_timeout = seconds(2);
  const Error error = connect_error(server.port());
  EXPECT_EQ(error.code, ErrorCode::unreachable);
  EXPECT_THAT(error.message, HasSubstr("lost during the key exchange"));
}

TEST_F(Scripted, NobodyListens) {
  const std::uint16_t port = free_port();
  const Error error = connect_error(port);
  EXPECT_EQ(error.code, ErrorCode::unreachable);
  EXPECT_EQ(error.message,
            fmt::format("beta: cannot connect to 127.0.0.1:{}: Connection refused", port));
}

TEST_F(Scripted, ANameThatDoesNotResolve) {
  Target to = target(22);
  to.endpoint.host = "no-such-host.invalid";
  options_.connect_timeout = seconds(5);
  client_ = make_client(options_);
  const auto session = client_->connect(to, soon(seconds(6)), {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::unreachable);
  EXPECT_THAT(session.error().message, HasSubstr("no-such-host.invalid"));
}

TEST_F(Scripted, AResetBeforeTheVersionIsTriedAgain) {
  ScriptedServer::Options options;
  options.close_first = 3;
  const ScriptedServer server(options);
  EXPECT_EQ(connect(server.port())->exec(command("say in"))->out, "in");
  EXPECT_EQ(server.connections(), 4);
}

TEST_F(Scripted, ButNotForEver) {
  ScriptedServer::Options options;
  options.close_first = 100;
  const ScriptedServer server(options);
  const Error error = connect_error(server.port());
  EXPECT_EQ(error.code, ErrorCode::unreachable);
  EXPECT_THAT(error.message, HasSubstr("closed the connection before it sent its version"));
  EXPECT_THAT(error.hint, HasSubstr("MaxStartups"));
  EXPECT_EQ(server.connections(), 4);
}

TEST_F(Scripted, NoMoreHandshakesAtOnceThanAllowed) {
  ScriptedServer::Options options;
  options.think = milliseconds(100);
  const ScriptedServer server(options);
  options_.handshakes_per_server = 3;
  client_ = make_client(options_);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back(
        [&] { good += client_->connect(target(server.port()), soon(), {}) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 12);
  EXPECT_GT(server.most_unauthenticated(), 1);
  // The server notices the end of a login a moment after the client does.
  EXPECT_LE(server.most_unauthenticated(), 4);
}

TEST_F(Scripted, APasswordIsAskedForOnceForAll) {
  for (const bool interactive : {false, true}) {
    ScriptedServer::Options options;
    options.password = "hunter2";
    options.interactive = interactive;
    options.keys = false;
    const ScriptedServer one(options);
    const ScriptedServer two(options);
    options_.password = PasswordAuth::on;
    int asked = 0;
    options_.prompts.secret = [&](const std::string&) -> std::optional<Secret> {
      ++asked;
      return Secret("hunter2");
    };
    client_.reset();
    EXPECT_EQ(connect(one.port())->exec(command("say one"))->out, "one");
    EXPECT_EQ(connect(two.port())->exec(command("say two"))->out, "two");
    EXPECT_EQ(asked, 1) << interactive;
  }
}

TEST_F(Scripted, AWrongPasswordIsGivenOnce) {
  ScriptedServer::Options options;
  options.password = "hunter2";
  options.keys = false;
  const ScriptedServer server(options);
  options_.password = PasswordAuth::on;
  options_.prompts.secret = [](const std::string&) { return std::optional(Secret("wrong")); };
  const Error error = connect_error(server.port());
  EXPECT_EQ(error.code, ErrorCode::unauthorized);
  EXPECT_THAT(error.message, HasSubstr("was refused; offered: "));
  EXPECT_THAT(error.message, ::testing::Not(HasSubstr("wrong")));
  EXPECT_EQ(server.password_tries(), 1);
}

TEST_F(Scripted, WithoutLeaveNoPasswordIsAskedFor) {
  ScriptedServer::Options options;
  options.password = "hunter2";
  options.keys = false;
  const ScriptedServer server(options);
  options_.prompts.secret = [](const std::string&) -> std::optional<Secret> {
    ADD_FAILURE() << "asked";
    return std::nullopt;
  };
  EXPECT_THAT(connect_error(server.port()).hint, HasSubstr("--ask-pass"));
  EXPECT_EQ(server.password_tries(), 0);
}

TEST_F(Scripted, ARefusedChannelAndARefusedCommand) {
  ScriptedServer::Options options;
  options.sessions = false;
  const ScriptedServer closed(options);
  const auto refused = connect(closed.port())->exec(command("say x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::remote);
  EXPECT_THAT(refused.error().message, StartsWith("beta: the server refused to run a command ("));

  const ScriptedServer open;
  const auto session = connect(open.port());
  const auto result = session->exec(command("refuse"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::remote);
  EXPECT_EQ(session->exec(command("say on"))->out, "on");
}

TEST_F(Scripted, AConnectionCutInACommand) {
  const ScriptedServer server;
  const auto session = connect(server.port());
  std::string seen;
  ExecRequest request = command("cut");
  request.on_output = [&](Stream, std::string_view text) { seen += text; };
  const auto result = session->exec(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unreachable);
  EXPECT_THAT(
      result.error().message,
      StartsWith(fmt::format("beta: the connection to 127.0.0.1:{} was lost", server.port())));
  EXPECT_EQ(seen, "partial");
  // It stays so, and says so at once.
  const auto again = session->exec(command("say x"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::unreachable);
}

TEST_F(Scripted, ACommandThatCannotBeEndedIsLeftInTime) {
  // The scripted server knows no `kill`, and its commands hear no signals.
  const ScriptedServer server;
  const auto session = connect(server.port());
  CancelSource source;
  ExecRequest request = command("hang");
  request.cancel = source.get_token();
  request.on_output = [&](Stream, std::string_view) { source.request_stop(); };
  const auto began = std::chrono::steady_clock::now();
  const auto result = session->exec(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
  EXPECT_THAT(result.error().message, HasSubstr("it may still be running there"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(9));
}

TEST_F(Scripted, ALinkThatIsCutAnywhereIsAnErrorInTime) {
  const ScriptedServer server;
  for (const auto harm : {Relay::Harm::close, Relay::Harm::reset}) {
    for (const long after : {1L, 30L, 700L, 1500L, 2200L, 20000L}) {
      Relay relay(server.port());
      relay.harm(harm, after);
      client_.reset();
      write_file(dir_ / "known_hosts", "");
      const auto session = try_connect(relay.port());
      if (!session) {
        EXPECT_EQ(session.error().code, ErrorCode::unreachable) << session.error().message;
        continue;
      }
      const auto result = (*session)->exec(command("big 1000000"));
      ASSERT_FALSE(result) << after;
      EXPECT_EQ(result.error().code, ErrorCode::unreachable) << result.error().message;
    }
  }
}

TEST_F(Scripted, ALinkThatStallsInTheHandshake) {
  const ScriptedServer server;
  options_.connect_timeout = seconds(1);
  for (const long after : {0L, 30L, 700L, 1500L}) {
    Relay relay(server.port());
    relay.harm(Relay::Harm::stall, after);
    client_.reset();
    write_file(dir_ / "known_hosts", "");
    const auto began = std::chrono::steady_clock::now();
    const Error error = connect_error(relay.port());
    EXPECT_EQ(error.code, ErrorCode::unreachable);
    EXPECT_THAT(error.message, HasSubstr("within 1 s")) << after;
    EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(4));
  }
}

// libssh closes the descriptor it is given in some cases and not in others.
TEST_F(Scripted, NoDescriptorIsLeftOpen) {
  const auto open_now = [] {
    std::set<int> open;
    for (int fd = 0; fd < 1024; ++fd) {
      if (::fcntl(fd, F_GETFD) >= 0) open.insert(fd);
    }
    return open;
  };
  const auto before = open_now();
  {
    const ScriptedServer server;
    const RawServer closing("rubbish\n", RawServer::Then::close);
    const RawServer silent("", RawServer::Then::stay);
    options_.connect_timeout = milliseconds(300);
    EXPECT_EQ(connect(server.port())->exec(command("say x"))->out, "x");
    EXPECT_FALSE(connect(server.port())->exec(command("cut")));
    connect_error(closing.port());
    connect_error(silent.port());
    connect_error(free_port());
    client_.reset();
  }
  EXPECT_EQ(open_now(), before);
}

TEST_F(Scripted, KeepalivesNoticeADeadLink) {
  const ScriptedServer server;
  Relay relay(server.port());
  options_.keepalive = seconds(1);
  const auto session = connect(relay.port());
  ExecRequest request = command("hang");
  bool first = true;
  request.on_output = [&](Stream, std::string_view) {
    if (first) relay.harm(Relay::Harm::stall, 0);
    first = false;
  };
  const auto began = std::chrono::steady_clock::now();
  const auto result = session->exec(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unreachable);
  EXPECT_THAT(result.error().message, HasSubstr("is dead: nothing was heard for 4 s"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

TEST_F(Scripted, CancellingAConnectIsPrompt) {
  RawServer server("", RawServer::Then::stay);
  client_ = make_client(options_);
  CancelSource source;
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(200));
    source.request_stop();
  });
  const auto began = std::chrono::steady_clock::now();
  const auto session = client_->connect(target(server.port()), soon(), source.get_token());
  later.join();
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(2));
}

TEST_F(Scripted, TheCallersDeadlineIsKept) {
  RawServer server("", RawServer::Then::stay);
  client_ = make_client(options_);
  const auto session = client_->connect(target(server.port()), soon(milliseconds(500)), {});
  ASSERT_FALSE(session);
  EXPECT_THAT(session.error().message, HasSubstr("within 0.5 s"));
}

}  // namespace
}  // namespace bringup::ssh::testing
