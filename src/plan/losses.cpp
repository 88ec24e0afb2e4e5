#include "bringup/plan/losses.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/topology/ibv_matrix.hpp"

namespace bringup::plan {
namespace {

bool routes_through(const std::vector<platform::Route>& routes, const model::Subnet& to,
                    const std::string& interface) {
  return std::ranges::any_of(routes, [&](const platform::Route& route) {
    return route.destination == to && route.interface == interface;
  });
}

}  // namespace

std::string_view to_string(LossKind kind) {
  switch (kind) {
    case LossKind::address:
      return "address";
    case LossKind::state:
      return "state";
    case LossKind::bridge:
      return "bridge";
    case LossKind::route:
      return "route";
    case LossKind::matrix:
      return "matrix";
    case LossKind::rdma:
      return "rdma";
    case LossKind::sudo:
      return "sudo";
  }
  return "address";
}

std::vector<Loss> losses(const model::Fleet& fleet, std::size_t node, const facts::NodeRecord* good,
                         const facts::NodeFacts& now, const NodePlan& planned) {
  std::vector<Loss> out;
  const auto lose = [&](LossKind kind, std::string item, std::string lost, std::string target) {
    out.push_back({kind, std::move(item), std::move(lost), std::move(target)});
  };
  const auto here = facts::record_of(fleet.nodes.at(node).name, now);
  bool rdma = false;
  for (const std::size_t index : fleet.links_of(node)) {
    const model::Link& link = fleet.links[index];
    rdma = rdma || link.rdma;
    for (const model::LinkEnd& end : link.ends) {
      if (end.node != node) continue;
      const auto* seen = here.find(end.interface);
      if (seen == nullptr) continue;  // no loss of a setting: diff() tells it
      const std::string& name = end.interface;
      for (const auto& bridge : here.bridges_of(name)) {
        lose(LossKind::bridge, name + " alone", "back in " + bridge, name);
      }
      if (!seen->up) lose(LossKind::state, name + " up", "down", name);
      const model::InterfaceAddress wanted{end.address, link.subnet.prefix()};
      if (std::ranges::find(seen->inet, wanted) == seen->inet.end()) {
        lose(LossKind::address, "address of " + name, wanted.to_string(), name);
      }
      if (good != nullptr && routes_through(good->routes, link.subnet, name) &&
          !routes_through(here.routes, link.subnet, name)) {
        lose(LossKind::route, "route through " + name, link.subnet.to_string(), name);
      }
    }
  }
  if (!rdma) return out;
  if (const auto matrix = topology::ibv_matrix(fleet);
      matrix && (!here.matrix.present || here.matrix.content != topology::to_json(*matrix))) {
    lose(LossKind::matrix, "matrix file", here.matrix.present ? "another content" : fleet.ibv_path,
         fleet.ibv_path);
  }
  const bool had_rdma = good == nullptr || good->rdma == platform::RdmaState::enabled;
  if (now.rdma == platform::RdmaState::disabled && had_rdma) {
    lose(LossKind::rdma, "RDMA", "disabled", "");
  }
  if (std::ranges::any_of(planned.findings, [](const Finding& finding) {
        return finding.layer == "sudo" && finding.severity == Severity::error;
      })) {
    lose(LossKind::sudo, "sudo", "without a password", "");
  }
  return out;
}

}  // namespace bringup::plan
