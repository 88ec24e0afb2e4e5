#pragma once
// The layers of a link from the session to RDMA data, at both ends: which holds, which is broken.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/verify/checks.hpp"

namespace bringup::verify {

enum class Layer {
  ssh,
  sudo,
  cable,
  speed,
  bridge,
  interface,
  address,
  route,
  ping,
  mtu,
  tcp,
  iperf,
  gid,
  port,
  rdma
};
std::string_view to_string(Layer layer);
std::vector<Layer> all_layers();  // from the bottom up

enum class LayerState { ok, broken, unknown, skipped };
std::string_view to_string(LayerState state);

struct LayerStatus {
  Layer layer = Layer::ssh;
  LayerState state = LayerState::unknown;
  std::string text;                    // what was seen, or why it is not known
  std::optional<Diagnosis> diagnosis;  // when broken
};

struct LinkStatus {
  std::size_t link = 0;
  std::array<std::vector<LayerStatus>, 2> ends;  // all layers in order; ends as in the link
  // The first broken layer of either end, the link's first end first; unset: none is broken.
  std::optional<Diagnosis> first_broken;
};

// The whole chain. What was measured comes from the matrix that judge() gave for this evidence; a
// matrix without cells leaves the measured layers unknown. Layers above the first broken one of
// that end are judged all the same where their own evidence is there.
LinkStatus link_status(const model::Fleet& fleet, std::size_t link,
                       const std::vector<NodeEvidence>& evidence, const Matrix& matrix);
// What facts alone say of a link whose RDMA failed: the first broken of speed, gid and port, each
// at both ends. A GID at another index than 1 is no reason: queue pairs take it from there.
std::optional<Diagnosis> broken_below_rdma(const model::Fleet& fleet, std::size_t link,
                                           const std::vector<NodeEvidence>& evidence);

std::vector<LinkStatus> all_links_status(const model::Fleet& fleet,
                                         const std::vector<std::size_t>& selected,
                                         const std::vector<NodeEvidence>& evidence,
                                         const Matrix& matrix);

// What breaks no layer and should be known all the same: cables that no link declares or of which
// one end alone tells, exo's daemon, and segments that lie on bridges of Thunderbolt ports. All are
// warnings or notes.
std::vector<Finding> findings_beside_links(const model::Fleet& fleet,
                                           const std::vector<NodeEvidence>& evidence);

}  // namespace bringup::verify
