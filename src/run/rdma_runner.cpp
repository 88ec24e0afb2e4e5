// RDMA checks: a probe at each end where one runs, else the nodes' own ibv_*_pingpong.
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "bringup/util/digest.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/pingpong.hpp"
#include "command_stream.hpp"
#include "verify_parts.hpp"

namespace bringup::run {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using verify::RdmaExchange;
using Side = RdmaExchange::Side;

constexpr seconds kGrace{10};

verify::Measurement measurement(std::size_t link, std::size_t from, verify::RdmaResult result) {
  verify::Measurement one;
  one.link = link;
  one.from = from;
  one.rdma = std::move(result);
  return one;
}

// The inventory's device where it names one; the conventional name is only that, and the probe
// finds the device by the link's address.
std::string device_of(const model::LinkEnd& end) {
  return end.rdma_device == "rdma_" + end.interface ? std::string() : end.rdma_device;
}

// What the two streams of an exchange say, in one queue.
class Mailbox {
 public:
  struct Mail {
    Side side = Side::a;
    std::optional<std::string> line;  // unset: the stream has ended
    std::string note;
  };

  StreamHandlers handlers(Side side) {
    return {[this, side](std::string line) {
              put({side, std::move(line), {}});
            },
            [this, side](std::string note) {
              put({side, std::nullopt, std::move(note)});
            }};
  }
  std::vector<Mail> wait(milliseconds limit) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, limit, [this] { return !mail_.empty(); });
    return std::exchange(mail_, {});
  }

 private:
  void put(Mail mail) {
    const std::lock_guard lock(mutex_);
    mail_.push_back(std::move(mail));
    filled_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<Mail> mail_;
};

}  // namespace

RdmaRunner::RdmaRunner(Crew& crew, const VerifyOptions& options, Probes& probes)
    : crew_(crew), options_(options), probes_(probes) {}

Measurements RdmaRunner::measure(const verify::Round& round) {
  probes_.push(nodes_of(crew_, round));
  std::vector<Measurements> found(round.size());
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < round.size(); ++i) {
      workers.emplace_back([&, i] { found[i] = measure_link(round[i]); });
    }
  }
  Measurements out;
  for (Measurements& some : found) {
    for (verify::Measurement& one : some) out.push_back(std::move(one));
  }
  return out;
}

Measurements RdmaRunner::measure_link(std::size_t link) {
  const auto& ends = crew_.fleet().links[link].ends;
  const Probes::Held* a = probes_.at(ends[0].node);
  const Probes::Held* b = probes_.at(ends[1].node);
  if (a == nullptr || b == nullptr) return {};  // a node without a session
  if (!a->path.empty() && !b->path.empty()) return by_probe(link, *a, *b);
  return by_pingpong(link);
}

Measurements RdmaRunner::by_probe(std::size_t link, const Probes::Held& a, const Probes::Held& b) {
  const auto& ends = crew_.fleet().links[link].ends;
  const auto rdma_end = [&](const model::LinkEnd& end) {
    const NodeRun* node = crew_.find(end.node);
    verify::RdmaEnd out;
    out.node = crew_.fleet().nodes[end.node].name;
    out.device = device_of(end);
    out.address = end.address.to_string();
    if (node->facts) out.os = node->facts->os;
    return out;
  };
  const auto began = std::chrono::steady_clock::now();
  const auto now = [&] {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  };
  Mailbox box;
  RdmaExchange exchange(rdma_end(ends[0]), rdma_end(ends[1]), options_.rdma, now());
  const seconds longest = RdmaExchange::longest(options_.rdma);
  const auto begin = [&](std::size_t end, const std::string& path, Side side) {
    ssh::ExecRequest request;
    request.command = fmt::format("exec {} {}", shell_quote(path), longest.count());
    request.deadline = Deadline::after(longest + kGrace);
    return CommandStream::start(*node_at(crew_, ends[end].node)->session, std::move(request),
                                box.handlers(side), crew_.cancel());
  };
  auto first = begin(0, a.path, Side::a);
  auto second = begin(1, b.path, Side::b);
  if (!first || !second) return {};

  const auto send = [&] {
    for (const RdmaExchange::Outgoing& out : exchange.take_outgoing()) {
      (out.side == Side::a ? **first : **second).write(out.line);
    }
  };
  while (!exchange.finished() && !crew_.cancelled()) {
    send();
    const milliseconds pause =
        std::clamp(exchange.next_tick() - now(), milliseconds(0), milliseconds(500));
    for (const Mailbox::Mail& mail : box.wait(pause)) {
      if (mail.line) {
        exchange.line(mail.side, *mail.line, now());
      } else {
        exchange.ended(mail.side, mail.note, now());
      }
    }
    exchange.tick(now());
  }
  send();
  const auto raw = [&](std::size_t end, const CommandStream& stream) {
    crew_.emit({plan::EventKind::raw,
                "rdma",
                crew_.fleet().nodes[ends[end].node].name,
                crew_.fleet().link_name(crew_.fleet().links[link]),
                {},
                stream.transcript(),
                {}});
  };
  raw(0, **first);
  raw(1, **second);
  if (!exchange.finished()) return {};
  return {measurement(link, ends[0].node, exchange.a_to_b()),
          measurement(link, ends[1].node, exchange.b_to_a())};
}

Measurements RdmaRunner::by_pingpong(std::size_t link) {
  const auto& ends = crew_.fleet().links[link].ends;
  std::vector<verify::QpType> types = {options_.rdma.qp};
  if (options_.rdma.qp == verify::QpType::uc) types.push_back(verify::QpType::rc);
  std::optional<verify::RdmaResult> best;
  for (const verify::QpType type : types) {
    if (crew_.cancelled()) break;
    std::array<verify::PingpongEnd, 2> said;  // the client is end 0
    std::array<verify::PingpongSpec, 2> spec;
    {
      std::vector<std::jthread> workers;
      for (const std::size_t end : {std::size_t{1}, std::size_t{0}}) {
        spec[end].qp = type;
        spec[end].device = device_of(ends[end]);
        spec[end].address = ends[end].address.to_string();
        spec[end].peer = ends[1 - end].address.to_string();
        workers.emplace_back([&, end] {
          const NodeRun* node = node_at(crew_, ends[end].node);
          const std::string nonce = random_hex(16);
          const auto role = end == 0 ? verify::PingpongRole::client : verify::PingpongRole::server;
          said[end].node = crew_.fleet().nodes[ends[end].node].name;
          said[end].frames =
              crew_
                  .side_script(*node, "rdma", verify::pingpong_script(role, spec[end], nonce),
                               nonce, Deadline::after(seconds(spec[end].seconds) + kGrace * 2))
                  .frames;
        });
      }
    }
    verify::RdmaResult result = verify::read_pingpong(spec[0], said[0], said[1]);
    const bool figures = !result.failure;
    if (!best || figures) best = std::move(result);
    if (figures) break;
  }
  if (!best) return {};
  verify::RdmaResult back = *best;
  std::swap(back.from_device, back.to_device);
  std::swap(back.from_gid_index, back.to_gid_index);
  std::swap(back.from_mtu, back.to_mtu);
  return {measurement(link, ends[0].node, *std::move(best)),
          measurement(link, ends[1].node, std::move(back))};
}

}  // namespace bringup::run
