#pragma once
// Recoverable failures are values. An exception that reaches main ends the run with status 1.
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace bringup {

enum class ErrorCode {
  internal,      // a defect of ours, or this machine (no memory, unwritable folder)
  usage,         // command line, inventory, playbook or plan file
  unreachable,   // no route, refused, no answer in time, connection lost
  unauthorized,  // host key or authentication
  remote,        // the node answered, and what it answered is a failure
  parse,         // text that is not what its format promises
  cancelled,     // the user asked to stop
};

std::string_view to_string(ErrorCode code);  // "internal", "usage"…, as the documents have it
std::optional<ErrorCode> parse_error_code(std::string_view word);

// What went wrong, in the user's words, and what to do about it.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // one sentence, names what was seen and what was expected
  std::string hint;     // the next command to type or thing to do; may be empty
};

template <class T>
using Expected = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

}  // namespace bringup
