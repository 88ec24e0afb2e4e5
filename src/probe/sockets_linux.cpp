#ifdef __linux__
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "sockets.hpp"

namespace bringup::probe {

int bind_to_interface(int fd, const NetInterface& interface) {
  const auto size = static_cast<socklen_t>(interface.name.size());
  if (::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface.name.data(), size) == 0) return 0;
  // Before Linux 5.7 that is root's alone: broadcasts by this one, multicast by the caller's.
  const auto index = htonl(interface.index);
  return ::setsockopt(fd, IPPROTO_IP, IP_UNICAST_IF, &index, sizeof index) == 0 ? 0 : errno;
}

int ask_for_interface(int fd) {
  const int on = 1;
  return ::setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0 ? 0 : errno;
}

unsigned interface_of(msghdr& message) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != IPPROTO_IP || one->cmsg_type != IP_PKTINFO) continue;
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(one), sizeof info);
    return static_cast<unsigned>(info.ipi_ifindex);
  }
  return 0;
}

}  // namespace bringup::probe
#endif
