#include "bringup/verify/diagnoses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "diagnosis_tables.hpp"

namespace bringup::verify {

const std::vector<DiagnosisRow>& diagnosis_rows() {
  static const std::vector<DiagnosisRow> rows = [] {
    std::vector<DiagnosisRow> all;
    for (const auto part : {port_diagnoses(), traffic_diagnoses(), node_diagnoses()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

const DiagnosisRow& diagnosis_row(std::string_view id) {
  const auto& rows = diagnosis_rows();
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
  if (found == rows.end()) throw std::out_of_range(fmt::format("no diagnosis {}", id));
  return *found;
}

namespace {

std::string filled(std::string_view text, const Words& words) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto end = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[i++];
      continue;
    }
    const auto name = text.substr(i + 1, end - i - 1);
    const auto word = std::find_if(words.begin(), words.end(),
                                   [&](const auto& one) { return one.first == name; });
    if (word == words.end()) throw std::out_of_range(fmt::format("no word for {{{}}}", name));
    out += word->second;
    i = end + 1;
  }
  return out;
}

}  // namespace

Diagnosis diagnose(std::string_view id, const std::string& node, const std::string& interface,
                   const Words& words) {
  const DiagnosisRow& row = diagnosis_row(id);
  Words all = words;
  all.emplace_back("node", node);
  all.emplace_back("interface", interface);
  all.emplace_back("place", interface.empty() ? node : node + ":" + interface);
  Diagnosis found;
  found.layer = row.layer;
  found.node = node;
  found.target = interface;
  found.seen = filled(row.seen, all);
  found.expected = filled(row.expected, all);
  found.cure = filled(row.cure, all);
  found.meaning = filled(row.means, all);
  found.id = row.id;
  return found;
}

std::string diagnoses_document() {
  std::string text =
      "# Diagnoses\n\n"
      "What `bringup verify` and `bringup status` name, from the bottom layer up. Of each link the "
      "first broken layer is shown, with what was seen, what it means and what to do. `id` is the "
      "member `id` of reports. Words in braces are filled in; {place} is an end of a link, "
      "`node:interface`.\n";
  std::string_view layer;
  for (const auto& row : diagnosis_rows()) {
    if (row.layer != layer) {
      layer = row.layer;
      text += fmt::format("\n## {}\n", layer);
    }
    text += fmt::format("\n### `{}`\n\n{}\n\n- seen: {}\n- expected: {}\n- means: {}\n- cure: {}\n",
                        row.id, row.when, row.seen, row.expected, row.means, row.cure);
  }
  return text;
}

}  // namespace bringup::verify
