#pragma once
// What the parts of node sets share. Internal to the room.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/util/nodeset.hpp"

namespace bringup {

inline constexpr std::size_t longest_name = 255;
inline constexpr std::size_t most_digits = 18;  // fits 64 bits

using Names = std::vector<std::string>;

tl::unexpected<Error> refuse(std::string message, std::string hint);
tl::unexpected<Error> too_many(std::string_view text);
bool is_digit(char c);
std::optional<std::uint64_t> number(std::string_view digits);  // decimal, at most most_digits

// "node[1-3,07]x" → its names.
Expected<Names> expand_term(std::string_view term);

}  // namespace bringup
