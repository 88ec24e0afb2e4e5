#include "bringup/report/exports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "export_parts.hpp"

namespace bringup::report {
namespace {

constexpr std::array<std::pair<ExportFormat, std::string_view>, 9> kWords = {{
    {ExportFormat::mlx_hostfile, "mlx-hostfile"},
    {ExportFormat::ibv_matrix, "ibv-matrix"},
    {ExportFormat::jaccl_env, "jaccl-env"},
    {ExportFormat::ssh_config, "ssh-config"},
    {ExportFormat::ansible, "ansible"},
    {ExportFormat::nccl_env, "nccl-env"},
    {ExportFormat::mpi, "mpi"},
    {ExportFormat::hosts, "hosts"},
    {ExportFormat::dot, "dot"},
}};

bool is_bare(std::string_view text) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// Its address on a segment that has all nodes.
std::optional<model::Ipv4> on_common_segment(const model::Fleet& fleet, std::size_t node) {
  for (const model::Segment& segment : fleet.segments) {
    std::set<std::size_t> members;
    std::optional<model::Ipv4> own;
    for (const model::SegmentMember& member : segment.members) {
      members.insert(member.node);
      if (member.node == node && !own) own = member.address;
    }
    if (own && members.size() == fleet.nodes.size()) return own;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> export_format_words() {
  std::vector<std::string> out;
  for (const auto& [format, word] : kWords) out.emplace_back(word);
  return out;
}

std::optional<ExportFormat> parse_export_format(std::string_view word) {
  for (const auto& [format, known] : kWords) {
    if (known == word) return format;
  }
  return std::nullopt;
}

std::vector<std::string> names_by_rank(const model::Fleet& fleet) {
  std::vector<std::string> out;
  for (const std::size_t index : fleet.by_rank()) out.push_back(fleet.nodes[index].name);
  return out;
}

std::string bare_target(const model::Node& node, std::vector<std::string>& notes) {
  const std::string& host = node.ssh.host.empty() ? node.name : node.ssh.host;
  const bool settings =
      !node.via.empty() || !node.ssh.identity_files.empty() || node.ssh.port.value_or(22) != 22;
  if (!settings && is_bare(host) && (node.ssh.user.empty() || is_bare(node.ssh.user))) {
    return node.ssh.user.empty() ? host : node.ssh.user + "@" + host;
  }
  notes.push_back(
      fmt::format("{} needs SSH settings that this format cannot hold: put the output "
                  "of `bringup export ssh-config` into ~/.ssh/config",
                  node.name));
  return node.name;
}

Expected<MeetingPoint> declared_meeting_point(const model::Fleet& fleet) {
  if (fleet.nodes.empty()) return fail(ErrorCode::usage, "there are no nodes");
  const std::size_t first = fleet.by_rank().front();
  const model::Node& node = fleet.nodes[first];
  if (const auto address = on_common_segment(fleet, first)) return MeetingPoint{first, *address};
  if (fleet.nodes.size() == 2) {
    for (const model::Link& link : fleet.links) {
      for (const model::LinkEnd& end : link.ends) {
        if (end.node == first) return MeetingPoint{first, end.address};
      }
    }
  }
  const auto address = model::Ipv4::parse(node.ssh.host);
  const auto loopback = model::Subnet::parse("127.0.0.0/8");
  if (address && node.via.empty() && !loopback->contains(*address)) {
    return MeetingPoint{first, *address};
  }
  return fail(ErrorCode::usage,
              fmt::format("the inventory does not tell at which address the other nodes reach {}, "
                          "which has rank 0: each link has two ends only",
                          node.name),
              "measure it with --measure, or name an address with --coordinator ADDRESS");
}

Expected<Exported> export_fleet(const model::Fleet& fleet, ExportFormat format,
                                const ExportOptions& options) {
  switch (format) {
    case ExportFormat::mlx_hostfile:
      return export_mlx_hostfile(fleet, options);
    case ExportFormat::ibv_matrix:
      return export_ibv_matrix(fleet);
    case ExportFormat::jaccl_env:
      return export_jaccl_env(fleet, options);
    case ExportFormat::ssh_config:
      return export_ssh_config(fleet);
    case ExportFormat::ansible:
      return export_ansible(fleet);
    case ExportFormat::nccl_env:
      return export_nccl_env(fleet, options);
    case ExportFormat::mpi:
      return export_mpi(fleet);
    case ExportFormat::hosts:
      return export_hosts(fleet);
    case ExportFormat::dot:
      return Exported{export_dot(fleet), {}};
  }
  return fail(ErrorCode::usage, "no such format");
}

}  // namespace bringup::report
