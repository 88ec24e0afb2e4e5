// ibv_uc_pingpong: the exchange is TCP as in rdma-core's; the messages are datagrams between the
// addresses that the GIDs stand for, on the device's own interface. Loss, a pulled cable or an
// address that nobody has therefore act as they do on an unreliable connection: it waits for ever.
#include <arpa/inet.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <thread>

#include "commands.hpp"
#include "kernel.hpp"
#include "rdma.hpp"

namespace lab_mac {
namespace {

struct Options {
  std::string device;
  std::string server;  // empty: this is the server
  int port = 18515;
  unsigned long size = 4096;
  int iterations = 1000;
  int gid_index = -1;
};

// What one side tells the other. The queue pair's number is the UDP port of the messages.
struct Side {
  unsigned lid = 1;
  unsigned qpn = 0;
  unsigned psn = 0;
  std::string gid = "::";
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::optional<Options> parse(const Arguments& arguments) {
  static const std::array<option, 14> long_options{{{"port", required_argument, nullptr, 'p'},
                                                    {"ib-dev", required_argument, nullptr, 'd'},
                                                    {"ib-port", required_argument, nullptr, 'i'},
                                                    {"size", required_argument, nullptr, 's'},
                                                    {"mtu", required_argument, nullptr, 'm'},
                                                    {"rx-depth", required_argument, nullptr, 'r'},
                                                    {"iters", required_argument, nullptr, 'n'},
                                                    {"sl", required_argument, nullptr, 'l'},
                                                    {"events", no_argument, nullptr, 'e'},
                                                    {"gid-idx", required_argument, nullptr, 'g'},
                                                    {"chk", no_argument, nullptr, 'c'},
                                                    {nullptr, 0, nullptr, 0}}};
  std::vector<std::string> copies = arguments;
  std::vector<char*> argv;
  for (std::string& a : copies) argv.push_back(a.data());
  argv.push_back(nullptr);
  const int argc = static_cast<int>(copies.size());
  Options out;
  for (;;) {
    const int c =
        ::getopt_long(argc, argv.data(), "p:d:i:s:m:r:n:l:eg:c", long_options.data(), nullptr);
    if (c == -1) break;
    switch (c) {
      case 'p':
        out.port = std::atoi(optarg);
        break;
      case 'd':
        out.device = optarg;
        break;
      case 's':
        out.size = std::strtoul(optarg, nullptr, 0);
        break;
      case 'n':
        out.iterations = std::atoi(optarg);
        break;
      case 'g':
        out.gid_index = std::atoi(optarg);
        break;
      case '?':
        return std::nullopt;
      default:
        break;
    }
  }
  if (optind == argc - 1) {
    out.server = argv[static_cast<std::size_t>(optind)];
  } else if (optind < argc - 1) {
    return std::nullopt;
  }
  return out;
}

// Nothing when nobody listens there.
int connect_to(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -1;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = ::connect(fd, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  if (result == 0) return fd;
  ::close(fd);
  return -1;
}

int accept_one(int port) {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&in), sizeof in) != 0 ||
      ::listen(listener.get(), 1) != 0) {
    return -1;
  }
  return ::accept(listener.get(), nullptr, nullptr);
}

bool tell(int fd, const Side& side) {
  char text[128]{};
  std::snprintf(text, sizeof text, "%04x:%06x:%06x:%s", side.lid, side.qpn, side.psn,
                side.gid.c_str());
  return ::send(fd, text, sizeof text, MSG_NOSIGNAL) == sizeof text;
}

std::optional<Side> hear(int fd) {
  char text[128];
  if (::recv(fd, text, sizeof text, MSG_WAITALL) != sizeof text) return std::nullopt;
  text[sizeof text - 1] = '\0';
  Side side;
  char gid[64];
  if (std::sscanf(text, "%x:%x:%x:%63s", &side.lid, &side.qpn, &side.psn, gid) != 4) {
    return std::nullopt;
  }
  side.gid = gid;
  return side;
}

void print_side(const char* label, const Side& side) {
  std::printf("  %sLID 0x%04x, QPN 0x%06x, PSN 0x%06x, GID %s\n", label, side.lid, side.qpn,
              side.psn, side.gid.c_str());
  std::fflush(stdout);
}

bool is_ipv4(const std::string& gid) {
  return gid.starts_with("::ffff:");
}

sockaddr_in address_of(const Side& side) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<std::uint16_t>(side.qpn));
  if (is_ipv4(side.gid)) ::inet_pton(AF_INET, side.gid.c_str() + 7, &in.sin_addr);
  return in;
}

// The socket that stands for the queue pair, bound to the device's interface.
int open_pair(const Port& port, Side& mine) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, port.iface.c_str(),
               static_cast<socklen_t>(port.iface.size()));
  mine.qpn = 0;
  sockaddr_in in = address_of(mine);
  socklen_t length = sizeof in;
  ::bind(fd, reinterpret_cast<const sockaddr*>(&in), sizeof in);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&in), &length);
  mine.qpn = ntohs(in.sin_port);
  return fd;
}

// RTR wants a route to the other side: the port active, an IPv4 GID on both.
bool ready_to_receive(const Truth& truth, const Port& port, const Side& mine, const Side& theirs) {
  return truth.fault("pingpong-errno22") == nullptr && port_active(truth, port) &&
         is_ipv4(mine.gid) && is_ipv4(theirs.gid);
}

[[noreturn]] void wait_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

void play(int fd, const Options& options, const Side& theirs) {
  const sockaddr_in peer = address_of(theirs);
  const std::string message(std::min<unsigned long>(options.size, 1400), 'x');
  std::array<char, 2048> buffer{};
  const auto send = [&] {
    ::sendto(fd, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&peer),
             sizeof peer);
  };
  for (int k = 0; k < options.iterations; ++k) {
    if (!options.server.empty()) send();
    ::recv(fd, buffer.data(), buffer.size(), 0);
    if (options.server.empty()) send();
  }
}

void print_result(const Options& options, double seconds) {
  const double bytes =
      static_cast<double>(options.size) * static_cast<double>(options.iterations) * 2;
  std::printf("%.0f bytes in %.2f seconds = %.2f Mbit/sec\n", bytes, seconds,
              bytes * 8 / 1e6 / seconds);
  std::printf("%d iters in %.2f seconds = %.2f usec/iter\n", options.iterations, seconds,
              seconds * 1e6 / options.iterations);
}

const Port* device_named(const Truth& truth, const std::string& name) {
  for (const Port& p : truth.ports) {
    if (has_device(truth, p) && (name.empty() || name == "rdma_" + p.iface)) return &p;
  }
  return nullptr;
}

}  // namespace

int ibv_uc_pingpong(const Truth& truth, const Arguments& argv) {
  const auto options = parse(argv);
  if (!options) return fail(1, "Usage: ibv_uc_pingpong [options] [<host>]");
  const Port* port = device_named(truth, options->device);
  if (port == nullptr) {
    return fail(1, options->device.empty() ? "No IB devices found"
                                           : "IB device " + options->device + " not found");
  }
  Side mine;
  std::random_device random;
  mine.psn = random() & 0xffffffU;
  if (options->gid_index >= 0) {
    const auto table = gids(truth, *port);
    const auto index = static_cast<std::size_t>(options->gid_index);
    if (index < table.size()) mine.gid = table[index];
  }
  const Descriptor pair(open_pair(*port, mine));
  print_side("local address:  ", mine);
  const bool server = options->server.empty();
  const Descriptor talk(server ? accept_one(options->port)
                               : connect_to(options->server, options->port));
  if (talk.get() < 0) {
    return fail(
        1, server ? "Couldn't listen to port " + std::to_string(options->port)
                  : "Couldn't connect to " + options->server + ":" + std::to_string(options->port));
  }
  if (!server) tell(talk.get(), mine);
  const auto theirs = hear(talk.get());
  if (!theirs)
    return fail(1, "client read/write: Undefined error: 0\nCouldn't read/write remote address");
  if (!ready_to_receive(truth, *port, mine, *theirs)) {
    return fail(1, "Failed to modify QP to RTR\nCouldn't connect to remote QP");
  }
  if (server) tell(talk.get(), mine);
  print_side("remote address: ", *theirs);
  if (truth.fault("pingpong-hang") != nullptr) wait_for_ever();
  // The last word before the messages: each side knows that the other listens.
  char done = 0;
  ::send(talk.get(), "d", 1, MSG_NOSIGNAL);
  if (::recv(talk.get(), &done, 1, 0) != 1) return fail(1, "Couldn't connect to remote QP");
  const auto began = std::chrono::steady_clock::now();
  play(pair.get(), *options, *theirs);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
  print_result(*options, taken.count());
  return 0;
}

}  // namespace lab_mac
