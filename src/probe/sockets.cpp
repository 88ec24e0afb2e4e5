// Real sockets: one that listens, and one for each interface that sends.
#include "sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>

namespace bringup::probe {
namespace {

std::uint32_t ipv4_of(const sockaddr* address) {
  if (address == nullptr || address->sa_family != AF_INET) return 0;
  sockaddr_in in{};
  std::memcpy(&in, address, sizeof in);
  return ntohl(in.sin_addr.s_addr);
}

// A Mac's netmask may come without its family.
std::uint32_t mask_of(const sockaddr* address) {
  if (address == nullptr) return 0;
  sockaddr_in in{};
  std::memcpy(&in, address, sizeof in);
  return ntohl(in.sin_addr.s_addr);
}

sockaddr_in socket_address(std::uint32_t address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address);
  in.sin_port = htons(port);
  return in;
}

template <class T>
int set(int fd, int level, int name, const T& value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : errno;
}

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {
    if (fd_ >= 0) ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
    if (fd_ >= 0) ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

class SystemNet final : public Net {
 public:
  std::vector<NetInterface> interfaces() override {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return {};
    std::vector<NetInterface> found;
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      constexpr unsigned kWanted = IFF_UP | IFF_BROADCAST;
      const std::uint32_t address = ipv4_of(one->ifa_addr);
      if (address == 0 || (one->ifa_flags & kWanted) != kWanted ||
          (one->ifa_flags & IFF_LOOPBACK) != 0)
        continue;
      NetInterface interface;
      interface.name = one->ifa_name;
      interface.index = ::if_nametoindex(one->ifa_name);
      interface.address = address;
      interface.prefix = static_cast<unsigned>(std::popcount(mask_of(one->ifa_netmask)));
      interface.configured = ipv4_of(one->ifa_broadaddr);
      found.push_back(std::move(interface));
    }
    ::freeifaddrs(all);
    return found;
  }

  int listen(std::uint16_t port, std::uint32_t group,
             const std::vector<NetInterface>& interfaces) override {
    senders_.clear();
    receiver_ = Socket();
    Socket fresh(::socket(AF_INET, SOCK_DGRAM, 0));
    if (fresh.get() < 0) return errno;
    if (const int error = ask_for_interface(fresh.get()); error != 0) return error;
    const sockaddr_in here = socket_address(INADDR_ANY, port);
    if (::bind(fresh.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
      return errno;
    // An interface that cannot join hears no multicast, which is what it then says.
    for (const NetInterface& one : interfaces) {
      set(fresh.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, multicast_request(one, group));
    }
    receiver_ = std::move(fresh);
    return 0;
  }

  int send(const NetInterface& by, std::uint32_t to, std::uint16_t port,
           const std::string& text) override {
    auto known = senders_.find(by.address);
    if (known == senders_.end()) {
      Socket fresh(::socket(AF_INET, SOCK_DGRAM, 0));
      if (const int error = prepare(fresh, by); error != 0) return error;
      known = senders_.emplace(by.address, std::move(fresh)).first;
    }
    const sockaddr_in there = socket_address(to, port);
    const ssize_t sent = ::sendto(known->second.get(), text.data(), text.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&there), sizeof there);
    return sent >= 0 ? 0 : errno;
  }

  std::optional<Datagram> receive(std::chrono::milliseconds wait) override {
    pollfd in{receiver_.get(), POLLIN, 0};
    if (::poll(&in, 1, static_cast<int>(wait.count())) != 1) return std::nullopt;
    std::array<char, kMaxDatagram + 1> text{};
    alignas(cmsghdr) std::array<char, 256> control{};
    sockaddr_in source{};
    iovec part{text.data(), text.size()};
    msghdr message{};
    message.msg_name = &source;
    message.msg_namelen = sizeof source;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(receiver_.get(), &message, 0);
    if (got < 0) return std::nullopt;
    return Datagram{std::string(text.data(), static_cast<std::size_t>(got)),
                    ntohl(source.sin_addr.s_addr), interface_of(message)};
  }

 private:
  static ip_mreqn multicast_request(const NetInterface& by, std::uint32_t group) {
    ip_mreqn request{};
    request.imr_multiaddr.s_addr = htonl(group);
    request.imr_address.s_addr = htonl(by.address);
    request.imr_ifindex = static_cast<int>(by.index);
    return request;
  }

  static int prepare(const Socket& fresh, const NetInterface& by) {
    if (fresh.get() < 0) return errno;
    const int on = 1;
    if (const int error = set(fresh.get(), SOL_SOCKET, SO_BROADCAST, on); error != 0) return error;
    if (const int error = bind_to_interface(fresh.get(), by); error != 0) return error;
    if (const int error = set(fresh.get(), IPPROTO_IP, IP_MULTICAST_IF, multicast_request(by, 0));
        error != 0)
      return error;
    const sockaddr_in here = socket_address(by.address, 0);
    return ::bind(fresh.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0 ? 0
                                                                                           : errno;
  }

  Socket receiver_;
  std::map<std::uint32_t, Socket> senders_;  // by the interface's address
};

}  // namespace

std::unique_ptr<Net> system_net() {
  return std::make_unique<SystemNet>();
}

}  // namespace bringup::probe
