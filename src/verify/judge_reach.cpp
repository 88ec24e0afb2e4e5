#include "judge_reach.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bringup/util/text.hpp"
#include "judged.hpp"
#include "reach_walk.hpp"

namespace bringup::verify {
namespace {

// Whose address it is: the fleet's word first, then what the nodes have.
using Owners = std::map<model::Ipv4, std::size_t>;
Owners owners_of(const model::Fleet& fleet, const std::vector<NodeEvidence>& evidence) {
  Owners owners;
  for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
    for (const auto& own : topology::addresses_of(fleet, node)) {
      owners.emplace(own.address.address, node);
    }
  }
  for (std::size_t node = 0; node < evidence.size(); ++node) {
    if (evidence[node].facts == nullptr) continue;
    for (const auto& interface : evidence[node].facts->interfaces) {
      for (const auto& address : interface.inet) owners.emplace(address.address, node);
    }
  }
  return owners;
}

class ReachJudge {
 public:
  ReachJudge(const model::Fleet& fleet, const std::vector<NodeEvidence>& evidence,
             const Owners& owners, const ReachCheck& check, std::size_t index, Matrix& matrix)
      : fleet_(fleet), evidence_(evidence), owners_(owners), matrix_(matrix) {
    cell_.check = check;
    const NodeEvidence& own = evidence_[check.from];
    seen_ = read_reach(own.frames, index, os_of(own));
  }

  void judge() {
    const ReachCheck& check = cell_.check;
    keep();
    const NodeEvidence& own = evidence_[check.from];
    if (!check.address) {
      const std::string where = said();
      settle(CellStatus::untested,
             diagnose("expect-no-address", name(*check.to), "", {{"where", where}}));
    } else if (!seen_.route.present) {
      if (own.error) {
        settle(CellStatus::unreachable, no_session(fleet_, check.from, *own.error));
      } else if (!own.frames.empty()) {
        tool_failed("route", "the node's answer lacks it");
      }
    } else {
      switch (check.wish) {
        case ReachWish::reachable:
          reachable();
          break;
        case ReachWish::unreachable:
          unreachable();
          break;
        case ReachWish::leaves_via:
        case ReachWish::shuns_via:
          leaves();
          break;
      }
    }
    matrix_.reach.push_back(std::move(cell_));
  }

 private:
  [[nodiscard]] const std::string& name(std::size_t node) const { return fleet_.nodes[node].name; }
  [[nodiscard]] std::string peer() const {
    return cell_.check.to ? name(*cell_.check.to) : "outside the fleet";
  }
  [[nodiscard]] std::string address() const { return cell_.check.address->to_string(); }
  [[nodiscard]] std::string said() const {
    return cell_.check.expectation ? fleet_.expectations[*cell_.check.expectation].where.to_string()
                                   : fleet_.source;
  }
  [[nodiscard]] std::uint16_t port() const {
    return cell_.check.to ? fleet_.nodes[*cell_.check.to].ssh.port.value_or(22) : 22;
  }
  [[nodiscard]] std::string asking() const {
    return route_command(os_of(evidence_[cell_.check.from]), *cell_.check.address);
  }
  [[nodiscard]] Diagnosis here(std::string_view id, Words words) const {
    words.emplace_back("address", address());
    words.emplace_back("peer_node", peer());
    words.emplace_back("peer", peer());
    words.emplace_back("where", said());
    words.emplace_back("command", asking());
    return diagnose(id, name(cell_.check.from), cell_.check.interface, words);
  }
  // "mini3", or an address that is nobody's.
  [[nodiscard]] std::string words_of(const Hop& hop) const {
    if (hop.node) return name(*hop.node);
    return hop.address ? hop.address->to_string() : "?";
  }

  void keep() {
    cell_.raw = seen_.route.raw + seen_.ping.raw;
    if (seen_.route.value) cell_.route_interface = printable(*seen_.route.value, 32);
    cell_.route_via = seen_.via;
    cell_.ping = seen_.ping.value;
    cell_.large = seen_.large;
    cell_.tcp = seen_.tcp;
    cell_.path = seen_.path;
    for (Hop& hop : cell_.path) {
      if (!hop.address) continue;
      const auto owner = owners_.find(*hop.address);
      if (owner != owners_.end()) hop.node = owner->second;
    }
    if (!cell_.path.empty() && cell_.path.back().answer == Hop::Answer::reached) {
      cell_.hops = cell_.path.size() - 1;
    }
  }

  void settle(CellStatus status, std::optional<Diagnosis> diagnosis = std::nullopt) {
    if (diagnosis) {
      const bool warning = status == CellStatus::slow || status == CellStatus::untested;
      add_finding(matrix_, finding_of(*diagnosis,
                                      warning ? plan::Severity::warning : plan::Severity::error));
    }
    cell_.status = status;
    cell_.diagnosis = std::move(diagnosis);
  }
  void verdict(CellStatus status, std::string what, std::string seen, std::string expected) {
    cell_.verdicts.push_back({CheckKind::reach, VerdictSource::expectation, status, std::move(what),
                              std::move(seen), std::move(expected)});
  }
  void tool_failed(std::string_view tool, const std::string& problem) {
    settle(CellStatus::error,
           Diagnosis{std::string(tool), name(cell_.check.from), cell_.check.interface,
                     fmt::format("{}: {}", tool, problem),
                     fmt::format("an answer of {} that can be read", tool),
                     fmt::format("run it by hand on {}", name(cell_.check.from))});
  }

  void reachable() {
    if (!seen_.ping.present || (!seen_.ping.value && !seen_.ping.refused)) {
      tool_failed("ping", seen_.ping.present ? seen_.ping.problem : "the node's answer lacks it");
      return;
    }
    if (!seen_.ping.value || seen_.ping.value->received == 0) {
      verdict(CellStatus::fail, "answer", "none", "replies");
      settle(CellStatus::fail, why_silent());
      return;
    }
    verdict(CellStatus::pass, "answer", "replies", "replies");
    // Replies by another way prove nothing of this one.
    if (auto stray = other_way()) {
      verdict(CellStatus::fail, "route", stray->seen, stray->expected);
      settle(CellStatus::fail, std::move(stray));
      return;
    }
    // So do replies over a mask that takes in more, or less, than the declared network.
    if (auto found = first_broken_on_way(fleet_, cell_.check, evidence_, seen_);
        found && found->id == "wrong-mask") {
      verdict(CellStatus::fail, "mask", found->seen, found->expected);
      settle(CellStatus::fail, std::move(found));
      return;
    }
    if (seen_.large) {
      const bool lost = seen_.large->answer == LargePing::Answer::none;
      verdict(lost ? CellStatus::fail : CellStatus::pass, "packet",
              fmt::format("{} of {} bytes", answer_words(seen_.large->answer), seen_.large->bytes),
              "an answer, or word of what fits");
      if (lost) {
        settle(CellStatus::fail, why_large_ones_vanish());
        return;
      }
    }
    figures(*seen_.ping.value);
  }

  [[nodiscard]] static std::string_view answer_words(LargePing::Answer answer) {
    switch (answer) {
      case LargePing::Answer::replies:
        return "a reply";
      case LargePing::Answer::told:
        return "word that it does not fit, to one";
      case LargePing::Answer::none:
        return "nothing, to one";
    }
    return "";
  }

  [[nodiscard]] Diagnosis why_large_ones_vanish() const {
    const std::uint32_t bytes = seen_.large->bytes;
    if (auto found = differing_mtus(fleet_, cell_.check, evidence_, bytes)) return *found;
    // 1280 bytes are the least that IPv6 asks of every network: what tunnels leave is more.
    const std::uint32_t less = bytes > 1500 ? 1500 : 1280;
    return here(
        "mtu-vanishes",
        {{"bytes", std::to_string(bytes)},
         {"lower", mtu_command(os_of(evidence_[cell_.check.from]),
                               cell_.route_interface.value_or(cell_.check.interface), less)}});
  }

  void figures(const platform::PingResult& ping) {
    const auto& limits = cell_.check.limits;
    settle(CellStatus::pass);
    if (limits.loss_percent) {
      const std::string lost =
          fmt::format("{} of {} pings lost", ping.transmitted - ping.received, ping.transmitted);
      const std::string limit = fmt::format("at most {:g}% lost", *limits.loss_percent);
      const bool lossy = ping.loss_percent > *limits.loss_percent;
      verdict(lossy ? CellStatus::fail : CellStatus::pass, "loss", lost, limit);
      if (lossy) {
        settle(CellStatus::fail, here("ping-loss", {{"seen", lost}, {"expected", limit}}));
        return;
      }
    }
    if (!limits.rtt_avg_ms || !ping.avg_ms) return;
    const bool slow = *ping.avg_ms > *limits.rtt_avg_ms;
    const std::string limit = fmt::format("at most {:g} ms", *limits.rtt_avg_ms);
    verdict(slow ? CellStatus::slow : CellStatus::pass, "rtt",
            fmt::format("{:.2f} ms", *ping.avg_ms), limit);
    if (!slow) return;
    settle(CellStatus::slow,
           here("ping-slow",
                {{"seen", fmt::format("rtt {:.2f} ms on average to {}", *ping.avg_ms, address())},
                 {"expected", limit}}));
  }

  // Pings come back, though not along the declared way.
  std::optional<Diagnosis> other_way() {
    if (cell_.check.kind == ReachKind::expect) return std::nullopt;
    const auto way = way_to(fleet_, cell_.check.from, *cell_.check.address);
    if (way.empty()) return std::nullopt;
    const Stretch& first = way.front();
    const bool same_interface = !seen_.route.value || *seen_.route.value == first.here.interface;
    const bool same_gateway = !first.route || !seen_.via || *seen_.via == first.route->via;
    if (!same_interface || !same_gateway) {
      if (auto found = first_broken_on_way(fleet_, cell_.check, evidence_, seen_)) return found;
    }
    const auto& through = cell_.check.through;
    for (std::size_t i = 0; i < cell_.path.size() && i < through.size(); ++i) {
      const Hop& hop = cell_.path[i];
      if (!hop.node || *hop.node == through[i]) continue;
      std::vector<std::string> seen;
      std::vector<std::string> expected;
      for (const Hop& one : cell_.path) {
        if (one.answer != Hop::Answer::reached) seen.push_back(words_of(one));
      }
      for (const std::size_t node : through) expected.push_back(name(node));
      return here("path-differs", {{"have", seen.empty() ? "nobody" : join(seen, ", ")},
                                   {"expected", join(expected, ", ")}});
    }
    return std::nullopt;
  }

  // TCP through the whole way clears everything but ICMP; then what the nodes' facts say of the
  // way; then what is broken nearer by.
  [[nodiscard]] Diagnosis why_silent() const {
    const ReachCheck& check = cell_.check;
    if (seen_.tcp == true) {
      std::string gateways;
      for (const std::size_t node : check.through) gateways += " or " + name(node);
      return here("icmp-filtered", {{"port", std::to_string(port())}, {"gateways", gateways}});
    }
    if (auto found = first_broken_on_way(fleet_, check, evidence_, seen_)) return *found;
    for (const Stretch& stretch : way_to(fleet_, check.from, *check.address)) {
      if (auto nearer = broken_stretch(stretch)) return *nearer;
    }
    std::string last = "nobody";
    std::size_t answered = 0;  // gateways that certainly pass packets to the next one
    for (const Hop& hop : cell_.path) {
      if (hop.answer == Hop::Answer::silent) continue;
      last = words_of(hop);
      const auto place = hop.node ? std::find(check.through.begin(), check.through.end(), *hop.node)
                                  : check.through.end();
      if (place != check.through.end()) {
        answered = static_cast<std::size_t>(place - check.through.begin());
      }
    }
    std::vector<std::size_t> suspects(check.through.begin() + static_cast<std::ptrdiff_t>(answered),
                                      check.through.end());
    if (check.to) suspects.push_back(*check.to);
    if (suspects.empty()) suspects.push_back(check.from);
    std::vector<std::string> names;
    std::vector<std::string> commands;
    for (const std::size_t node : suspects) {
      const bool on_linux = os_of(evidence_[node]) == facts::Os::linux_kernel;
      names.push_back(name(node));
      commands.push_back(fmt::format("`sudo {}` on {}",
                                     on_linux ? "nft list ruleset" : "pfctl -s rules", name(node)));
    }
    Words words = {{"last", last}, {"suspects", join(names, ", ")}};
    words.emplace_back("command", join(commands, ", "));
    return here("reach-silent", std::move(words));
  }

  // Who of the way does not even reach the next one.
  [[nodiscard]] std::optional<Diagnosis> broken_stretch(const Stretch& stretch) const {
    for (const ReachCell& other : matrix_.reach) {
      if (other.check.from == stretch.here.node && other.check.address == stretch.there.address &&
          other.status == CellStatus::fail && other.diagnosis) {
        return other.diagnosis;
      }
    }
    for (const Cell& other : matrix_.cells) {
      if (!other.link || other.from != stretch.here.node || other.to != stretch.there.node)
        continue;
      const auto& ends = fleet_.links[*other.link].ends;
      const bool same =
          ends[0].address == stretch.there.address || ends[1].address == stretch.there.address;
      if (same && other.status == CellStatus::fail && other.diagnosis) return other.diagnosis;
    }
    return std::nullopt;
  }

  void unreachable() {
    const bool pinged = seen_.ping.value && seen_.ping.value->received > 0;
    if (pinged || seen_.tcp == true) {
      std::vector<std::string> hops;
      for (const Hop& hop : cell_.path) {
        if (hop.answer == Hop::Answer::exceeded) hops.push_back(words_of(hop));
      }
      std::string way = hops.empty() ? "" : " through " + join(hops, ", ");
      if (!pinged) way = fmt::format(" on TCP port {}", port());
      verdict(CellStatus::fail, "answer", pinged ? "replies" : "a TCP connection", "none");
      settle(CellStatus::fail, here("isolation-broken", {{"way", way}}));
      return;
    }
    if (!seen_.ping.value && !seen_.ping.refused) {
      tool_failed("ping", seen_.ping.present ? seen_.ping.problem : "the node's answer lacks it");
      return;
    }
    verdict(CellStatus::pass, "answer", "none", "none");
    settle(CellStatus::pass);
  }

  void leaves() {
    if (!seen_.route.value) {
      tool_failed("route", seen_.route.problem);
      return;
    }
    const ReachCheck& check = cell_.check;
    const std::string& out = *seen_.route.value;
    const bool wish = check.wish == ReachWish::leaves_via;
    const bool met = (out == check.interface) == wish;
    const std::string expected =
        wish ? "through " + check.interface : "not through " + check.interface;
    verdict(met ? CellStatus::pass : CellStatus::fail, "route",
            out.empty() ? "no route" : "through " + printable(out, 32), expected);
    if (met) {
      settle(CellStatus::pass);
      return;
    }
    if (const auto* facts = evidence_[check.from].facts) {
      for (auto& taken : taken_default_routes(fleet_, check.from, *facts)) {
        if (taken.target == out && wish) {
          settle(CellStatus::fail, std::move(taken));
          return;
        }
      }
    }
    settle(CellStatus::fail,
           here("wrong-way", {{"other", out.empty() ? "no interface" : printable(out, 32)},
                              {"wish", expected}}));
  }

  const model::Fleet& fleet_;
  const std::vector<NodeEvidence>& evidence_;
  const Owners& owners_;
  Matrix& matrix_;
  ReachCell cell_;
  ReachReading seen_;
};

}  // namespace

void judge_reach(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
                 const std::vector<NodeEvidence>& evidence, const CheckOptions&, Matrix& matrix) {
  const Owners owners = owners_of(fleet, evidence);
  const auto chosen = [&](std::size_t node) {
    return std::find(selected.begin(), selected.end(), node) != selected.end();
  };
  const auto checks = reach_checks(fleet);
  for (std::size_t index = 0; index < checks.size(); ++index) {
    const ReachCheck& check = checks[index];
    if (!chosen(check.from) || (check.to && !chosen(*check.to))) continue;
    ReachJudge(fleet, evidence, owners, check, index, matrix).judge();
  }
}

}  // namespace bringup::verify
