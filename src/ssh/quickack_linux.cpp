#ifdef __linux__
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "bringup/ssh/socket.hpp"

namespace bringup::ssh {

void quick_ack(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void set_user_timeout(int fd, std::chrono::milliseconds span) {
  const auto milliseconds = static_cast<unsigned int>(span.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

}  // namespace bringup::ssh
#endif
