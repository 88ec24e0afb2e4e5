#pragma once
// One command on many nodes: who said the same is shown once.
#include <optional>
#include <string>
#include <vector>

#include "bringup/report/style.hpp"
#include "bringup/util/error.hpp"

namespace bringup::report {

struct CommandResult {
  std::string node;
  std::optional<Error> error;  // the command did not run to its end
  int exit_status = 0;
  std::string signal;  // when it died of one
  std::string out, err;
  bool truncated = false;
};

// Blocks "studio[1-3] (3)" in the order of their first node, output beneath. Nodes share a block
// only when output, exit status and error are the same.
std::string text_exec(const std::vector<CommandResult>& results, const Style& style);
std::string json_exec(const std::vector<CommandResult>& results);  // "bringup.exec/1"

}  // namespace bringup::report
