#pragma once
// The node-side program's logic: JSON lines in, JSON lines out. See protocol.md beside the sources.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bringup/probe/verbs.hpp"

namespace bringup::probe {

inline constexpr int kProtocol = 1;
inline constexpr std::size_t kMaxLine = 65536;   // bytes of a request
inline constexpr unsigned kMaxDepth = 32;        // receives posted: what a Mac takes safely
inline constexpr unsigned kMaxGidEntries = 256;  // looked at per port

// What the session needs of its process; replaced in tests.
class Host {
 public:
  virtual ~Host() = default;
  virtual std::optional<std::string> next_line() = 0;  // waits; unset at the end of the input
  virtual bool input_waiting() = 0;                    // a line or the end: next_line() returns
  virtual void send(const std::string& line) = 0;      // without its newline
  virtual std::chrono::nanoseconds now() = 0;          // steady
  virtual void relax() = 0;  // nothing has come for a while: give up the processor
  virtual std::uint32_t random_bits() = 0;
};

// Answers requests until "quit" or the end of the input. Everything opened is closed on return.
void serve(Verbs& verbs, Host& host);

}  // namespace bringup::probe
