#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>

#include "bringup/ssh/channel.hpp"
#include "bringup/ssh/socket.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::size_t kWriteSize = 32 * 1024;

int send_flags() {
#ifdef MSG_NOSIGNAL
  return MSG_DONTWAIT | MSG_NOSIGNAL;
#else
  return MSG_DONTWAIT;  // SO_NOSIGPIPE is set on the pair
#endif
}

}  // namespace

ForwardChannel::ForwardChannel(std::string host, std::uint16_t port, Fd near, Deadline deadline,
                               CancelToken cancel)
    : host_(std::move(host)),
      port_(port),
      near_(std::move(near)),
      deadline_(deadline),
      cancel_(std::move(cancel)),
      raw_(this) {}

int ForwardChannel::on_data(const char* data, std::size_t size, bool is_error) {
  if (is_error) return static_cast<int>(size);
  // What is not taken stays in libssh's buffer and keeps the window closed.
  if (to_near_.size() >= kBuffer) {
    left_behind_ = true;
    return 0;
  }
  to_near_.append(data, size);
  return static_cast<int>(size);
}

Deadline ForwardChannel::due() const {
  return state_ == State::opening ? deadline_ : Deadline::never();
}

std::pair<int, short> ForwardChannel::poll_for() const {
  if (state_ != State::open) return {-1, 0};
  short events = 0;
  if (!near_eof_ && to_far_.size() < kBuffer) events |= POLLIN;
  if (!to_near_.empty()) events |= POLLOUT;
  return {events != 0 ? near_.get() : -1, events};
}

bool ForwardChannel::advance(ssh_session session) {
  if (state_ == State::open) return pump(session);
  if (state_ == State::done) return false;
  if (abandoned_ || cancel_.stop_requested() || deadline_.expired()) {
    error_ = cancel_.stop_requested()
                 ? Error{ErrorCode::cancelled, "cancelled while connecting", {}}
                 : Error{ErrorCode::unreachable,
                         fmt::format("no answer from {} in time", host_port(host_, port_)),
                         {}};
    finish();
    return true;
  }
  if (raw_.get() == nullptr && !raw_.create(session)) {
    error_ = Error{ErrorCode::internal, "libssh cannot make a channel", {}};
    finish();
    return true;
  }
  const int rc = ssh_channel_open_forward(raw_.get(), host_.c_str(), port_, "127.0.0.1", 0);
  if (rc == SSH_AGAIN || ssh_is_connected(session) == 0) return false;
  if (rc == SSH_OK) {
    state_ = State::open;
    return true;
  }
  // "Channel opening failure: channel 43 error (2) Connection refused"; the number is RFC 4254's
  // reason code, 1 = administratively prohibited.
  std::string why = ssh_get_error(session);
  std::string hint;
  const std::size_t at = why.find("error (");
  const bool prohibited = at != std::string::npos && why.compare(at, 8, "error (1") == 0;
  if (const std::size_t end = why.find(") ", at);
      at != std::string::npos && end != std::string::npos) {
    why.erase(0, end + 2);
  }
  if (prohibited) {
    why = "forwarding is prohibited there (" + why + ")";
    hint = "its sshd needs AllowTcpForwarding yes";
  }
  error_ = Error{
      prohibited ? ErrorCode::remote : ErrorCode::unreachable,
      fmt::format("cannot reach {} from there: {}", host_port(host_, port_), printable(why, 200)),
      hint};
  finish();
  return true;
}

bool ForwardChannel::pump(ssh_session session) {
  bool moved = false;
  while (!to_near_.empty()) {
    const ssize_t sent = ::send(near_.get(), to_near_.data(), to_near_.size(), send_flags());
    if (sent > 0) {
      to_near_.erase(0, static_cast<std::size_t>(sent));
      moved = true;
    } else if (sent < 0 && errno == EINTR) {
      continue;
    } else {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        to_near_.clear();
        near_eof_ = true;
      }
      break;
    }
  }
  if (left_behind_ && to_near_.empty()) {
    std::array<char, kWriteSize> buffer;
    const int got = ssh_channel_read_nonblocking(raw_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      to_near_.append(buffer.data(), static_cast<std::size_t>(got));
      moved = true;
    } else {
      left_behind_ = false;
    }
  }
  while (!near_eof_ && to_far_.size() < kBuffer) {
    std::array<char, kWriteSize> buffer;
    const ssize_t got = ::recv(near_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      to_far_.append(buffer.data(), static_cast<std::size_t>(got));
      moved = true;
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      near_eof_ = true;
    } else {
      break;
    }
  }
  while (!to_far_.empty() && !closed_ && (ssh_get_poll_flags(session) & SSH_WRITE_PENDING) == 0) {
    const std::size_t window = ssh_channel_window_size(raw_.get());
    const std::size_t size = std::min({window, kWriteSize, to_far_.size()});
    if (size == 0) break;
    const int sent =
        ssh_channel_write(raw_.get(), to_far_.data(), static_cast<std::uint32_t>(size));
    if (sent <= 0) {
      if (sent < 0) closed_ = true;
      break;
    }
    to_far_.erase(0, static_cast<std::size_t>(sent));
    moved = true;
  }
  const bool near_done = near_eof_ && (to_far_.empty() || closed_);
  const bool far_done = (far_eof_ || closed_) && to_near_.empty() && !left_behind_;
  if (near_done || far_done) {
    finish();
    return true;
  }
  return moved;
}

void ForwardChannel::finish() {
  state_ = State::done;
  near_.reset();
}

void ForwardChannel::abort(const Error& error) {
  if (state_ == State::opening) error_ = error;
  finish();
}

void ForwardChannel::release() {
  raw_.release();
}

}  // namespace bringup::ssh
