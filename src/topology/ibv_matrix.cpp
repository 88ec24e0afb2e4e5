#include "bringup/topology/ibv_matrix.hpp"

#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"

namespace bringup::topology {
namespace {

using nlohmann::json;
using Row = std::vector<std::vector<std::string>>;

constexpr std::size_t kMaxText = std::size_t{1} << 20;

// The first device that stands twice in a row, or empty.
std::string repeated_device(const Row& row) {
  std::vector<std::string_view> seen;
  for (const auto& cell : row) {
    for (const auto& device : cell) {
      for (const auto& other : seen) {
        if (other == device) return device;
      }
      seen.push_back(device);
    }
  }
  return {};
}

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(ErrorCode::parse, "IBV matrix: " + what,
              "let bringup write it again: remove the file and run bringup apply");
}

std::string cell_name(std::size_t row, std::size_t column) {
  return "row " + std::to_string(row) + ", column " + std::to_string(column);
}

Expected<std::vector<std::string>> parse_cell(const json& value, const std::string& where) {
  std::vector<std::string> cell;
  if (value.is_null()) return cell;
  const json list = value.is_array() ? value : json::array({value});
  if (list.empty()) return malformed(where + " is an empty array; write null for no device");
  for (const auto& device : list) {
    if (!device.is_string()) {
      return malformed(where + " must be null, a device's name or an array of names");
    }
    const auto& name = device.get_ref<const std::string&>();
    if (name.empty()) return malformed(where + " is \"\"; write null for no device");
    cell.push_back(name);
  }
  return cell;
}

}  // namespace

Expected<IbvMatrix> ibv_matrix(const model::Fleet& fleet) {
  const std::size_t n = fleet.nodes.size();
  IbvMatrix matrix;
  matrix.cells.assign(n, Row(n));
  for (const auto& link : fleet.links) {
    if (!link.rdma) continue;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& near = link.ends[side];
      const auto& far = link.ends[1 - side];
      const std::size_t row = fleet.nodes.at(near.node).rank;
      const std::size_t column = fleet.nodes.at(far.node).rank;
      if (near.rdma_device.empty() || row == column) {
        return fail(ErrorCode::usage,
                    link.where.to_string() + ": the link " + fleet.link_name(link) +
                        " cannot stand in the IBV matrix: " +
                        (row == column ? "both ends are on one node" : "an end has no RDMA device"),
                    "give each end its own node and device, or set rdma = false on this link");
      }
      matrix.cells.at(row).at(column).push_back(near.rdma_device);
    }
  }
  for (const auto& node : fleet.nodes) {
    const std::string device = repeated_device(matrix.cells.at(node.rank));
    if (device.empty()) continue;
    return fail(ErrorCode::usage,
                "device " + printable(device) + " of " + node.name +
                    " is used by two links; a Thunderbolt link is point-to-point",
                "give each link of " + node.name + " its own interface or rdma device");
  }
  return matrix;
}

std::string to_json(const IbvMatrix& matrix) {
  json rows = json::array();
  for (const auto& row : matrix.cells) {
    json cells = json::array();
    for (const auto& cell : row) {
      if (cell.empty()) {
        cells.push_back(nullptr);
      } else if (cell.size() == 1) {
        cells.push_back(cell.front());
      } else {
        cells.push_back(cell);
      }
    }
    rows.push_back(std::move(cells));
  }
  return rows.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

Expected<IbvMatrix> parse_ibv_matrix(std::string_view text) {
  if (text.size() > kMaxText) return malformed("over 1 MiB of text");
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (document.is_discarded()) return malformed("not JSON");
  if (!document.is_array()) return malformed("must be an array of rows");
  IbvMatrix matrix;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const json& row = document[i];
    if (!row.is_array() || row.size() != document.size()) {
      return malformed("row " + std::to_string(i) + " must be an array of " +
                       std::to_string(document.size()) + " entries");
    }
    Row cells;
    for (std::size_t j = 0; j < row.size(); ++j) {
      auto cell = parse_cell(row[j], cell_name(i, j));
      if (!cell) return tl::unexpected<Error>(cell.error());
      if (i == j && !cell->empty()) return malformed(cell_name(i, j) + " must be null");
      cells.push_back(std::move(*cell));
    }
    const std::string device = repeated_device(cells);
    if (!device.empty()) {
      return malformed("row " + std::to_string(i) + " names " + printable(device, 60) + " twice");
    }
    matrix.cells.push_back(std::move(cells));
  }
  return matrix;
}

}  // namespace bringup::topology
