#pragma once
// The parts of the verify phase. Internal to the room.
#include <string>
#include <vector>

#include "bringup/run/verify.hpp"
#include "probes.hpp"

namespace bringup::run {

using Evidence = std::vector<verify::NodeEvidence>;
using Measurements = std::vector<verify::Measurement>;

// Nodes that a link of the round ends at, as far as they have a session.
std::vector<NodeRun*> nodes_of(Crew& crew, const verify::Round& round);
std::vector<NodeRun*> nodes_of(Crew& crew, const model::Fleet& fleet, const verify::Round& round);
NodeRun* node_at(Crew& crew, std::size_t index);

// Every link's TCP ports from both ends, through the nodes' own sessions; by nc where a node
// forwards nothing.
Measurements measure_tcp(Crew& crew, const verify::CheckOptions& options);

// `fleet` has the crew's nodes, and the links that the round is about.
Measurements measure_iperf(Crew& crew, const model::Fleet& fleet, const verify::Round& round,
                           const verify::CheckOptions& options);

// RDMA over the links of rounds, by the probes where both ends have one.
class RdmaRunner {
 public:
  RdmaRunner(Crew& crew, const VerifyOptions& options, Probes& probes);

  Measurements measure(const verify::Round& round);

 private:
  Measurements measure_link(std::size_t link);
  Measurements by_probe(std::size_t link, const Probes::Held& a, const Probes::Held& b);
  Measurements by_pingpong(std::size_t link);

  Crew& crew_;
  const VerifyOptions& options_;
  Probes& probes_;
};

// Every declared server from the nodes that must reach it, into matrix.services; servers that give
// no connection are looked at from their own nodes.
void check_services(Crew& crew, verify::Matrix& matrix);

// Datagrams on every interface of every node, into matrix.discovery.
void check_discovery(Crew& crew, Probes& probes, verify::Matrix& matrix);

}  // namespace bringup::run
