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

constexpr seconds kPushLimit{60};
constexpr seconds kGrace{10};

// Takes the probe on stdin, says where it lies and what its digest is, and holds the folder until
// its input ends: when the controller is done, and also when the session is lost.
std::string holder_script(std::size_t bytes) {
  return fmt::format(
      "umask 077\n"
      "d=$(mktemp -d \"${{TMPDIR:-/tmp}}/bringup-probe.XXXXXX\") || exit 1\n"
      "trap 'rm -rf \"$d\"' EXIT\n"
      "trap 'exit 1' HUP INT TERM\n"
      "head -c {} >\"$d/bringup-probe\" && chmod 700 \"$d/bringup-probe\" || exit 1\n"
      "if command -v sha256sum >/dev/null 2>&1; then s=$(sha256sum <\"$d/bringup-probe\")\n"
      "else s=$(shasum -a 256 <\"$d/bringup-probe\"); fi\n"
      "printf 'bringup-probe %s %s\\n' \"${{s%% *}}\" \"$d/bringup-probe\"\n"
      "cat >/dev/null\n",
      bytes);
}

// The path that the holder said; empty when it said something else.
std::string path_in(std::string_view line, std::string_view digest) {
  const auto words = split_blank(line);
  if (words.size() != 3 || words[0] != "bringup-probe" || words[1] != digest) return {};
  const std::string_view path = words[2];
  const bool sound = path.starts_with('/') && path.size() < 1024 &&
                     path.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789/._-+") == std::string_view::npos;
  return sound ? std::string(path) : std::string();
}

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

// A node's probe. Without a path the node has none, for the reason that `why` gives.
struct RdmaRunner::Held {
  std::string path;
  std::string why;
  std::unique_ptr<CommandStream> holder;
};

RdmaRunner::RdmaRunner(Crew& crew, const VerifyOptions& options)
    : crew_(crew), options_(options), held_(crew.fleet().nodes.size()) {}

RdmaRunner::~RdmaRunner() {
  // All nodes remove theirs at the same time.
  std::vector<std::jthread> workers;
  for (auto& held : held_) {
    if (held && held->holder) workers.emplace_back([&held] { held->holder.reset(); });
  }
}

void RdmaRunner::push(const std::vector<NodeRun*>& nodes) {
  std::vector<NodeRun*> fresh;
  for (NodeRun* node : nodes) {
    if (!held_[node->index]) fresh.push_back(node);
  }
  crew_.each(fresh, [&](NodeRun& node) {
    auto& held = held_[node.index];
    held = std::make_unique<Held>();
    if (!options_.probe) return;
    ssh::ExecRequest ask;
    ask.command = "uname -sm";
    ask.max_output = 256;
    ask.deadline = Deadline::after(kGrace);
    ask.cancel = crew_.cancel();
    const auto said = node.session->exec(ask);
    if (!said) return;
    const auto probe = options_.probe(trim(said->out));
    if (!probe) {
      held->why = "no probe for " + printable(trim(said->out), 60);
      return;
    }
    const std::string digest = sha256_hex(*probe);
    const auto answer = std::make_shared<std::pair<std::mutex, std::condition_variable>>();
    const auto heard = std::make_shared<std::optional<std::string>>();
    const auto tell = [answer, heard](const std::string& text) {
      const std::lock_guard lock(answer->first);
      if (!*heard) *heard = text;
      answer->second.notify_all();
    };
    ssh::ExecRequest request;
    request.command = holder_script(probe->size());
    request.input = *probe;
    request.max_output = 4096;
    auto holder =
        CommandStream::start(*node.session, std::move(request), {tell, tell}, crew_.cancel());
    if (!holder) return;
    held->holder = *std::move(holder);
    std::unique_lock lock(answer->first);
    answer->second.wait_for(lock, kPushLimit, [&] { return heard->has_value(); });
    held->path = path_in(heard->value_or(""), digest);
    if (held->path.empty()) {
      held->why =
          "the probe could not be placed: " + printable(heard->value_or("no answer in time"), 200);
    }
    crew_.emit({plan::EventKind::raw,
                "rdma",
                crew_.fleet().nodes[node.index].name,
                "probe",
                {},
                held->path.empty() ? held->why : held->path,
                {}});
  });
}

Measurements RdmaRunner::measure(const verify::Round& round) {
  push(nodes_of(crew_, round));
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
  const auto& a = held_[ends[0].node];
  const auto& b = held_[ends[1].node];
  if (!a || !b) return {};  // a node without a session
  if (!a->path.empty() && !b->path.empty()) return by_probe(link, *a, *b);
  return by_pingpong(link);
}

Measurements RdmaRunner::by_probe(std::size_t link, const Held& a, const Held& b) {
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
