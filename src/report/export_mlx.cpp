// What MLX reads: hostfile, device matrix, environment.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/topology/jaccl.hpp"
#include "bringup/topology/ring.hpp"
#include "bringup/util/shell.hpp"
#include "export_parts.hpp"

namespace bringup::report {
namespace {

using nlohmann::ordered_json;
using topology::IbvMatrix;
using topology::JacclShape;

// Nodes in the order of the hostfile, `order[k]` the index of rank k's node.
struct Hosts {
  std::string backend;
  std::vector<std::size_t> order;
  std::vector<std::vector<std::string>> ips;  // as `order`
  IbvMatrix rdma;                             // as `order`; no rows: no RDMA
};

ordered_json cell(const std::vector<std::string>& devices) {
  if (devices.empty()) return nullptr;
  if (devices.size() == 1) return devices.front();
  return devices;
}

// Laid out as MLX's own json.dump(…, indent=4).
std::string render(const model::Fleet& fleet, const Hosts& hosts, std::vector<std::string>& notes) {
  ordered_json document{{"backend", hosts.backend}, {"envs", ordered_json::array()}};
  document["hosts"] = ordered_json::array();
  for (std::size_t k = 0; k < hosts.order.size(); ++k) {
    ordered_json rdma = ordered_json::array();
    if (!hosts.rdma.cells.empty()) {
      for (const auto& devices : hosts.rdma.cells[k]) rdma.push_back(cell(devices));
    }
    document["hosts"].push_back({{"ssh", bare_target(fleet.nodes[hosts.order[k]], notes)},
                                 {"ips", hosts.ips[k]},
                                 {"rdma", std::move(rdma)}});
  }
  return document.dump(4) + "\n";
}

// By rank, with the coordinator's node first.
std::vector<std::size_t> coordinator_first(const model::Fleet& fleet, std::size_t node) {
  std::vector<std::size_t> order = fleet.by_rank();
  const auto at = std::find(order.begin(), order.end(), node);
  if (at != order.end()) std::rotate(order.begin(), at, at + 1);
  return order;
}

// The matrix of these nodes in this order.
IbvMatrix matrix_in(const model::Fleet& fleet, const IbvMatrix& by_rank,
                    const std::vector<std::size_t>& order) {
  std::vector<std::size_t> ranks;
  for (const std::size_t node : order) ranks.push_back(fleet.nodes[node].rank);
  return topology::reordered(by_rank, ranks);
}

std::vector<std::string> names_of(const model::Fleet& fleet) {
  std::vector<std::string> out;
  for (const model::Node& node : fleet.nodes) out.push_back(node.name);
  return out;
}

std::vector<std::string> names_in(const model::Fleet& fleet,
                                  const std::vector<std::size_t>& order) {
  std::vector<std::string> out;
  for (const std::size_t node : order) out.push_back(fleet.nodes[node].name);
  return out;
}

Expected<MeetingPoint> meeting_point(const model::Fleet& fleet, const ExportOptions& options) {
  if (options.coordinator) return *options.coordinator;
  return declared_meeting_point(fleet);
}

bool full_mesh(const IbvMatrix& matrix) {
  for (std::size_t i = 0; i < matrix.cells.size(); ++i) {
    for (std::size_t j = 0; j < matrix.cells.size(); ++j) {
      if (i != j && matrix.cells[i][j].empty()) return false;
    }
  }
  return matrix.cells.size() >= 2;
}

// Rank 0's address alone is read for JACCL (launch.py, launch_jaccl).
std::vector<std::vector<std::string>> coordinator_only(std::size_t n, model::Ipv4 address) {
  std::vector<std::vector<std::string>> out(n);
  out.front() = {address.to_string()};
  return out;
}

// One address per cable toward the left peer, on which the node listens for it (ring.cpp connects
// to the right peer's addresses; config.py, configure_ring, writes them so).
std::vector<std::vector<std::string>> left_addresses(const model::Fleet& fleet,
                                                     const topology::Ring& ring) {
  std::vector<std::vector<std::string>> out;
  const std::size_t n = ring.order.size();
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t own = ring.order[k];
    const std::size_t left = ring.order[(k + n - 1) % n];
    std::vector<std::string> addresses;
    for (const std::size_t link : fleet.links_between(own, left)) {
      if (addresses.size() == ring.cables) break;
      const auto& ends = fleet.links[link].ends;
      addresses.push_back(ends[ends[0].node == own ? 0 : 1].address.to_string());
    }
    out.push_back(std::move(addresses));
  }
  return out;
}

// The ring backend over a network that all nodes share.
std::optional<Hosts> ring_over_segment(const model::Fleet& fleet) {
  for (const model::Segment& segment : fleet.segments) {
    Hosts hosts{"ring", fleet.by_rank(), {}, {}};
    for (const std::size_t node : hosts.order) {
      const auto member =
          std::find_if(segment.members.begin(), segment.members.end(),
                       [&](const model::SegmentMember& one) { return one.node == node; });
      if (member == segment.members.end()) break;
      hosts.ips.push_back({member->address.to_string()});
    }
    if (hosts.ips.size() == hosts.order.size() && hosts.order.size() >= 2) return hosts;
  }
  return std::nullopt;
}

tl::unexpected<Error> no_group(const model::Fleet& fleet, const IbvMatrix& matrix,
                               const topology::NoRing& why) {
  const std::vector<std::size_t> order = fleet.by_rank();
  std::string message = "neither a full mesh nor a ring of links: ";
  std::string cure;
  if (why.missing) {
    const auto& a = fleet.nodes[why.missing->first].name;
    const auto& b = fleet.nodes[why.missing->second].name;
    message += fmt::format("{} and {} have no link", a, b);
    cure = fmt::format("a cable between {} and {} would close a ring", a, b);
  } else {
    for (std::size_t i = 0; i < order.size() && cure.empty(); ++i) {
      for (std::size_t j = i + 1; j < order.size() && cure.empty(); ++j) {
        if (!matrix.cells[i][j].empty()) continue;
        const auto& a = fleet.nodes[order[i]].name;
        const auto& b = fleet.nodes[order[j]].name;
        message += fmt::format("{} and {} have no link", a, b);
        cure = fmt::format(
            "a full mesh needs a cable between {} and {}, and between every other "
            "pair without one",
            a, b);
      }
    }
  }
  return fail(ErrorCode::usage, message + "; " + why.reason, cure);
}

}  // namespace

Expected<Exported> export_mlx_hostfile(const model::Fleet& fleet, const ExportOptions& options) {
  auto matrix = topology::ibv_matrix(fleet);
  if (!matrix) return tl::unexpected<Error>(matrix.error());
  Exported out;
  const auto names = names_of(fleet);

  if (full_mesh(*matrix) && fleet.nodes.size() <= topology::kJacclMeshNodes) {
    const auto where = meeting_point(fleet, options);
    if (!where) return tl::unexpected<Error>(where.error());
    Hosts hosts{"jaccl", coordinator_first(fleet, where->node), {}, {}};
    hosts.rdma = matrix_in(fleet, *matrix, hosts.order);
    // The mesh uses one cable of a pair.
    for (auto& row : hosts.rdma.cells) {
      for (auto& devices : row) devices.resize(std::min<std::size_t>(devices.size(), 1));
    }
    hosts.ips = coordinator_only(hosts.order.size(), where->address);
    out.text = render(fleet, hosts, out.notes);
    return out;
  }

  const auto by_rdma = topology::find_ring(topology::count_cables(fleet, topology::Carrying::rdma),
                                           fleet.by_rank(), names, topology::kJacclRingCables);
  if (by_rdma.ring && fleet.nodes.size() > 2) {
    const auto where = meeting_point(fleet, options);
    if (!where) return tl::unexpected<Error>(where.error());
    Hosts hosts{"jaccl-ring", by_rdma.ring->order, {}, {}};
    const auto first = std::find(hosts.order.begin(), hosts.order.end(), where->node);
    std::rotate(hosts.order.begin(), first, hosts.order.end());
    hosts.rdma = topology::ring_only(matrix_in(fleet, *matrix, hosts.order), by_rdma.ring->cables);
    hosts.ips = coordinator_only(hosts.order.size(), where->address);
    const auto shape = topology::jaccl_shape(hosts.rdma, names_in(fleet, hosts.order));
    if (!shape) return tl::unexpected<Error>(shape.error());
    out.text = render(fleet, hosts, out.notes);
    return out;
  }

  const auto by_link =
      topology::find_ring(topology::count_cables(fleet, topology::Carrying::anything),
                          fleet.by_rank(), names, topology::kJacclRingCables);
  if (by_link.ring) {
    Hosts hosts{"ring", by_link.ring->order, left_addresses(fleet, *by_link.ring), {}};
    out.text = render(fleet, hosts, out.notes);
    out.notes.push_back("the links carry no RDMA all round: MLX's TCP ring is used");
    return out;
  }
  if (const auto hosts = ring_over_segment(fleet)) {
    out.text = render(fleet, *hosts, out.notes);
    out.notes.push_back("the links close no ring: MLX's TCP ring goes over the shared network");
    return out;
  }
  return no_group(fleet, *matrix, by_link.none);
}

Expected<Exported> export_ibv_matrix(const model::Fleet& fleet) {
  const auto matrix = topology::ibv_matrix(fleet);
  if (!matrix) return tl::unexpected<Error>(matrix.error());
  const auto shape = topology::jaccl_shape(*matrix, names_by_rank(fleet));
  if (shape) return Exported{topology::to_json(*matrix), {}};
  Error error = shape.error();
  const auto ring = topology::find_ring(topology::count_cables(fleet, topology::Carrying::rdma),
                                        fleet.by_rank(), names_of(fleet), 1);
  if (ring.ring) {
    error.hint = "the cables close a ring in another order; give the nodes these ranks:";
    for (std::size_t k = 0; k < ring.ring->order.size(); ++k) {
      error.hint += fmt::format(" {} = {}{}", fleet.nodes[ring.ring->order[k]].name, k,
                                k + 1 < ring.ring->order.size() ? "," : "");
    }
  }
  return tl::unexpected<Error>(std::move(error));
}

Expected<Exported> export_jaccl_env(const model::Fleet& fleet, const ExportOptions& options) {
  const auto sound = export_ibv_matrix(fleet);
  if (!sound) return sound;
  const auto matrix = topology::ibv_matrix(fleet);
  const auto shape = topology::jaccl_shape(*matrix, names_by_rank(fleet));
  const auto where = meeting_point(fleet, options);
  if (!where) return tl::unexpected<Error>(where.error());
  const model::Node& listener = fleet.nodes.at(where->node);
  if (listener.rank != 0) {
    return fail(ErrorCode::usage,
                fmt::format("{} has rank {}; rank 0 is the one that listens for the others",
                            listener.name, listener.rank),
                fmt::format("give {} rank = 0 in the inventory, then apply", listener.name));
  }
  Exported out;
  for (const std::size_t index : fleet.by_rank()) {
    const auto& only = options.only;
    if (!only.empty() && std::find(only.begin(), only.end(), index) == only.end()) continue;
    if (!out.text.empty()) out.text += "\n";
    out.text +=
        fmt::format("# {}\nexport MLX_RANK={}\n", fleet.nodes[index].name, fleet.nodes[index].rank);
    out.text += fmt::format("export MLX_JACCL_COORDINATOR={}:{}\n", where->address.to_string(),
                            kStartingPort);
    out.text += fmt::format("export MLX_IBV_DEVICES={}\n", shell_quote(fleet.ibv_path));
    if (*shape == JacclShape::ring) out.text += "export MLX_JACCL_RING=1\n";
  }
  return out;
}

}  // namespace bringup::report
