// Chains of hops over real sshd processes, and what ~/.ssh/config says of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "bringup/ssh/process.hpp"
#include "transport/scripted_server.hpp"
#include "transport/sshd.hpp"

namespace bringup::ssh::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Jump : public ::testing::Test {
 protected:
  Jump() {
    make_key(dir_ / "id");
    options_.config_file = "none";
    options_.agent_socket = "none";
    options_.known_hosts_files = {dir_ / "known_hosts"};
    options_.host_keys = HostKeyMode::accept_new;
  }
  std::unique_ptr<Sshd> start(const std::string& extra = "") {
    Sshd::Options options;
    options.extra = extra + "MaxSessions 10\n";  // sshd takes the first
    return std::make_unique<Sshd>(std::vector<std::string>{dir_ / "id.pub"}, options);
  }
  Endpoint endpoint(const std::string& name, std::uint16_t port) const {
    Endpoint to;
    to.name = name;
    to.host = "127.0.0.1";
    to.port = port;
    to.user = current_user();
    to.identity_files = {dir_ / "id"};
    return to;
  }
  Expected<std::unique_ptr<Session>> connect(const Target& to) {
    if (!client_) client_ = make_client(options_);
    return client_->connect(to, soon(), {});
  }
  static std::string out_of(const Expected<std::unique_ptr<Session>>& session,
                            const std::string& line) {
    if (!session) return session.error().message;
    const auto result = (*session)->exec(command(line));
    return result ? result->out : result.error().message;
  }

  TempDir dir_;
  ClientOptions options_;
  std::unique_ptr<Transport> client_;
};

TEST_F(Jump, ThroughOne) {
  const auto door = start();
  const auto inner = start();
  const auto session =
      connect({endpoint("inner", inner->port()), {endpoint("door", door->port())}});
  EXPECT_EQ(out_of(session, "echo in"), "in\n");
  EXPECT_EQ(door->accepted(), 1);
  EXPECT_EQ(inner->accepted(), 1);
  ExecRequest request = command("cat");
  request.input.assign(5 << 20, 'z');
  const auto result = (*session)->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->out == request.input);
}

TEST_F(Jump, ThroughTwo) {
  const auto door = start();
  const auto hall = start();
  const auto inner = start();
  const auto session = connect({endpoint("inner", inner->port()),
                                {endpoint("door", door->port()), endpoint("hall", hall->port())}});
  EXPECT_EQ(out_of(session, "echo in"), "in\n");
  EXPECT_EQ(door->accepted(), 1);
  EXPECT_EQ(hall->accepted(), 1);
  EXPECT_EQ(inner->accepted(), 1);
}

TEST_F(Jump, ManyTargetsShareTheirHops) {
  const auto door = start();
  const auto hall = start();
  const auto inner = start();
  client_ = make_client(options_);
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&, i] {
      auto session =
          client_->connect({endpoint(fmt::format("n{}", i), inner->port()),
                            {endpoint("door", door->port()), endpoint("hall", hall->port())}},
                           soon(), {});
      ASSERT_TRUE(session) << session.error().message;
      EXPECT_EQ(out_of(session, fmt::format("echo {}", i)), fmt::format("{}\n", i));
      const std::lock_guard lock(mutex);
      sessions.push_back(*std::move(session));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sessions.size(), 12U);
  EXPECT_EQ(door->accepted(), 1);
  EXPECT_EQ(hall->accepted(), 1);
  EXPECT_EQ(inner->accepted(), 12);
}

TEST_F(Jump, ANodeThatIsAnothersHopIsConnectedOnce) {
  const auto door = start();
  const auto inner = start();
  const Target first{endpoint("door", door->port()), {}};
  const Target second{endpoint("inner", inner->port()), {endpoint("door", door->port())}};
  for (const bool hop_first : {true, false}) {
    client_ = make_client(options_);
    const int before = door->accepted();
    const auto one = connect(hop_first ? second : first);
    const auto two = connect(hop_first ? first : second);
    EXPECT_EQ(out_of(one, "echo one"), "one\n");
    EXPECT_EQ(out_of(two, "echo two"), "two\n");
    EXPECT_EQ(door->accepted(), before + 1) << hop_first;
    // Both at once, and with more commands than one connection may run at a time.
    std::vector<std::thread> threads;
    std::atomic<int> good{0};
    for (int i = 0; i < 12; ++i) {
      threads.emplace_back([&, i] {
        const auto extra = client_->connect(first, soon(), {});
        ASSERT_TRUE(extra) << extra.error().message;
        const auto said = out_of(extra, fmt::format("sleep 0.1; echo {}", i));
        EXPECT_EQ(said, fmt::format("{}\n", i));
        good += said == fmt::format("{}\n", i) ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, 12);
    EXPECT_EQ(door->accepted(), before + 1) << hop_first;
  }
}

TEST_F(Jump, AServerOfFewSessionsIsAskedAgain) {
  const auto door = start("MaxSessions 3\n");
  const auto inner = start();
  const Target to{endpoint("door", door->port()), {}};
  const auto through =
      connect({endpoint("inner", inner->port()), {endpoint("door", door->port())}});
  EXPECT_EQ(out_of(through, "echo in"), "in\n");
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto session = client_->connect(to, soon(), {});
      EXPECT_EQ(out_of(session, fmt::format("sleep 0.1; echo {}", i)), fmt::format("{}\n", i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(door->accepted(), 1);
}

TEST_F(Jump, AConnectionInUseBecomesAHop) {
  const auto door = start();
  const auto inner = start();
  const auto first = connect({endpoint("door", door->port()), {}});
  ASSERT_TRUE(first) << first.error().message;
  std::thread busy([&] { EXPECT_EQ(out_of(first, "sleep 1; echo done"), "done\n"); });
  std::this_thread::sleep_for(milliseconds(300));
  const auto began = std::chrono::steady_clock::now();
  const auto second = connect({endpoint("inner", inner->port()), {endpoint("door", door->port())}});
  EXPECT_EQ(out_of(second, "echo in"), "in\n");
  busy.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(8));
  EXPECT_EQ(door->accepted(), 1);
}

TEST_F(Jump, CancellingOnASharedConnectionEndsOnlyThatCommand) {
  const auto door = start();
  const auto inner = start();
  const Target first{endpoint("door", door->port()), {}};
  const auto through =
      connect({endpoint("inner", inner->port()), {endpoint("door", door->port())}});
  const auto direct = connect(first);
  ASSERT_TRUE(direct) << direct.error().message;
  CancelSource source;
  ExecRequest request = command("echo $$; exec sleep 1000");
  request.cancel = source.get_token();
  std::string out;
  request.on_output = [&](Stream, std::string_view text) {
    out += text;
    source.request_stop();
  };
  const auto result = (*direct)->exec(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::cancelled);
  EXPECT_FALSE(process_lives(std::stol(out)));
  EXPECT_EQ(out_of(through, "echo fine"), "fine\n");
}

TEST_F(Jump, ANewConnectionOnRequest) {
  const auto door = start();
  const auto inner = start();
  Target to{endpoint("door", door->port()), {}};
  const auto through =
      connect({endpoint("inner", inner->port()), {endpoint("door", door->port())}});
  to.reuse = Reuse::never;
  EXPECT_EQ(out_of(connect(to), "echo new"), "new\n");
  EXPECT_EQ(door->accepted(), 2);
}

TEST_F(Jump, TwoSessionsToOneNodeAreTwoConnections) {
  const auto node = start();
  const Target to{endpoint("node", node->port()), {}};
  const auto one = connect(to);
  const auto two = connect(to);
  EXPECT_EQ(out_of(one, "echo 1"), "1\n");
  EXPECT_EQ(out_of(two, "echo 2"), "2\n");
  EXPECT_EQ(node->accepted(), 2);
}

TEST_F(Jump, AHopThatIsDownIsNamed) {
  const std::uint16_t port = free_port();
  client_ = make_client(options_);
  for (int i = 0; i < 3; ++i) {
    const auto session = connect({endpoint("inner", 1), {endpoint("door", port)}});
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::unreachable);
    EXPECT_EQ(session.error().message,
              fmt::format("inner: through door: cannot connect to 127.0.0.1:{}: Connection refused",
                          port));
  }
}

TEST_F(Jump, AHopThatSaysNothingCostsItsTargetsOneTimeout) {
  RawServer silent("", RawServer::Then::stay);
  options_.connect_timeout = seconds(1);
  client_ = make_client(options_);
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      const auto session = client_->connect(
          {endpoint(fmt::format("n{}", i), 22), {endpoint("door", silent.port())}}, soon(), {});
      ASSERT_FALSE(session);
      EXPECT_THAT(session.error().message,
                  StartsWith(fmt::format("n{}: through door: connected to 127.0.0.1:", i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Nor is it asked again by those who come a moment later.
  EXPECT_FALSE(connect({endpoint("late", 22), {endpoint("door", silent.port())}}));
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(3));
  EXPECT_EQ(silent.connections(), 1);
}

TEST_F(Jump, WhatTheHopCannotReach) {
  const auto door = start();
  const std::uint16_t port = free_port();
  const auto refused = connect({endpoint("inner", port), {endpoint("door", door->port())}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unreachable);
  EXPECT_EQ(refused.error().message,
            fmt::format("inner: through door: cannot reach 127.0.0.1:{} from there: Connection "
                        "refused",
                        port));

  const auto strict = start("AllowTcpForwarding no\n");
  const auto prohibited = connect({endpoint("inner", port), {endpoint("lock", strict->port())}});
  ASSERT_FALSE(prohibited);
  EXPECT_THAT(prohibited.error().message, HasSubstr("inner: through lock: cannot reach"));
  EXPECT_THAT(prohibited.error().message, HasSubstr("forwarding is prohibited there"));
  EXPECT_THAT(prohibited.error().hint, HasSubstr("AllowTcpForwarding"));
}

TEST_F(Jump, ASilentTargetBehindAHop) {
  const auto door = start();
  RawServer silent("", RawServer::Then::stay);
  options_.connect_timeout = seconds(1);
  const auto session =
      connect({endpoint("inner", silent.port()), {endpoint("door", door->port())}});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().message,
            fmt::format("inner: connected to 127.0.0.1:{}, but the server sent nothing within 1 s",
                        silent.port()));
}

TEST_F(Jump, TheLossOfAHopEndsWhatRanThroughIt) {
  const auto door = start();
  const auto inner = start();
  Relay relay(door->port());
  const auto session =
      connect({endpoint("inner", inner->port()), {endpoint("door", relay.port())}});
  ASSERT_TRUE(session) << session.error().message;
  ExecRequest request = command("echo up; exec sleep 30");
  request.on_output = [&](Stream, std::string_view) { relay.harm(Relay::Harm::close, 0); };
  request.deadline = soon(seconds(10));
  std::thread traffic;
  const auto began = std::chrono::steady_clock::now();
  // The relay cuts with the next byte that comes through: a keepalive's answer at the latest.
  client_.reset();
  options_.keepalive = seconds(1);
  client_ = make_client(options_);
  const auto other = connect({endpoint("inner", inner->port()), {endpoint("door", relay.port())}});
  ASSERT_TRUE(other) << other.error().message;
  const auto result = (*other)->exec(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unreachable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(9));
  // A new session goes through a new hop.
  relay.harm(Relay::Harm::none, 0);
  const auto again = connect({endpoint("inner", inner->port()), {endpoint("door", relay.port())}});
  EXPECT_EQ(out_of(again, "echo back"), "back\n");
}

TEST_F(Jump, TheConfigurationLeadsThere) {
  const auto door = start();
  const auto inner = start();
  const std::string config = fmt::format(
      "Host inner-*\n  HostName 127.0.0.1\n  Port {}\n  ProxyJump door\n  HostKeyAlias pool\n"
      "Host door\n  HostName 127.0.0.1\n  Port {}\n"
      "Host *\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n",
      inner->port(), door->port(), current_user(), dir_ / "id", dir_ / "mine");
  write_file(dir_ / "config", config);
  options_.config_file = dir_ / "config";
  options_.known_hosts_files.clear();
  std::string said;
  options_.debug = [&](const std::string& line) { said += line + "\n"; };
  Target to;
  to.endpoint.name = "inner-1";
  EXPECT_EQ(out_of(connect(to), "echo in"), "in\n");
  EXPECT_EQ(door->accepted(), 1);
  EXPECT_THAT(said, HasSubstr("SSH configuration of inner-1 read by ssh -G\n"));
  EXPECT_THAT(read_file(dir_ / "mine"), HasSubstr("pool ssh-ed25519 "));
  EXPECT_THAT(read_file(dir_ / "mine"), HasSubstr(fmt::format("[127.0.0.1]:{} ", door->port())));

  // The inventory wins: no hop for a port that is given, but the configured one otherwise.
  to.endpoint.port = free_port();
  const auto wrong = connect(to);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr(fmt::format(":{} from there", *to.endpoint.port)));
}

TEST_F(Jump, AProxyCommandIsNotPassedOverInSilence) {
  write_file(dir_ / "config", "Host odd\n  ProxyCommand nc %h %p\n");
  options_.config_file = dir_ / "config";
  Target to;
  to.endpoint.name = "odd";
  const auto session = connect(to);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::usage);
  EXPECT_THAT(session.error().message, HasSubstr("ProxyCommand"));
}

TEST_F(Jump, ACircleOfJumpsIsAnError) {
  write_file(dir_ / "config", "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n");
  options_.config_file = dir_ / "config";
  Target to;
  to.endpoint.name = "a";
  const auto session = connect(to);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::usage);
}

}  // namespace
}  // namespace bringup::ssh::testing
