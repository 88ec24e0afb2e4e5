#pragma once
#include <string>
#include <string_view>

#include "bringup/plan/plan.hpp"

namespace bringup::plan {

// "bringup.plan/1" (docs/schema/plan-1.json). Round-trips: parse(to_json(p)) == p in every field.
std::string to_json(const Plan& plan);
// Strict: unknown schema, missing or mistyped members are usage errors; text over 16 MiB is
// refused.
Expected<Plan> parse_plan(std::string_view text);

}  // namespace bringup::plan
