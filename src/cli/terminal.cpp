#include "bringup/cli/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "bringup/util/fd.hpp"

namespace bringup::cli {
namespace {

// A signal handler can reach nothing but an object of static lifetime.
volatile sig_atomic_t signal_pipe =
    -1;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

extern "C" void on_signal(int) {
  const int saved = errno;
  const char byte = 1;
  if (signal_pipe >= 0) {
    [[maybe_unused]] const ssize_t n = ::write(static_cast<int>(signal_pipe), &byte, 1);
  }
  errno = saved;
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
  std::string line;
  char c = 0;
  bool ended = false;
  while (line.size() < 4096) {
    const ssize_t got = ::read(tty.get(), &c, 1);
    if (got < 0 && errno == EINTR) {
      ended = true;  // Ctrl-C while asked is a no
      break;
    }
    if (got <= 0) {
      ended = true;
      break;
    }
    if (c == '\n') break;
    line.push_back(c);
  }
  if (!echo) {
    ::tcsetattr(tty.get(), TCSAFLUSH, &before);
    n = ::write(tty.get(), "\n", 1);
  }
  if (ended) return std::nullopt;
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

struct InterruptGuard::Impl {
  Fd read_end;
  Fd write_end;
  struct sigaction before[3]{};
  std::thread thread;
};

namespace {
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
}

InterruptGuard::InterruptGuard(CancelSource& source) : impl_(std::make_unique<Impl>()) {
  int ends[2];
  if (::pipe(ends) != 0) return;
  impl_->read_end.reset(ends[0]);
  impl_->write_end.reset(ends[1]);
  for (const int fd : ends) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  signal_pipe = ends[1];
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < 3; ++i) ::sigaction(kSignals[i], &action, &impl_->before[i]);
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
  for (std::size_t i = 0; i < 3; ++i) ::sigaction(kSignals[i], &impl_->before[i], nullptr);
  const char byte = 0;
  [[maybe_unused]] const ssize_t n = ::write(impl_->write_end.get(), &byte, 1);
  impl_->thread.join();
  signal_pipe = -1;
}

}  // namespace bringup::cli
