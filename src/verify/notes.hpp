#pragma once
// What is no broken layer of a link and yet known to hurt it. Internal to the room.
#include <cstddef>
#include <vector>

#include "bringup/verify/checks.hpp"

namespace bringup::verify {

// Warnings from the facts of the selected nodes: Thunderbolt links on a port that is none; a
// default route over a link's port; builds of macOS that differ from the commonest (of two equally
// common, from the first node's).
std::vector<Diagnosis> node_notes(const model::Fleet& fleet,
                                  const std::vector<std::size_t>& selected,
                                  const std::vector<NodeEvidence>& evidence);

}  // namespace bringup::verify
