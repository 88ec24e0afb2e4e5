// traceroute with the Mac's flags and texts. UDP to ports from 33434 on, or echo requests with -I;
// the answers come from the socket's error queue, so that no raw socket is needed.
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

struct Options {
  int hops = 64;
  int queries = 3;
  double wait = 5;
  bool echo = false;
  std::string source, iface, host;
};

int usage() {
  return fail(1, "Usage: traceroute [-adDeFInrSvx] [-m max_ttl] [-q nqueries] [-w wait] host");
}

int parse(const Arguments& argv, Options& o) {
  for (std::size_t k = 1; k < argv.size(); ++k) {
    const std::string& a = argv[k];
    if (!a.starts_with('-')) {
      if (o.host.empty()) o.host = a;  // after it comes a length
    } else if (a == "-I") {
      o.echo = true;
    } else if (a.size() == 2 && std::strchr("mqwsi", a[1]) != nullptr && k + 1 < argv.size()) {
      const std::string& value = argv[++k];
      if (a[1] == 'm') o.hops = std::atoi(value.c_str());
      if (a[1] == 'q') o.queries = std::atoi(value.c_str());
      if (a[1] == 'w') o.wait = std::atof(value.c_str());
      if (a[1] == 's') o.source = value;
      if (a[1] == 'i') o.iface = value;
    } else if (a != "-n" && a != "-r") {
      return usage();
    }
  }
  return o.host.empty() || o.hops < 1 || o.queries < 1 ? usage() : 0;
}

struct Answer {
  in_addr from{};
  bool reached = false;
  std::string mark;  // " !H", " !N", often empty
};

class Probe {
 public:
  Probe(const Options& o, const sockaddr_in& to, int ttl, int number) : to_(to), echo_(o.echo) {
    fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, o.echo ? IPPROTO_ICMP : 0);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    ::setsockopt(fd_, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    if (!o.iface.empty()) {
      ::setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, o.iface.c_str(),
                   static_cast<socklen_t>(o.iface.size() + 1));
    }
    sockaddr_in from{};
    from.sin_family = AF_INET;
    if (::inet_pton(AF_INET, o.source.c_str(), &from.sin_addr) == 1) {
      ::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from);
    }
    to_.sin_port = echo_ ? 0 : htons(static_cast<std::uint16_t>(33434 + number));
  }
  ~Probe() { ::close(fd_); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  std::optional<Answer> ask(double wait) {
    std::array<char, 40> packet{};
    icmphdr head{};
    head.type = ICMP_ECHO;
    if (echo_) std::memcpy(packet.data(), &head, sizeof head);
    ::sendto(fd_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to_),
             sizeof to_);
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, static_cast<int>(wait * 1000)) <= 0) return std::nullopt;
    if ((p.revents & POLLERR) != 0) return read_error();
    return Answer{to_.sin_addr, true, ""};
  }

 private:
  std::optional<Answer> read_error() {
    std::array<char, 512> data{};
    alignas(cmsghdr) std::array<char, 512> control{};
    iovec part{data.data(), data.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(fd_, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) continue;
      struct {
        sock_extended_err error;
        sockaddr_in offender;
      } told{};
      std::memcpy(&told, CMSG_DATA(c), sizeof told);
      if (told.error.ee_origin != SO_EE_ORIGIN_ICMP) return std::nullopt;
      Answer out{told.offender.sin_addr, false, ""};
      if (told.error.ee_type == ICMP_DEST_UNREACH) {
        out.reached = true;
        if (told.error.ee_code == ICMP_NET_UNREACH) out.mark = " !N";
        if (told.error.ee_code == ICMP_HOST_UNREACH) out.mark = " !H";
        if (told.error.ee_code == ICMP_PKT_FILTERED) out.mark = " !X";
      }
      return out;
    }
    return std::nullopt;
  }

  int fd_ = -1;
  sockaddr_in to_;
  bool echo_;
};

// One hop's line. True: nothing is farther.
bool hop(const Options& o, const sockaddr_in& to, int ttl) {
  std::printf("%2d ", ttl);
  std::string last;
  bool done = false;
  for (int k = 0; k < o.queries; ++k) {
    const auto began = std::chrono::steady_clock::now();
    const auto answer = Probe(o, to, ttl, (ttl - 1) * o.queries + k + 1).ask(o.wait);
    const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - began;
    if (!answer) {
      std::printf(" *");
      continue;
    }
    const std::string from = to_text(answer->from);
    if (from != last) std::printf(" %s", from.c_str());
    last = from;
    std::printf("  %.3f ms%s", ms.count(), answer->mark.c_str());
    done = done || answer->reached;
  }
  std::printf("\n");
  std::fflush(stdout);
  return done;
}

}  // namespace

int traceroute(const Truth&, const Arguments& argv) {
  Options o;
  if (const int status = parse(argv, o); status != 0) return status;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  if (::getaddrinfo(o.host.c_str(), nullptr, &hints, &found) != 0) {
    return fail(1, "traceroute: unknown host " + o.host);
  }
  sockaddr_in to{};
  std::memcpy(&to, found->ai_addr, sizeof to);
  ::freeaddrinfo(found);
  if (!route_to(to.sin_addr)) {
    return fail(1, "traceroute: findsaddr: failed to connect to peer for src addr selection.");
  }
  std::fprintf(stderr, "traceroute to %s (%s), %d hops max, 40 byte packets\n", o.host.c_str(),
               to_text(to.sin_addr).c_str(), o.hops);
  for (int ttl = 1; ttl <= o.hops; ++ttl) {
    if (hop(o, to, ttl)) break;
  }
  return 0;
}

}  // namespace lab_mac
