#pragma once
// What the parsers of `ip -j` and `rdma -j` share.
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "bringup/util/error.hpp"

namespace bringup::platform::linux_kernel {

// The whole text as a list; fails beyond 4 MiB or `most` elements.
Expected<nlohmann::json> list_in(std::string_view text, std::string_view what, std::size_t most);

// A member of that type; empty, or an empty list, for anything else.
std::string text_of(const nlohmann::json& object, const char* key);
const nlohmann::json& list_of(const nlohmann::json& object, const char* key);

}  // namespace bringup::platform::linux_kernel
