#include "bringup/ssh/link.hpp"

#include <fmt/format.h>
#include <libssh/server.h>  // ssh_send_keepalive()
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "bringup/ssh/channel.hpp"
#include "bringup/ssh/socket.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

using Clock = Deadline::Clock;
using std::chrono::milliseconds;

// sshd's MaxSessions is 10 by default; one is kept for ending commands.
constexpr int kMaxCommands = 8;
constexpr int kMaxUnanswered = 3;
constexpr std::chrono::seconds kStall{60};
constexpr milliseconds kLong = std::chrono::hours(1);

}  // namespace

Link::Link(Parts parts)
    : outer_(std::move(parts.outer)),
      name_(std::move(parts.name)),
      peer_(std::move(parts.peer)),
      keepalive_(parts.keepalive),
      fd_(std::move(parts.fd)),
      watch_(std::move(parts.watch)),
      session_(std::move(parts.session)),
      last_heard_(Clock::now()) {}

Expected<std::shared_ptr<Link>> Link::make(Parts parts) {
  auto wake = wake_pipe();
  if (!wake) return tl::unexpected(wake.error());
  std::shared_ptr<Link> link(new Link(std::move(parts)));
  link->wake_read_ = std::move(wake->first);
  link->wake_write_ = std::move(wake->second);
  link->watch_->set_deadline(Deadline::never());
  link->event_.reset(ssh_event_new());
  ssh_set_counters(link->session_.get(), nullptr, &link->received_);
  if (link->event_ == nullptr ||
      ssh_event_add_session(link->event_.get(), link->session_.get()) != SSH_OK) {
    return fail(ErrorCode::internal, "libssh cannot make an event loop");
  }
  return link;
}

Link::~Link() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    watch_->set_deadline(Deadline::after(std::chrono::seconds(2)));
  }
  wake();
  if (pump_.joinable()) pump_.join();
  const std::lock_guard lock(mutex_);
  for (const auto& channel : channels_) channel->release();
  channels_.clear();
  if (event_ != nullptr) ssh_event_remove_session(event_.get(), session_.get());
  event_.reset();
  session_.reset();
}

void Link::wake() {
  const char byte = 0;
  [[maybe_unused]] const ssize_t sent = ::write(wake_write_.get(), &byte, 1);
}

Error Link::lost() const {
  if (watch_->outcome() != Watchdog::Outcome::none) {
    return {
        ErrorCode::unreachable, fmt::format("{}: the connection to {} stalled", name_, peer_), {}};
  }
  const char* said = ssh_get_disconnect_message(session_.get());
  const char* why = said != nullptr ? said : ssh_get_error(session_.get());
  return {ErrorCode::unreachable,
          fmt::format("{}: the connection to {} was lost{}{}", name_, peer_,
                      why != nullptr && *why != '\0' ? ": " : "",
                      printable(why != nullptr ? why : "", 200)),
          {}};
}

void Link::die(Error error) {
  if (!death_) death_ = std::move(error);
  for (const auto& channel : channels_) {
    channel->abort(*death_);
    channel->release();
  }
  channels_.clear();
  progress_.notify_all();
}

bool Link::alive() {
  const std::lock_guard lock(mutex_);
  return !death_ && ssh_is_connected(session_.get()) != 0;
}

Expected<void> Link::add(const std::shared_ptr<Channel>& channel) {
  bool has_company = false;
  {
    const std::lock_guard lock(mutex_);
    if (!death_ && ssh_is_connected(session_.get()) == 0) die(lost());
    if (death_) return tl::unexpected(*death_);
    if (channels_.empty()) {
      last_heard_ = Clock::now();
      unanswered_ = 0;
    }
    has_company = !channels_.empty();
    channels_.push_back(channel);
  }
  // Two drivers would take each other's wake-ups.
  if (has_company) share();
  wake();
  return {};
}

Expected<ExecResult> Link::exec(const ExecRequest& request) {
  auto channel =
      std::make_shared<CommandChannel>(request, CommandChannel::Dress::group_leader, name_);
  if (const auto added = add(channel); !added) return tl::unexpected(added.error());
  {
    const std::stop_callback on_cancel(request.cancel, [this] { wake(); });
    wait(*channel);
  }
  const std::lock_guard lock(mutex_);
  return channel->take();
}

void Link::wait(Channel& channel) {
  std::unique_lock lock(mutex_);
  ++driving_;
  for (;;) {
    if (channel.has_news()) channel.deliver(lock);
    if (channel.finished() && !channel.has_news()) break;
    if (shared_) {
      progress_.wait_for(lock, std::chrono::seconds(1));
      continue;
    }
    lock.unlock();
    step(kLong);
    lock.lock();
  }
  --driving_;
  if (!shared_) watch_->set_deadline(Deadline::never());
}

Expected<Fd> Link::forward(const std::string& host, std::uint16_t port, Deadline deadline,
                           const CancelToken& cancel) {
  auto pair = stream_pair();
  if (!pair) return tl::unexpected(pair.error());
  auto channel =
      std::make_shared<ForwardChannel>(host, port, std::move(pair->first), deadline, cancel);
  share();
  if (const auto added = add(channel); !added) return tl::unexpected(added.error());
  const std::stop_callback on_cancel(cancel, [this] { wake(); });
  std::unique_lock lock(mutex_);
  while (!channel->open() && !channel->finished()) {
    progress_.wait_for(lock, std::chrono::seconds(1));
  }
  if (channel->error()) return tl::unexpected(*channel->error());
  return std::move(pair->second);
}

void Link::share() {
  {
    const std::lock_guard lock(mutex_);
    if (shared_ || stop_) return;
    shared_ = true;
    pump_ = std::thread([this] { pump(); });
  }
  wake();
}

void Link::pump() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stop_ || death_) return;
    }
    step(kLong);
  }
}

void Link::advance() {
  int commands = 0;
  for (const auto& channel : channels_) commands += channel->is_command() ? 1 : 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& channel : channels_) {
      if (channel->is_waiting() && commands < kMaxCommands) {
        channel->admit();
        ++commands;
      }
      moved = channel->advance(session_.get()) || moved;
    }
  }
  for (auto it = channels_.begin(); it != channels_.end();) {
    if ((*it)->finished()) {
      (*it)->release();
      it = channels_.erase(it);
    } else {
      ++it;
    }
  }
}

void Link::keep_alive() {
  const auto now = Clock::now();
  if (received_.in_bytes != last_bytes_) {
    last_bytes_ = received_.in_bytes;
    last_heard_ = now;
    unanswered_ = 0;
    return;
  }
  if (keepalive_.count() <= 0 || now < last_heard_ + keepalive_ * (unanswered_ + 1)) return;
  if (unanswered_ >= kMaxUnanswered) {
    die({ErrorCode::unreachable,
         fmt::format("{}: the connection to {} is dead: nothing was heard for {}", name_, peer_,
                     seconds_text(keepalive_ * (unanswered_ + 1))),
         {}});
    return;
  }
  ++unanswered_;
  ssh_send_keepalive(session_.get());
}

void Link::step(milliseconds cap) {
  std::vector<pollfd> fds;
  milliseconds wait = cap;
  {
    const std::lock_guard lock(mutex_);
    if (death_) return;
    advance();
    bool news = false;
    Deadline due = Deadline::never();
    if (keepalive_.count() > 0) {
      due = Deadline::after(last_heard_ + keepalive_ * (unanswered_ + 1) - Clock::now());
    }
    short events = POLLIN;
    if ((ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0) events |= POLLOUT;
    fds.push_back({fd_.get(), events, 0});
    fds.push_back({wake_read_.get(), POLLIN, 0});
    for (const auto& channel : channels_) {
      news = news || channel->has_news();
      due = due.sooner(channel->due());
      const auto [fd, wanted] = channel->poll_for();
      if (fd >= 0) fds.push_back({fd, wanted, 0});
    }
    progress_.notify_all();
    // A private link's driver leaves to take its result or its output.
    if (!shared_ && (news || channels_.empty())) return;
    wait = due.remaining(cap);
    watch_->set_deadline(Deadline::after(wait + kStall));
  }
  quick_ack(fd_.get());
  ::poll(fds.data(), static_cast<nfds_t>(fds.size()), static_cast<int>(wait.count()));
  if (fds[1].revents != 0) {
    std::array<char, 64> drained;
    while (::read(wake_read_.get(), drained.data(), drained.size()) > 0) {
    }
  }
  const std::lock_guard lock(mutex_);
  if (death_) return;
  int rc = SSH_OK;
  if (fds[0].revents != 0) rc = ssh_event_dopoll(event_.get(), 0);
  advance();
  if (rc == SSH_ERROR || ssh_is_connected(session_.get()) == 0) {
    die(lost());
    return;
  }
  keep_alive();
  progress_.notify_all();
}

void Link::tend() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || shared_ || driving_ > 0 || death_) return;
  pollfd one{fd_.get(), POLLIN, 0};
  if (::poll(&one, 1, 0) <= 0) return;
  watch_->set_deadline(Deadline::after(kStall));
  const int rc = ssh_event_dopoll(event_.get(), 0);
  watch_->set_deadline(Deadline::never());
  if (rc == SSH_ERROR || ssh_is_connected(session_.get()) == 0) die(lost());
}

}  // namespace bringup::ssh
