#include "bringup/verify/rdma_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "bringup/verify/rdma_errors.hpp"
#include "rdma_steps.hpp"

namespace bringup::verify {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGreeting{15000};
constexpr milliseconds kAnswer{15000};  // open, connect: a peer is looked up for a second or more
constexpr milliseconds kFarewell{3000};
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{5000};

milliseconds pause_before(int attempt) {  // 2, 3, …
  milliseconds pause = kFirstPause;
  for (int i = 2; i < attempt && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

RdmaFailure trouble(const RdmaEnd& end, std::string seen) {
  return failure_of(end, ProbeFailure{"probe", "", 0, std::move(seen)});
}

}  // namespace

RdmaExchange::RdmaExchange(RdmaEnd a, RdmaEnd b, RdmaOptions options, Time now)
    : options_(std::move(options)), begun_(now) {
  ends_[0].end = std::move(a);
  ends_[1].end = std::move(b);
  for (RdmaResult& result : results_) result.qp = options_.qp;
  for (End& end : ends_) {
    end.awaited = "hello";
    end.due = now + kGreeting;
  }
}

std::chrono::seconds RdmaExchange::longest(const RdmaOptions& options) {
  const auto latencies = static_cast<int>(options.latency_bytes.size());
  const auto bandwidths = static_cast<int>(options.bandwidth_bytes.size());
  const milliseconds steps =
      2 * latencies * (options.latency_limit + options.wait + 2 * kMargin) +
      2 * bandwidths * (options.bandwidth_span + 6 * options.wait + 2 * kMargin + kAnswer);
  // The last attempt begins within the patience.
  const milliseconds whole = kGreeting + options.patience + 3 * kAnswer + steps + 2 * kFarewell;
  return std::chrono::ceil<std::chrono::seconds>(whole);
}

void RdmaExchange::tell(Side side, std::string line) {
  if (at(side).alive) outgoing_.push_back({side, std::move(line)});
}

void RdmaExchange::ask(Side side, const std::string& what, std::string line, Time due) {
  End& end = at(side);
  end.awaited = what;
  end.due = due;
  tell(side, std::move(line));
}

bool RdmaExchange::awaiting() const {
  return !ends_[0].awaited.empty() || !ends_[1].awaited.empty();
}

std::vector<RdmaExchange::Outgoing> RdmaExchange::take_outgoing() {
  return std::exchange(outgoing_, {});
}

RdmaExchange::Time RdmaExchange::next_tick() const {
  if (state_ == State::pausing) return wake_;
  Time next = Time::max();
  for (const End& end : ends_)
    if (!end.awaited.empty()) next = std::min(next, end.due);
  return next;
}

void RdmaExchange::line(Side side, std::string_view text, Time now) {
  if (finished() || !at(side).alive) return;
  auto reply = parse_probe_reply(text);
  if (reply) {
    take(side, *reply, now);
  } else if (state_ != State::resetting && state_ != State::closing) {
    // A login shell may talk before the probe does, but not in between.
    if (at(side).greeted) fail_at(side, trouble(at(side).end, reply.error().message), now);
  }
}

void RdmaExchange::take(Side side, const ProbeReply& reply, Time now) {
  End& end = at(side);
  const bool late = state_ == State::resetting || state_ == State::closing;
  if (late) {
    if (reply.re != "close" || end.awaited != "close") return;
    end.awaited.clear();
    stage_over(now);
    return;
  }
  if (const auto* failure = std::get_if<ProbeFailure>(&reply.body)) {
    fail_at(side, failure_of(end.end, *failure), now);
    return;
  }
  if (reply.re != end.awaited) {
    fail_at(side, trouble(end.end, "an answer to nothing asked: " + reply.re), now);
    return;
  }
  if (state_ == State::readying || state_ == State::running || state_ == State::stopping) {
    take_step_reply(side, reply, now);
    return;
  }
  if (const auto* hello = std::get_if<ProbeHello>(&reply.body)) {
    end.greeted = true;
    if (hello->protocol != kProbeProtocol) {
      fail_at(side, trouble(end.end, fmt::format("the probe speaks protocol {}", hello->protocol)),
              now);
      return;
    }
  }
  if (const auto* opened = std::get_if<ProbeOpened>(&reply.body)) end.opened = *opened;
  end.awaited.clear();
  stage_over(now);
}

void RdmaExchange::take_step_reply(Side side, const ProbeReply& reply, Time now) {
  const bool active = side == steps_[step_].from;
  if (!active && state_ == State::readying && std::holds_alternative<ProbeReady>(reply.body)) {
    activate(now);
    return;
  }
  const auto* latency = std::get_if<ProbeLatency>(&reply.body);
  const auto* sent = std::get_if<ProbeSent>(&reply.body);
  const auto* received = std::get_if<ProbeReceived>(&reply.body);
  if (active && state_ == State::running && (latency != nullptr || sent != nullptr)) {
    if (latency != nullptr) active_ = *latency;
    if (sent != nullptr) active_ = *sent;
    at(side).awaited.clear();
    state_ = State::stopping;
    if (passive_) {
      record(now);
      return;
    }
    tell(other(side), probe_stop());
    at(other(side)).due = now + kMargin;
    return;
  }
  if (!active && received != nullptr && state_ != State::readying) {
    passive_ = *received;  // before the active half when its own limit was reached
    at(side).awaited.clear();
    if (state_ == State::stopping) record(now);
    return;
  }
  fail_at(side, trouble(at(side).end, "an answer out of order: " + reply.re), now);
}

void RdmaExchange::ended(Side side, std::string_view note, Time now) {
  End& end = at(side);
  if (!end.alive) return;
  end.alive = false;
  end.opened.reset();
  if (finished()) return;
  if (state_ == State::closing) {
    end.awaited.clear();
    stage_over(now);
    return;
  }
  std::string seen =
      end.greeted ? "the probe ended in the middle of the exchange" : "the probe did not start";
  if (!note.empty()) seen += " (" + printable(note, 200) + ")";
  fail_at(side, trouble(end.end, std::move(seen)), now);
}

void RdmaExchange::tick(Time now) {
  if (state_ == State::pausing && now >= wake_) open(now);
  for (const Side side : {Side::a, Side::b}) {
    End& end = at(side);
    if (finished() || end.awaited.empty() || now < end.due) continue;
    if (state_ == State::closing) {
      end.awaited.clear();
      stage_over(now);
    } else {
      fail_at(side,
              trouble(end.end, end.awaited == "hello"
                                   ? "the probe did not start in time"
                                   : "the probe gave no answer to " + end.awaited + " in time"),
              now);
    }
  }
}

// While opening and connecting the other end's answer is waited for: its failure may be the
// telling one.
void RdmaExchange::fail_at(Side side, RdmaFailure failure, Time now) {
  End& end = at(side);
  const bool final = failure.layer == "probe";
  end.awaited.clear();
  end.failure = std::move(failure);
  const bool both = state_ == State::opening || state_ == State::connecting;
  if (both && !final) {
    stage_over(now);
    return;
  }
  for (RdmaResult& result : results_)
    if (!result.failure) result.failure = end.failure;
  close(now);
}

void RdmaExchange::stage_over(Time now) {
  if (awaiting()) return;
  if (state_ == State::closing) {
    state_ = State::finished;
    return;
  }
  if (state_ == State::resetting) {
    state_ = State::pausing;
    return;
  }
  // The failure that trying again would not cure goes first.
  const RdmaFailure* worst = nullptr;
  for (const bool timed_out : {false, true})
    for (const End& end : ends_)
      if (worst == nullptr && end.failure &&
          is_timed_out(end.failure->error_number, end.end.os) == timed_out)
        worst = &*end.failure;
  if (worst != nullptr) {
    retry_or_close(RdmaFailure(*worst), now);
    return;
  }
  if (state_ == State::greeting) {
    open(now);
  } else if (state_ == State::opening) {
    connect(now);
  } else if (state_ == State::connecting) {
    begin_steps(now);
  }
}

void RdmaExchange::open(Time now) {
  state_ = State::opening;
  std::uint64_t bytes = 4096;
  for (const auto size : options_.latency_bytes) bytes = std::max(bytes, size);
  for (const auto size : options_.bandwidth_bytes) bytes = std::max(bytes, size);
  for (RdmaResult& result : results_) result.attempts = attempt_;
  for (const Side side : {Side::a, Side::b}) {
    End& end = at(side);
    end.failure.reset();
    end.opened.reset();
    ask(side, "open",
        probe_request(
            ProbeOpen{end.end.device, end.end.address, options_.qp, bytes, options_.depth}),
        now + kAnswer);
  }
}

void RdmaExchange::connect(Time now) {
  state_ = State::connecting;
  for (const Side side : {Side::a, Side::b}) {
    const ProbeOpened& mine = *at(side).opened;
    const ProbeOpened& theirs = *at(other(side)).opened;
    RdmaResult& result = result_from(side);
    result.from_device = mine.device;
    result.to_device = theirs.device;
    result.from_gid_index = mine.gid_index;
    result.to_gid_index = theirs.gid_index;
    result.from_mtu = mine.mtu;
    result.to_mtu = theirs.mtu;
    ask(side, "connect", probe_connect(theirs), now + kAnswer);
  }
}

void RdmaExchange::retry_or_close(const RdmaFailure& failure, Time now) {
  const bool early = failure.layer == "gid" || failure.layer == "port";
  const RdmaEnd& end = ends_[failure.node == ends_[0].end.node ? 0 : 1].end;
  const bool unanswered =
      failure.verb == "ibv_modify_qp(RTR)" && is_timed_out(failure.error_number, end.os);
  const int most = unanswered ? options_.attempts : early ? options_.attempts_of_port : 1;
  const Time again = now + pause_before(attempt_ + 1);
  if (attempt_ >= std::min(most, options_.attempts) || again > begun_ + options_.patience) {
    for (RdmaResult& result : results_)
      if (!result.failure) result.failure = failure;
    close(now);
    return;
  }
  ++attempt_;
  wake_ = again;
  state_ = State::resetting;
  for (const Side side : {Side::a, Side::b}) ask(side, "close", probe_close(), now + kAnswer);
}

void RdmaExchange::close(Time now) {
  const bool busy =
      state_ == State::readying || state_ == State::running || state_ == State::stopping;
  state_ = State::closing;
  for (const Side side : {Side::a, Side::b}) {
    at(side).awaited.clear();
    if (!at(side).alive) continue;
    if (busy) tell(side, probe_stop());
    ask(side, "close", probe_close(), now + kFarewell);
    tell(side, probe_quit());
  }
  stage_over(now);
}

}  // namespace bringup::verify
