#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>

#include "bringup/ssh/channel.hpp"
#include "bringup/ssh/socket.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

constexpr std::size_t kWriteSize = 32 * 1024;
// A server with all its sessions in use refuses another, also while it puts away one that has
// ended.
constexpr int kMaxRefusals = 50;
constexpr std::chrono::milliseconds kRefusalPause{100};
constexpr std::chrono::seconds kStartGrace{1};  // for a command that is ended while it starts
constexpr std::chrono::seconds kEndGrace{
    6};  // end_group_command() takes three, and its round trips

}  // namespace

CommandChannel::CommandChannel(const ExecRequest& request, Dress dress, std::string node)
    : request_(request),
      dress_(dress),
      node_(std::move(node)),
      mark_("bringup-group-" + (dress == Dress::group_leader ? random_hex(8) : std::string())),
      raw_(this) {
  line_ = request.command;
}

int CommandChannel::on_data(const char* data, std::size_t size, bool is_error) {
  const std::string_view text(data, size);
  if (is_error && dress_ == Dress::group_leader) {
    keep(Stream::err, mark_.feed(text));
  } else {
    keep(is_error ? Stream::err : Stream::out, text);
  }
  return static_cast<int>(size);
}

void CommandChannel::on_exit_signal(const char* signal) {
  result_.signal = printable(signal != nullptr ? signal : "?", 32);
}

void CommandChannel::keep(Stream stream, std::string_view text) {
  if (text.empty() || reason_ != Reason::none) return;
  std::string& to = stream == Stream::out ? result_.out : result_.err;
  const std::size_t room = request_.max_output - std::min(request_.max_output, to.size());
  if (text.size() > room) {
    result_.truncated = true;
    text = text.substr(0, room);
  }
  to += text;
  if (request_.on_output && !text.empty()) news_.emplace_back(stream, text);
}

void CommandChannel::deliver(std::unique_lock<std::mutex>& lock) {
  const auto news = std::exchange(news_, {});
  lock.unlock();
  for (const auto& [stream, text] : news) request_.on_output(stream, text);
  lock.lock();
}

Deadline CommandChannel::due() const {
  if (reason_ == Reason::none) {
    return state_ == State::refused ? again_at_.sooner(request_.deadline) : request_.deadline;
  }
  return killer_ != nullptr ? end_by_.sooner(killer_->due()) : end_by_;
}

bool CommandChannel::check_end() {
  if (reason_ != Reason::none) return false;
  if (request_.cancel.stop_requested()) {
    reason_ = Reason::cancelled;
  } else if (request_.deadline.expired()) {
    reason_ = Reason::deadline;
  } else if (result_.truncated) {
    reason_ = Reason::too_much;
  } else {
    return false;
  }
  end_by_ = Deadline::after(kStartGrace);
  return true;
}

bool CommandChannel::write_some(ssh_session session, std::string_view text, std::size_t& written) {
  bool moved = false;
  while (written < text.size()) {
    // More than the socket takes would only pile up in libssh's buffer.
    if ((ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0) return moved;
    const std::size_t window = ssh_channel_window_size(raw_.get());
    const std::size_t size = std::min({window, kWriteSize, text.size() - written});
    if (size == 0) return moved;
    const int sent =
        ssh_channel_write(raw_.get(), text.data() + written, static_cast<std::uint32_t>(size));
    if (sent <= 0) {
      // Refused: the command has closed its stdin, which is its right.
      if (sent < 0) {
        written = text.size();
        live_over_ = true;
      }
      return moved;
    }
    written += static_cast<std::size_t>(sent);
    moved = true;
  }
  return moved;
}

bool CommandChannel::read_live_input() {
  std::array<char, kWriteSize> buffer;
  const ssize_t got = ::read(request_.live_input, buffer.data(), buffer.size());
  if (got > 0) {
    live_.assign(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }
  if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) live_over_ = true;
  return false;
}

bool CommandChannel::write_input(ssh_session session) {
  bool moved = write_some(session, request_.input, written_);
  if (written_ < request_.input.size()) return moved;
  if (request_.live_input >= 0) {
    while (!live_over_ && (!live_.empty() || read_live_input())) {
      std::size_t written = 0;
      moved = write_some(session, live_, written) || moved;
      live_.erase(0, written);
      if (!live_.empty()) return moved;
    }
    if (!live_over_) return moved;
  }
  if (!eof_sent_) {
    eof_sent_ = true;
    if (ssh_channel_is_open(raw_.get()) != 0) ssh_channel_send_eof(raw_.get());
  }
  return moved;
}

std::pair<int, short> CommandChannel::poll_for() const {
  const bool wanted = state_ == State::running && request_.live_input >= 0 && !live_over_ &&
                      live_.empty() && written_ == request_.input.size();
  return {wanted ? request_.live_input : -1, POLLIN};
}

bool CommandChannel::advance(ssh_session session) {
  check_end();
  if (reason_ != Reason::none && state_ != State::ending && state_ != State::done &&
      end_by_.expired()) {
    finish();
    return true;
  }
  switch (state_) {
    case State::waiting:
      if (reason_ == Reason::none) return false;
      finish();
      return true;
    case State::refused:
      if (reason_ != Reason::none) {
        finish();
        return true;
      }
      if (!again_at_.expired()) return false;
      state_ = State::opening;
      return true;
    case State::opening: {
      if (raw_.get() == nullptr) {
        if (dress_ == Dress::group_leader) line_ = dress_command(request_.command, mark_.text());
        if (!raw_.create(session)) {
          fail_with(ErrorCode::internal, "libssh cannot make a channel");
          return true;
        }
      }
      const int rc = ssh_channel_open_session(raw_.get());
      if (rc == SSH_AGAIN || ssh_is_connected(session) == 0) return false;
      if (rc != SSH_OK && ++refusals_ < kMaxRefusals) {
        raw_.release();
        again_at_ = Deadline::after(kRefusalPause);
        state_ = State::refused;
        return true;
      }
      if (rc != SSH_OK) {
        fail_with(ErrorCode::remote, fmt::format("the server refused to run a command ({})",
                                                 printable(ssh_get_error(session), 200)));
        return true;
      }
      state_ = State::starting;
      return true;
    }
    case State::starting: {
      const int rc = ssh_channel_request_exec(raw_.get(), line_.c_str());
      if (rc == SSH_AGAIN || ssh_is_connected(session) == 0) return false;
      if (rc != SSH_OK) {
        fail_with(ErrorCode::remote, fmt::format("the server refused to run the command ({})",
                                                 printable(ssh_get_error(session), 200)));
        return true;
      }
      state_ = State::running;
      return true;
    }
    case State::running:
      if (closed_) {
        finish();
        return true;
      }
      if (reason_ != Reason::none) {
        state_ = State::ending;
        return true;
      }
      return write_input(session);
    case State::ending:
      return end(session);
    case State::done:
      return false;
  }
  return false;
}

bool CommandChannel::end(ssh_session session) {
  if (end_by_.expired()) {
    finish();
    return true;
  }
  if (killer_ == nullptr) {
    if (closed_) {
      finish();
      return true;
    }
    if (!mark_.group()) return false;  // it may still come
    killer_request_.command = end_group_command(*mark_.group());
    killer_request_.deadline = Deadline::after(kEndGrace);
    end_by_ = killer_request_.deadline;
    killer_ = std::make_unique<CommandChannel>(killer_request_, Dress::as_it_is, node_);
    killer_->admit();
  }
  const bool moved = killer_->advance(session);
  if (!killer_->finished()) return moved;
  finish();
  return true;
}

void CommandChannel::fail_with(ErrorCode code, std::string message) {
  error_ = Error{code, node_ + ": " + std::move(message), {}};
  state_ = State::done;
}

void CommandChannel::finish() {
  const bool ended = closed_ || (killer_ != nullptr && killer_->result_.exit_status == 0);
  const std::string fate = ended ? "it was ended" : "it may still be running there";
  switch (reason_) {
    case Reason::none:
      keep(Stream::err, mark_.finish());
      if (result_.exit_status < 0 && result_.signal.empty()) {
        fail_with(ErrorCode::unreachable, "the server closed the channel before the command's end");
        return;
      }
      break;
    case Reason::cancelled:
      fail_with(ErrorCode::cancelled, "the command was cancelled; " + fate);
      return;
    case Reason::deadline: {
      const auto span = std::chrono::round<std::chrono::duration<int, std::deci>>(
          request_.deadline.at() - started_);
      fail_with(ErrorCode::unreachable,
                fmt::format("the command did not finish within {}; {}", seconds_text(span), fate));
      return;
    }
    case Reason::too_much:
      break;
  }
  state_ = State::done;
}

void CommandChannel::abort(const Error& error) {
  if (state_ == State::done) return;
  error_ = error;
  if (reason_ == Reason::cancelled) error_->code = ErrorCode::cancelled;
  state_ = State::done;
}

void CommandChannel::release() {
  if (killer_ != nullptr) killer_->release();
  raw_.release();
}

Expected<ExecResult> CommandChannel::take() {
  if (error_) return tl::unexpected(*error_);
  return std::move(result_);
}

}  // namespace bringup::ssh
