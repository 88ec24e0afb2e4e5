#pragma once
#include <string>

#include "bringup/model/fleet.hpp"

namespace bringup::model {

// Everything of a fleet that a plan depends on, as text for digests: two inventories with the same
// canonical text lead to the same plan on the same nodes. It has nodes and how they are reached,
// ranks, links, segments, addresses, the matrix file's path; it leaves out positions in the file,
// groups, identity files and expectations, which change no command. One "key length:value" a line,
// so that no value can imitate another line.
std::string canonical(const Fleet& fleet);

}  // namespace bringup::model
