// lab-delay NETNS TAP_A TAP_B ONE_WAY_MS
//
// A long cable for kernels without netem: two TAP interfaces in the network namespace NETNS; each
// frame that enters one leaves by the other ONE_WAY_MS later, in order. Prints `ready` when both
// exist, and runs until it is killed or its namespace's owner is (six hours at most).
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLife = std::chrono::hours(6);
constexpr std::size_t kQueue = 20000;  // frames; more are dropped, as a router would

struct Frame {
  Clock::time_point due;
  std::vector<char> bytes;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "lab-delay: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

int open_tap(const std::string& name) {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) die("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(fd, TUNSETIFF, &request) != 0) die(name);
  return fd;
}

void flush_due(std::deque<Frame>& queue, int fd, Clock::time_point now) {
  while (!queue.empty() && queue.front().due <= now) {
    const std::vector<char>& bytes = queue.front().bytes;
    // A full TAP drops the frame, like any interface.
    if (::write(fd, bytes.data(), bytes.size()) < 0 && errno == EBADFD) std::exit(0);
    queue.pop_front();
  }
}

void fill(std::deque<Frame>& queue, int fd, Clock::duration delay) {
  std::array<char, 65536> buffer;
  for (int k = 0; k < 256; ++k) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n <= 0) return;
    if (queue.size() >= kQueue) continue;
    queue.push_back({Clock::now() + delay, {buffer.data(), buffer.data() + n}});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: lab-delay NETNS TAP_A TAP_B ONE_WAY_MS\n", stderr);
    return 2;
  }
  const int ns = ::open((std::string("/run/netns/") + argv[1]).c_str(), O_RDONLY | O_CLOEXEC);
  if (ns < 0 || ::setns(ns, CLONE_NEWNET) != 0) die(argv[1]);
  const std::array<int, 2> taps{open_tap(argv[2]), open_tap(argv[3])};
  const auto delay = std::chrono::microseconds(static_cast<long>(std::atof(argv[4]) * 1000));
  // Real-time, so that the delay stays honest while the nodes' sshds fight for the processors.
  sched_param priority{};
  priority.sched_priority = 10;
  if (::sched_setscheduler(0, SCHED_FIFO, &priority) != 0) std::perror("lab-delay: SCHED_FIFO");
  std::puts("ready");
  std::fflush(stdout);
  std::array<std::deque<Frame>, 2> queues;
  const auto end = Clock::now() + kLife;
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    auto next = now + std::chrono::milliseconds(200);
    for (std::size_t d = 0; d < 2; ++d) {
      flush_due(queues[d], taps[1 - d], now);
      if (!queues[d].empty()) next = std::min(next, queues[d].front().due);
    }
    const auto wait =
        std::max<std::chrono::nanoseconds>(next - Clock::now(), std::chrono::nanoseconds(0));
    const timespec timeout{wait.count() / 1000000000, wait.count() % 1000000000};
    std::array<pollfd, 2> polled{{{taps[0], POLLIN, 0}, {taps[1], POLLIN, 0}}};
    if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) < 0 && errno != EINTR) return 1;
    for (std::size_t d = 0; d < 2; ++d) {
      if ((polled[d].revents & POLLIN) != 0) fill(queues[d], taps[d], delay);
    }
  }
  return 0;
}
