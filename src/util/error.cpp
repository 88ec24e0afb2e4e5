#include "bringup/util/error.hpp"

#include <array>

namespace bringup {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 7> kWords{{
    {ErrorCode::internal, "internal"},
    {ErrorCode::usage, "usage"},
    {ErrorCode::unreachable, "unreachable"},
    {ErrorCode::unauthorized, "unauthorized"},
    {ErrorCode::remote, "remote"},
    {ErrorCode::parse, "parse"},
    {ErrorCode::cancelled, "cancelled"},
}};

}  // namespace

std::string_view to_string(ErrorCode code) {
  for (const auto& [known, word] : kWords) {
    if (known == code) return word;
  }
  return "internal";
}

std::optional<ErrorCode> parse_error_code(std::string_view word) {
  for (const auto& [code, known] : kWords) {
    if (known == word) return code;
  }
  return std::nullopt;
}

}  // namespace bringup
