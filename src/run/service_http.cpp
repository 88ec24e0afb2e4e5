#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "bringup/util/text.hpp"
#include "service_talk.hpp"

namespace bringup::run {
namespace {

using verify::ServiceAnswer;

constexpr std::size_t kMaxStatusLine = 8192;
constexpr std::chrono::milliseconds kLook{200};  // how often a cancellation is looked for

#ifdef MSG_NOSIGNAL
constexpr int kSend = MSG_NOSIGNAL;
#else
constexpr int kSend = 0;  // the program ignores SIGPIPE
#endif

// False: neither in time, or cancelled.
bool wait_for(int fd, short events, Deadline deadline, const CancelToken& cancel) {
  while (!deadline.expired() && !cancel.stop_requested()) {
    pollfd one{fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(deadline.remaining(kLook).count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

bool send_all(int fd, std::string_view text, Deadline deadline, const CancelToken& cancel) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), kSend);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(fd, POLLOUT, deadline, cancel)) return false;
    } else if (errno != EINTR) {
      return true;  // it hung up; what it has said before that can still be read
    }
  }
  return true;
}

Spoken of_line(std::string_view line) {
  const auto status = verify::parse_status_line(line);
  if (!status) return {ServiceAnswer::wrong_protocol, "it says " + printable(line, 100)};
  const bool well = *status >= 200 && *status < 400;
  return {well ? ServiceAnswer::answered : ServiceAnswer::unhealthy,
          "HTTP status " + printable(trim(line.substr(9)), 100), *status};
}

}  // namespace

std::string authority_of(const std::string& address, std::uint16_t port) {
  const std::string host = address.substr(0, address.find('%'));
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Spoken speak_http(Fd stream, const std::string& authority, const std::string& path,
                  Deadline deadline, const CancelToken& cancel) {
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bringup/{}\r\nAccept: */*\r\n"
      "Connection: close\r\n\r\n",
      path.empty() ? "/" : path, authority, BRINGUP_VERSION);
  if (!send_all(stream.get(), request, deadline, cancel)) {
    return {ServiceAnswer::hung, "it does not take the request"};
  }
  std::string said;
  for (;;) {
    if (!verify::may_be_status_line(said)) {
      return {ServiceAnswer::wrong_protocol, "it says " + printable(said, 100)};
    }
    if (const auto end = said.find('\n'); end != std::string::npos) {
      return of_line(trim(std::string_view(said).substr(0, end)));
    }
    if (said.size() > kMaxStatusLine) {
      return {ServiceAnswer::wrong_protocol, "its status line has no end"};
    }
    if (!wait_for(stream.get(), POLLIN, deadline, cancel)) {
      return {ServiceAnswer::hung,
              said.empty() ? "no byte came in time" : "it stopped after " + printable(said, 100)};
    }
    std::array<char, 2048> piece;
    const ssize_t got = ::recv(stream.get(), piece.data(), piece.size(), 0);
    if (got > 0) {
      said.append(piece.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      return {ServiceAnswer::wrong_protocol, said.empty()
                                                 ? "it hung up without a word"
                                                 : "it hung up after " + printable(said, 100)};
    }
  }
}

}  // namespace bringup::run
