#pragma once
// What a check of cables goes by and writes into, and its words for ports and links.
#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "bringup/topology/cable_check.hpp"

namespace bringup::topology {

// A declared link with what is plugged into its two ports.
struct Checked {
  std::size_t index = 0;
  std::array<PortName, 2> ends;          // as declared
  std::array<const Cable*, 2> cables{};  // null: no cable to a known Mac
  bool settled = false;
};

class CableNotes {
 public:
  CableNotes(const model::Fleet& fleet, const std::vector<const facts::NodeFacts*>& facts);

  [[nodiscard]] CableReport& report() { return report_; }
  [[nodiscard]] const Cabling& cabling() const { return report_.cabling; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  // Cables that some link has, or that a finding explains.
  [[nodiscard]] std::set<const Cable*>& used() { return used_; }

  // "studio1:en3 (Thunderbolt 2)", "studio1:en3", "studio1:en3 - studio2:en4".
  [[nodiscard]] std::string at(const PortName& port) const { return place(names_, port); }
  [[nodiscard]] std::string brief(const PortName& port) const;
  [[nodiscard]] std::string brief(const PortName& a, const PortName& b) const;
  [[nodiscard]] std::string declared(const Checked& link) const;
  // Without a named port nothing can be said about any.
  [[nodiscard]] bool known(std::size_t node) const;
  // A port that is not found may be the one whose interface is missing: networksetup names none.
  [[nodiscard]] bool known(const PortName& end) const;
  [[nodiscard]] bool is_free(const PortName& end) const;
  // What is in the port instead of the declared cable.
  [[nodiscard]] std::string content(const PortName& end) const;

  void add(CableFault fault, CableSeverity severity, std::vector<std::size_t> links,
           const PortName& where, std::string seen, std::string expected, std::string cure);

 private:
  std::vector<std::string> names_;
  CableReport report_;
  std::set<const Cable*> used_;
};

// Have both its ends interfaces?
bool is_named(const Cable& cable);

// Links that are plugged as declared: are they as fast and as direct as they could be?
void judge_right_links(const model::Fleet& fleet, const std::vector<Checked>& right,
                       CableNotes& notes);
// Cables of no link.
void find_extra_cables(const model::Fleet& fleet, CableNotes& notes);

}  // namespace bringup::topology
