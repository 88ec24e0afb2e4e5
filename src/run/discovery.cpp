// Discovery: a probe on every node listens; then all send, and say what they heard.
#include <fmt/format.h>

#include <array>
#include <random>

#include "bringup/util/digest.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/discovery.hpp"
#include "talk.hpp"
#include "verify_parts.hpp"

namespace bringup::run {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using verify::DiscoveryEvidence;

constexpr seconds kAnswer{10};
constexpr int kProbeSeconds = 60;  // its own limit
constexpr int kPortTries = 4;

std::uint16_t some_port() {
  std::random_device device;
  return static_cast<std::uint16_t>(20000 + device() % 10000);
}

class Run {
 public:
  explicit Run(Crew& crew, Probes& probes)
      : crew_(crew),
        probes_(probes),
        evidence_(crew.fleet().nodes.size()),
        talks_(crew.fleet().nodes.size()) {
    plan_.nonce = random_hex(16);
  }

  std::vector<DiscoveryEvidence> carry_out(const std::vector<verify::DiscoveryCell>& pairs) {
    for (NodeRun& node : crew_.nodes()) {
      DiscoveryEvidence& evidence = evidence_[node.index];
      if (node.facts) evidence.os = node.facts->os;
      if (!node.error && node.session) continue;
      evidence.untested = "no session";
      evidence.no_session = true;
    }
    probes_.push(able());
    crew_.each(able(), [&](NodeRun& node) { start(node); });
    listen();
    crew_.each(able(), [&](NodeRun& node) { send(node); });
    crew_.each(able(), [&](NodeRun& node) { hear(node); });
    for (NodeRun& node : crew_.nodes()) {
      auto& talk = talks_[node.index];
      if (!talk) continue;
      talk->tell("{\"op\":\"quit\"}");
      crew_.emit({plan::EventKind::raw,
                  "discovery",
                  crew_.fleet().nodes[node.index].name,
                  "probe",
                  {},
                  talk->transcript(),
                  {}});
    }
    crew_.each(crew_.alive(), [&](NodeRun& node) { talks_[node.index].reset(); });
    crew_.each(able(), [&](NodeRun& node) { look_at_silence(node, pairs); });
    return std::move(evidence_);
  }

 private:
  std::vector<NodeRun*> able() {
    std::vector<NodeRun*> nodes;
    for (NodeRun* node : crew_.alive()) {
      if (evidence_[node->index].untested.empty()) nodes.push_back(node);
    }
    return nodes;
  }

  void give_up(const NodeRun& node, const std::string& why) {
    evidence_[node.index].untested = printable(why, 200);
  }

  void start(NodeRun& node) {
    const Probes::Held* held = probes_.at(node.index);
    const std::string& name = crew_.fleet().nodes[node.index].name;
    if (held == nullptr || held->path.empty()) {
      const std::string why = held == nullptr || held->why.empty() ? "" : " (" + held->why + ")";
      give_up(node, fmt::format("no bringup-probe on {}{}", name, why));
      return;
    }
    ssh::ExecRequest request;
    request.command = fmt::format("exec {} discover {}", shell_quote(held->path), kProbeSeconds);
    request.deadline = Deadline::after(seconds(kProbeSeconds) + kAnswer);
    auto talk = Talk::start(*node.session, std::move(request), crew_.cancel());
    if (!talk) {
      give_up(node, talk.error().message);
      return;
    }
    talks_[node.index] = *std::move(talk);
    const auto line = talks_[node.index]->next(Deadline::after(kAnswer));
    const auto hello = line ? verify::parse_discovery_hello(*line) : tl::unexpected(line.error());
    if (!hello) give_up(node, "bringup-probe on " + name + ": " + hello.error().message);
  }

  // All on one port that is free on every node.
  void listen() {
    for (int left = kPortTries; left > 0 && !crew_.cancelled(); --left) {
      plan_.port = some_port();
      std::vector<std::optional<Error>> failed(evidence_.size());
      crew_.each(able(), [&](NodeRun& node) {
        auto found = asked<std::vector<verify::ProbeInterface>>(
            node, verify::discovery_listen(plan_, crew_.fleet().nodes[node.index].name), kAnswer,
            verify::parse_discovery_listen);
        if (found) {
          evidence_[node.index].interfaces = *std::move(found);
        } else {
          failed[node.index] = found.error();
        }
      });
      bool busy = false;
      for (std::size_t i = 0; i < failed.size(); ++i) {
        if (!failed[i]) continue;
        const bool in_use = failed[i]->message.starts_with("in-use");
        busy = busy || in_use;
        if (!in_use || left == 1) evidence_[i].untested = printable(failed[i]->message, 200);
      }
      if (!busy) return;
    }
  }

  template <class T, class Parse>
  Expected<T> asked(const NodeRun& node, const std::string& line, milliseconds limit, Parse parse) {
    const auto answer = talks_[node.index]->ask(line, Deadline::after(limit));
    if (!answer) return tl::unexpected(answer.error());
    return parse(*answer);
  }

  void send(NodeRun& node) {
    const milliseconds span(static_cast<long>(plan_.times) * plan_.gap_ms);
    auto sent = asked<std::vector<verify::ProbeSend>>(node, verify::discovery_send(plan_),
                                                      span + kAnswer, verify::parse_discovery_send);
    if (!sent) {
      give_up(node, sent.error().message);
    } else {
      evidence_[node.index].sent = *std::move(sent);
    }
  }

  void hear(NodeRun& node) {
    auto heard = asked<std::vector<verify::ProbeHearing>>(node, verify::discovery_heard(), kAnswer,
                                                          verify::parse_discovery_heard);
    if (!heard) {
      give_up(node, heard.error().message);
    } else {
      evidence_[node.index].heard = *std::move(heard);
    }
  }

  void look_at_silence(NodeRun& node, const std::vector<verify::DiscoveryCell>& pairs) {
    const auto silent = verify::silent_senders(crew_.fleet(), pairs, node.index, evidence_);
    if (silent.empty() || crew_.cancelled()) return;
    const std::string nonce = random_hex(16);
    const bool may_sudo = crew_.fleet().nodes[node.index].become != model::Become::none;
    const auto ask = may_sudo ? verify::FirewallAsk::sudo : verify::FirewallAsk::user;
    const ScriptResult result = crew_.side_script(
        node, "discovery", verify::discovery_script(silent, nonce, evidence_[node.index].os, ask),
        nonce, Deadline::after(kAnswer * 3));
    verify::read_discovery_script(result.frames, evidence_[node.index]);
  }

  Crew& crew_;
  Probes& probes_;
  verify::DiscoveryPlan plan_;
  std::vector<DiscoveryEvidence> evidence_;   // by index into Fleet::nodes
  std::vector<std::unique_ptr<Talk>> talks_;  // likewise
};

}  // namespace

void check_discovery(Crew& crew, Probes& probes, verify::Matrix& matrix) {
  auto pairs = verify::discovery_pairs(crew.fleet(), crew.indices());
  if (pairs.empty()) return;
  crew.emit({plan::EventKind::phase, "verify", {}, {}, {}, "discovery", {}});
  const auto evidence = Run(crew, probes).carry_out(pairs);
  verify::judge_discovery(crew.fleet(), std::move(pairs), evidence, matrix);
}

}  // namespace bringup::run
