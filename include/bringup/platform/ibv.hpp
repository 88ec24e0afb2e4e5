#pragma once
// What `ibv_devinfo -v` prints, macOS' and rdma-core's alike. Bounds and errors as in darwin.hpp.
#include <string_view>
#include <vector>

#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform {

// One element per port, in the order printed. "No IB devices found": none.
Expected<std::vector<IbvPort>> parse_ibv_devinfo(std::string_view text);

// The GID of an IPv4 address, as parse_ibv_devinfo writes GIDs: "::ffff:10.254.0.1".
std::string ipv4_gid(model::Ipv4 address);

}  // namespace bringup::platform
