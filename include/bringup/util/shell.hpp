#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace bringup {

// One word for a POSIX shell: returned as it is when it needs no quotes, else in single quotes.
// Precondition: no NUL byte (none of our callers can have one; NULs are dropped).
std::string shell_quote(std::string_view word);

// Words joined by blanks, each quoted where it must be.
std::string shell_join(const std::vector<std::string>& words);

}  // namespace bringup
