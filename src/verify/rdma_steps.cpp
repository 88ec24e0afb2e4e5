// The steps of an RDMA exchange: one size, one direction each.
#include "rdma_steps.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/verify/rdma_errors.hpp"

namespace bringup::verify {
namespace {

// Nothing of a size came through, though both queue pairs stand.
RdmaFailure silence(const RdmaEnd& from, const std::string& seen) {
  return failure_of(from, ProbeFailure{"rdma", "", 0, seen});
}

}  // namespace

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

}  // namespace bringup::verify
