// Variables for NCCL: NVIDIA's documentation of NCCL, "Environment Variables" (NCCL_SOCKET_IFNAME,
// NCCL_IB_HCA, NCCL_IB_GID_INDEX).
#include <fmt/format.h>

#include <algorithm>

#include "bringup/platform/ibv.hpp"
#include "bringup/util/text.hpp"
#include "export_parts.hpp"

namespace bringup::report {
namespace {

// Interfaces and verbs devices of the node's links with RDMA, in the inventory's order.
struct Rails {
  std::vector<std::string> interfaces, devices;
};

Rails rails_of(const model::Fleet& fleet, std::size_t node) {
  Rails out;
  for (const std::size_t index : fleet.links_of(node)) {
    const model::Link& link = fleet.links[index];
    for (const model::LinkEnd& end : link.ends) {
      if (end.node != node || !link.rdma) continue;
      out.interfaces.push_back(end.interface);
      out.devices.push_back(end.rdma_device);
    }
  }
  return out;
}

}  // namespace

std::optional<std::uint32_t> nccl_gid_index(const model::Fleet& fleet, std::size_t node,
                                            const std::vector<platform::IbvPort>& ports) {
  std::optional<std::uint32_t> common;
  for (const std::size_t index : fleet.links_of(node)) {
    const model::Link& link = fleet.links[index];
    for (const model::LinkEnd& end : link.ends) {
      if (end.node != node || !link.rdma) continue;
      const std::string wanted = platform::ipv4_gid(end.address);
      std::optional<std::uint32_t> last;
      for (const platform::IbvPort& port : ports) {
        if (port.device != end.rdma_device) continue;
        for (const platform::IbvGid& gid : port.gids) {
          if (gid.gid == wanted) last = std::max(last.value_or(0), gid.index);
        }
      }
      if (!last || (common && *common != *last)) return std::nullopt;
      common = last;
    }
  }
  return common;
}

Expected<Exported> export_nccl_env(const model::Fleet& fleet, const ExportOptions& options) {
  Exported out;
  bool unknown = false;
  for (const std::size_t index : fleet.by_rank()) {
    const auto& only = options.only;
    if (!only.empty() && std::find(only.begin(), only.end(), index) == only.end()) continue;
    const Rails rails = rails_of(fleet, index);
    if (rails.devices.empty()) {
      return fail(ErrorCode::usage,
                  fmt::format("{} has no link with RDMA", fleet.nodes[index].name),
                  "NCCL needs RoCE links: kind = \"roce-200g\", or rdma = true");
    }
    // "=": these names and no others that begin like them; quoted, as zsh expands it.
    out.text += fmt::format("{}# {}\nexport NCCL_SOCKET_IFNAME='={}'\nexport NCCL_IB_HCA='={}'\n",
                            out.text.empty() ? "" : "\n", fleet.nodes[index].name,
                            join(rails.interfaces, ","), join(rails.devices, ","));
    const auto gid = options.gid_indices.find(index);
    if (gid != options.gid_indices.end()) {
      out.text += fmt::format("export NCCL_IB_GID_INDEX={}\n", gid->second);
    } else {
      unknown = true;
      out.text += "export NCCL_IB_ADDR_FAMILY=AF_INET\nexport NCCL_IB_ROCE_VERSION_NUM=2\n";
    }
  }
  if (unknown) {
    out.notes.emplace_back(
        "the GID index is known to the nodes only: --measure asks them; without it NCCL 2.21 and "
        "later find the RoCE v2 entry of the IPv4 address by themselves");
  }
  return out;
}

}  // namespace bringup::report
