#pragma once
// apply --resume. Internal to the room.
#include <string>
#include <vector>

#include "bringup/cli/session.hpp"
#include "bringup/run/history.hpp"

namespace bringup::cli {

struct Unfinished {
  run::PastRun run;
  plan::Plan plan;
  std::vector<std::string> done;  // nodes on which its changes came to their end
};

// The last apply or recover of this state folder, if it began changes and did not end by itself:
// killed, interrupted, or cut off from a node. Throws Exit(2) where there is none.
Unfinished last_unfinished(const Options& options);

// What is left of it: of the fresh plan those changes that the unfinished plan has too. Nodes that
// were done keep their checks; a node that needs other changes as well has been changed since and
// is refused. Throws Exit(2) when the inventory is another.
plan::Plan rest_of(Session& session, const Unfinished& unfinished, plan::Plan fresh);

}  // namespace bringup::cli
