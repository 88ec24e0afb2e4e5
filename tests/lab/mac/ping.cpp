// ping with the Mac's flags, texts and exit statuses, over an unprivileged ICMP socket.
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

using Time = std::chrono::steady_clock::time_point;
using Span = std::chrono::steady_clock::duration;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// sysctl net.inet.raw.maxdgram of a Mac as shipped: a longer request is "Message too long".
constexpr std::size_t kMaxDatagram = 8192;

struct Options {
  long count = -1;      // -c
  double interval = 1;  // -i, seconds
  int wait = 10000;     // -W, milliseconds after the last request
  double total = 0;     // -t, seconds, 0: no limit
  int size = 56;        // -s
  bool quiet = false;   // -q
  bool once = false;    // -o
  bool whole = false;   // -D: never fragmented
  int ttl = 0;          // -m; 0: the system's
  std::string source, iface, host;
};

volatile std::sig_atomic_t interrupted = 0;
void on_signal(int) {
  interrupted = 1;
}

int usage() {
  return fail(64, "usage: ping [-AaDdfnoQqRrv] [-c count] [-i wait] host");
}

// Returns an exit status, 0 with `o` filled.
int parse(const Arguments& argv, Options& o) {
  for (std::size_t k = 1; k < argv.size(); ++k) {
    const std::string& a = argv[k];
    if (!a.starts_with('-')) {
      o.host = a;
      continue;
    }
    if (a == "-q") {
      o.quiet = true;
    } else if (a == "-o") {
      o.once = true;
    } else if (a == "-D") {
      o.whole = true;
    } else if (a == "-n") {
      continue;
    } else if (a.size() >= 2 && std::strchr("ciWtSbsGm", a[1]) != nullptr) {
      if (a.size() == 2 && k + 1 >= argv.size()) return usage();
      const std::string value = a.size() > 2 ? a.substr(2) : argv[++k];
      switch (a[1]) {
        case 'c':
          o.count = std::atol(value.c_str());
          break;
        case 'i':
          o.interval = std::atof(value.c_str());
          break;
        case 'W':
          o.wait = std::atoi(value.c_str());
          break;
        case 't':
          o.total = std::atof(value.c_str());
          break;
        case 'S':
          o.source = value;
          break;
        case 'b':
          o.iface = value;
          break;
        case 'm':
          o.ttl = std::atoi(value.c_str());
          if (o.ttl < 1 || o.ttl > 255) return fail(64, "ping: invalid TTL: `" + value + "'");
          break;
        case 's':
          o.size = std::atoi(value.c_str());
          break;
        default:
          return usage();
      }
    } else {
      std::fprintf(stderr, "ping: illegal option -- %c\n", a.size() > 1 ? a[1] : '-');
      return usage();
    }
  }
  if (o.host.empty()) return usage();
  if (o.interval < 0.1 && ::geteuid() != 0) {
    return fail(1, "ping: -i interval too short: Operation not permitted");
  }
  return 0;
}

// One datagram or error of a socket, with what the kernel says beside it.
struct Datagram {
  std::array<char, 65536> packet{};
  alignas(cmsghdr) std::array<char, 512> control{};
  sockaddr_in from{};
  msghdr message{};

  ssize_t take(int fd, int flags) {
    iovec part{packet.data(), packet.size()};
    message = {};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    return ::recvmsg(fd, &message, flags | MSG_DONTWAIT);
  }

  const cmsghdr* control_of(int type) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == type) return c;
    }
    return nullptr;
  }
};

class Pinger {
 public:
  explicit Pinger(const Options& o) : options_(o) {}
  ~Pinger() {
    if (fd_ >= 0) ::close(fd_);
  }
  Pinger(const Pinger&) = delete;
  Pinger& operator=(const Pinger&) = delete;

  int run() {
    if (const int status = prepare(); status != 0) return status;
    const std::string target = to_text(to_.sin_addr);
    std::printf("PING %s (%s)%s: %d data bytes\n", options_.host.c_str(), target.c_str(),
                options_.source.empty() ? "" : (" from " + options_.source).c_str(), options_.size);
    loop();
    summary();
    return received_ > 0 ? 0 : 2;
  }

 private:
  int prepare() {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    addrinfo* found = nullptr;
    if (::getaddrinfo(options_.host.c_str(), nullptr, &hints, &found) != 0) {
      return fail(68, "ping: cannot resolve " + options_.host + ": Unknown host");
    }
    std::memcpy(&to_, found->ai_addr, sizeof to_);
    ::freeaddrinfo(found);
    fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd_ < 0) return fail(71, std::string("ping: socket: ") + std::strerror(errno));
    if (!options_.source.empty()) {
      sockaddr_in from{};
      from.sin_family = AF_INET;
      if (::inet_pton(AF_INET, options_.source.c_str(), &from.sin_addr) != 1) {
        return fail(68, "ping: cannot resolve " + options_.source + ": Unknown host");
      }
      if (::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) {
        return fail(71, "ping: bind: Can't assign requested address");
      }
    }
    const int how = options_.whole ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
    ::setsockopt(fd_, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof how);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    if (options_.ttl != 0) {
      ::setsockopt(fd_, IPPROTO_IP, IP_TTL, &options_.ttl, sizeof options_.ttl);
    }
    if (options_.ttl != 0 || options_.whole) {
      ::setsockopt(fd_, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    }
    if (!options_.iface.empty() &&
        ::setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, options_.iface.c_str(),
                     static_cast<socklen_t>(options_.iface.size() + 1)) != 0) {
      return fail(68, "ping: bad interface name");
    }
    return 0;
  }

  void send_one(Time now) {
    std::array<char, 65536> packet{};
    icmphdr head{};
    head.type = ICMP_ECHO;
    head.un.echo.sequence = htons(static_cast<std::uint16_t>(sent_));
    std::memcpy(packet.data(), &head, sizeof head);
    const std::size_t size = sizeof head + static_cast<std::size_t>(std::max(options_.size, 0));
    sent_at_[static_cast<std::size_t>(sent_) % sent_at_.size()] = now;
    answered_[static_cast<std::size_t>(sent_) % answered_.size()] = false;
    ++sent_;
    errno = EMSGSIZE;
    if (size > kMaxDatagram || ::sendto(fd_, packet.data(), size, 0,
                                        reinterpret_cast<const sockaddr*>(&to_), sizeof to_) < 0) {
      const int error = errno;
      std::fflush(stdout);
      std::fprintf(stderr, "ping: sendto: %s\n",
                   error == ENETUNREACH || error == EHOSTUNREACH ? "No route to host"
                   : error == ENETDOWN                           ? "Network is down"
                                                                 : std::strerror(error));
    }
  }

  // What a router on the way says of a request that ran out of hops, or that does not fit.
  void receive_error() {
    Datagram d;
    if (d.take(fd_, MSG_ERRQUEUE) < 0) return;
    const cmsghdr* c = d.control_of(IP_RECVERR);
    if (c == nullptr) return;
    struct {
      sock_extended_err error;
      sockaddr_in offender;
    } told{};
    std::memcpy(&told, CMSG_DATA(c), sizeof told);
    if (told.error.ee_origin != SO_EE_ORIGIN_ICMP) return;
    const std::string text =
        told.error.ee_type == ICMP_TIME_EXCEEDED ? "Time to live exceeded"
        : told.error.ee_code == ICMP_FRAG_NEEDED
            ? "frag needed and DF set (MTU " + std::to_string(told.error.ee_info) + ")"
        : told.error.ee_code == ICMP_NET_UNREACH ? "Destination Net Unreachable"
                                                 : "Destination Host Unreachable";
    const std::string from = to_text(told.offender.sin_addr);
    std::printf("%d bytes from %s: %s\n", 36 + 56, from.c_str(), text.c_str());
    std::printf("Vr HL TOS  Len   ID Flg  off TTL Pro  cks      Src      Dst\n");
    std::printf(" 4  5  00 5400 0000   0 0000  01  01 0000 %s  %s \n\n",
                options_.source.empty() ? "0.0.0.0" : options_.source.c_str(),
                to_text(to_.sin_addr).c_str());
  }

  void receive(Time now) {
    Datagram d;
    const ssize_t n = d.take(fd_, 0);
    if (n < static_cast<ssize_t>(sizeof(icmphdr))) return;
    const sockaddr_in& from = d.from;
    const auto& packet = d.packet;
    int ttl = 64;
    if (const cmsghdr* c = d.control_of(IP_TTL)) std::memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
    icmphdr head{};
    std::memcpy(&head, packet.data(), sizeof head);
    if (head.type != ICMP_ECHOREPLY) return;
    const std::size_t slot = ntohs(head.un.echo.sequence) % sent_at_.size();
    if (answered_[slot]) return;
    answered_[slot] = true;
    ++received_;
    const double ms =
        static_cast<double>(duration_cast<microseconds>(now - sent_at_[slot]).count()) / 1000;
    times_.push_back(ms);
    if (!options_.quiet) {
      std::printf("%zd bytes from %s: icmp_seq=%d ttl=%d time=%.3f ms\n", n,
                  to_text(from.sin_addr).c_str(), ntohs(head.un.echo.sequence), ttl, ms);
    }
  }

  // Says so when the previous request is still unanswered at the moment the next one leaves.
  void report_timeout() {
    if (sent_ == 0 || options_.quiet) return;
    const auto last = static_cast<std::size_t>(sent_ - 1);
    if (!answered_[last % answered_.size()]) {
      std::printf("Request timeout for icmp_seq %zu\n", last);
    }
  }

  void loop() {
    const Time start = std::chrono::steady_clock::now();
    const Span interval = microseconds(static_cast<long>(options_.interval * 1e6));
    Time next = start;
    while (interrupted == 0) {
      const Time now = std::chrono::steady_clock::now();
      if (options_.total > 0 &&
          now - start >= milliseconds(static_cast<long>(options_.total * 1e3))) {
        return;
      }
      const bool all_sent = options_.count > 0 && sent_ >= options_.count;
      if (all_sent && (received_ >= sent_ || now >= next)) return;
      if (!all_sent && now >= next) {
        report_timeout();
        send_one(now);
        // After the last one the wait is -W's, not the interval's.
        next =
            now + (options_.count > 0 && sent_ >= options_.count ? Span(milliseconds(options_.wait))
                                                                 : interval);
        continue;
      }
      pollfd p{fd_, POLLIN, 0};
      const auto left = duration_cast<milliseconds>(next - now).count() + 1;
      if (::poll(&p, 1, static_cast<int>(std::min<long long>(left, 100))) > 0) {
        if ((p.revents & POLLERR) != 0) receive_error();
        receive(std::chrono::steady_clock::now());
        if (options_.once && received_ > 0) return;
      }
    }
  }

  void summary() const {
    std::printf("\n--- %s ping statistics ---\n", options_.host.c_str());
    const double loss =
        sent_ == 0 ? 0
                   : 100.0 * static_cast<double>(sent_ - received_) / static_cast<double>(sent_);
    std::printf("%ld packets transmitted, %ld packets received, %.1f%% packet loss\n", sent_,
                received_, loss);
    if (times_.empty()) return;
    double sum = 0, squares = 0;
    for (const double t : times_) {
      sum += t;
      squares += t * t;
    }
    const auto n = static_cast<double>(times_.size());
    const double mean = sum / n;
    std::printf("round-trip min/avg/max/stddev = %.3f/%.3f/%.3f/%.3f ms\n",
                *std::min_element(times_.begin(), times_.end()), mean,
                *std::max_element(times_.begin(), times_.end()),
                std::sqrt(std::max(0.0, squares / n - mean * mean)));
  }

  Options options_;
  int fd_ = -1;
  sockaddr_in to_{};
  long sent_ = 0, received_ = 0;
  std::array<Time, 1024> sent_at_{};
  std::array<bool, 1024> answered_{};
  std::vector<double> times_;
};

}  // namespace

int ping(const Truth&, const Arguments& argv) {
  Options options;
  if (const int status = parse(argv, options); status != 0) return status;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::signal(SIGINT, on_signal);
  return Pinger(options).run();
}

}  // namespace lab_mac
