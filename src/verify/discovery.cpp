#include "bringup/verify/discovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "judged.hpp"
#include "pipeline.hpp"

namespace bringup::verify {
namespace {

constexpr std::size_t kMostPings = 64;

struct End {
  std::size_t node = 0;
  std::string interface;
  model::Ipv4 address;  // as declared
  int prefix = 0;
};

std::vector<std::vector<End>> networks_of(const model::Fleet& fleet, bool segments) {
  std::vector<std::vector<End>> networks;
  if (segments) {
    for (const model::Segment& segment : fleet.segments) {
      auto& ends = networks.emplace_back();
      for (const auto& member : segment.members) {
        ends.push_back({member.node, member.interface, member.address, segment.subnet.prefix()});
      }
    }
    return networks;
  }
  for (const model::Link& link : fleet.links) {
    auto& ends = networks.emplace_back();
    for (const auto& end : link.ends) {
      ends.push_back({end.node, end.interface, end.address, link.subnet.prefix()});
    }
  }
  return networks;
}

// The declared address of one end of the pair.
End end_of(const model::Fleet& fleet, const DiscoveryCell& cell, std::size_t node,
           const std::string& interface) {
  const bool segment = cell.segment.has_value();
  const auto networks = networks_of(fleet, segment);
  for (const End& end : networks[segment ? *cell.segment : *cell.link]) {
    if (end.node == node && end.interface == interface) return end;
  }
  return {node, interface, {}, 0};
}

// The entry with the declared address, else any of that name; null: none.
const ProbeInterface* interface_of(const DiscoveryEvidence& evidence, const End& end) {
  const ProbeInterface* found = nullptr;
  for (const ProbeInterface& one : evidence.interfaces) {
    if (one.name != end.interface) continue;
    if (one.address == end.address) return &one;
    if (found == nullptr) found = &one;
  }
  return found;
}

// Where it is to be pinged: at the address that it has, whatever was declared.
model::Ipv4 address_of(const DiscoveryEvidence& evidence, const End& end) {
  const ProbeInterface* known = interface_of(evidence, end);
  return known != nullptr ? known->address : end.address;
}

std::string with_prefix(const ProbeInterface& one) {
  return fmt::format("{}/{}", one.address.to_string(), one.prefix);
}

struct Hearing {
  std::array<std::uint32_t, 3> here = {};
  std::set<std::string> elsewhere;
  [[nodiscard]] bool any() const {
    return std::any_of(here.begin(), here.end(), [](auto n) { return n > 0; });
  }
};

Hearing hearing_of(const DiscoveryEvidence& at, const std::string& interface,
                   const std::string& node, const std::string& sender) {
  Hearing result;
  for (const ProbeHearing& one : at.heard) {
    if (one.node != node || one.sender != sender) continue;
    if (one.interface == interface) {
      result.here[static_cast<std::size_t>(one.cast)] += one.count;
    } else {
      result.elsewhere.insert(one.interface);
    }
  }
  return result;
}

// One cell while it is judged.
class Pair {
 public:
  Pair(const model::Fleet& fleet, const std::vector<DiscoveryEvidence>& evidence,
       DiscoveryCell& cell)
      : fleet_(fleet),
        cell_(cell),
        sender_(evidence[cell.from]),
        hearer_(evidence[cell.to]),
        from_(end_of(fleet, cell, cell.from, cell.from_interface)),
        to_(end_of(fleet, cell, cell.to, cell.to_interface)),
        heard_(hearing_of(hearer_, to_.interface, name(from_), from_.interface)),
        back_(hearing_of(sender_, from_.interface, name(to_), to_.interface)) {}

  void judge() {
    for (const End* end : {&from_, &to_}) {
      const DiscoveryEvidence& evidence = end == &from_ ? sender_ : hearer_;
      if (evidence.untested.empty()) continue;
      cell_.status = evidence.no_session ? CellStatus::unreachable : CellStatus::untested;
      cell_.text = evidence.untested;
      return;
    }
    for (std::size_t i = 0; i < kCastKinds.size(); ++i) {
      if (expected(i)) cell_.heard[i] = heard_.here[i];
    }
    cell_.elsewhere = {heard_.elsewhere.begin(), heard_.elsewhere.end()};
    cell_.diagnosis = diagnosis();
    cell_.status = cell_.diagnosis ? CellStatus::fail : CellStatus::pass;
  }

 private:
  [[nodiscard]] const std::string& name(const End& end) const {
    return fleet_.nodes[end.node].name;
  }
  [[nodiscard]] std::string place(const End& end) const { return name(end) + ":" + end.interface; }

  // A subnet of one or two addresses has no broadcast.
  [[nodiscard]] bool expected(std::size_t cast) const {
    const ProbeInterface* from = interface_of(sender_, from_);
    return cast != 0 || from == nullptr || from->broadcast.has_value();
  }

  [[nodiscard]] Diagnosis at(const End& end, const End& peer, std::string_view id,
                             Words words = {}) const {
    words.emplace_back("peer", place(peer));
    words.emplace_back("peer_node", name(peer));
    const Firewall& firewall = end.node == from_.node ? sender_.firewall : hearer_.firewall;
    words.emplace_back("firewall", firewall.text);
    words.emplace_back("rules", firewall.rules);
    return diagnose(id, name(end), end.interface, words);
  }

  [[nodiscard]] std::optional<Diagnosis> no_interface() const {
    for (const End* end : {&from_, &to_}) {
      if (interface_of(end == &from_ ? sender_ : hearer_, *end) != nullptr) continue;
      return at(*end, end == &from_ ? to_ : from_, "discovery-no-interface",
                {{"address", fmt::format("{}/{}", end->address.to_string(), end->prefix)}});
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Diagnosis> mismatch() const {
    const ProbeInterface* from = interface_of(sender_, from_);
    const ProbeInterface* to = interface_of(hearer_, to_);
    const int prefix = static_cast<int>(from->prefix);
    const bool same = from->prefix == to->prefix &&
                      model::Subnet::containing(from->address, prefix).contains(to->address);
    if (same) return std::nullopt;
    // Both directions blame the end that is not as declared, else the link's first.
    const auto declared = [](const End& end, const ProbeInterface& one) {
      return one.address == end.address && static_cast<int>(one.prefix) == end.prefix;
    };
    const bool from_is_wrong =
        !declared(from_, *from) || (declared(to_, *to) && from_.node < to_.node);
    const End& end = from_is_wrong ? from_ : to_;
    const ProbeInterface& own = from_is_wrong ? *from : *to;
    const ProbeInterface& other = from_is_wrong ? *to : *from;
    return at(end, from_is_wrong ? to_ : from_, "discovery-subnet-mismatch",
              {{"have", with_prefix(own)}, {"peer_have", with_prefix(other)}});
  }

  [[nodiscard]] std::optional<Diagnosis> wrong_broadcast() const {
    const ProbeInterface& from = *interface_of(sender_, from_);
    if (!from.configured || !from.broadcast || *from.configured == *from.broadcast) {
      return std::nullopt;
    }
    const std::string command =
        sender_.os == facts::Os::darwin
            ? fmt::format("sudo ifconfig {} inet {} broadcast {}", from_.interface,
                          with_prefix(from), from.broadcast->to_string())
            : fmt::format(
                  "sudo ip addr del {0} dev {1} && sudo ip addr add {0} broadcast + dev {1}",
                  with_prefix(from), from_.interface);
    return at(from_, to_, "discovery-wrong-broadcast",
              {{"have", from.configured->to_string()},
               {"expected", from.broadcast->to_string()},
               {"command", command}});
  }

  // A way of sending that failed altogether, and was not heard.
  [[nodiscard]] std::optional<Diagnosis> unsent() const {
    for (const ProbeSend& one : sender_.sent) {
      const auto cast = static_cast<std::size_t>(one.cast);
      if (one.interface != from_.interface || one.count > 0 || one.problem.empty()) continue;
      if (heard_.here[cast] > 0) continue;
      if (sender_.os == facts::Os::darwin && one.problem == "no-route") {
        return at(from_, to_, "discovery-privacy");
      }
      return at(from_, to_, "discovery-send",
                {{"text", fmt::format("{} ({}, errno {})", one.problem, to_string(one.cast),
                                      one.error_number)}});
    }
    return std::nullopt;
  }

  [[nodiscard]] Diagnosis silence() const {
    const auto ping = hearer_.pings.find(address_of(sender_, from_).value());
    if (ping != hearer_.pings.end() && !ping->second) return at(to_, from_, "discovery-silent");
    if (hearer_.firewall.active != true && back_.any()) return at(to_, from_, "discovery-one-way");
    return at(to_, from_, "discovery-firewall");
  }

  [[nodiscard]] std::optional<Diagnosis> diagnosis() const {
    if (auto found = no_interface()) return found;
    std::vector<std::string> heard, missing;
    for (std::size_t i = 0; i < kCastKinds.size(); ++i) {
      if (!expected(i)) continue;
      (heard_.here[i] > 0 ? heard : missing).emplace_back(to_string(kCastKinds[i]));
    }
    if (missing.empty()) return wrong_broadcast();
    if (auto found = mismatch()) return found;
    if (auto found = unsent()) return found;
    if (heard.empty() && !heard_.elsewhere.empty()) {
      const std::string all = join({heard_.elsewhere.begin(), heard_.elsewhere.end()}, ", ");
      return at(to_, from_, "discovery-elsewhere", {{"other", printable(all, 100)}});
    }
    if (heard.empty()) return silence();
    if (auto found = wrong_broadcast()) return found;
    return at(to_, from_, "discovery-partial",
              {{"missing", join(missing, " and ")}, {"heard", join(heard, " and ")}});
  }

  const model::Fleet& fleet_;
  DiscoveryCell& cell_;
  const DiscoveryEvidence& sender_;
  const DiscoveryEvidence& hearer_;
  End from_, to_;
  Hearing heard_, back_;
};

}  // namespace

std::vector<DiscoveryCell> discovery_pairs(const model::Fleet& fleet,
                                           const std::vector<std::size_t>& selected) {
  const auto is_selected = [&](std::size_t node) {
    return std::find(selected.begin(), selected.end(), node) != selected.end();
  };
  std::vector<DiscoveryCell> pairs;
  for (const bool segments : {false, true}) {
    const auto networks = networks_of(fleet, segments);
    for (std::size_t index = 0; index < networks.size(); ++index) {
      for (const End& from : networks[index]) {
        for (const End& to : networks[index]) {
          if (from.node == to.node || !is_selected(from.node) || !is_selected(to.node)) continue;
          DiscoveryCell cell;
          cell.from = from.node;
          cell.to = to.node;
          cell.from_interface = from.interface;
          cell.to_interface = to.interface;
          (segments ? cell.segment : cell.link) = index;
          pairs.push_back(std::move(cell));
        }
      }
    }
  }
  return pairs;
}

std::set<std::uint32_t> silent_senders(const model::Fleet& fleet,
                                       const std::vector<DiscoveryCell>& pairs, std::size_t node,
                                       const std::vector<DiscoveryEvidence>& evidence) {
  std::set<std::uint32_t> silent;
  for (const DiscoveryCell& cell : pairs) {
    const bool known = evidence[cell.from].untested.empty() && evidence[node].untested.empty();
    if (cell.to != node || !known || silent.size() >= kMostPings) continue;
    const Hearing heard = hearing_of(evidence[node], cell.to_interface, fleet.nodes[cell.from].name,
                                     cell.from_interface);
    if (std::all_of(heard.here.begin(), heard.here.end(), [](auto n) { return n > 0; })) continue;
    const End from = end_of(fleet, cell, cell.from, cell.from_interface);
    silent.insert(address_of(evidence[cell.from], from).value());
  }
  return silent;
}

std::string discovery_script(const std::set<std::uint32_t>& addresses, const std::string& nonce,
                             facts::Os os, FirewallAsk ask) {
  // The Mac's -W counts milliseconds and its -t bounds the whole run in seconds.
  const std::string ping =
      os == facts::Os::darwin ? "ping -n -c 2 -W 1000 -t 3" : "ping -n -c 2 -W 1 -w 3";
  std::vector<std::string> stages;
  for (const std::uint32_t address : addresses) {
    stages.push_back(fmt::format("bu_one {}", model::Ipv4(address).to_string()));
  }
  std::string script = facts::frame_functions(nonce);
  if (!stages.empty()) {
    script += kKeepFunctions;
    script += fmt::format(
        "bu_one() {{\n"
        "  bu_said=$(bu_keep 256 5 {} \"$1\")\n"
        "  cat\n"
        "  bu_part \"ping.$1\" \"$bu_said\"\n"
        "}}\n",
        ping);
    script += pipeline(stages);
  }
  return script + firewall_script(os, ask) + "bu_frame end 0 ''\n";
}

void read_discovery_script(const std::vector<facts::Frame>& frames, DiscoveryEvidence& evidence) {
  for (const auto& frame : frames) {
    constexpr std::string_view kPing = "ping.";
    if (!frame.name.starts_with(kPing)) continue;
    const auto address = model::Ipv4::parse(frame.name.substr(kPing.size()));
    if (address && frame.exit_status != facts::kStatusNotFound) {
      evidence.pings[address->value()] = frame.exit_status == 0;
    }
  }
  evidence.firewall = read_firewall(frames);
}

void judge_discovery(const model::Fleet& fleet, std::vector<DiscoveryCell> pairs,
                     const std::vector<DiscoveryEvidence>& evidence, Matrix& matrix) {
  for (DiscoveryCell& cell : pairs) {
    Pair(fleet, evidence, cell).judge();
    if (cell.diagnosis) add_finding(matrix, finding_of(*cell.diagnosis, plan::Severity::error));
  }
  matrix.discovery = std::move(pairs);
}

}  // namespace bringup::verify
