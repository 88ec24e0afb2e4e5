#pragma once
// The exchange with a bringup-probe at each end of one link, as a state machine without clock and
// streams. The sessions are the out-of-band channel: nothing but RDMA passes between the nodes.
//
// To drive it from two streams (stdin and stdout of the two probes):
//
//   RdmaExchange exchange(a, b, options, now());
//   while (!exchange.finished()) {
//     for (const auto& out : exchange.take_outgoing()) write(stream[out.side], out.line + "\n");
//     wait for input on either stream, at most until exchange.next_tick();
//     for each whole line on a side:   exchange.line(side, line, now());
//     for each stream that ended:      exchange.ended(side, note, now());   // once for each side
//     exchange.tick(now());
//   }
//   for (const auto& out : exchange.take_outgoing()) write what can still be written;
//
// Give each probe its own deadline, RdmaExchange::longest(options), as its argument; close both
// streams' stdin in the end, which ends a probe that hangs in nothing. A line longer than
// kMaxProbeLine may be passed cut: it is refused. stderr is not part of the protocol; its first
// line makes a good `note`.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/verify/probe_messages.hpp"
#include "bringup/verify/rdma.hpp"

namespace bringup::verify {

struct RdmaEnd {
  std::string node;     // for the operator
  std::string device;   // empty: found by the address
  std::string address;  // the link's, at this end
  facts::Os os = facts::Os::linux_kernel;
};

struct RdmaOptions {
  QpType qp = QpType::uc;
  std::vector<std::uint64_t> latency_bytes = {64, 4096};
  std::uint64_t iterations = 1000;
  std::chrono::milliseconds latency_limit{5000};  // for all round trips of one size
  std::vector<std::uint64_t> bandwidth_bytes = {65536, 1048576};
  std::chrono::milliseconds bandwidth_span{1000};
  std::chrono::milliseconds wait{500};  // for one message
  unsigned depth = 4;
  // The whole exchange is tried again when a peer does not answer yet (8 times, about 30 s), and,
  // fewer times, when a GID or an active port is missing.
  int attempts = 8;
  int attempts_of_port = 3;
  std::chrono::milliseconds patience{30000};
};

class RdmaExchange {
 public:
  enum class Side { a, b };
  using Time = std::chrono::milliseconds;  // since any moment, never going back

  struct Outgoing {
    Side side = Side::a;
    std::string line;
  };

  RdmaExchange(RdmaEnd a, RdmaEnd b, RdmaOptions options, Time now);

  void line(Side side, std::string_view text, Time now);
  // The stream gives nothing more. `note` says why, if that is known ("exit status 127: not
  // found").
  void ended(Side side, std::string_view note, Time now);
  void tick(Time now);

  std::vector<Outgoing> take_outgoing();
  [[nodiscard]] Time next_tick() const;
  [[nodiscard]] bool finished() const { return state_ == State::finished; }

  // Complete when finished.
  [[nodiscard]] const RdmaResult& a_to_b() const { return results_[0]; }
  [[nodiscard]] const RdmaResult& b_to_a() const { return results_[1]; }

  // An upper bound of the time from construction to finished().
  static std::chrono::seconds longest(const RdmaOptions& options);

 private:
  enum class State {
    greeting,
    opening,
    connecting,
    readying,   // the passive half of a step is asked for
    running,    // both halves
    stopping,   // the active half is done
    resetting,  // closing, to be tried again
    pausing,
    closing,
    finished
  };

  enum class Kind { latency, bandwidth };

  struct Step {
    Kind kind = Kind::latency;
    std::uint64_t bytes = 0;
    Side from = Side::a;  // the active end
  };

  struct End {
    RdmaEnd end;
    bool alive = true;
    bool greeted = false;
    std::string awaited;  // the request whose reply is due; empty: none
    Time due{};
    std::optional<ProbeOpened> opened;
    std::optional<RdmaFailure> failure;  // of the current stage
  };

  End& at(Side side) { return ends_[side == Side::a ? 0 : 1]; }
  RdmaResult& result_from(Side side) { return results_[side == Side::a ? 0 : 1]; }
  void ask(Side side, const std::string& what, std::string line, Time due);
  void tell(Side side, std::string line);
  [[nodiscard]] bool awaiting() const;

  void take(Side side, const ProbeReply& reply, Time now);
  void take_step_reply(Side side, const ProbeReply& reply, Time now);
  void fail_at(Side side, RdmaFailure failure, Time now);
  void stage_over(Time now);
  void open(Time now);
  void connect(Time now);
  void begin_steps(Time now);
  void next_step(Time now);
  void activate(Time now);
  void record(Time now);
  void retry_or_close(const RdmaFailure& failure, Time now);
  void close(Time now);
  [[nodiscard]] ProbeJob job(const Step& step) const;
  [[nodiscard]] Time step_limit(const Step& step) const;

  State state_ = State::greeting;
  RdmaOptions options_;
  End ends_[2];
  RdmaResult results_[2];
  std::vector<Outgoing> outgoing_;
  std::vector<Step> steps_;
  std::size_t step_ = 0;
  std::uint32_t run_ = 0;
  std::variant<std::monostate, ProbeLatency, ProbeSent> active_;
  std::optional<ProbeReceived> passive_;
  int attempt_ = 1;
  Time begun_{};
  Time wake_{};  // end of pausing
};

}  // namespace bringup::verify
