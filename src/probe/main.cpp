// bringup-probe [discover] [SECONDS]: answers JSON lines on stdin until "quit", the end of the
// input, or for SECONDS (120) at most, whatever happens: of RDMA, or of discovery.
// Exit status: 0 done · 2 usage or an unreadable line · 3 the time was over.
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>
#include <stdexcept>

#include "bringup/probe/session.hpp"
#include "ibverbs.hpp"
#include "sockets.hpp"

namespace {

constexpr unsigned kDefaultSeconds = 120;
constexpr unsigned kMaxSeconds = 3600;

extern "C" void on_alarm(int) {
  static constexpr char kLine[] =
      "{\"re\":\"deadline\",\"ok\":false,\"layer\":\"probe\",\"verb\":\"\",\"errno\":0,"
      "\"text\":\"the probe's own time was over\"}\n";
  // A reader that is gone cannot hold us: stdout may block, so only when it has room.
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0) {
    const ssize_t written = ::write(STDOUT_FILENO, kLine, sizeof kLine - 1);
    static_cast<void>(written);
  }
  ::_exit(3);
}

class ProcessHost final : public bringup::probe::Host {
 public:
  std::optional<std::string> next_line() override {
    while (true) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      if (buffer_.size() > bringup::probe::kMaxLine) throw std::length_error("line too long");
      char piece[4096];
      const ssize_t got = ::read(STDIN_FILENO, piece, sizeof piece);
      if (got > 0) {
        buffer_.append(piece, static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        return std::nullopt;
      }
    }
  }

  bool input_waiting() override {
    if (buffer_.find('\n') != std::string::npos) return true;
    pollfd in{STDIN_FILENO, POLLIN, 0};
    return ::poll(&in, 1, 0) == 1;
  }

  void send(const std::string& line) override {
    const std::string text = line + "\n";
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t wrote = ::write(STDOUT_FILENO, text.data() + sent, text.size() - sent);
      if (wrote > 0)
        sent += static_cast<std::size_t>(wrote);
      else if (errno != EINTR)
        throw std::runtime_error("nobody reads");
    }
  }

  std::chrono::nanoseconds now() override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }

  void relax() override {
    const timespec nap{0, 50000};
    ::nanosleep(&nap, nullptr);
  }

  std::uint32_t random_bits() override { return device_(); }

 private:
  std::string buffer_;
  std::random_device device_;
};

// Unset when `text` is no whole number of 1 to kMaxSeconds.
std::optional<unsigned> seconds_of(const char* text) {
  unsigned seconds = 0;
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, seconds);
  if (error != std::errc{} || at != end || seconds < 1 || seconds > kMaxSeconds)
    return std::nullopt;
  return seconds;
}

}  // namespace

int main(int count, char** arguments) {
  const bool discovery = count > 1 && std::strcmp(arguments[1], "discover") == 0;
  const int at = discovery ? 2 : 1;
  const auto seconds = count > at ? seconds_of(arguments[at]) : std::optional(kDefaultSeconds);
  if (count > at + 1 || !seconds) {
    static constexpr char kUsage[] = "usage: bringup-probe [discover] [SECONDS]\n";
    const ssize_t written = ::write(STDERR_FILENO, kUsage, sizeof kUsage - 1);
    static_cast<void>(written);
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = on_alarm;
  ::sigaction(SIGALRM, &action, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::alarm(*seconds);
  try {
    ProcessHost host;
    if (discovery) {
      const auto net = bringup::probe::system_net();
      bringup::probe::discover(*net, host);
    } else {
      const auto verbs = bringup::probe::system_verbs();
      bringup::probe::serve(*verbs, host);
    }
  } catch (const std::exception&) {
    return 2;
  }
  return 0;
}
