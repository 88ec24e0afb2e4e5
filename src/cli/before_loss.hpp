#pragma once
// What earlier runs kept that a fleet can be compared with after a restart or a re-initialisation.
#include <optional>
#include <string>

#include "bringup/facts/record.hpp"
#include "verify_inputs.hpp"

namespace bringup::cli {

struct GoodRun {
  std::string id;
  facts::Record after;
};

// The last apply or recovery of this fleet that ended well and whose facts can be read.
std::optional<GoodRun> last_good(const std::string& fleet);

// The figures of the last run that measured any; nothing where there are none, or none to be read.
std::optional<NamedBaseline> former_figures(const std::string& fleet);

}  // namespace bringup::cli
