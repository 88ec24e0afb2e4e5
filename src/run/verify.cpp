#include "bringup/run/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bringup/run/phases.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/verify/iperf.hpp"
#include "bringup/verify/peers.hpp"
#include "bringup/verify/reach_iperf.hpp"
#include "bringup/verify/schedule.hpp"
#include "verify_parts.hpp"

namespace bringup::run {
namespace {

using verify::CheckKind;

// The dialect of ping and route is the node's: known from its facts, or found out by the script.
std::string checks_for(const Crew& crew, const NodeRun& node, const std::string& nonce,
                       const verify::CheckOptions& options) {
  const auto in = [&](facts::Os os) {
    return verify::check_script(crew.fleet(), node.index, nonce, options, os);
  };
  if (node.facts) return in(node.facts->os);
  return "case $(uname -s) in\nDarwin)\n" + in(facts::Os::darwin) + ";;\n*)\n" +
         in(facts::Os::linux_kernel) + ";;\nesac\n";
}

// One round trip to each of these nodes: its checks, and its facts where none are known.
void collect_evidence(Crew& crew, const std::vector<NodeRun*>& nodes,
                      const verify::CheckOptions& options, Evidence& evidence) {
  crew.each(nodes, [&](NodeRun& node) {
    const std::string& name = crew.fleet().nodes[node.index].name;
    const std::string nonce = random_hex(16);
    crew.emit({plan::EventKind::node_started, "verify", name, {}, {}, {}, {}});
    std::string script;
    const bool need_facts = !node.facts;
    if (need_facts) {
      script = facts::facts_script(facts_options(crew, nonce, Profiler::read));
    }
    script += checks_for(crew, node, nonce, options);
    ScriptResult result = crew.script(node, "verify", script, nonce, Privilege::user);
    if (need_facts) take_facts(crew, node, result, "verify");
    evidence[node.index].frames = std::move(result.frames);
    evidence[node.index].error = result.error;
    crew.emit({node.error ? plan::EventKind::node_failed : plan::EventKind::node_done,
               "verify",
               name,
               {},
               {},
               {},
               {}});
  });
  for (const NodeRun& node : crew.nodes()) {
    if (node.error && !evidence[node.index].error) evidence[node.index].error = node.error;
    if (node.facts) evidence[node.index].facts = &*node.facts;
  }
}

// Nodes whose own pings came out slow.
std::vector<NodeRun*> slow_nodes(Crew& crew, const verify::Matrix& matrix) {
  std::vector<NodeRun*> slow;
  for (NodeRun* node : crew.alive()) {
    const auto is_slow = [&](const verify::Cell& cell) {
      return cell.from == node->index && cell.status == verify::CellStatus::slow;
    };
    const auto is_slow_reach = [&](const verify::ReachCell& cell) {
      return cell.check.from == node->index && cell.status == verify::CellStatus::slow;
    };
    if (std::any_of(matrix.cells.begin(), matrix.cells.end(), is_slow) ||
        std::any_of(matrix.reach.begin(), matrix.reach.end(), is_slow_reach)) {
      slow.push_back(node);
    }
  }
  return slow;
}

verify::CheckOptions only_background(verify::CheckOptions options) {
  std::erase_if(options.only, [](CheckKind kind) { return verify::is_exclusive(kind); });
  return options;
}

// One run of verify: what was found out so far, and how to find out more.
class Verification {
 public:
  Verification(Crew& crew, const VerifyOptions& options)
      : crew_(crew),
        options_(options),
        probes_(crew, options.probe),
        pairs_(verify::reach_pairs(crew.fleet())),
        rdma_(crew, options, probes_) {
    evidence_.resize(crew.fleet().nodes.size());
  }

  Verified run() {
    background();
    if (wanted(CheckKind::iperf) || wanted(CheckKind::rdma)) exclusive();
    if (wanted(CheckKind::iperf)) beyond_links();
    Verified out;
    out.matrix = judge();
    verify::apply_attributions(crew_.fleet(), verify::attribute(crew_.fleet(), out.matrix),
                               out.matrix);
    verify::add_reach_iperf(crew_.fleet(), pairs_, of_pairs_, options_.checks, out.matrix);
    if (wanted(CheckKind::discovery) && !crew_.cancelled()) {
      check_discovery(crew_, probes_, out.matrix);
    }
    if (wanted(CheckKind::services) && !crew_.cancelled()) check_services(crew_, out.matrix);
    out.evidence = std::move(evidence_);
    return out;
  }

 private:
  [[nodiscard]] bool wanted(CheckKind kind) const { return verify::wanted(options_.checks, kind); }

  [[nodiscard]] bool pings() const { return wanted(CheckKind::ping) || wanted(CheckKind::reach); }

  [[nodiscard]] verify::Matrix judge() const {
    verify::Matrix matrix =
        verify::judge(crew_.fleet(), crew_.indices(), evidence_, measured_, options_.checks);
    verify::compare_with_peers(crew_.fleet(), matrix);
    if (options_.baseline) {
      verify::compare_with_baseline(crew_.fleet(), *options_.baseline, options_.baseline_name,
                                    matrix);
    }
    return matrix;
  }

  void background() {
    const verify::CheckOptions checks = options_.checks;
    collect_evidence(crew_, crew_.alive(), checks, evidence_);
    // A busy moment on one machine makes an average of few pings slow; a slow link is slow again.
    for (int retest = 0; retest < 2 && pings() && !crew_.cancelled(); ++retest) {
      verify::Matrix matrix = verify::judge(crew_.fleet(), crew_.indices(), evidence_, measured_,
                                            only_background(checks));
      verify::compare_with_peers(crew_.fleet(), matrix);
      const std::vector<NodeRun*> suspects = slow_nodes(crew_, matrix);
      if (suspects.empty()) break;
      verify::CheckOptions longer = checks;
      longer.ping_count = std::max(checks.ping_count, 10);
      collect_evidence(crew_, suspects, longer, evidence_);
    }
    if (wanted(CheckKind::tcp) && !crew_.cancelled()) keep(measure_tcp(crew_, options_.checks));
  }

  // Links on which measuring can tell more than is known.
  [[nodiscard]] std::set<std::size_t> measurable() const {
    std::set<std::size_t> links;
    verify::CheckOptions seen = only_background(options_.checks);
    // A cable that is not as it should be carries something all the same, if pings come through.
    std::erase(seen.only, CheckKind::cable);
    const verify::Matrix matrix =
        verify::judge(crew_.fleet(), crew_.indices(), evidence_, measured_, seen);
    for (const verify::Cell& cell : matrix.cells) {
      if (cell.link) links.insert(*cell.link);
    }
    for (const verify::Cell& cell : matrix.cells) {
      const bool hopeless = cell.status == verify::CellStatus::fail ||
                            cell.status == verify::CellStatus::unreachable ||
                            cell.status == verify::CellStatus::error;
      if (cell.link && hopeless) links.erase(*cell.link);
    }
    return links;
  }

  void exclusive() {
    const std::set<std::size_t> links = measurable();
    const auto rounds = verify::schedule(crew_.fleet(), crew_.indices(), options_.checks.pairs,
                                         options_.checks.conflict);
    for (const CheckKind kind : {CheckKind::iperf, CheckKind::rdma}) {
      if (!wanted(kind)) continue;
      std::size_t number = 0;
      for (const verify::Round& round : rounds) {
        ++number;
        verify::Round possible;
        for (const std::size_t link : round) {
          if (links.contains(link) && applies(link, kind)) possible.push_back(link);
        }
        if (possible.empty() || crew_.cancelled()) continue;
        announce(kind, fmt::format("round {} of {}", number, rounds.size()), possible.size());
        measure(kind, possible);
      }
    }
    retest();
  }

  [[nodiscard]] bool applies(std::size_t link, CheckKind kind) const {
    return verify::applies(crew_.fleet().links[link], kind);
  }

  void announce(CheckKind kind, const std::string& what, std::size_t links) {
    crew_.emit(
        {plan::EventKind::phase,
         "verify",
         {},
         {},
         {},
         fmt::format("{}, {}: {} link{}", to_string(kind), what, links, links == 1 ? "" : "s"),
         {}});
  }

  void measure(CheckKind kind, const verify::Round& round) {
    if (kind == CheckKind::rdma) {
      keep(rdma_.measure(round));
      return;
    }
    verify::Round with_tool;
    for (const std::size_t link : round) {
      std::optional<std::size_t> without;
      for (const model::LinkEnd& end : crew_.fleet().links[link].ends) {
        if (!verify::has_iperf(evidence_[end.node]).value_or(true)) without = end.node;
      }
      if (without) {
        keep(verify::without_iperf(crew_.fleet(), link, *without));
      } else {
        with_tool.push_back(link);
      }
    }
    if (!with_tool.empty()) {
      keep(measure_iperf(crew_, crew_.fleet(), with_tool, options_.checks));
    }
  }

  // Segments and routed pairs, where no link of the fleet is measured at the same time.
  void beyond_links() {
    const auto& only = options_.checks.pairs;
    const auto rounds = verify::reach_rounds(
        pairs_, crew_.indices(), only.kind == verify::Pairs::Kind::matching ? only.rounds : 0);
    const verify::Matrix known = judge();
    std::size_t number = 0;
    for (const verify::Round& round : rounds) {
      ++number;
      verify::Round with_tool;
      for (const std::size_t pair : round) {
        if (!verify::measurable(pairs_, pair, known)) continue;
        std::optional<std::size_t> without;
        for (const model::LinkEnd& end : pairs_.fleet.links[pair].ends) {
          if (!verify::has_iperf(evidence_[end.node]).value_or(true)) without = end.node;
        }
        if (without) {
          keep_pairs(verify::without_iperf(pairs_.fleet, pair, *without));
        } else {
          with_tool.push_back(pair);
        }
      }
      if (with_tool.empty() || crew_.cancelled()) continue;
      crew_.emit({plan::EventKind::phase,
                  "verify",
                  {},
                  {},
                  {},
                  fmt::format("iperf beyond the links, round {} of {}: {} pair{}", number,
                              rounds.size(), with_tool.size(), with_tool.size() == 1 ? "" : "s"),
                  {}});
      keep_pairs(measure_iperf(crew_, pairs_.fleet, with_tool, options_.checks));
    }
  }

  void keep_pairs(Measurements found) {
    for (verify::Measurement& one : found) of_pairs_.push_back(std::move(one));
  }

  void retest() {
    std::vector<std::size_t> suspects = verify::suspects(judge());
    std::size_t width = suspects.size();
    for (int again = 0; again < 2 && !suspects.empty() && !crew_.cancelled(); ++again) {
      width = std::max<std::size_t>(1, width / 2);
      for (const verify::Round& round : verify::retest_schedule(crew_.fleet(), suspects, width)) {
        for (const CheckKind kind : {CheckKind::iperf, CheckKind::rdma}) {
          verify::Round possible;
          for (const std::size_t link : round) {
            if (applies(link, kind)) possible.push_back(link);
          }
          if (!wanted(kind) || possible.empty() || crew_.cancelled()) continue;
          announce(kind, "again", possible.size());
          measure(kind, possible);
        }
      }
      suspects = verify::suspects(judge());
    }
  }

  void keep(Measurements found) {
    for (verify::Measurement& one : found) measured_.push_back(std::move(one));
  }

  Crew& crew_;
  const VerifyOptions& options_;
  Evidence evidence_;
  Measurements measured_;  // later ones win
  Probes probes_;
  verify::ReachPairs pairs_;
  Measurements of_pairs_;  // Measurement::link is the pair
  RdmaRunner rdma_;
};

}  // namespace

std::vector<NodeRun*> nodes_of(Crew& crew, const verify::Round& round) {
  return nodes_of(crew, crew.fleet(), round);
}

std::vector<NodeRun*> nodes_of(Crew& crew, const model::Fleet& fleet, const verify::Round& round) {
  std::set<std::size_t> wanted;
  for (const std::size_t link : round) {
    for (const model::LinkEnd& end : fleet.links[link].ends) wanted.insert(end.node);
  }
  std::vector<NodeRun*> out;
  for (NodeRun* node : crew.alive()) {
    if (wanted.contains(node->index) && node->session) out.push_back(node);
  }
  return out;
}

NodeRun* node_at(Crew& crew, std::size_t index) {
  for (NodeRun& node : crew.nodes()) {
    if (node.index == index) return &node;
  }
  return nullptr;
}

Verified verify_links(Crew& crew, const VerifyOptions& options) {
  crew.emit({plan::EventKind::phase, "verify", {}, {}, {}, "verifying links", {}});
  return Verification(crew, options).run();
}

verify::Matrix verify(Crew& crew, const verify::CheckOptions& options) {
  VerifyOptions all;
  all.checks = options;
  return verify_links(crew, all).matrix;
}

}  // namespace bringup::run
