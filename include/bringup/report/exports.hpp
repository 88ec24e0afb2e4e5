#pragma once
// The fleet in the formats of other programs. Pure and deterministic: the same fleet and options
// give the same bytes, ended by "\n".
//
// Formats as read from MLX's sources: the hostfile from python/mlx/_distributed_utils/common.py
// (Hostfile.from_file) and launch.py (launch_ring, launch_jaccl), the device matrix and the
// variables from mlx/distributed/jaccl/lib/jaccl/jaccl.cpp (parse_devices_json, Config::from_env).
// The others: ssh_config(5), Ansible's YAML inventory, Open MPI's hostfile, hosts(5), Graphviz.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::report {

enum class ExportFormat {
  mlx_hostfile,
  ibv_matrix,
  jaccl_env,
  ssh_config,
  ansible,
  nccl_env,
  mpi,
  hosts,
  dot
};
std::vector<std::string> export_format_words();  // "mlx-hostfile", … in the order of the enum
std::optional<ExportFormat> parse_export_format(std::string_view word);

// Where the other ranks find rank 0.
struct MeetingPoint {
  std::size_t node = 0;  // index into Fleet::nodes
  model::Ipv4 address;
};

struct ExportOptions {
  // Unset: what the inventory tells (declared_meeting_point).
  std::optional<MeetingPoint> coordinator;
  // jaccl_env, nccl_env: only these nodes, indices into Fleet::nodes; empty: all.
  std::vector<std::size_t> only;
  // nccl_env: by node, as nccl_gid_index() tells; what is not there was not measured.
  std::map<std::size_t, std::uint32_t> gid_indices;
};

struct Exported {
  std::string text;
  std::vector<std::string> notes;  // for stderr: what the format cannot say, and what to do
};

// Fails (usage) where the fleet cannot be said in the format: naming the pair of nodes without a
// link, or what is not known.
Expected<Exported> export_fleet(const model::Fleet& fleet, ExportFormat format,
                                const ExportOptions& options);

// An address of the node of rank 0 that all others reach as far as the inventory tells: on a
// segment of all nodes, on the only link of two nodes, or the IPv4 address that SSH uses. Fails
// (usage): it has to be measured or given.
Expected<MeetingPoint> declared_meeting_point(const model::Fleet& fleet);

// The index at which the node's devices have their links' IPv4 addresses as RoCE v2, the later of
// the two entries that rdma-core has for one. Nothing when a device lacks it, or they differ: NCCL
// takes one index for all.
std::optional<std::uint32_t> nccl_gid_index(const model::Fleet& fleet, std::size_t node,
                                            const std::vector<platform::IbvPort>& ports);

// `dot` alone, for callers that draw what they have not declared yet.
std::string export_dot(const model::Fleet& fleet);

}  // namespace bringup::report
