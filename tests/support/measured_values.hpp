#pragma once
// Measurements built by hand for the tests of verify and report.
#include <string>
#include <vector>

#include "bringup/verify/checks.hpp"
#include "support/verify_values.hpp"

namespace bringup::test {

inline verify::IperfResult iperf(double gbps) {
  verify::IperfResult result;
  result.gbps = gbps;
  result.retransmits = 3;
  result.streams = 4;
  result.seconds = 10;
  return result;
}

inline verify::IperfResult iperf_failure(verify::IperfFailure failure, const std::string& node,
                                         const std::string& error) {
  verify::IperfResult result;
  result.failure = failure;
  result.node = node;
  result.error = error;
  return result;
}

inline verify::RdmaResult rdma(double gbps, double p50_us = 6.5, std::uint64_t lost = 0) {
  verify::RdmaResult result;
  result.from_device = "rdma_en5";
  result.to_device = "rdma_en5";
  result.from_gid_index = 1;
  result.to_gid_index = 1;
  result.latency = {{64, 1000, lost, p50_us, p50_us * 2}, {4096, 1000, 0, p50_us + 2, p50_us * 3}};
  result.bandwidth = {{65536, 1000, 0, gbps / 2}, {1048576, 1000, 0, gbps}};
  return result;
}

inline facts::Frame mtu_frame(std::size_t link, int interface, int largest_packet) {
  return frame(fmt::format("mtu.{}", link),
               fmt::format("interface {}\nlargest {}\n", interface, largest_packet - 28));
}

// Everything right and everything measured, in both directions of every link.
struct Measured : Healthy {
  explicit Measured(model::Fleet declared) : Healthy(std::move(declared)) {
    using verify::CheckKind;
    options.only = {CheckKind::route, CheckKind::ping,  CheckKind::mtu,
                    CheckKind::tcp,   CheckKind::iperf, CheckKind::rdma};
    for (std::size_t link = 0; link < this->fleet.links.size(); ++link) {
      auto& cable = this->fleet.links[link];
      cable.expect = model::default_expectation(cable.kind);
      for (const auto& end : cable.ends) {
        evidence[end.node].frames.push_back(mtu_frame(link, 1500, 1500));
        verify::Measurement one;
        one.link = link;
        one.from = end.node;
        one.tcp = {{22, true, verify::TcpMeans::forward, ""}};
        one.iperf = iperf(62);
        one.rdma = rdma(73);
        measured.push_back(one);
      }
    }
  }
  verify::Measurement& of(std::size_t link, std::size_t from) {
    for (auto& one : measured) {
      if (one.link == link && one.from == from) return one;
    }
    throw std::out_of_range("no such measurement");
  }
  void mtu(std::size_t link, std::size_t node, int interface, int largest_packet) {
    for (auto& old : evidence[node].frames) {
      if (old.name == fmt::format("mtu.{}", link)) old = mtu_frame(link, interface, largest_packet);
    }
  }
  [[nodiscard]] verify::Matrix judge_all() const {
    return verify::judge(fleet, all, evidence, measured, options);
  }
  std::vector<verify::Measurement> measured;
};

// Four nodes, each cabled to each.
inline model::Fleet mesh_fleet() {
  return fleet_of(
      {"a", "b", "c", "d"},
      {cable(0, "en1", 1, "en1", "10.254.0.0/30"), cable(0, "en2", 2, "en1", "10.254.0.4/30"),
       cable(0, "en3", 3, "en1", "10.254.0.8/30"), cable(1, "en2", 2, "en2", "10.254.0.12/30"),
       cable(1, "en3", 3, "en2", "10.254.0.16/30"), cable(2, "en3", 3, "en3", "10.254.0.20/30")});
}

}  // namespace bringup::test
