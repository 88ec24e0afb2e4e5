#pragma once
#include <string>
#include <string_view>

namespace bringup {

// A unified diff, three lines around each change, for texts whose lines correspond one to one
// (lines were replaced, none added or taken away); empty when they are equal. Throws
// std::invalid_argument for others.
std::string unified_diff(std::string_view before, std::string_view after,
                         const std::string& before_name, const std::string& after_name);

}  // namespace bringup
