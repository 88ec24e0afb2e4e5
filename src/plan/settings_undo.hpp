#pragma once
#include <optional>
#include <vector>

#include "bringup/facts/record.hpp"
#include "bringup/plan/settings.hpp"

namespace bringup::plan {

// The changes that return one interface from what settings_set(`set`) made of it to what was
// recorded before: earlier settings of ours, or none. `before` null: nothing of it is known, and
// all that was set goes.
std::vector<Action> undo_settings(const InterfaceSettings& set, const facts::NodeRecord* before);

// The changes that take back one that is a single command (a gateway's, all of Linux); none for
// others, and where nothing is known of before.
std::vector<Action> inverse_of(const Action& action, const facts::NodeRecord& before);

// Its parts for forwarding and for fixed neighbours: nothing where it was not known, and where the
// entry was not there before `ran` removed it.
std::optional<Action> undo_forwarding(facts::Os os, const facts::NodeRecord& before);
std::optional<Action> undo_neighbour(const Action& ran, model::Ipv4 address,
                                     const facts::NodeRecord& before);

// The action of these settings, all but `why` and `undo`; `before` stands in front of what it shows
// of commands that need root.
Action settings_action(Task task, const InterfaceSettings& settings, std::string_view before);

}  // namespace bringup::plan
