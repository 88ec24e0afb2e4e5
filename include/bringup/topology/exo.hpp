#pragma once
// exo.app installs a root daemon that takes bridge0 apart, switches to a network location of its
// own and puts every Thunderbolt port on DHCP, at boot and each 1786 seconds (exo issues 2007,
// 1158, 1330, 1066, 2067): whatever address a link was given is gone within half an hour.
#include <optional>
#include <string>

#include "bringup/facts/node_facts.hpp"

namespace bringup::topology {

struct ExoInstallation {
  std::string seen, expected, means, cure;
};

// Unset: none of its traces is on the node.
std::optional<ExoInstallation> exo_installation(const std::string& node,
                                                const facts::NodeFacts& facts);

}  // namespace bringup::topology
