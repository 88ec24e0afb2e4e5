#pragma once
// What a login lacks, or was given back.
#include <optional>
#include <string>
#include <vector>

#include "bringup/plan/bootstrap.hpp"
#include "bringup/report/style.hpp"

namespace bringup::report {

struct BootstrappedNode {
  std::string node;
  std::optional<Error> error;  // nothing could be looked at, or the connection was lost
  std::vector<plan::BootstrapItem> items;
  std::optional<std::string> sudoers;  // the file that was, or is to be, written
};

struct BootstrapReport {
  std::string run;
  std::vector<BootstrappedNode> nodes;
};

std::size_t failed_items(const BootstrapReport& report);   // and those not done
std::size_t changed_items(const BootstrapReport& report);  // made, or to be made

// Before the changes: each on a line "[dry-run] NODE: …", and the file in full.
std::string text_bootstrap_plan(const BootstrapReport& report, const Style& style);
std::string text_bootstrap(const BootstrapReport& report, const Style& style);
// "bringup.bootstrap/1" (docs/schema/bootstrap-1.json).
std::string json_bootstrap(const BootstrapReport& report);

}  // namespace bringup::report
