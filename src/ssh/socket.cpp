#include "bringup/ssh/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace bringup::ssh {
namespace {

// How often a wait without a descriptor of its own looks at the cancel token.
constexpr std::chrono::milliseconds kTick{50};
constexpr std::chrono::milliseconds kStagger{250};

struct Lookup {
  std::mutex mutex;
  std::condition_variable done;
  bool finished = false;
  int status = 0;
  std::vector<Address> addresses;
};

std::string text_of(const sockaddr_storage& storage, socklen_t length, std::uint16_t port) {
  char host[NI_MAXHOST] = {};
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, host, sizeof host, nullptr,
                    0, NI_NUMERICHOST) != 0) {
    return "?";
  }
  return host_port(host, port);
}

int look_up(const std::string& host, std::uint16_t port, int flags, std::vector<Address>* out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const int status = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (status != 0) return status;
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
    if (item->ai_addrlen > sizeof(sockaddr_storage)) continue;
    Address address;
    std::memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
    address.length = item->ai_addrlen;
    address.text = text_of(address.storage, address.length, port);
    out->push_back(std::move(address));
  }
  ::freeaddrinfo(list);
  return 0;
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

Expected<void> set_flags(int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return fail(ErrorCode::internal, "fcntl: " + reason(errno));
  }
#ifdef SO_NOSIGPIPE
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return {};
}

void tune(int fd, std::chrono::milliseconds dead_after) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  set_user_timeout(fd, dead_after);
  quick_ack(fd);
}

struct Attempt {
  Fd fd;
  std::size_t address;
};

// Starts connect(2). Returns 0 when under way or done, else errno.
int start(const Address& address, Fd* out) {
  Fd fd(::socket(address.storage.ss_family, SOCK_STREAM, 0));
  if (!fd) return errno;
  if (!set_flags(fd.get())) return EINVAL;
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(fd.get(), where, address.length) != 0 && errno != EINPROGRESS) return errno;
  *out = std::move(fd);
  return 0;
}

}  // namespace

std::string host_port(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string seconds_text(std::chrono::milliseconds span) {
  if (span.count() % 1000 == 0) return fmt::format("{} s", span.count() / 1000);
  return fmt::format("{:.1f} s", static_cast<double>(span.count()) / 1000.0);
}

Expected<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                       Deadline deadline, const CancelToken& cancel) {
  std::vector<Address> addresses;
  if (look_up(host, port, AI_NUMERICHOST | AI_NUMERICSERV, &addresses) == 0) return addresses;

  auto lookup = std::make_shared<Lookup>();
  const auto began = Deadline::Clock::now();
  std::thread([lookup, host, port] {
    std::vector<Address> found;
    const int status = look_up(host, port, AI_NUMERICSERV | AI_ADDRCONFIG, &found);
    const std::lock_guard lock(lookup->mutex);
    lookup->status = status;
    lookup->addresses = std::move(found);
    lookup->finished = true;
    lookup->done.notify_all();
  }).detach();

  std::unique_lock lock(lookup->mutex);
  while (!lookup->finished && !deadline.expired() && !cancel.stop_requested()) {
    lookup->done.wait_for(lock, deadline.remaining(kTick));
  }
  if (!lookup->finished) {
    if (cancel.stop_requested()) return fail(ErrorCode::cancelled, "cancelled");
    const auto waited =
        std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - began);
    return fail(ErrorCode::unreachable, fmt::format("looking up the name {} took more than {}",
                                                    host, seconds_text(waited)));
  }
  if (lookup->status != 0 || lookup->addresses.empty()) {
    const char* why = lookup->status != 0 ? ::gai_strerror(lookup->status) : "no address";
    return fail(ErrorCode::unreachable, fmt::format("cannot resolve the name {}: {}", host, why),
                "check the host name, or give the node's address in the inventory");
  }
  return std::move(lookup->addresses);
}

Expected<Connected> connect_any(const std::vector<Address>& addresses, Deadline deadline,
                                const CancelToken& cancel, std::chrono::milliseconds dead_after) {
  const auto began = Deadline::Clock::now();
  std::vector<Attempt> attempts;
  std::vector<std::string> failures;
  std::size_t next = 0;
  Deadline next_start = Deadline::after(std::chrono::milliseconds(0));
  const auto refuse = [&](std::size_t index, int error) {
    failures.push_back(fmt::format("{}: {}", addresses[index].text, reason(error)));
  };

  while (next < addresses.size() || !attempts.empty()) {
    if (cancel.stop_requested()) return fail(ErrorCode::cancelled, "cancelled while connecting");
    if (deadline.expired()) {
      const auto waited =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline.at() - began);
      std::vector<std::string> waiting;
      std::string all;
      for (const Attempt& attempt : attempts) {
        if (!all.empty()) all += ", ";
        all += addresses[attempt.address].text;
      }
      return fail(ErrorCode::unreachable,
                  fmt::format("no answer from {} within {}", all.empty() ? "the network" : all,
                              seconds_text(std::max(waited, std::chrono::milliseconds(0)))),
                  "is the node on, and is this the right address?");
    }
    if (next < addresses.size() && (attempts.empty() || next_start.expired())) {
      Attempt attempt{Fd(), next};
      const int error = start(addresses[next], &attempt.fd);
      if (error != 0) {
        refuse(next, error);
      } else {
        attempts.push_back(std::move(attempt));
      }
      ++next;
      next_start = Deadline::after(kStagger);
      continue;
    }
    std::vector<pollfd> fds;
    fds.reserve(attempts.size());
    for (const Attempt& attempt : attempts) fds.push_back({attempt.fd.get(), POLLOUT, 0});
    auto wait = deadline.remaining(kTick);
    if (next < addresses.size()) wait = next_start.remaining(wait);
    if (::poll(fds.data(), static_cast<nfds_t>(fds.size()), static_cast<int>(wait.count())) < 0 &&
        errno != EINTR) {
      return fail(ErrorCode::internal, "poll: " + reason(errno));
    }
    for (std::size_t i = fds.size(); i-- > 0;) {
      if (fds[i].revents == 0) continue;
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
      // A reset ends a connection that there was: what it means is for the handshake to say.
      if (error != 0 && error != ECONNRESET) {
        refuse(attempts[i].address, error);
        attempts.erase(attempts.begin() + static_cast<std::ptrdiff_t>(i));
        next_start = Deadline::after(std::chrono::milliseconds(0));
        continue;
      }
      Connected connected{std::move(attempts[i].fd), addresses[attempts[i].address].text};
      tune(connected.fd.get(), dead_after);
      return connected;
    }
  }
  std::string all;
  for (const std::string& failure : failures) {
    if (!all.empty()) all += "; ";
    all += failure;
  }
  return fail(ErrorCode::unreachable, "cannot connect to " + all,
              "is the node on, and does its SSH server run?");
}

Expected<std::pair<Fd, Fd>> stream_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    return fail(ErrorCode::internal, "socketpair: " + reason(errno));
  }
  std::pair<Fd, Fd> pair{Fd(ends[0]), Fd(ends[1])};
  for (const int fd : ends) {
    if (const auto set = set_flags(fd); !set) return tl::unexpected(set.error());
  }
  return pair;
}

Expected<std::pair<Fd, Fd>> wake_pipe() {
  int ends[2];
  if (::pipe(ends) != 0) return fail(ErrorCode::internal, "pipe: " + reason(errno));
  std::pair<Fd, Fd> pair{Fd(ends[0]), Fd(ends[1])};
  for (const int fd : ends) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  return pair;
}

}  // namespace bringup::ssh
