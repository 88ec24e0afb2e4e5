#pragma once
// The first broken layer of a link. Internal to the room.
#include <optional>

#include "bringup/topology/cable_check.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::verify {

// Walks ssh → plugs → bridge → interface → cable → address → route over both ends, each layer at
// the link's first end and then at its second, so that both directions blame the same place. Unset:
// every layer that could be read is as declared.
std::optional<Diagnosis> first_broken_layer(const model::Fleet& fleet, std::size_t link,
                                            const std::vector<NodeEvidence>& evidence,
                                            const topology::CableReport& cables);

// One of the layers bridge, interface, cable and address at one end; unset: as declared.
// Precondition: the facts of that end's node are known.
std::optional<Diagnosis> broken_layer(const model::Fleet& fleet, std::size_t link,
                                      const model::LinkEnd& end, std::string_view layer,
                                      const std::vector<NodeEvidence>& evidence);

Diagnosis no_session(const model::Fleet& fleet, std::size_t node, const Error& error);
Diagnosis wrong_route(const model::Fleet& fleet, const model::LinkEnd& from,
                      const model::LinkEnd& to, const std::string& seen, facts::Os os);

facts::Os os_of(const NodeEvidence& evidence);

}  // namespace bringup::verify
