// Several commands at once on one connection, input that comes while a command runs, and
// connections that the node makes for us.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <thread>

#include "transport/real_sshd.hpp"

namespace bringup::ssh::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
  void say(std::string_view text) const {
    ASSERT_EQ(::write(write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  Fd read, write;
};

// Output as it comes, waited for from another thread.
class Heard {
 public:
  auto sink() {
    return [this](Stream stream, std::string_view text) {
      if (stream != Stream::out) return;
      const std::lock_guard lock(mutex_);
      text_ += text;
      changed_.notify_all();
    };
  }
  bool has(const std::string& wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return text_.find(wanted) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

TEST_F(RealSshd, InputComesWhileTheCommandRuns) {
  const auto session = connect();
  Pipe pipe;
  Heard heard;
  ExecRequest request = command("while read -r line; do echo \"<$line>\"; done; echo end");
  request.input = "first\n";
  request.live_input = pipe.read.get();
  request.on_output = heard.sink();
  Expected<ExecResult> result;
  std::thread worker([&] { result = session->exec(request); });
  EXPECT_TRUE(heard.has("<first>"));
  pipe.say("second\n");
  EXPECT_TRUE(heard.has("<second>"));
  pipe.say("third\n");
  EXPECT_TRUE(heard.has("<third>"));
  pipe.write.reset();
  worker.join();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out, "<first>\n<second>\n<third>\nend\n");
  EXPECT_EQ(result->exit_status, 0);
}

TEST_F(RealSshd, MuchInputThroughADescriptorArrivesWhole) {
  const auto session = connect();
  Pipe pipe;
  const std::string block(100000, 'x');
  std::thread writer([&] {
    for (int i = 0; i < 40; ++i) {
      std::size_t at = 0;
      while (at < block.size()) {
        const ssize_t sent = ::write(pipe.write.get(), block.data() + at, block.size() - at);
        if (sent <= 0) break;
        at += static_cast<std::size_t>(sent);
      }
    }
    pipe.write.reset();
  });
  ExecRequest request = command("wc -c");
  request.live_input = pipe.read.get();
  const auto result = session->exec(request);
  writer.join();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(std::stol(result->out), 4000000);
}

TEST_F(RealSshd, ACommandThatEndsEarlyLeavesItsInputAlone) {
  const auto session = connect();
  Pipe pipe;
  ExecRequest request = command("read -r line; echo \"$line\"");
  request.input = "one\n";
  request.live_input = pipe.read.get();
  const auto result = session->exec(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->out, "one\n");
}

TEST_F(RealSshd, ADeadlineEndsACommandThatWaitsForInput) {
  const auto session = connect();
  Pipe pipe;
  ExecRequest request = command("cat");
  request.live_input = pipe.read.get();
  request.deadline = Deadline::after(milliseconds(400));
  const auto result = session->exec(request);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("did not finish within 0.4 s; it was ended"));
}

TEST_F(RealSshd, CommandsOfSeveralThreadsRunSideBySide) {
  const auto session = connect();
  // Each writes what the next waits for: one after the other they would never end.
  const std::string room = dir_ / "room";
  must_run({"mkdir", room});
  constexpr int kThreads = 6;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto result = session->exec(command(fmt::format(
          "touch {0}/{1}; i=0; until [ -e {0}/{2} ] || [ $i -gt 100 ]; do sleep 0.1; i=$((i+1)); "
          "done; [ -e {0}/{2} ] && echo {1}",
          room, i, (i + 1) % kThreads)));
      if (result && result->out == fmt::format("{}\n", i)) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads);
  EXPECT_EQ(server_->accepted(), 1);
}

TEST_F(RealSshd, ALateCommandDoesNotWaitForAnEarlierOne) {
  const auto session = connect();
  Pipe pipe;
  Heard heard;
  ExecRequest request = command("echo up; cat >/dev/null");
  request.live_input = pipe.read.get();
  request.on_output = heard.sink();
  std::thread worker([&] { EXPECT_TRUE(session->exec(request)); });
  ASSERT_TRUE(heard.has("up"));
  for (int i = 0; i < 5; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const auto result = session->exec(command("echo done"));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->out, "done\n");
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  }
  pipe.write.reset();
  worker.join();
}

class Reach : public RealSshd {
 protected:
  // A listener that takes callers, on loopback.
  Reach() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 4) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("listen");
    }
    port_ = ntohs(address.sin_port);
  }
  Fd listener_;
  std::uint16_t port_ = 0;
};

TEST_F(Reach, ANodeConnectsAndLetsGo) {
  const auto session = connect();
  const auto reached = session->reach("127.0.0.1", port_, soon(), {});
  ASSERT_TRUE(reached) << reached.error().message;
  const Fd taken(::accept(listener_.get(), nullptr, nullptr));
  char byte = 0;
  EXPECT_EQ(::read(taken.get(), &byte, 1), 0);  // nothing is said to a service
  EXPECT_TRUE(session->exec(command("true")));
}

TEST_F(Reach, ARefusedConnectionSaysSo) {
  const auto session = connect();
  listener_.reset();
  const auto reached = session->reach("127.0.0.1", port_, soon(), {});
  ASSERT_FALSE(reached);
  EXPECT_EQ(reached.error().code, ErrorCode::unreachable);
  EXPECT_THAT(reached.error().message, HasSubstr("Connection refused"));
  EXPECT_TRUE(session->exec(command("true")));
}

TEST_F(Reach, AServerThatForwardsNothingIsAnotherCase) {
  Sshd::Options strict;
  strict.extra = "AllowTcpForwarding no\n";
  server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "id.pub"}, strict);
  write_file(dir_ / "known_hosts", server_->known_hosts_line());
  const auto session = connect();
  const auto reached = session->reach("127.0.0.1", port_, soon(), {});
  ASSERT_FALSE(reached);
  EXPECT_EQ(reached.error().code, ErrorCode::remote);
  EXPECT_THAT(reached.error().message, HasSubstr("forwarding is prohibited"));
}

}  // namespace
}  // namespace bringup::ssh::testing
