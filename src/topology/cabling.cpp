#include "bringup/topology/cabling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "bringup/util/text.hpp"

namespace bringup::topology {
namespace {

// A port while cables are paired: its node, and its place among the node's ports.
struct At {
  std::size_t node = 0;
  std::size_t port = 0;
  auto operator<=>(const At&) const = default;
};

class Pairing {
 public:
  Pairing(const std::vector<std::string>& names, const std::vector<const facts::NodeFacts*>& facts)
      : names_(names) {
    result_.ports.resize(facts.size());
    for (std::size_t node = 0; node < facts.size(); ++node) {
      if (facts[node] == nullptr || facts[node]->profiler_json.empty()) continue;
      auto profile = thunderbolt_profile(*facts[node]);
      if (!profile) {
        odd(node, profile.error().message);
        continue;
      }
      for (const auto& text : profile->oddities) odd(node, text);
      result_.ports[node] = std::move(profile->ports);
    }
  }

  Cabling run() {
    learn_domains();
    for (std::size_t node = 0; node < result_.ports.size(); ++node) {
      if (!result_.ports[node]) continue;
      for (std::size_t i = 0; i < result_.ports[node]->size(); ++i) look_from({node, i});
    }
    settle_nameless();
    std::stable_sort(result_.cables.begin(), result_.cables.end(),
                     [](const auto& a, const auto& b) { return key(a.ends[0]) < key(b.ends[0]); });
    return std::move(result_);
  }

 private:
  // Receptacles sort as numbers: "10" after "9".
  static std::tuple<std::size_t, std::size_t, std::string> key(const PortName& port) {
    return {port.node, port.receptacle.size(), port.receptacle};
  }
  [[nodiscard]] const ThunderboltPort& port(At at) const {
    return (*result_.ports[at.node])[at.port];
  }
  [[nodiscard]] PortName name(At at) const {
    return {at.node, port(at).interface, port(at).receptacle};
  }
  void odd(std::size_t node, const std::string& text) {
    result_.oddities.push_back(printable(names_[node]) + ": " + text);
  }

  void learn_domains() {
    std::map<std::string, std::vector<At>> claims;
    for (std::size_t node = 0; node < result_.ports.size(); ++node) {
      if (!result_.ports[node]) continue;
      for (std::size_t i = 0; i < result_.ports[node]->size(); ++i) {
        const auto& domain = port({node, i}).domain;
        if (!domain.empty()) claims[domain].push_back({node, i});
      }
    }
    for (const auto& [domain, ports] : claims) {
      if (ports.size() == 1) {
        domains_[domain] = ports.front();
        continue;
      }
      for (const At at : ports) {
        odd(at.node,
            fmt::format("its {} has the domain of another port, {}", port(at).bus, domain));
      }
    }
  }

  void look_from(At here) {
    if (!port(here).domain.empty() && !domains_.contains(port(here).domain)) return;
    for (const auto& peer : port(here).peers) {
      if (peer.domain.empty()) {
        nameless_.emplace_back(here, &peer);
        continue;
      }
      const auto found = domains_.find(peer.domain);
      if (found == domains_.end()) {
        result_.loose.push_back({name(here), peer});
        continue;
      }
      if (found->second == here) {
        odd(here.node, fmt::format("its {} sees itself", port(here).bus));
      } else {
        join(here, peer, found->second);
      }
    }
  }

  void join(At here, const ThunderboltPeer& peer, At there) {
    const bool first = here < there;
    const std::pair<At, At> pair = first ? std::pair(here, there) : std::pair(there, here);
    auto [known, fresh] = cables_.try_emplace(pair, result_.cables.size());
    if (fresh) {
      Cable cable;
      cable.ends = {name(pair.first), name(pair.second)};
      cable.one_sided = silence(here, there);
      result_.cables.push_back(std::move(cable));
    }
    Cable& cable = result_.cables[known->second];
    if (!fresh) cable.one_sided.clear();
    cable.rdma[first ? 1 : 0] = peer.rdma;
    if (cable.through.empty()) cable.through = peer.through;
    // The side behind the dock sees the Mac at top level; the dock's own side may see only the
    // dock.
    const auto& far = port(there);
    if (cable.through.empty() && far.peers.empty()) cable.through = far.devices;
    for (const auto* side : {&port(here), &far}) {
      if (side->idle || side->gbps <= 0) continue;
      cable.gbps = cable.gbps > 0 ? std::min(cable.gbps, side->gbps) : side->gbps;
    }
  }

  // Why `there` may not tell of a cable that `here` sees; taken back when it does.
  [[nodiscard]] std::string silence(At here, At there) const {
    const auto& far = port(there);
    const std::string& who = names_[there.node];
    if (port(here).domain.empty()) {
      return fmt::format("the port of {} has no domain by which {} could name it",
                         names_[here.node], who);
    }
    if (!far.peers.empty()) {
      const bool nameless = std::any_of(far.peers.begin(), far.peers.end(),
                                        [](const auto& one) { return one.domain.empty(); });
      return nameless ? fmt::format("{} sees a Mac there without its domain", who)
                      : fmt::format("{} sees another Mac there", who);
    }
    if (!far.devices.empty()) {
      return fmt::format("{} sees {} there and no Mac behind it", who, far.devices.front());
    }
    return fmt::format("{} sees nothing there", who);
  }

  // A peer without a domain is the one that names this port, if any does.
  void settle_nameless() {
    for (const auto& [here, peer] : nameless_) {
      Cable* named = nullptr;
      for (auto& [pair, index] : cables_) {
        if (pair.first == here || pair.second == here) named = &result_.cables[index];
      }
      if (named == nullptr) {
        result_.loose.push_back({name(here), *peer});
        continue;
      }
      if (named->through.empty()) named->through = peer->through;
      named->rdma[named->ends[0] == name(here) ? 1 : 0] = peer->rdma;
    }
  }

  const std::vector<std::string>& names_;
  Cabling result_;
  std::map<std::string, At> domains_;
  std::map<std::pair<At, At>, std::size_t> cables_;
  std::vector<std::pair<At, const ThunderboltPeer*>> nameless_;
};

}  // namespace

const PortName* Cable::end_at(std::size_t node, std::string_view interface) const {
  if (interface.empty()) return nullptr;
  for (const auto& end : ends) {
    if (end.node == node && end.interface == interface) return &end;
  }
  return nullptr;
}

const PortName& Cable::far(const PortName& end) const {
  return ends[0] == end ? ends[1] : ends[0];
}

const Cable* Cabling::cable_at(std::size_t node, std::string_view interface) const {
  for (const auto& cable : cables) {
    if (cable.end_at(node, interface) != nullptr) return &cable;
  }
  return nullptr;
}

const LooseEnd* Cabling::loose_at(std::size_t node, std::string_view interface) const {
  for (const auto& one : loose) {
    if (one.port.node == node && one.port.interface == interface) return &one;
  }
  return nullptr;
}

const ThunderboltPort* Cabling::port_at(std::size_t node, std::string_view interface) const {
  if (node >= ports.size() || !ports[node] || interface.empty()) return nullptr;
  for (const auto& port : *ports[node]) {
    if (port.interface == interface) return &port;
  }
  return nullptr;
}

Cabling pair_cables(const std::vector<std::string>& names,
                    const std::vector<const facts::NodeFacts*>& facts) {
  return Pairing(names, facts).run();
}

}  // namespace bringup::topology
