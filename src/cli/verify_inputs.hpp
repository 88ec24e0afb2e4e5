#pragma once
// Files that verify works with: the probe for the nodes, and a former report. Internal to the room.
#include <string>

#include "bringup/cli/options.hpp"
#include "bringup/run/verify.hpp"

namespace bringup::cli {

// --probe: that file for every node; "none": empty. Else what lies beside the program:
// bringup-probe-SYSTEM-MACHINE as `uname -sm` says them ("bringup-probe-darwin-arm64"), or
// bringup-probe for nodes of this machine's own kind. Throws Exit(2) for a file that is not there.
run::ProbeFinder probe_finder(const Options& options);

struct NamedBaseline {
  verify::Baseline baseline;
  std::string name;  // for people: "the run of 2026-11-21 05:04:35"
};
// A report by its path, or "last": that of the latest run in which everything passed. Throws
// Exit(2) when there is none.
NamedBaseline load_baseline(const std::string& which, const std::string& fleet);

// The folder of the running program; empty when the system does not say.
std::string program_folder();

}  // namespace bringup::cli
