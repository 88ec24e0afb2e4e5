// The layers gid and port: what facts say of a link end's RDMA device.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/platform/ibv.hpp"
#include "bringup/topology/thunderbolt.hpp"
#include "walk.hpp"

namespace bringup::verify {
namespace {

const platform::IbvPort* port_of(const Walk& walk) {
  if (!walk.facts->ibv_ports) return nullptr;
  for (const auto& port : *walk.facts->ibv_ports) {
    if (port.device == walk.self.rdma_device) return &port;
  }
  return nullptr;
}

}  // namespace

std::optional<LayerStatus> without_rdma(const Walk& walk, Layer layer) {
  if (walk.link.kind == model::LinkKind::thunderbolt4) {
    return skipped(layer, "Thunderbolt 4 has no RDMA, and no setting adds it");
  }
  if (!walk.link.rdma) return skipped(layer, "no RDMA wanted (rdma = false)");
  if (walk.facts == nullptr) return unknown(layer, "no facts");
  // Recovery helps nobody whose hardware cannot.
  if (is_thunderbolt(walk.link.kind) &&
      topology::is_thunderbolt4_hardware(topology::thunderbolt_ports(*walk.facts))) {
    return broken(walk, layer, "rdma-impossible", {{"kind", "Thunderbolt 4 hardware"}});
  }
  return std::nullopt;
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

}  // namespace bringup::verify
