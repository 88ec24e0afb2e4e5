#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/platform/observed.hpp"

namespace bringup::verify {

enum class CheckKind { route, ping };
std::string_view to_string(CheckKind kind);

// A number is never invented for a failure: measurements are set only where they were made.
enum class CellStatus { pass, slow, fail, unlinked, untested, unreachable, error };
std::string_view to_string(CellStatus status);

// The first broken layer of a cell and its cure.
struct Diagnosis {
  std::string layer;   // "ssh", "bridge", "interface", "address", "route", "ping", …
  std::string node;    // the end that is to blame
  std::string target;  // its interface
  std::string seen, expected, cure;
};

// One directed pair over one link (or the single cell of an unlinked pair).
struct Cell {
  std::size_t from = 0;  // index into Fleet::nodes
  std::size_t to = 0;
  std::optional<std::size_t> link;  // index into Fleet::links; unset: unlinked
  CellStatus status = CellStatus::untested;
  std::optional<bool> route_ok;  // the peer's address leaves through the link's interface
  std::string route_interface;   // what the route check saw
  std::optional<platform::PingResult> ping;
  std::optional<Diagnosis> diagnosis;
  std::string raw;  // bounded; for the journal
};

struct Matrix {
  std::string fleet;
  std::vector<std::string> nodes;  // names, inventory order (only those selected)
  std::vector<Cell> cells;         // every ordered pair appears at least once
  std::vector<plan::Finding> findings;
  [[nodiscard]] std::size_t count(CellStatus status) const;
  [[nodiscard]] bool green() const;  // every linked cell passes
};

}  // namespace bringup::verify
