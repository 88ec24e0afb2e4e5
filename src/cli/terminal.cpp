#include "bringup/cli/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "bringup/util/fd.hpp"

namespace bringup::cli {
namespace {

// A signal handler can reach nothing but objects of static lifetime.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
volatile sig_atomic_t signal_pipe = -1;
std::atomic<bool> signalled{false};
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free);  // else a handler may not touch it

extern "C" void on_signal(int) {
  const int saved = errno;
  signalled = true;
  const char byte = 1;
  if (signal_pipe >= 0) {
    [[maybe_unused]] const ssize_t n = ::write(static_cast<int>(signal_pipe), &byte, 1);
  }
  errno = saved;
}

// A line typed at the terminal, without its end. nullopt: end of input, or a signal.
// A read that waits would miss a signal that comes just before it, or that another thread takes;
// and a Mac's poll() knows no terminals. So it looks, and looks for signals, every few
// milliseconds.
std::optional<std::string> read_line(int tty) {
  constexpr std::chrono::milliseconds kBetween(20);
  constexpr std::size_t kMost = 4096;
  std::string line;
  while (!signalled && line.size() < kMost) {
    char c = 0;
    const ssize_t got = ::read(tty, &c, 1);
    if (got == 1) {
      if (c == '\n') return line;
      line.push_back(c);
    } else if (got < 0 && errno == EAGAIN) {
      std::this_thread::sleep_for(kBetween);
    } else if (got == 0 || errno != EINTR) {
      return std::nullopt;
    }
  }
  if (signalled) return std::nullopt;
  return line;
}

std::optional<std::string> ask(const std::string& question, bool echo) {
  Fd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!tty) return std::nullopt;
  termios before{};
  if (!echo) {
    if (::tcgetattr(tty.get(), &before) != 0) return std::nullopt;
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(tty.get(), TCSAFLUSH, &quiet);
  }
  [[maybe_unused]] ssize_t n = ::write(tty.get(), question.data(), question.size());
  ::fcntl(tty.get(), F_SETFL, O_NONBLOCK);  // not before: a full terminal would drop the question
  auto line = read_line(tty.get());
  if (!echo) {
    ::tcsetattr(tty.get(), TCSAFLUSH, &before);
    n = ::write(tty.get(), "\n", 1);
  }
  return line;
}

}  // namespace

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

std::size_t columns_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool can_ask() {
  const Fd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  return static_cast<bool>(tty);
}

std::optional<Secret> ask_secret(const std::string& question) {
  auto line = ask(question, false);
  if (!line) return std::nullopt;
  return Secret(std::move(*line));
}

std::optional<std::string> ask_line(const std::string& question) {
  return ask(question, true);
}

namespace {
constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
}

struct InterruptGuard::Impl {
  Fd read_end;
  Fd write_end;
  std::array<struct sigaction, kSignals.size()> before{};
  sigset_t blocked{};
  std::thread thread;
};

InterruptGuard::InterruptGuard(CancelSource& source) : impl_(std::make_unique<Impl>()) {
  int ends[2];
  if (::pipe(ends) != 0) return;
  impl_->read_end.reset(ends[0]);
  impl_->write_end.reset(ends[1]);
  for (const int fd : ends) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  signal_pipe = ends[1];
  signalled = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &impl_->before[i]);
    // nohup's program outlives its terminal. SIGINT is another matter: shells switch it off in all
    // that they put into the background, scripts' questions too.
    if (kSignals[i] == SIGHUP && impl_->before[i].sa_handler == SIG_IGN) continue;
    ::sigaction(kSignals[i], &action, nullptr);
  }
  // Whoever started this may have blocked them: that is inherited.
  sigset_t ours;
  sigemptyset(&ours);
  for (const int one : kSignals) sigaddset(&ours, one);
  ::pthread_sigmask(SIG_UNBLOCK, &ours, &impl_->blocked);
  impl_->thread = std::thread([fd = ends[0], &source] {
    int seen = 0;
    for (;;) {
      char byte = 0;
      const ssize_t got = ::read(fd, &byte, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || byte == 0) return;  // 0: the guard goes
      if (++seen == 1) {
        source.request_stop();
      } else {
        ::_exit(130);
      }
    }
  });
}

InterruptGuard::~InterruptGuard() {
  if (!impl_->thread.joinable()) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    ::sigaction(kSignals[i], &impl_->before[i], nullptr);
  ::pthread_sigmask(SIG_SETMASK, &impl_->blocked, nullptr);
  const char byte = 0;
  [[maybe_unused]] const ssize_t n = ::write(impl_->write_end.get(), &byte, 1);
  impl_->thread.join();
  signal_pipe = -1;
}

}  // namespace bringup::cli
