#pragma once
// The share of a node's check script that asks who is reached. Internal to the room.
#include <string>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::verify {

// Shell functions for the stages below; they need kKeepFunctions.
std::string reach_functions(const CheckOptions& options, facts::Os os);

// One or two stages of a pipeline (pipeline.hpp) for each check of this node. Frames, with N =
// index into reach_checks():
//   reach-route.N  the route look-up
//   reach-ping.N   the counted run; where nothing answered, the last single ping
//   reach-more.N   a line for each further question, "LABEL WORDS bu_rc=STATUS": "hop T", a ping of
//                  T hops at most, and "tcp", a connection where pings were silent
//   reach-tcp.N    a connection to who is not to be reached
// Takes 5 s when nobody answers, 2 s for who is not to be reached.
std::vector<std::string> reach_stages(const model::Fleet& fleet, std::size_t node);

}  // namespace bringup::verify
