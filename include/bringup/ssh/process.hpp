#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "bringup/util/deadline.hpp"
#include "bringup/util/error.hpp"

namespace bringup::ssh {

struct ProcessOutput {
  int status = 0;  // exit status; 128 + signal
  std::string out;
  std::string err;
};

// Runs a program found in PATH without a shell, stdin from /dev/null. The child is killed when the
// deadline passes or it prints more than `max_output`. Errors: internal (cannot start: message says
// so), unreachable (deadline).
Expected<ProcessOutput> run_process(const std::vector<std::string>& argv, Deadline deadline,
                                    std::size_t max_output);

// Whether PATH has an executable of that name.
bool program_exists(const std::string& name);

}  // namespace bringup::ssh
