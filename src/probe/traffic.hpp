#pragma once
// Latency and bandwidth over one connected queue pair. UC loses silently: nothing here waits
// without a limit, and what did not come is counted.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "bringup/probe/session.hpp"
#include "bringup/probe/verbs.hpp"
#include "wire.hpp"

namespace bringup::probe {

using Nanoseconds = std::chrono::nanoseconds;

// Why a request was not fulfilled.
struct Failure {
  std::string layer;  // "gid", "port", "rdma" or "probe"
  std::string verb;
  int error_number = 0;
  std::string text;  // what the numbers do not tell; may be empty
};

Failure failure_of(const VerbsError& error);

template <class T>
using Outcome = tl::expected<T, Failure>;

// The registered memory: `receives` slots, then what is sent from.
struct Arena {
  std::byte* base = nullptr;
  std::uint32_t slot_bytes = 0;  // the largest message
  unsigned receives = 0;
  std::size_t send_bytes = 0;

  [[nodiscard]] std::byte* receive_slot(std::uint64_t index) const {
    return base + index * slot_bytes;
  }
  [[nodiscard]] std::byte* send_area() const { return base + std::size_t{receives} * slot_bytes; }
};

struct Job {
  std::uint32_t run = 0;
  std::uint32_t bytes = 0;  // of a message
  std::uint64_t count = 0;  // 0: only the time ends it
  Nanoseconds wait{};       // for one answer
  Nanoseconds span{};       // bandwidth: sends for so long
  Nanoseconds limit{};      // ends whatever stands
};

struct LatencyFigures {
  std::uint64_t sent = 0, lost = 0;
  double p50_us = 0, p99_us = 0, mean_us = 0;  // one way; 0 when nothing was answered
};

struct SendFigures {
  std::uint64_t sent = 0;
  std::uint64_t stalls = 0;  // times that no credit came in time
  double seconds = 0;
};

struct ReceiveFigures {
  std::uint64_t received = 0;
  double seconds = 0;  // from the first message's arrival to the last's
};

class Traffic {
 public:
  Traffic(Verbs& verbs, Host& host, Arena arena) : verbs_(verbs), host_(host), arena_(arena) {}

  // Posts every receive; once, when the queue pair is in INIT.
  Outcome<void> post_receives();

  Outcome<LatencyFigures> ping(const Job& job);
  Outcome<SendFigures> send(const Job& job);
  // The passive halves call `ready` and go on until the host has input waiting, or the limit.
  Outcome<ReceiveFigures> pong(const Job& job, const std::function<void()>& ready);
  Outcome<ReceiveFigures> receive(const Job& job, const std::function<void()>& ready);

 private:
  Outcome<void> begin(const Job& job);
  // Handles everything that has completed; a message of this run goes to `take` after its receive
  // was posted again. True when anything came.
  Outcome<bool> pump(const std::function<Outcome<void>(const Message&)>& take);
  Outcome<void> transmit(const Message& message);
  Outcome<void> finish_sends(const Job& job);
  [[nodiscard]] bool can_send() const { return !free_.empty(); }
  // Called when a poll brought nothing; true when the host has input waiting (looked up rarely).
  bool idle();

  Verbs& verbs_;
  Host& host_;
  Arena arena_;
  std::vector<Completion> completions_;
  std::vector<std::uint64_t> free_;  // send slots of this job
  std::size_t send_slots_ = 0;
  std::uint32_t send_slot_bytes_ = 0;
  std::uint32_t run_ = 0;
  unsigned idle_turns_ = 0;
};

}  // namespace bringup::probe
