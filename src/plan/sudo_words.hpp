#pragma once
// The line that lets the login user make our changes without a password, for the cures.
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace bringup::plan {

// `true` stands in it because the facts ask `sudo -n true` whether sudo works without a password.
inline std::string sudoers_rule(std::string_view user) {
  return fmt::format("{} ALL=(root) NOPASSWD: /sbin/ifconfig, /usr/bin/true",
                     user.empty() ? "USER" : user);
}

inline std::string full_sudoers_rule(std::string_view user) {
  return fmt::format("{} ALL=(root) NOPASSWD: ALL", user.empty() ? "USER" : user);
}

}  // namespace bringup::plan
