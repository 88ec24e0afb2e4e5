#pragma once
#include <algorithm>
#include <chrono>

namespace bringup {

// A moment on the steady clock by which work must be done. Passed down, never restarted: the total
// of a chain of calls is bounded by the first deadline.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(Clock::duration span) { return Deadline(Clock::now() + span); }
  static Deadline never() { return Deadline(Clock::time_point::max()); }

  [[nodiscard]] bool expired() const { return Clock::now() >= at_; }
  [[nodiscard]] bool bounded() const { return at_ != Clock::time_point::max(); }
  [[nodiscard]] Clock::time_point at() const { return at_; }

  // Time left, at least zero and at most `cap`, in whole milliseconds rounded up: fit for poll(2).
  [[nodiscard]] std::chrono::milliseconds remaining(
      std::chrono::milliseconds cap = std::chrono::hours(1)) const {
    if (!bounded()) return cap;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now());
    return std::clamp(left, std::chrono::milliseconds(0), cap);
  }

  [[nodiscard]] Deadline sooner(Deadline other) const { return Deadline(std::min(at_, other.at_)); }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}
  Clock::time_point at_;
};

}  // namespace bringup
