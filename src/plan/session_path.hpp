#pragma once
// By which way the session that read the facts came to the node.
#include <string>
#include <string_view>

#include "bringup/facts/node_facts.hpp"

namespace bringup::plan {

// The interface on which it arrives; empty when unknown.
std::string session_interface(const facts::NodeFacts& facts);

// That interface itself, or a member of the bridge which it is.
bool on_session_path(const facts::NodeFacts& facts, std::string_view interface);

}  // namespace bringup::plan
