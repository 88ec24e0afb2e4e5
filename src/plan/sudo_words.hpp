#pragma once
// What sudo says when it refuses.
#include <string_view>

namespace bringup::plan {

enum class SudoRefusal {
  none,
  wrong_password,
  wants_password,
  not_allowed,  // whatever password is given
};

// sudo(8)'s words in the C locale; the output may hold other lines as well.
inline SudoRefusal sudo_refusal(std::string_view output) {
  const auto says = [output](std::string_view text) {
    return output.find(text) != std::string_view::npos;
  };
  if (says("incorrect password") || says("Sorry, try again") || says("no password was provided")) {
    return SudoRefusal::wrong_password;
  }
  if (says("sudo: a password is required") || says("sudo: a terminal is required")) {
    return SudoRefusal::wants_password;
  }
  if (says("not in the sudoers") || says("may not run sudo") || says("is not allowed to execute") ||
      says("is not allowed to run sudo")) {
    return SudoRefusal::not_allowed;
  }
  return SudoRefusal::none;
}

}  // namespace bringup::plan
