#pragma once
// What an RDMA check of one link gave, in one direction. Produced by the exchange with
// bringup-probe or by reading ibv_*_pingpong; judged with everything else.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bringup::verify {

// Which program made the figures.
enum class RdmaMeans { probe, ibv_uc_pingpong, ibv_rc_pingpong };
std::string_view to_string(RdmaMeans means);

enum class QpType { uc, rc };
std::string_view to_string(QpType type);

// Round trips of one message size, halved: the time of one way.
struct RdmaLatency {
  std::uint64_t bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;  // never answered before the deadline of one message
  double p50_us = 0;       // 0 where it is not known: nothing was answered, or ibv_*_pingpong,
  double p99_us = 0;       // which gives no percentiles
  std::optional<double> mean_us = {};
  // The median, or the mean where there is no median; unset where nothing is known.
  [[nodiscard]] std::optional<double> typical_us() const {
    return p50_us > 0 ? std::optional(p50_us) : mean_us;
  }
};

// Messages of one size, one way, as fast as the receiver's depth allows.
struct RdmaBandwidth {
  std::uint64_t bytes = 0;  // of one message
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  double gbps = 0;
};

// A verbs call that failed.
struct RdmaFailure {
  std::string layer;     // "gid", "port", "rdma" or "probe"
  std::string verb;      // "ibv_modify_qp(RTR)", "ibv_reg_mr", …
  int error_number = 0;  // the node's errno; 0 when the failure has none
  std::string node;      // the end on which it happened
  std::string seen, meaning, cure;
};

struct RdmaResult {
  RdmaMeans means = RdmaMeans::probe;
  QpType qp = QpType::uc;
  std::string from_device, to_device;
  std::optional<std::uint32_t> from_gid_index, to_gid_index;
  std::optional<std::uint32_t> from_mtu, to_mtu;  // active MTU of the ports, bytes
  int attempts = 1;                               // of the whole exchange
  std::vector<RdmaLatency> latency;
  std::vector<RdmaBandwidth> bandwidth;
  std::optional<RdmaFailure> failure;
};

}  // namespace bringup::verify
