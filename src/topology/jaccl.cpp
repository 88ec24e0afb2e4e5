#include "bringup/topology/jaccl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace bringup::topology {
namespace {

constexpr const char* kCure =
    "every pair of nodes needs a cable that carries RDMA, or every node needs one to the next and "
    "to the previous rank";

// Pairs (row, column) without a device, rows first.
std::vector<std::pair<std::size_t, std::size_t>> gaps(const IbvMatrix& matrix) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (std::size_t i = 0; i < matrix.cells.size(); ++i) {
    for (std::size_t j = i + 1; j < matrix.cells.size(); ++j) {
      if (matrix.cells[i][j].empty() || matrix.cells[j][i].empty()) out.emplace_back(i, j);
    }
  }
  return out;
}

// The first pair of neighbours that keeps the matrix from being a ring.
std::optional<std::string> ring_problem(const IbvMatrix& matrix,
                                        const std::vector<std::string>& names) {
  const std::size_t n = matrix.cells.size();
  const std::size_t cables = matrix.cells[0][1].size();
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = (i + 1) % n;
    const std::size_t there = matrix.cells[i][j].size();
    const std::size_t back = matrix.cells[j][i].size();
    if (there == 0 || back == 0) {
      return fmt::format("{} and {} are neighbours by rank and have no RDMA link", names.at(i),
                         names.at(j));
    }
    if (there != cables || back != cables) {
      return fmt::format("{} and {} have {} RDMA links, {} and {} have {}", names.at(i),
                         names.at(j), std::max(there, back), names.at(0), names.at(1), cables);
    }
  }
  if (cables > kJacclRingCables) {
    return fmt::format("{} cables between neighbours; JACCL takes {}", cables, kJacclRingCables);
  }
  return std::nullopt;
}

std::optional<std::string> malformed(const IbvMatrix& matrix,
                                     const std::vector<std::string>& names) {
  const std::size_t n = matrix.cells.size();
  if (n < 2) return "a group needs two nodes at least";
  if (names.size() != n) return "the matrix is not of this fleet";
  for (std::size_t i = 0; i < n; ++i) {
    if (matrix.cells[i].size() != n) return fmt::format("row {} has not {} entries", i, n);
    if (!matrix.cells[i][i].empty()) return fmt::format("{} is linked to itself", names[i]);
    std::set<std::string> seen;
    for (const auto& cell : matrix.cells[i]) {
      for (const std::string& device : cell) {
        if (device.empty()) return fmt::format("a device of {} has no name", names[i]);
        if (!seen.insert(device).second) {
          return fmt::format("{} of {} is used for two peers; a link is point-to-point", device,
                             names[i]);
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Expected<JacclShape> jaccl_shape(const IbvMatrix& matrix, const std::vector<std::string>& names) {
  if (auto problem = malformed(matrix, names)) {
    return fail(ErrorCode::usage, "no group can be formed: " + *problem, kCure);
  }
  const auto missing = gaps(matrix);
  if (missing.empty() && matrix.cells.size() <= kJacclMeshNodes) return JacclShape::mesh;
  const auto problem = ring_problem(matrix, names);
  if (!problem) return JacclShape::ring;
  if (missing.empty()) {
    return fail(ErrorCode::usage,
                fmt::format("{} nodes are too many for a JACCL mesh (it takes {}), and they are no "
                            "ring: {}",
                            names.size(), kJacclMeshNodes, *problem),
                kCure);
  }
  const auto& [a, b] = missing.front();
  return fail(
      ErrorCode::usage,
      fmt::format("JACCL would form groups of one without a message: {} and {} have no RDMA "
                  "link, so it is no mesh; and no ring in the order of ranks: {}",
                  names[a], names[b], *problem),
      kCure);
}

IbvMatrix reordered(const IbvMatrix& matrix, const std::vector<std::size_t>& order) {
  IbvMatrix out;
  for (const std::size_t row : order) {
    out.cells.emplace_back();
    for (const std::size_t column : order) {
      out.cells.back().push_back(matrix.cells.at(row).at(column));
    }
  }
  return out;
}

IbvMatrix ring_only(const IbvMatrix& matrix, std::size_t cables) {
  const std::size_t n = matrix.cells.size();
  IbvMatrix out = matrix;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      auto& cell = out.cells[i].at(j);
      const bool neighbours = j == (i + 1) % n || i == (j + 1) % n;
      cell.resize(neighbours && i != j ? std::min(cables, cell.size()) : 0);
    }
  }
  return out;
}

}  // namespace bringup::topology
