#pragma once
// The part of JSON Schema that docs/schema uses: type, enum, required, properties,
// additionalProperties: false, items, minimum. Any other keyword is an error here, so that a schema
// never promises what no test checks.
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace bringup::test {

inline bool has_type(const nlohmann::json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  throw std::runtime_error("schema: unknown type " + type);
}

// Empty when `value` fits, else the first place that does not and why: "/cells/0/ping: missing
// avg_ms".
inline std::string misfit(const nlohmann::json& schema, const nlohmann::json& value,
                          const std::string& at = "") {
  const std::string here = (at.empty() ? "/" : at) + ": ";
  for (const auto& [keyword, rule] : schema.items()) {
    if (keyword == "$schema" || keyword == "title" || keyword == "description") continue;
    if (keyword == "type") {
      bool fits = false;
      for (const auto& type : rule.is_array() ? rule : nlohmann::json::array({rule})) {
        fits = fits || has_type(value, type.get<std::string>());
      }
      if (!fits) return here + "is not " + rule.dump();
    } else if (keyword == "enum") {
      bool known = false;
      for (const auto& word : rule) known = known || word == value;
      if (!known) return here + value.dump() + " is not one of " + rule.dump();
    } else if (keyword == "minimum") {
      if (value.is_number() && value.get<double>() < rule.get<double>()) return here + "too small";
    } else if (keyword == "required") {
      for (const auto& name : rule) {
        if (value.is_object() && !value.contains(name.get<std::string>())) {
          return here + "missing " + name.get<std::string>();
        }
      }
    } else if (keyword == "properties") {
      if (!value.is_object()) continue;
      for (const auto& [name, member] : rule.items()) {
        if (!value.contains(name)) continue;
        if (auto wrong = misfit(member, value.at(name), at + "/" + name); !wrong.empty()) {
          return wrong;
        }
      }
    } else if (keyword == "additionalProperties") {
      if (rule != false) throw std::runtime_error("schema: additionalProperties must be false");
      if (!value.is_object()) continue;
      for (const auto& [name, member] : value.items()) {
        if (!schema.at("properties").contains(name)) return here + "unknown member " + name;
      }
    } else if (keyword == "items") {
      if (!value.is_array()) continue;
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (auto wrong = misfit(rule, value[i], at + "/" + std::to_string(i)); !wrong.empty()) {
          return wrong;
        }
      }
    } else {
      throw std::runtime_error("schema: unknown keyword " + keyword);
    }
  }
  return "";
}

}  // namespace bringup::test
