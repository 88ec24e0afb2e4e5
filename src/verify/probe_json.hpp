#pragma once
// Strict reading of the lines of JSON that a probe prints: a member of another type, out of its
// bounds or missing throws Malformed, and read_probe_line() makes an error of it.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "bringup/util/error.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/probe_messages.hpp"

namespace bringup::verify::probe_json {

using Json = nlohmann::json;

struct Malformed {};

inline const Json& member(const Json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end()) throw Malformed{};
  return *at;
}

inline bool boolean(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_boolean()) throw Malformed{};
  return value.get<bool>();
}

inline const std::string& text(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_string()) throw Malformed{};
  return value.get_ref<const std::string&>();
}

template <class T>
T number(const Json& object, const char* name, std::uint64_t most, std::uint64_t least = 0) {
  const Json& value = member(object, name);
  if (!value.is_number_unsigned()) throw Malformed{};
  const auto given = value.get<std::uint64_t>();
  if (given < least || given > most) throw Malformed{};
  return static_cast<T>(given);
}

// At most `most` objects, each as `read` makes it.
template <class Read>
auto list_of(const Json& object, const char* name, std::size_t most, Read read) {
  const Json& list = member(object, name);
  if (!list.is_array() || list.size() > most) throw Malformed{};
  std::vector<decltype(read(list))> items;
  for (const Json& item : list) {
    if (!item.is_object()) throw Malformed{};
    items.push_back(read(item));
  }
  return items;
}

// What `read`, which returns an Expected, makes of the line's object.
template <class Read>
std::invoke_result_t<Read, const Json&> read_probe_line(std::string_view line, Read read) {
  const auto refuse = [&] {
    return fail(ErrorCode::parse, "not a reply of bringup-probe: " + printable(line, 120));
  };
  if (line.size() > kMaxProbeLine) return refuse();
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return refuse();
  try {
    return read(object);
  } catch (const Malformed&) {
    return refuse();
  }
}

}  // namespace bringup::verify::probe_json
