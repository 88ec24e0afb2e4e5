// Questions on a terminal, and signals while they wait for an answer.
#include "bringup/cli/terminal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include "bringup/util/cancel.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::cli {
namespace {

constexpr int kAnswered = 10;
constexpr int kUnanswered = 11;

int ask_once() {
  const auto line = ask_line("Sure? ");
  if (!line) return kUnanswered;
  return *line == "y" ? kAnswered : 1;
}

// Runs `body` in a process of its own with a terminal of its own, types `reply` when it asks, and
// gives its exit status; -1: it did not end by itself within ten seconds.
int on_terminal(const std::function<int()>& body, std::string_view reply) {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY));
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) return -1;
  const std::string name = ::ptsname(master.get());
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    ::setsid();
    const int tty = ::open(name.c_str(), O_RDWR);
    ::ioctl(tty, TIOCSCTTY, 0);
    ::_exit(body());
  }
  std::string seen;
  pollfd ready{master.get(), POLLIN, 0};
  while (::poll(&ready, 1, 12'000) == 1) {
    char bytes[256];
    const ssize_t got = ::read(master.get(), bytes, sizeof bytes);
    if (got <= 0) break;
    const bool asked = seen.find("Sure? ") != std::string::npos;
    seen.append(bytes, static_cast<std::size_t>(got));
    if (asked || seen.find("Sure? ") == std::string::npos) continue;
    EXPECT_EQ(::write(master.get(), reply.data(), reply.size()),
              static_cast<ssize_t>(reply.size()));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Terminal, ALineIsTheAnswer) {
  const auto body = [] {
    CancelSource source;
    const InterruptGuard guard(source);
    return ask_once();
  };
  EXPECT_EQ(on_terminal(body, "y\n"), kAnswered);
}

TEST(Terminal, ControlCIsNoAnswerAlsoWhereItWasSwitchedOff) {
  const auto body = [] {
    ::signal(SIGINT, SIG_IGN);  // as a shell does for what it puts into the background
    CancelSource source;
    const InterruptGuard guard(source);
    return ask_once();
  };
  EXPECT_EQ(on_terminal(body, "\x03"), kUnanswered);
}

TEST(Terminal, ControlCIsNoAnswerAlsoWhereItWasBlocked) {
  const auto body = [] {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
    CancelSource source;
    const InterruptGuard guard(source);
    return ask_once();
  };
  EXPECT_EQ(on_terminal(body, "\x03"), kUnanswered);
}

TEST(Terminal, ASignalJustBeforeTheQuestionIsNotLost) {
  const auto body = [] {
    CancelSource source;
    const InterruptGuard guard(source);
    ::raise(SIGINT);
    return ask_once();
  };
  EXPECT_EQ(on_terminal(body, ""), kUnanswered);
}

TEST(Terminal, ASignalThatAnotherThreadTakesEndsTheQuestion) {
  const auto body = [] {
    CancelSource source;
    const InterruptGuard guard(source);  // its thread takes what this one does not
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    return ask_once();
  };
  EXPECT_EQ(on_terminal(body, "\x03"), kUnanswered);
}

TEST(Terminal, TheEchoIsBackAfterASecretThatWasInterrupted) {
  const auto body = [] {
    CancelSource source;
    const InterruptGuard guard(source);
    const auto secret = ask_secret("Sure? ");
    termios now{};
    const Fd tty(::open("/dev/tty", O_RDWR));
    if (::tcgetattr(tty.get(), &now) != 0) return 1;
    return !secret && (now.c_lflag & ECHO) != 0 ? kUnanswered : 2;
  };
  EXPECT_EQ(on_terminal(body, "\x03"), kUnanswered);
}

TEST(Terminal, AHangUpThatWasIgnoredStaysIgnored) {
  const auto body = [] {
    ::signal(SIGHUP, SIG_IGN);  // nohup
    CancelSource source;
    const InterruptGuard guard(source);
    ::raise(SIGHUP);
    return ask_once();
  };
  EXPECT_EQ(on_terminal(body, "y\n"), kAnswered);
}

TEST(Terminal, WhoSitsAtNoTerminalIsNotAsked) {
  const auto body = [] {
    const Fd tty(::open("/dev/tty", O_RDWR));
    ::ioctl(tty.get(), TIOCNOTTY);
    return can_ask() ? 1 : ask_once();
  };
  // Leaving the terminal sends the session leader a hang-up.
  const auto deaf = [&] {
    ::signal(SIGHUP, SIG_IGN);
    return body();
  };
  EXPECT_EQ(on_terminal(deaf, ""), kUnanswered);
}

}  // namespace
}  // namespace bringup::cli
