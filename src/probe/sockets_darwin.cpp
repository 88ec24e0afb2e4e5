#ifdef __APPLE__
#include <net/if_dl.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "sockets.hpp"

namespace bringup::probe {

int bind_to_interface(int fd, const NetInterface& interface) {
  const unsigned index = interface.index;
  return ::setsockopt(fd, IPPROTO_IP, IP_BOUND_IF, &index, sizeof index) == 0 ? 0 : errno;
}

int ask_for_interface(int fd) {
  const int on = 1;
  return ::setsockopt(fd, IPPROTO_IP, IP_RECVIF, &on, sizeof on) == 0 ? 0 : errno;
}

unsigned interface_of(msghdr& message) {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != IPPROTO_IP || one->cmsg_type != IP_RECVIF) continue;
    // The kernel's sockaddr_dl may be shorter than its declaration.
    unsigned short index = 0;
    std::memcpy(&index, CMSG_DATA(one) + offsetof(sockaddr_dl, sdl_index), sizeof index);
    return index;
  }
  return 0;
}

}  // namespace bringup::probe
#endif
