#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bringup {

// `text` with every mark ("<NONCE>") replaced by its value, in one pass: a value that looks like a
// mark stays as it is.
std::string fill(std::string_view text,
                 const std::vector<std::pair<std::string_view, std::string>>& values);

}  // namespace bringup
