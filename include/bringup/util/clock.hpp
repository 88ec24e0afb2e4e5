#pragma once
#include <chrono>
#include <string>

namespace bringup {

// The wall clock, a seam: tests give fixed times to journals and reports.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::chrono::system_clock::time_point now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::now();
  }
};

// RFC 3339 in UTC with milliseconds: "2026-11-21T05:04:35.123Z".
std::string rfc3339(std::chrono::system_clock::time_point t);

}  // namespace bringup
