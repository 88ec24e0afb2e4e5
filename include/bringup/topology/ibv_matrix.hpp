#pragma once
// The NxN device matrix that MLX's JACCL reads (MLX_IBV_DEVICES): row i, column j is the device on
// rank i that reaches rank j. null on the diagonal and for pairs without a link; a string for one
// cable; an array of strings for several. Never "" (JACCL would count it as a device).
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/util/error.hpp"

namespace bringup::topology {

struct IbvMatrix {
  // cells[i][j]: devices in the order of the links; empty means null.
  std::vector<std::vector<std::vector<std::string>>> cells;
  bool operator==(const IbvMatrix&) const = default;
};

// From the links that carry RDMA, in rank order. Fails (usage) when one device would stand in two
// columns of a row: links are point-to-point.
Expected<IbvMatrix> ibv_matrix(const model::Fleet& fleet);

// One line of JSON and a newline, as the matrix file holds it: identical on every node.
std::string to_json(const IbvMatrix& matrix);

// Strict reader of such a file (bounded to 1 MiB): square, null diagonal, strings non-empty.
Expected<IbvMatrix> parse_ibv_matrix(std::string_view text);

}  // namespace bringup::topology
