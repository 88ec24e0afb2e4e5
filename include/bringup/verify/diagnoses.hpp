#pragma once
// The table of diagnoses: what can be wrong with a link, layer by layer, what it means and the
// cure. docs/diagnoses.md is this table.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bringup/verify/matrix.hpp"

namespace bringup::verify {

// Words in braces are filled in: {place} is the end's "node:interface", {node}, {interface}; {peer}
// the other end's; others belong to the row.
struct DiagnosisRow {
  std::string_view id;     // "bridge-member"; stable, in reports
  std::string_view layer;  // as Layer's words; "node", "service" or "discovery"
  std::string_view when;   // how it is told
  std::string_view seen, expected, means, cure;
};

const std::vector<DiagnosisRow>& diagnosis_rows();       // from the bottom layer up
const DiagnosisRow& diagnosis_row(std::string_view id);  // throws std::out_of_range
std::string diagnoses_document();                        // docs/diagnoses.md

using Words = std::vector<std::pair<std::string_view, std::string>>;
// The row with its words filled in; {node}, {interface} and {place} are filled from the end.
Diagnosis diagnose(std::string_view id, const std::string& node, const std::string& interface,
                   const Words& words = {});

}  // namespace bringup::verify
