#pragma once
// What came of undoing a run.
#include <string>
#include <vector>

#include "bringup/facts/record.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/style.hpp"

namespace bringup::report {

// One field of a node against what was recorded before the run.
struct ReturnedField {
  facts::Difference difference;
  bool by_the_run = true;  // false: something the run never touched, told for completeness
};

struct RolledBackNode {
  AppliedNode applied;
  bool compared = false;              // facts were read after the changes
  std::vector<ReturnedField> fields;  // that differ
};

struct RollbackReport {
  std::string run, undoes;
  std::vector<RolledBackNode> nodes;
};

// Fields of the run's own that did not return, over all nodes.
std::size_t not_returned(const RollbackReport& report);

std::string text_rollback(const model::Fleet& fleet, const RollbackReport& report,
                          const Style& style);
// "bringup.rollback/1" (docs/schema/rollback-1.json).
std::string json_rollback(const RollbackReport& report);

}  // namespace bringup::report
