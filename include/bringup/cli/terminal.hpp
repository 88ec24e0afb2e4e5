#pragma once
// The person in front of the program: terminal size, questions, Ctrl-C.
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "bringup/util/cancel.hpp"
#include "bringup/util/secret.hpp"

namespace bringup::cli {

bool is_terminal(int fd);
// The terminal's columns, 80 when `fd` is none.
std::size_t columns_of(int fd);

// Both talk to the controlling terminal, not to stdin, so that pipes stay free. nullopt: there is
// no terminal, end of input, or a signal.
std::optional<Secret> ask_secret(const std::string& question);  // echo off
std::optional<std::string> ask_line(const std::string& question);
bool can_ask();  // is there a terminal to ask on?

// While it lives, the first SIGINT, SIGTERM or SIGHUP (unless that was ignored, as by nohup) asks
// for a stop and the second ends the process with status 130. One at a time.
class InterruptGuard {
 public:
  explicit InterruptGuard(CancelSource& source);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bringup::cli
