#include "bringup/verify/chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bringup/platform/ibv.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "bringup/verify/peers.hpp"
#include "diagnose.hpp"
#include "thunderbolt.hpp"

namespace bringup::verify {
namespace {

constexpr std::array kLayers = {Layer::ssh,    Layer::sudo,      Layer::cable,   Layer::speed,
                                Layer::bridge, Layer::interface, Layer::address, Layer::route,
                                Layer::ping,   Layer::mtu,       Layer::tcp,     Layer::iperf,
                                Layer::gid,    Layer::port,      Layer::rdma};

// One end of the link while its layers are told.
struct Walk {
  const model::Fleet& fleet;
  const model::Link& link;
  std::size_t index;
  const model::LinkEnd& self;
  const model::LinkEnd& peer;
  const NodeEvidence& evidence;
  const facts::NodeFacts* facts;         // null: not known
  const facts::NodeFacts* peer_facts;    // null: not known
  const std::vector<NodeEvidence>& all;  // of the fleet
  const Cell* cell;                      // from this end; null: not measured

  [[nodiscard]] const std::string& node() const { return fleet.nodes[self.node].name; }
  [[nodiscard]] const std::string& peer_node() const { return fleet.nodes[peer.node].name; }
  [[nodiscard]] std::string peer_place() const { return peer_node() + ":" + peer.interface; }
};

LayerStatus ok(Layer layer, std::string text) {
  return {layer, LayerState::ok, std::move(text), std::nullopt};
}
LayerStatus unknown(Layer layer, std::string text) {
  return {layer, LayerState::unknown, std::move(text), std::nullopt};
}
LayerStatus skipped(Layer layer, std::string text) {
  return {layer, LayerState::skipped, std::move(text), std::nullopt};
}
LayerStatus broken(Layer layer, Diagnosis diagnosis) {
  return {layer, LayerState::broken, diagnosis.seen, std::move(diagnosis)};
}
LayerStatus broken(const Walk& walk, Layer layer, std::string_view id, Words words = {}) {
  words.emplace_back("peer", walk.peer_place());
  words.emplace_back("peer_node", walk.peer_node());
  words.emplace_back("device", printable(walk.self.rdma_device, 64));
  words.emplace_back("address", walk.self.address.to_string());
  return broken(layer, diagnose(id, walk.node(), walk.self.interface, words));
}

LayerStatus ssh_layer(const Walk& walk) {
  if (walk.evidence.error) {
    return broken(Layer::ssh, no_session(walk.fleet, walk.self.node, *walk.evidence.error));
  }
  if (walk.facts == nullptr && walk.evidence.frames.empty()) {
    return unknown(Layer::ssh, "not contacted");
  }
  return ok(Layer::ssh, "session");
}

LayerStatus sudo_layer(const Walk& walk) {
  if (walk.facts == nullptr) return unknown(Layer::sudo, "no facts");
  if (walk.fleet.nodes[walk.self.node].become == model::Become::none) {
    return skipped(Layer::sudo, "not used (become = \"none\")");
  }
  switch (walk.facts->sudo) {
    case platform::SudoState::passwordless:
      return ok(Layer::sudo, "passwordless");
    case platform::SudoState::password_required:
      // Enough for whoever gives the password.
      if (walk.fleet.nodes[walk.self.node].become == model::Become::sudo_password) {
        return ok(Layer::sudo, "with a password");
      }
      return broken(walk, Layer::sudo, "sudo-password");
    case platform::SudoState::refused:
    case platform::SudoState::absent:
      return broken(walk, Layer::sudo, "sudo-refused");
    case platform::SudoState::unknown:
      break;
  }
  return unknown(Layer::sudo, "could not be read");
}

bool is_thunderbolt(model::LinkKind kind) {
  return kind == model::LinkKind::thunderbolt5 || kind == model::LinkKind::thunderbolt4;
}

// The layers that facts alone decide, by the same rules as verify's.
LayerStatus from_facts(const Walk& walk, Layer layer, std::string good) {
  if (walk.facts == nullptr) return unknown(layer, "no facts");
  if (auto found = broken_layer(walk.fleet, walk.index, walk.self, to_string(layer), walk.all)) {
    return broken(layer, std::move(*found));
  }
  return ok(layer, std::move(good));
}

LayerStatus cable_layer(const Walk& walk) {
  if (walk.facts == nullptr) return unknown(Layer::cable, "no facts");
  auto status = from_facts(walk, Layer::cable, "signal");
  if (status.state != LayerState::ok) {
    const auto ports = thunderbolt_ports(*walk.facts);
    const bool all_empty = ports.size() > 1 && std::none_of(ports.begin(), ports.end(),
                                                            [](auto& p) { return p.connected; });
    const auto links = walk.fleet.links_of(walk.self.node);
    if (status.state == LayerState::broken && all_empty && links.size() > 1) {
      return broken(walk, Layer::cable, "cable-all-empty");
    }
    return status;
  }
  const auto* interface = walk.facts->find_interface(walk.self.interface);
  if (interface == nullptr || !interface->active) {
    return unknown(Layer::cable, "the system does not say");
  }
  return status;
}

// An idle port says what it could do; one with a cable in may be held back by that.
bool is_thunderbolt4_hardware(const std::vector<ThunderboltPort>& ports) {
  return std::any_of(ports.begin(), ports.end(),
                     [](const auto& one) { return one.idle && one.gbps > 0; }) &&
         std::all_of(ports.begin(), ports.end(), [](const auto& one) { return one.gbps <= 40; });
}

LayerStatus speed_layer(const Walk& walk) {
  const auto& expected = walk.link.expect.negotiated_gbps;
  if (walk.facts == nullptr) return unknown(Layer::speed, "no facts");
  if (!is_thunderbolt(walk.link.kind)) return skipped(Layer::speed, "read of Thunderbolt only");
  const auto ports = thunderbolt_ports(*walk.facts);
  const auto port = std::find_if(ports.begin(), ports.end(), [&](const auto& one) {
    return one.interface == walk.self.interface;
  });
  if (walk.link.kind == model::LinkKind::thunderbolt5) {
    if (is_thunderbolt4_hardware(ports)) return broken(walk, Layer::speed, "speed-hardware");
    // No cable makes a link faster than its slower end.
    if (walk.peer_facts != nullptr &&
        is_thunderbolt4_hardware(thunderbolt_ports(*walk.peer_facts))) {
      return broken(Layer::speed,
                    diagnose("speed-hardware", walk.peer_node(), walk.peer.interface, {}));
    }
  }
  if (port == ports.end() || !port->connected || port->idle || port->gbps <= 0) {
    return unknown(Layer::speed,
                   ports.empty() ? "no profile of the ports" : "nothing is negotiated");
  }
  if (!port->dock.empty()) return broken(walk, Layer::speed, "speed-dock", {{"dock", port->dock}});
  if (expected && port->gbps < *expected) {
    return broken(
        walk, Layer::speed, "speed-below",
        {{"speed", fmt::format("{:g}", port->gbps)}, {"expected", fmt::format("{:g}", *expected)}});
  }
  return ok(Layer::speed, fmt::format("{:g} Gb/s", port->gbps));
}

// A layer that a check of verify decides: what its verdicts say.
LayerStatus from_cell(const Walk& walk, Layer layer, CheckKind kind, std::string good,
                      bool measured) {
  if (walk.cell == nullptr) return unknown(layer, "not measured");
  const Cell& cell = *walk.cell;
  const Verdict* worst = nullptr;
  for (const auto& verdict : cell.verdicts) {
    if (verdict.check != kind) continue;
    if (worst == nullptr || badness(verdict.status) > badness(worst->status)) worst = &verdict;
  }
  if (worst != nullptr && worst->status != CellStatus::pass) {
    LayerStatus status{
        layer, LayerState::broken,
        fmt::format("{}: {} (expected {})", worst->what, worst->seen, worst->expected),
        std::nullopt};
    // Its own, or what explains it: a layer further down.
    status.diagnosis = cell.diagnosis;
    for (const auto& one : cell.diagnoses) {
      if (one.layer == to_string(layer)) status.diagnosis = one;
    }
    return status;
  }
  if (!measured) return unknown(layer, "not measured");
  return ok(layer, std::move(good));
}

LayerStatus route_layer(const Walk& walk) {
  return from_cell(walk, Layer::route, CheckKind::route,
                   walk.cell == nullptr ? "" : "leaves through " + walk.cell->route_interface,
                   walk.cell != nullptr && walk.cell->route_ok == true);
}

LayerStatus measured_layer(const Walk& walk, Layer layer, CheckKind kind) {
  std::string good;
  bool measured = false;
  if (walk.cell != nullptr) {
    const Cell& cell = *walk.cell;
    const auto with = [&](Metric metric) {
      const auto value = figure(cell, metric);
      measured = measured || value.has_value();
      return value ? with_unit(metric, *value) : std::string();
    };
    switch (layer) {
      case Layer::ping:
        measured = cell.ping.has_value();
        good = cell.ping && cell.ping->avg_ms ? with(Metric::rtt) : "replies";
        break;
      case Layer::mtu:
        measured = cell.mtu && cell.mtu->largest_packet;
        if (measured) good = fmt::format("{} bytes cross whole", *cell.mtu->largest_packet);
        break;
      case Layer::tcp:
        measured = !cell.tcp.empty();
        good = "reachable";
        break;
      case Layer::iperf:
        good = with(Metric::iperf);
        break;
      case Layer::rdma:
        measured = cell.rdma && !cell.rdma->failure;
        good = with(Metric::rdma_bandwidth);
        if (good.empty()) good = "messages both ways";
        break;
      default:
        break;
    }
  }
  return from_cell(walk, layer, kind, std::move(good), measured);
}

// Both RDMA layers: is there any RDMA to be judged on this end?
std::optional<LayerStatus> without_rdma(const Walk& walk, Layer layer) {
  if (walk.link.kind == model::LinkKind::thunderbolt4) {
    return skipped(layer, "Thunderbolt 4 has no RDMA, and no setting adds it");
  }
  if (!walk.link.rdma) return skipped(layer, "no RDMA wanted (rdma = false)");
  if (walk.facts == nullptr) return unknown(layer, "no facts");
  if (is_thunderbolt(walk.link.kind)) {
    const auto ports = thunderbolt_ports(*walk.facts);
    const bool old = !ports.empty() && std::all_of(ports.begin(), ports.end(), [](const auto& p) {
      return p.gbps > 0 && p.gbps <= 40;
    });
    // Recovery helps nobody whose hardware cannot.
    if (old && std::any_of(ports.begin(), ports.end(), [](const auto& p) { return p.idle; })) {
      return broken(walk, layer, "rdma-impossible", {{"kind", "Thunderbolt 4 hardware"}});
    }
  }
  return std::nullopt;
}

const platform::IbvPort* port_of(const Walk& walk) {
  if (!walk.facts->ibv_ports) return nullptr;
  for (const auto& port : *walk.facts->ibv_ports) {
    if (port.device == walk.self.rdma_device) return &port;
  }
  return nullptr;
}

LayerStatus gid_layer(const Walk& walk) {
  if (auto none = without_rdma(walk, Layer::gid)) return *none;
  const bool mac = walk.facts->os == facts::Os::darwin;
  if (mac && walk.facts->rdma == platform::RdmaState::disabled) {
    return broken(walk, Layer::gid, "rdma-disabled");
  }
  if (mac && walk.facts->rdma == platform::RdmaState::no_tool) {
    return broken(walk, Layer::gid, "rdma-no-tool");
  }
  if (!walk.facts->ibv_ports) return unknown(Layer::gid, "ibv_devinfo could not be read");
  const auto& ports = *walk.facts->ibv_ports;
  if (ports.empty()) return broken(walk, Layer::gid, "rdma-no-devices");
  const auto* port = port_of(walk);
  if (port == nullptr) {
    std::vector<std::string> names;
    for (const auto& one : ports) names.push_back(one.device);
    return broken(walk, Layer::gid, "rdma-no-device",
                  {{"devices", printable(join(names, ", "), 200)}});
  }
  if (port->gids.empty()) return broken(walk, Layer::gid, "gid-empty");
  const auto want = platform::ipv4_gid(walk.self.address);
  const auto found = std::find_if(port->gids.begin(), port->gids.end(),
                                  [&](const auto& one) { return one.gid == want; });
  if (found == port->gids.end()) return broken(walk, Layer::gid, "gid-no-ipv4");
  if (mac && found->index != 1) {
    return broken(walk, Layer::gid, "gid-index", {{"index", std::to_string(found->index)}});
  }
  return ok(Layer::gid, fmt::format("{} at index {}", want, found->index));
}

LayerStatus port_layer(const Walk& walk) {
  if (auto none = without_rdma(walk, Layer::port)) return *none;
  const auto* port = port_of(walk);
  if (port == nullptr) return unknown(Layer::port, "no device to ask");
  if (port->state == "PORT_ACTIVE") return ok(Layer::port, "PORT_ACTIVE");
  const bool peer_disabled =
      walk.peer_facts != nullptr && walk.peer_facts->rdma == platform::RdmaState::disabled;
  return broken(walk, Layer::port, peer_disabled ? "port-down-peer" : "port-down",
                {{"state", printable(port->state, 40)}});
}

LayerStatus rdma_layer(const Walk& walk) {
  if (auto none = without_rdma(walk, Layer::rdma); none && none->state == LayerState::skipped) {
    return *none;
  }
  return measured_layer(walk, Layer::rdma, CheckKind::rdma);
}

LayerStatus status_of(const Walk& walk, Layer layer) {
  switch (layer) {
    case Layer::ssh:
      return ssh_layer(walk);
    case Layer::sudo:
      return sudo_layer(walk);
    case Layer::cable:
      return cable_layer(walk);
    case Layer::speed:
      return speed_layer(walk);
    case Layer::bridge:
      return from_facts(walk, layer, "stands alone");
    case Layer::interface:
      return from_facts(walk, layer, "up");
    case Layer::address:
      return from_facts(
          walk, layer,
          fmt::format("{}/{}", walk.self.address.to_string(), walk.link.subnet.prefix()));
    case Layer::route:
      return route_layer(walk);
    case Layer::ping:
      return measured_layer(walk, layer, CheckKind::ping);
    case Layer::mtu:
      return measured_layer(walk, layer, CheckKind::mtu);
    case Layer::tcp:
      return measured_layer(walk, layer, CheckKind::tcp);
    case Layer::iperf:
      return measured_layer(walk, layer, CheckKind::iperf);
    case Layer::gid:
      return gid_layer(walk);
    case Layer::port:
      return port_layer(walk);
    case Layer::rdma:
      return rdma_layer(walk);
  }
  return unknown(layer, "");
}

}  // namespace

std::string_view to_string(Layer layer) {
  switch (layer) {
    case Layer::ssh:
      return "ssh";
    case Layer::sudo:
      return "sudo";
    case Layer::cable:
      return "cable";
    case Layer::speed:
      return "speed";
    case Layer::bridge:
      return "bridge";
    case Layer::interface:
      return "interface";
    case Layer::address:
      return "address";
    case Layer::route:
      return "route";
    case Layer::ping:
      return "ping";
    case Layer::mtu:
      return "mtu";
    case Layer::tcp:
      return "tcp";
    case Layer::iperf:
      return "iperf";
    case Layer::gid:
      return "gid";
    case Layer::port:
      return "port";
    case Layer::rdma:
      return "rdma";
  }
  return "ssh";
}

std::vector<Layer> all_layers() {
  return {kLayers.begin(), kLayers.end()};
}

std::string_view to_string(LayerState state) {
  switch (state) {
    case LayerState::ok:
      return "ok";
    case LayerState::broken:
      return "broken";
    case LayerState::unknown:
      return "unknown";
    case LayerState::skipped:
      return "skipped";
  }
  return "unknown";
}

LinkStatus link_status(const model::Fleet& fleet, std::size_t link,
                       const std::vector<NodeEvidence>& evidence, const Matrix& matrix) {
  LinkStatus result;
  result.link = link;
  const model::Link& cable = fleet.links[link];
  for (std::size_t side = 0; side < 2; ++side) {
    const auto& self = cable.ends[side];
    const auto& peer = cable.ends[1 - side];
    const auto cell = std::find_if(matrix.cells.begin(), matrix.cells.end(), [&](const Cell& one) {
      return one.link == link && one.from == self.node;
    });
    const Walk walk{fleet,
                    cable,
                    link,
                    self,
                    peer,
                    evidence[self.node],
                    evidence[self.node].facts,
                    evidence[peer.node].facts,
                    evidence,
                    cell == matrix.cells.end() ? nullptr : &*cell};
    for (const Layer layer : kLayers) result.ends[side].push_back(status_of(walk, layer));
  }
  for (std::size_t i = 0; i < kLayers.size() && !result.first_broken; ++i) {
    for (const auto& end : result.ends) {
      if (end[i].state != LayerState::broken) continue;
      result.first_broken = end[i].diagnosis;
      if (result.first_broken) break;
    }
  }
  return result;
}

std::optional<Diagnosis> broken_below_rdma(const model::Fleet& fleet, std::size_t link,
                                           const std::vector<NodeEvidence>& evidence) {
  const LinkStatus status = link_status(fleet, link, evidence, {});
  for (std::size_t i = 0; i < kLayers.size(); ++i) {
    if (kLayers[i] != Layer::speed && kLayers[i] != Layer::gid && kLayers[i] != Layer::port) {
      continue;
    }
    for (const auto& end : status.ends) {
      if (end[i].state != LayerState::broken || !end[i].diagnosis) continue;
      if (end[i].diagnosis->id != "gid-index") return end[i].diagnosis;
    }
  }
  return std::nullopt;
}

std::vector<LinkStatus> all_links_status(const model::Fleet& fleet,
                                         const std::vector<std::size_t>& selected,
                                         const std::vector<NodeEvidence>& evidence,
                                         const Matrix& matrix) {
  std::vector<LinkStatus> all;
  const auto in = [&](std::size_t node) {
    return std::find(selected.begin(), selected.end(), node) != selected.end();
  };
  for (std::size_t link = 0; link < fleet.links.size(); ++link) {
    const auto& ends = fleet.links[link].ends;
    if (in(ends[0].node) || in(ends[1].node)) {
      all.push_back(link_status(fleet, link, evidence, matrix));
    }
  }
  return all;
}

}  // namespace bringup::verify
