#pragma once
// TCP reachability by the node's own nc, for nodes that refuse to forward.
#include <optional>
#include <string>
#include <vector>

#include "bringup/verify/checks.hpp"

namespace bringup::verify {

// JACCL's coordinator takes whoever connects for a rank, so its usual port is never tried. Fails
// (usage) naming the port.
Expected<void> check_tcp_ports(const std::vector<std::uint16_t>& ports);

// Every link end of `node`, each port of its peer: frames "tcp.L.PORT", then "end". At most 4 s
// all in all.
std::string nc_script(const model::Fleet& fleet, std::size_t node, const std::string& nonce,
                      const CheckOptions& options, facts::Os os = facts::Os::darwin);

// What the frames of nc_script say of one link; a port without a frame is left out.
std::vector<TcpResult> read_nc(const model::Fleet& fleet, std::size_t link, std::size_t from,
                               const std::vector<facts::Frame>& frames,
                               const CheckOptions& options);

}  // namespace bringup::verify
