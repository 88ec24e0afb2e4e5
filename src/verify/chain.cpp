#include "bringup/verify/chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bringup/topology/thunderbolt.hpp"
#include "bringup/verify/peers.hpp"
#include "cable.hpp"
#include "diagnose.hpp"
#include "walk.hpp"

namespace bringup::verify {
namespace {

using topology::is_thunderbolt4_hardware;
using topology::thunderbolt_ports;

constexpr std::array kLayers = {Layer::ssh,    Layer::sudo,      Layer::cable,   Layer::speed,
                                Layer::bridge, Layer::interface, Layer::address, Layer::route,
                                Layer::ping,   Layer::mtu,       Layer::tcp,     Layer::iperf,
                                Layer::gid,    Layer::port,      Layer::rdma};

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

// The layers that facts alone decide, by the same rules as verify's.
LayerStatus from_facts(const Walk& walk, Layer layer, std::string good) {
  if (walk.facts == nullptr) return unknown(layer, "no facts");
  // Every system has an interface: none means that the listing is missing.
  if (walk.facts->interfaces.empty()) return unknown(layer, "its interfaces could not be read");
  if (auto found = broken_layer(walk.fleet, walk.index, walk.self, to_string(layer), walk.all)) {
    return broken(layer, std::move(*found));
  }
  return ok(layer, std::move(good));
}

LayerStatus cable_layer(const Walk& walk) {
  if (walk.facts == nullptr) return unknown(Layer::cable, "no facts");
  if (const auto* plug = misplugged(walk.cables, walk.index)) {
    return broken(Layer::cable, diagnosis_of(walk.fleet, *plug));
  }
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
    if (const auto* gone = walk.cables.miswired(walk.index)) {
      return broken(Layer::cable, diagnosis_of(walk.fleet, *gone));
    }
    return unknown(Layer::cable, "the system does not say");
  }
  return status;
}

std::string in_gbps(double gbps) {
  return fmt::format("{:g}", gbps);
}

LayerStatus speed_of_ethernet(const Walk& walk) {
  const auto* interface = walk.facts->find_interface(walk.self.interface);
  if (interface == nullptr || !interface->gbps) {
    return skipped(Layer::speed, "the system does not say");
  }
  const auto& expected = walk.link.expect.negotiated_gbps;
  if (expected && *interface->gbps < *expected) {
    return broken(walk, Layer::speed, "speed-port",
                  {{"speed", in_gbps(*interface->gbps)}, {"expected", in_gbps(*expected)}});
  }
  return ok(Layer::speed, in_gbps(*interface->gbps) + " Gb/s");
}

LayerStatus speed_layer(const Walk& walk) {
  const auto& expected = walk.link.expect.negotiated_gbps;
  if (walk.facts == nullptr) return unknown(Layer::speed, "no facts");
  if (!is_thunderbolt(walk.link.kind)) return speed_of_ethernet(walk);
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
  // A link without RDMA may well go through a dock.
  if (walk.link.rdma && !port->between().empty()) {
    return broken(walk, Layer::speed, "speed-dock", {{"dock", port->between()}});
  }
  if (expected && port->gbps < *expected) {
    return broken(walk, Layer::speed, "speed-below",
                  {{"speed", in_gbps(port->gbps)}, {"expected", in_gbps(*expected)}});
  }
  return ok(Layer::speed, in_gbps(port->gbps) + " Gb/s");
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

std::vector<Layer> all_layers() {
  return {kLayers.begin(), kLayers.end()};
}

namespace {

LinkStatus status_with(const topology::CableReport& cables, const model::Fleet& fleet,
                       std::size_t link, const std::vector<NodeEvidence>& evidence,
                       const Matrix& matrix) {
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
                    cell == matrix.cells.end() ? nullptr : &*cell,
                    cables};
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

}  // namespace

LinkStatus link_status(const model::Fleet& fleet, std::size_t link,
                       const std::vector<NodeEvidence>& evidence, const Matrix& matrix) {
  return status_with(cable_report(fleet, evidence), fleet, link, evidence, matrix);
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
  const topology::CableReport cables = cable_report(fleet, evidence);
  const auto in = [&](std::size_t node) {
    return std::find(selected.begin(), selected.end(), node) != selected.end();
  };
  for (std::size_t link = 0; link < fleet.links.size(); ++link) {
    const auto& ends = fleet.links[link].ends;
    if (in(ends[0].node) || in(ends[1].node)) {
      all.push_back(status_with(cables, fleet, link, evidence, matrix));
    }
  }
  return all;
}

}  // namespace bringup::verify
