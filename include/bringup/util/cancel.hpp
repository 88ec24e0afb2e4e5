#pragma once
#include <stop_token>

namespace bringup {

// Asks work to stop: set by Ctrl-C, by --timeout, by a failed sibling. The standard's token, named.
using CancelToken = std::stop_token;
using CancelSource = std::stop_source;

}  // namespace bringup
