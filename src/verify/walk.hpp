#pragma once
// One end of a link while its layers are told. Internal to the room.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bringup/topology/cable_check.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/chain.hpp"
#include "bringup/verify/diagnoses.hpp"

namespace bringup::verify {

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
  const topology::CableReport& cables;

  [[nodiscard]] const std::string& node() const { return fleet.nodes[self.node].name; }
  [[nodiscard]] const std::string& peer_node() const { return fleet.nodes[peer.node].name; }
  [[nodiscard]] std::string peer_place() const { return peer_node() + ":" + peer.interface; }
};

inline LayerStatus ok(Layer layer, std::string text) {
  return {layer, LayerState::ok, std::move(text), std::nullopt};
}
inline LayerStatus unknown(Layer layer, std::string text) {
  return {layer, LayerState::unknown, std::move(text), std::nullopt};
}
inline LayerStatus skipped(Layer layer, std::string text) {
  return {layer, LayerState::skipped, std::move(text), std::nullopt};
}
inline LayerStatus broken(Layer layer, Diagnosis diagnosis) {
  return {layer, LayerState::broken, diagnosis.seen, std::move(diagnosis)};
}
inline LayerStatus broken(const Walk& walk, Layer layer, std::string_view id, Words words = {}) {
  words.emplace_back("peer", walk.peer_place());
  words.emplace_back("peer_node", walk.peer_node());
  words.emplace_back("device", printable(walk.self.rdma_device, 64));
  words.emplace_back("address", walk.self.address.to_string());
  return broken(layer, diagnose(id, walk.node(), walk.self.interface, words));
}

// Unset: there is RDMA to be judged on this end. Otherwise what to say of the layer in its place.
std::optional<LayerStatus> without_rdma(const Walk& walk, Layer layer);
LayerStatus gid_layer(const Walk& walk);
LayerStatus port_layer(const Walk& walk);

}  // namespace bringup::verify
