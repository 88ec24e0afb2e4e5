#include "bringup/verify/rdma_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "bringup/verify/rdma_errors.hpp"

namespace bringup::verify {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGreeting{15000};
constexpr milliseconds kAnswer{15000};  // open, connect: a peer is looked up for a second or more
constexpr milliseconds kMargin{5000};   // beyond a job's own limit
constexpr milliseconds kFarewell{3000};
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{5000};

RdmaExchange::Side other(RdmaExchange::Side side) {
  return side == RdmaExchange::Side::a ? RdmaExchange::Side::b : RdmaExchange::Side::a;
}

milliseconds pause_before(int attempt) {  // 2, 3, …
  milliseconds pause = kFirstPause;
  for (int i = 2; i < attempt && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

RdmaFailure failure_of(const RdmaEnd& end, const ProbeFailure& failure) {
  RdmaFailure told;
  told.layer = failure.layer;
  told.verb = failure.verb;
  told.error_number = failure.error_number;
  told.node = end.node;
  if (failure.error_number != 0)
    told.seen = fmt::format("{} failed with errno {}", failure.verb, failure.error_number);
  else if (failure.text.empty())
    told.seen = failure.verb + " failed";
  if (!failure.text.empty()) told.seen += (told.seen.empty() ? "" : ": ") + failure.text;
  const RdmaMeaning meaning =
      explain_rdma(failure.layer, failure.verb, failure.error_number, end.os);
  told.meaning = meaning.meaning;
  told.cure = meaning.cure;
  return told;
}

RdmaFailure trouble(const RdmaEnd& end, std::string seen) {
  return failure_of(end, ProbeFailure{"probe", "", 0, std::move(seen)});
}

// Nothing of a size came through, though both queue pairs stand.
RdmaFailure silence(const RdmaEnd& from, const std::string& seen) {
  return failure_of(from, ProbeFailure{"rdma", "", 0, seen});
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

void RdmaExchange::begin_steps(Time now) {
  steps_.clear();
  for (const auto bytes : options_.latency_bytes)
    for (const Side from : {Side::a, Side::b}) steps_.push_back({Kind::latency, bytes, from});
  for (const auto bytes : options_.bandwidth_bytes)
    for (const Side from : {Side::a, Side::b}) steps_.push_back({Kind::bandwidth, bytes, from});
  step_ = 0;
  next_step(now);
}

ProbeJob RdmaExchange::job(const Step& step) const {
  ProbeJob job;
  job.run = run_;
  job.bytes = step.bytes;
  job.wait_ms = static_cast<std::uint64_t>(options_.wait.count());
  job.limit_ms = static_cast<std::uint64_t>(step_limit(step).count());
  if (step.kind == Kind::latency)
    job.count = options_.iterations;
  else
    job.span_ms = static_cast<std::uint64_t>(options_.bandwidth_span.count());
  return job;
}

// Of the active half. A sender in trouble gives up after a few waits.
RdmaExchange::Time RdmaExchange::step_limit(const Step& step) const {
  if (step.kind == Kind::latency) return options_.latency_limit;
  return options_.bandwidth_span + 6 * options_.wait;
}

// A direction in which nothing came through is not tried again with another size.
void RdmaExchange::next_step(Time now) {
  while (step_ < steps_.size() && result_from(steps_[step_].from).failure) ++step_;
  if (step_ == steps_.size()) {
    close(now);
    return;
  }
  const Step& step = steps_[step_];
  ++run_;
  active_ = std::monostate{};
  passive_.reset();
  state_ = State::readying;
  ProbeJob passive = job(step);
  passive.limit_ms += static_cast<std::uint64_t>(kMargin.count());
  const bool latency = step.kind == Kind::latency;
  ask(other(step.from), latency ? "latency" : "bandwidth",
      probe_request(latency ? ProbeRole::pong : ProbeRole::receive, passive), now + kMargin);
}

void RdmaExchange::activate(Time now) {
  const Step& step = steps_[step_];
  const bool latency = step.kind == Kind::latency;
  state_ = State::running;
  const Time due = now + step_limit(step) + options_.wait + kMargin;
  ask(step.from, latency ? "latency" : "bandwidth",
      probe_request(latency ? ProbeRole::ping : ProbeRole::send, job(step)), due);
  at(other(step.from)).due = due + kMargin;
}

void RdmaExchange::record(Time now) {
  const Step& step = steps_[step_];
  RdmaResult& result = result_from(step.from);
  const RdmaEnd& from = at(step.from).end;
  const ProbeReceived received = passive_.value_or(ProbeReceived{});
  if (const auto* latency = std::get_if<ProbeLatency>(&active_)) {
    RdmaLatency figures{step.bytes,      latency->sent,   latency->lost,
                        latency->p50_us, latency->p99_us, std::nullopt};
    if (latency->sent > latency->lost) figures.mean_us = latency->mean_us;
    result.latency.push_back(figures);
    if (latency->sent == latency->lost)
      result.failure = silence(from, fmt::format("none of {} messages of {} bytes was answered",
                                                 latency->sent, step.bytes));
  } else if (const auto* sent = std::get_if<ProbeSent>(&active_)) {
    RdmaBandwidth figures{step.bytes, sent->sent,
                          sent->sent - std::min(sent->sent, received.received), 0};
    // The first arrival only starts the clock.
    if (received.received >= 2 && received.seconds > 0)
      figures.gbps = static_cast<double>(received.received - 1) * static_cast<double>(step.bytes) *
                     8 / received.seconds / 1e9;
    result.bandwidth.push_back(figures);
    if (received.received == 0)
      result.failure = silence(
          from, fmt::format("none of {} messages of {} bytes arrived", sent->sent, step.bytes));
  }
  ++step_;
  next_step(now);
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
