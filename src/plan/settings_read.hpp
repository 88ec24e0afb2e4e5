#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/plan/settings.hpp"

namespace bringup::plan {

// The settings that stand at this place (see settings_place()); with manager, interface and lasting
// alone where the content is not what settings_file() writes. Nothing: no place of ours.
std::optional<InterfaceSettings> settings_at(std::string_view place, std::string_view content);

// All of ours on a node, in the order of their places.
std::vector<InterfaceSettings> own_settings(const std::map<std::string, facts::FileState>& own);

}  // namespace bringup::plan
