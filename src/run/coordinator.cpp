#include "bringup/run/coordinator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/run/phases.hpp"
#include "bringup/topology/address_choice.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::run {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMostAddresses = 4;
constexpr seconds kLimit{3};
constexpr seconds kScriptGrace{10};

struct Target {
  std::size_t node;
  model::Ipv4 address;
  std::uint16_t port;
  std::string reason;
};

std::vector<std::vector<Target>> targets_of(const Crew& crew, Candidates candidates) {
  std::vector<std::vector<Target>> rounds(kMostAddresses);
  for (const NodeRun& node : crew.nodes()) {
    const model::Node& self = crew.fleet().nodes[node.index];
    if (!node.facts || node.error) continue;
    if (candidates == Candidates::rank_0 && self.rank != 0) continue;
    const auto ranked = topology::ranked_addresses(topology::address_candidates(*node.facts),
                                                   topology::Purpose::coordinator);
    const auto ports = verify::tcp_ports(crew.fleet(), node.index, {});
    for (std::size_t k = 0; k < std::min(ranked.size(), kMostAddresses); ++k) {
      rounds[k].push_back({node.index, ranked[k].candidate.address,
                           ports.empty() ? std::uint16_t{22} : ports.front(), ranked[k].reason});
    }
  }
  return rounds;
}

// Which of the targets the node's own nc connects to.
std::vector<bool> by_nc(Crew& crew, const NodeRun& node, const std::vector<Target>& targets) {
  const std::string nonce = random_hex(16);
  // The Mac's -w bounds an idle connection, -G its making; others' -w bounds both.
  const bool mac = !node.facts || node.facts->os == facts::Os::darwin;
  std::string script = facts::frame_functions(nonce);
  for (std::size_t k = 0; k < targets.size(); ++k) {
    script += fmt::format("bu_run reach.{} 512 {} nc -n -z {}-w {} {} {}\n", k, kLimit.count() + 1,
                          mac ? fmt::format("-G {} ", kLimit.count()) : "", kLimit.count(),
                          targets[k].address.to_string(), targets[k].port);
  }
  script += "bu_frame end 0 ''\n";
  const auto limit =
      kScriptGrace + (kLimit + seconds(1)) * static_cast<std::chrono::seconds::rep>(targets.size());
  const ScriptResult result =
      crew.side_script(node, "reach", script, nonce, Deadline::after(limit));
  std::vector<bool> out(targets.size(), false);
  for (std::size_t k = 0; k < targets.size(); ++k) {
    out[k] = std::any_of(result.frames.begin(), result.frames.end(), [&](const auto& frame) {
      return frame.name == fmt::format("reach.{}", k) && frame.exit_status == 0;
    });
  }
  return out;
}

std::vector<bool> reaches(Crew& crew, const NodeRun& node, const std::vector<Target>& targets) {
  std::vector<bool> out(targets.size(), false);
  for (std::size_t k = 0; k < targets.size(); ++k) {
    if (targets[k].node == node.index) continue;
    const auto reached = node.session->reach(targets[k].address.to_string(), targets[k].port,
                                             Deadline::after(kLimit), crew.cancel());
    if (!reached && reached.error().code == ErrorCode::remote) return by_nc(crew, node, targets);
    if (!reached && reached.error().code == ErrorCode::cancelled) break;
    out[k] = reached.has_value();
  }
  return out;
}

std::string names(const model::Fleet& fleet, const std::vector<std::size_t>& nodes) {
  std::vector<std::string> out;
  for (const std::size_t node : nodes) out.push_back(fleet.nodes[node].name);
  return out.empty() ? "nobody" : join(out, ", ");
}

}  // namespace

std::optional<Meeting> measure_coordinator(Crew& crew, Candidates candidates) {
  const model::Fleet& fleet = crew.fleet();
  if (std::none_of(crew.nodes().begin(), crew.nodes().end(),
                   [](const NodeRun& node) { return node.facts.has_value(); })) {
    gather(crew, Profiler::skip);
  }
  std::vector<NodeRun*> askers;
  for (NodeRun* node : crew.alive()) {
    if (node->session) askers.push_back(node);
  }
  std::vector<std::size_t> order;
  for (const std::size_t index : fleet.by_rank()) {
    if (crew.find(index) != nullptr) order.push_back(index);
  }
  Meeting out;
  std::vector<topology::Reached> reached;
  std::optional<topology::Coordinator> best;
  for (const std::vector<Target>& targets : targets_of(crew, candidates)) {
    if (targets.empty() || crew.cancelled()) break;
    std::vector<std::vector<bool>> seen(fleet.nodes.size());
    crew.each(askers, [&](NodeRun& node) { seen[node.index] = reaches(crew, node, targets); });
    for (std::size_t k = 0; k < targets.size(); ++k) {
      topology::Reached one{targets[k].node, targets[k].address, {}};
      for (const NodeRun* asker : askers) {
        if (asker->index != one.node && seen[asker->index].at(k)) one.from.push_back(asker->index);
      }
      out.explained.push_back(fmt::format("{}: {}; reached by {}", fleet.nodes[one.node].name,
                                          targets[k].reason, names(fleet, one.from)));
      reached.push_back(std::move(one));
    }
    best = topology::choose_coordinator(order, reached);
    if (best && best->from.size() + 1 >= order.size()) break;
  }
  if (!best) return std::nullopt;
  out.coordinator = *best;
  for (const std::size_t node : order) {
    const auto& from = best->from;
    if (node != best->node && std::find(from.begin(), from.end(), node) == from.end()) {
      out.missing.push_back(node);
    }
  }
  out.explained.push_back(fmt::format("coordinator: {} at {}, which {} of {} other nodes reach",
                                      fleet.nodes[best->node].name, best->address.to_string(),
                                      best->from.size(), order.size() - 1));
  return out;
}

}  // namespace bringup::run
