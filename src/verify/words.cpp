#include <algorithm>

#include "bringup/verify/matrix.hpp"

namespace bringup::verify {

std::string_view to_string(CheckKind kind) {
  switch (kind) {
    case CheckKind::route:
      return "route";
    case CheckKind::ping:
      return "ping";
  }
  return "unknown";
}

std::string_view to_string(CellStatus status) {
  switch (status) {
    case CellStatus::pass:
      return "pass";
    case CellStatus::slow:
      return "slow";
    case CellStatus::fail:
      return "fail";
    case CellStatus::unlinked:
      return "unlinked";
    case CellStatus::untested:
      return "untested";
    case CellStatus::unreachable:
      return "unreachable";
    case CellStatus::error:
      return "error";
  }
  return "unknown";
}

std::size_t Matrix::count(CellStatus status) const {
  return static_cast<std::size_t>(
      std::count_if(cells.begin(), cells.end(), [&](const Cell& c) { return c.status == status; }));
}

bool Matrix::green() const {
  return count(CellStatus::pass) + count(CellStatus::unlinked) == cells.size();
}

}  // namespace bringup::verify
