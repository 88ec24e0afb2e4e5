#pragma once
// What the parts of the RDMA exchange share. Internal to the room.
#include <chrono>

#include "bringup/verify/rdma_exchange.hpp"

namespace bringup::verify {

inline constexpr std::chrono::milliseconds kMargin{5000};  // beyond a job's own limit

inline RdmaExchange::Side other(RdmaExchange::Side side) {
  return side == RdmaExchange::Side::a ? RdmaExchange::Side::b : RdmaExchange::Side::a;
}

// A failure as a probe told it, with what it means on that end's system.
RdmaFailure failure_of(const RdmaEnd& end, const ProbeFailure& failure);

}  // namespace bringup::verify
