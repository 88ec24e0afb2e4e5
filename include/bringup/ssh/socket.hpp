#pragma once
// connect(2) with a deadline: libssh's own blocks in getaddrinfo and tries one address after
// another.
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bringup/util/cancel.hpp"
#include "bringup/util/deadline.hpp"
#include "bringup/util/error.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::ssh {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string text;  // "10.0.0.1:22", "[fe80::1%en0]:22"
};

// Numeric addresses cost no thread; names are looked up in one that is abandoned at the deadline.
Expected<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                       Deadline deadline, const CancelToken& cancel);

struct Connected {
  Fd fd;             // non-blocking flag cleared, NODELAY, keepalive
  std::string peer;  // the address that answered
};

// Tries the addresses in turn, the next one 250 ms after the last or as soon as that failed; the
// first to answer wins. The peer is given up when it acknowledges nothing for `dead_after`.
Expected<Connected> connect_any(const std::vector<Address>& addresses, Deadline deadline,
                                const CancelToken& cancel, std::chrono::milliseconds dead_after);

// host:port as known_hosts and messages write it.
std::string host_port(const std::string& host, std::uint16_t port);

// "15 s", "0.5 s", for messages.
std::string seconds_text(std::chrono::milliseconds span);

// Acknowledge at once what arrives next; wears off, so it is called before each wait. Saves 40 ms
// wherever the peer's Nagle algorithm meets our delayed acknowledgement. Nothing on systems
// without.
void quick_ack(int fd);

// Gives up a connection when sent data stays unacknowledged for so long, where the system can.
void set_user_timeout(int fd, std::chrono::milliseconds span);

// A connected pair with close-on-exec and no SIGPIPE where that is a socket's property.
Expected<std::pair<Fd, Fd>> stream_pair();

// A pipe, both ends non-blocking, to wake a poll(2).
Expected<std::pair<Fd, Fd>> wake_pipe();

}  // namespace bringup::ssh
