#include "bringup/ssh/watchdog.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <limits>

namespace bringup::ssh {
namespace {

using Clock = Deadline::Clock;
constexpr Clock::rep kNever = std::numeric_limits<Clock::rep>::max();

Clock::rep count_of(Deadline deadline) {
  return deadline.bounded() ? deadline.at().time_since_epoch().count() : kNever;
}

}  // namespace

Watchdog::Watch::Watch(std::shared_ptr<Watchdog> owner, int fd, Deadline deadline)
    : owner_(std::move(owner)), at_(count_of(deadline)), fd_(fd) {}

Watchdog::Watch::~Watch() {
  const std::lock_guard lock(owner_->mutex_);
  owner_->watches_.erase(this);
}

void Watchdog::Watch::set_deadline(Deadline deadline) {
  const Clock::rep at = count_of(deadline);
  if (at_.exchange(at) <= at) return;
  const std::lock_guard lock(owner_->mutex_);
  if (at < owner_->wakes_at_) owner_->changed_.notify_one();
}

void Watchdog::Watch::guard_also(int fd) {
  const std::lock_guard lock(owner_->mutex_);
  second_ = fd;
  if (fd >= 0 && outcome_.load() != Outcome::none) ::shutdown(fd, SHUT_RDWR);
}

void Watchdog::Watch::cancel() {
  const std::lock_guard lock(owner_->mutex_);
  shut(Outcome::cancelled);
}

void Watchdog::Watch::shut(Outcome outcome) {
  if (outcome_.load() != Outcome::none) return;
  outcome_.store(outcome);
  ::shutdown(fd_, SHUT_RDWR);
  if (second_ >= 0) ::shutdown(second_, SHUT_RDWR);
}

Watchdog::Watchdog() : wakes_at_(kNever), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  // The last Watch may go in any thread, never in ours: run() owns none.
  thread_.join();
}

std::unique_ptr<Watchdog::Watch> Watchdog::guard(int fd, Deadline deadline) {
  auto watch = std::make_unique<Watch>(shared_from_this(), fd, deadline);
  const std::lock_guard lock(mutex_);
  watches_.insert(watch.get());
  if (count_of(deadline) < wakes_at_) changed_.notify_one();
  return watch;
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const Clock::rep now = Clock::now().time_since_epoch().count();
    Clock::rep next = kNever;
    for (Watch* watch : watches_) {
      if (watch->outcome() != Outcome::none) continue;
      const Clock::rep at = watch->at_.load();
      if (at <= now) {
        watch->shut(Outcome::expired);
      } else {
        next = std::min(next, at);
      }
    }
    wakes_at_ = next;
    if (next == kNever) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, Clock::time_point(Clock::duration(next)));
    }
  }
}

}  // namespace bringup::ssh
