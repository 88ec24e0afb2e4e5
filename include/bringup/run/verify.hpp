#pragma once
// Proving links: the checks of a fleet run in the order of their schedule, and judged.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/run/crew.hpp"
#include "bringup/verify/baseline.hpp"
#include "bringup/verify/checks.hpp"
#include "bringup/verify/rdma_exchange.hpp"

namespace bringup::run {

// The bytes of a bringup-probe that runs on a node whose `uname -sm` says this ("Linux x86_64"), if
// there is one.
using ProbeFinder = std::function<std::optional<std::string>(std::string_view uname)>;

struct VerifyOptions {
  verify::CheckOptions checks;
  verify::RdmaOptions rdma;
  ProbeFinder probe;  // empty: RDMA is checked by the nodes' own ibv_*_pingpong
  std::optional<verify::Baseline> baseline;
  std::string baseline_name;
};

struct Verified {
  verify::Matrix matrix;
  // By index into Fleet::nodes; the facts are the crew's.
  std::vector<verify::NodeEvidence> evidence;
};

// Background checks on all links at once, then the exclusive ones in rounds. A link that the
// background checks find broken is not measured: its first broken layer is known. What comes out
// slow is measured again: pings twice at most, exclusive checks with at most half as many links at
// once, and half of that; what is slow then is blamed on an end.
Verified verify_links(Crew& crew, const VerifyOptions& options);
verify::Matrix verify(Crew& crew, const verify::CheckOptions& options);

}  // namespace bringup::run
