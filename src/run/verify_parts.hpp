#pragma once
// The parts of the verify phase. Internal to the room.
#include <string>
#include <vector>

#include "bringup/run/verify.hpp"

namespace bringup::run {

using Evidence = std::vector<verify::NodeEvidence>;
using Measurements = std::vector<verify::Measurement>;

// Nodes that a link of the round ends at, as far as they have a session.
std::vector<NodeRun*> nodes_of(Crew& crew, const verify::Round& round);
NodeRun* node_at(Crew& crew, std::size_t index);

// Every link's TCP ports from both ends, through the nodes' own sessions; by nc where a node
// forwards nothing.
Measurements measure_tcp(Crew& crew, const verify::CheckOptions& options);

Measurements measure_iperf(Crew& crew, const verify::Round& round,
                           const verify::CheckOptions& options);

// RDMA over the links of rounds. Probes are pushed once to each node that needs one, held there
// until the object goes, and removed by the node's own shell then, also when the session is lost.
class RdmaRunner {
 public:
  RdmaRunner(Crew& crew, const VerifyOptions& options);
  ~RdmaRunner();
  RdmaRunner(const RdmaRunner&) = delete;
  RdmaRunner& operator=(const RdmaRunner&) = delete;

  Measurements measure(const verify::Round& round);

 private:
  struct Held;
  Measurements measure_link(std::size_t link);
  Measurements by_probe(std::size_t link, const Held& a, const Held& b);
  Measurements by_pingpong(std::size_t link);
  void push(const std::vector<NodeRun*>& nodes);

  Crew& crew_;
  const VerifyOptions& options_;
  std::vector<std::unique_ptr<Held>> held_;  // by index into Fleet::nodes
};

}  // namespace bringup::run
