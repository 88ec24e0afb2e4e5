#include "bringup/verify/rdma.hpp"

namespace bringup::verify {

std::string_view to_string(RdmaMeans means) {
  switch (means) {
    case RdmaMeans::probe:
      return "bringup-probe";
    case RdmaMeans::ibv_uc_pingpong:
      return "ibv_uc_pingpong";
    case RdmaMeans::ibv_rc_pingpong:
      break;
  }
  return "ibv_rc_pingpong";
}

std::string_view to_string(QpType type) {
  return type == QpType::uc ? "uc" : "rc";
}

}  // namespace bringup::verify
