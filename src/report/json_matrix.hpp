#pragma once
// bringup.verify/1, which other documents hold as well, and parts of it. Internal to the room.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::report {

using Json = nlohmann::ordered_json;

// Text from nodes: printable, at most 2,000 bytes.
std::string clean(std::string_view text);

template <class T>
Json nullable(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json diagnosis_json(const std::optional<verify::Diagnosis>& diagnosis);
Json findings_json(const std::vector<verify::Finding>& findings);
Json matrix_json(const model::Fleet& fleet, const verify::Matrix& matrix);

}  // namespace bringup::report
