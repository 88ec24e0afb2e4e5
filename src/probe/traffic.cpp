#include "traffic.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace bringup::probe {
namespace {

constexpr std::uint64_t kSendBit = std::uint64_t{1} << 32;
constexpr std::size_t kMaxSendSlots = kMaxDepth;
constexpr unsigned kTurnsBetweenLooks = 256;
constexpr unsigned kTurnsBeforeRelax = 20000;
// So many in a row without an answer: the rest would be lost, too.
constexpr unsigned kGiveUp = 16;
constexpr unsigned kGiveUpStalls = 4;
constexpr std::uint64_t kMaxSamples = 1000000;
constexpr Nanoseconds kQuiet = std::chrono::milliseconds(50);

// enum ibv_wc_status of infiniband/verbs.h.
std::string status_name(int status) {
  static constexpr const char* kNames[] = {"success",
                                           "local length error",
                                           "local QP operation error",
                                           "local EEC error",
                                           "local protection error",
                                           "work request flushed",
                                           "memory window bind error",
                                           "bad response",
                                           "local access error",
                                           "remote invalid request",
                                           "remote access error",
                                           "remote operation error",
                                           "transport retries exceeded",
                                           "receiver-not-ready retries exceeded"};
  if (status > 0 && status < static_cast<int>(std::size(kNames))) return kNames[status];
  return "unknown";
}

double seconds(Nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

double percentile(const std::vector<Nanoseconds>& sorted, unsigned percent) {
  const std::size_t rank = (sorted.size() * percent + 99) / 100;
  return seconds(sorted[std::max<std::size_t>(rank, 1) - 1]) * 1e6;
}

}  // namespace

Failure failure_of(const VerbsError& error) {
  return {"rdma", error.verb, error.error_number, ""};
}

Outcome<void> Traffic::post_receives() {
  for (std::uint64_t i = 0; i < arena_.receives; ++i) {
    const auto posted = verbs_.post_receive(i, arena_.receive_slot(i), arena_.slot_bytes);
    if (!posted) return tl::unexpected(failure_of(posted.error()));
  }
  return {};
}

Outcome<void> Traffic::begin(const Job& job) {
  if (send_slots_ != free_.size())
    return tl::unexpected(Failure{"rdma", "ibv_poll_cq", 0, "an earlier send did not complete"});
  run_ = job.run;
  send_slot_bytes_ = job.bytes;
  send_slots_ = std::min(kMaxSendSlots, arena_.send_bytes / job.bytes);
  free_.resize(send_slots_);
  std::iota(free_.rbegin(), free_.rend(), std::uint64_t{0});
  idle_turns_ = 0;
  return {};
}

Outcome<bool> Traffic::pump(const std::function<Outcome<void>(const Message&)>& take) {
  completions_.clear();
  if (const auto polled = verbs_.poll(completions_); !polled)
    return tl::unexpected(failure_of(polled.error()));
  if (completions_.empty()) return false;
  idle_turns_ = 0;
  for (const Completion& done : completions_) {
    if (done.status != 0)
      return tl::unexpected(Failure{
          "rdma", "ibv_poll_cq", 0,
          "completion status " + std::to_string(done.status) + ", " + status_name(done.status)});
    if ((done.id & kSendBit) != 0) {
      free_.push_back(done.id & ~kSendBit);
      continue;
    }
    std::byte* slot = arena_.receive_slot(done.id);
    const auto message = read_head(slot, done.bytes);
    std::memset(slot, 0, kHeadBytes);
    const auto posted = verbs_.post_receive(done.id, slot, arena_.slot_bytes);
    if (!posted) return tl::unexpected(failure_of(posted.error()));
    if (!message || message->run != run_) continue;
    if (auto taken = take(*message); !taken) return tl::unexpected(taken.error());
  }
  return true;
}

Outcome<void> Traffic::transmit(const Message& message) {
  const std::uint64_t slot = free_.back();
  std::byte* at = arena_.send_area() + slot * send_slot_bytes_;
  write_head(message, at);
  const auto posted = verbs_.post_send(slot | kSendBit, at, message.bytes);
  if (!posted) return tl::unexpected(failure_of(posted.error()));
  free_.pop_back();
  return {};
}

Outcome<void> Traffic::finish_sends(const Job& job) {
  const Nanoseconds end = host_.now() + job.wait;
  while (free_.size() != send_slots_ && host_.now() < end) {
    const auto came = pump([](const Message&) -> Outcome<void> { return {}; });
    if (!came) return tl::unexpected(came.error());
    if (!*came) idle();
  }
  return {};
}

bool Traffic::idle() {
  if (++idle_turns_ > kTurnsBeforeRelax) {
    host_.relax();
    return host_.input_waiting();
  }
  return idle_turns_ % kTurnsBetweenLooks == 0 && host_.input_waiting();
}

Outcome<LatencyFigures> Traffic::ping(const Job& job) {
  if (auto begun = begin(job); !begun) return tl::unexpected(begun.error());
  LatencyFigures figures;
  std::vector<Nanoseconds> samples;
  const std::uint64_t count = std::min(job.count, kMaxSamples);
  samples.reserve(count);
  const Nanoseconds end = host_.now() + job.limit;
  unsigned unanswered = 0;
  bool stopped = false;
  bool answered = false;
  std::uint64_t sequence = 0;
  const auto take = [&](const Message& message) -> Outcome<void> {
    answered = answered || (message.kind == MessageKind::pong && message.sequence == sequence);
    return {};
  };
  for (; sequence < count && unanswered < kGiveUp && !stopped; ++sequence) {
    const Nanoseconds sent = host_.now();
    if (sent >= end) break;
    // The last one has its whole wait, too: what is on its way when the time is over is not lost.
    const Nanoseconds until = sent + job.wait;
    answered = false;
    bool posted = false;
    Nanoseconds now = sent;
    while (!answered && now < until && !stopped) {
      if (!posted && can_send()) {
        auto out = transmit({MessageKind::ping, false, job.run, sequence, job.bytes});
        if (!out) return tl::unexpected(out.error());
        posted = true;
        ++figures.sent;
      }
      const auto came = pump(take);
      if (!came) return tl::unexpected(came.error());
      now = host_.now();
      if (!*came) stopped = idle();
    }
    if (!posted && !stopped)
      return tl::unexpected(Failure{"rdma", "ibv_poll_cq", 0, "sends do not complete"});
    if (answered) {
      samples.push_back((now - sent) / 2);
      unanswered = 0;
    } else if (posted) {
      ++figures.lost;
      ++unanswered;
    }
  }
  if (auto done = finish_sends(job); !done) return tl::unexpected(done.error());
  if (!samples.empty()) {
    std::sort(samples.begin(), samples.end());
    figures.p50_us = percentile(samples, 50);
    figures.p99_us = percentile(samples, 99);
    const auto sum = std::accumulate(samples.begin(), samples.end(), Nanoseconds{0});
    figures.mean_us = seconds(sum) * 1e6 / static_cast<double>(samples.size());
  }
  return figures;
}

Outcome<ReceiveFigures> Traffic::pong(const Job& job, const std::function<void()>& ready) {
  if (auto begun = begin(job); !begun) return tl::unexpected(begun.error());
  ReceiveFigures figures;
  const Nanoseconds first = host_.now();
  const auto take = [&](const Message& message) -> Outcome<void> {
    if (message.kind != MessageKind::ping) return {};
    ++figures.received;
    // A sender with every slot in flight loses the answer; the other end counts that.
    if (!can_send() || message.bytes > job.bytes) return {};
    return transmit({MessageKind::pong, false, job.run, message.sequence, message.bytes});
  };
  ready();
  while (host_.now() < first + job.limit) {
    const auto came = pump(take);
    if (!came) return tl::unexpected(came.error());
    if (!*came && idle()) break;
  }
  figures.seconds = seconds(host_.now() - first);
  if (auto done = finish_sends(job); !done) return tl::unexpected(done.error());
  return figures;
}

// The receiver has as many receives posted as it tells nobody: both ends are opened with the same
// depth. At most so many messages go without a credit; when credits stay away for job.wait, all
// that was sent is over (arrived or lost), and the receives are free again.
Outcome<SendFigures> Traffic::send(const Job& job) {
  if (auto begun = begin(job); !begun) return tl::unexpected(begun.error());
  SendFigures figures;
  const std::uint64_t window = arena_.receives;
  const std::uint64_t credit_every = std::max<std::uint64_t>(1, window / 2);
  std::uint64_t credited = 0;
  const Nanoseconds first = host_.now();
  Nanoseconds progress = first;
  Nanoseconds now = first;
  Nanoseconds last = first;
  unsigned stalls_in_row = 0;
  bool closing = false;
  const auto take = [&](const Message& message) -> Outcome<void> {
    if (message.kind != MessageKind::credit || message.sequence >= figures.sent) return {};
    credited = std::max(credited, message.sequence + 1);
    last = host_.now();
    stalls_in_row = 0;
    return {};
  };
  while (true) {
    while (!closing && can_send() && figures.sent - credited < window) {
      now = host_.now();
      closing = (job.count != 0 && figures.sent + 1 >= job.count) || now >= first + job.span ||
                now >= first + job.limit;
      const bool answer = closing || (figures.sent + 1) % credit_every == 0;
      auto out = transmit({MessageKind::data, answer, job.run, figures.sent, job.bytes});
      if (!out) return tl::unexpected(out.error());
      ++figures.sent;
      progress = now;
    }
    if (closing && credited == figures.sent) break;
    const auto came = pump(take);
    if (!came) return tl::unexpected(came.error());
    now = host_.now();
    if (*came) progress = now;  // a large message takes its time
    if (!*came && idle()) break;
    if (now >= first + job.limit) break;
    if (now - progress < job.wait) continue;
    if (free_.size() != send_slots_ && !can_send())
      return tl::unexpected(Failure{"rdma", "ibv_poll_cq", 0, "sends do not complete"});
    ++figures.stalls;
    if (closing || ++stalls_in_row >= kGiveUpStalls) break;
    credited = figures.sent;
    progress = now;
  }
  figures.seconds = seconds((last > first ? last : now) - first);
  if (auto done = finish_sends(job); !done) return tl::unexpected(done.error());
  return figures;
}

Outcome<ReceiveFigures> Traffic::receive(const Job& job, const std::function<void()>& ready) {
  if (auto begun = begin(job); !begun) return tl::unexpected(begun.error());
  ReceiveFigures figures;
  const Nanoseconds begin_at = host_.now();
  Nanoseconds first{};
  Nanoseconds last{};
  bool owed = false;  // a credit that found no free send slot
  std::uint64_t owed_sequence = 0;
  const auto credit = [&](std::uint64_t sequence) {
    return transmit({MessageKind::credit, false, job.run, sequence, kHeadBytes});
  };
  const auto take = [&](const Message& message) -> Outcome<void> {
    if (message.kind != MessageKind::data) return {};
    last = host_.now();
    if (figures.received++ == 0) first = last;
    if (!message.answer) return {};
    owed = !can_send();
    owed_sequence = message.sequence;
    if (owed) return {};
    return credit(message.sequence);
  };
  ready();
  Nanoseconds now = begin_at;
  Nanoseconds quiet_since = begin_at;
  bool stopping = false;
  while (now < begin_at + job.limit) {
    const auto came = pump(take);
    if (!came) return tl::unexpected(came.error());
    if (owed && can_send()) {
      owed = false;
      if (auto out = credit(owed_sequence); !out) return tl::unexpected(out.error());
    }
    now = host_.now();
    if (*came) quiet_since = now;
    // What was sent before the stop may still be on its way.
    if (!*came && !stopping && idle()) {
      stopping = true;
      quiet_since = now;
    } else if (!*came && stopping && now - quiet_since >= kQuiet) {
      break;
    }
  }
  figures.seconds = seconds(last - first);
  if (auto done = finish_sends(job); !done) return tl::unexpected(done.error());
  return figures;
}

}  // namespace bringup::probe
