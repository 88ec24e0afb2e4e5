#ifndef __linux__
#include "bringup/ssh/socket.hpp"

namespace bringup::ssh {

// The BSDs have neither; keepalives notice a dead peer there.
void quick_ack(int) {}
void set_user_timeout(int, std::chrono::milliseconds) {}

}  // namespace bringup::ssh
#endif
