#pragma once
#include <string_view>

namespace bringup::plan {

enum class GuardState {
  none,             // no guard was set
  armed,            // neither confirmed nor undone yet
  committed,        // confirmed over a new connection
  rolling_back,     // being undone
  rolled_back,      // undone, and the old state read back
  rollback_failed,  // the inverse ran and something is not as it was
  restarted,        // the node restarted before it was confirmed: its system set it up anew
  gone,             // the node knows nothing of it
  unknown,          // the node could not be asked
};
std::string_view to_string(GuardState state);  // "rolled-back", as on the node

}  // namespace bringup::plan
