#include <algorithm>

#include "bringup/verify/checks.hpp"

namespace bringup::verify {

bool wanted(const CheckOptions& options, CheckKind kind) {
  return std::find(options.only.begin(), options.only.end(), kind) != options.only.end();
}

bool applies(const model::Link& link, CheckKind kind) {
  return kind != CheckKind::rdma || link.rdma;
}

int iperf_streams(const model::Link& link, const CheckOptions& options) {
  if (options.iperf_streams) return std::max(1, *options.iperf_streams);
  return link.kind == model::LinkKind::ethernet_1g ? 1 : 4;
}

int iperf_seconds(const model::Link&, const CheckOptions& options) {
  return std::max(1, options.iperf_seconds.value_or(10));
}

std::vector<std::uint16_t> tcp_ports(const model::Fleet& fleet, std::size_t node,
                                     const CheckOptions& options) {
  if (!options.tcp_ports.empty()) return options.tcp_ports;
  return {fleet.nodes[node].ssh.port.value_or(22)};
}

}  // namespace bringup::verify
