#pragma once
// What recover found lost, and what is back.
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/record.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/style.hpp"

namespace bringup::report {

struct LostItem {
  std::string item;  // "address of en3", "host key"
  std::string lost;
  bool restored = false;
  std::string why_not;  // and what to do, when it is not
};

struct RecoveredNode {
  std::string node;
  std::vector<LostItem> items;
  std::optional<Error> error;                  // there is no session
  std::vector<facts::Difference> differences;  // from the last good run, at the end
};

struct RecoverReport {
  std::string run;
  std::string since;  // the last good run; empty: none is known
  std::vector<RecoveredNode> nodes;
  std::vector<std::string> rdma_off;  // nodes on which RDMA must be enabled in Recovery
  ApplyReport applied;                // what was done, and the matrix of the verification
};

// Items that are not back.
std::size_t still_lost(const RecoverReport& report);

// The table "item, lost, restored", the Recovery-mode steps for the nodes that need them, what was
// done, the connectivity, and the comparison with the last good run.
std::string text_recover(const model::Fleet& fleet, const RecoverReport& report,
                         const Style& style);
// "bringup.recover/1" (docs/schema/recover-1.json).
std::string json_recover(const model::Fleet& fleet, const RecoverReport& report);

}  // namespace bringup::report
