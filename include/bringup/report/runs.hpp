#pragma once
// Past runs, as `bringup runs` shows them.
#include <optional>
#include <string>
#include <vector>

#include "bringup/report/style.hpp"

namespace bringup::report {

struct RunStep {
  std::string node, step, status, text;
};

struct ShownRun {
  std::string id, verb, fleet, started, ended, who;
  std::string state;  // running, ended, broken off
  std::optional<int> exit_status;
  std::string undoes;
  std::string folder;
  std::optional<std::vector<RunStep>> steps;  // unset in a list
};

// A line for each: name (which tells when, and the verb), fleet, result.
std::string text_runs(const std::vector<ShownRun>& runs, const Style& style);
// One with its steps.
std::string text_run(const ShownRun& run, const Style& style);
// "bringup.runs/1" (docs/schema/runs-1.json).
std::string json_runs(const std::vector<ShownRun>& runs);

}  // namespace bringup::report
