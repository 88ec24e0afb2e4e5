#pragma once
// Declared servers: what a node that runs one says of its listeners, and what a try means.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/verify/firewall.hpp"
#include "bringup/verify/matrix.hpp"
#include "bringup/verify/service_try.hpp"

namespace bringup::verify {

// The tries that the fleet declares, `address` filled in: both ends selected. Where the fleet joins
// the two nowhere and the service says no address, that is empty.
std::vector<ServiceTry> planned_tries(const model::Fleet& fleet,
                                      const std::vector<std::size_t>& selected);

// For a node that forwards nothing: frames "nc.I" with I = index into `tries`, then "end". Takes
// 6 s at most; all at once.
std::string service_nc_script(const std::vector<ServiceTry>& tries, const model::Fleet& fleet,
                              std::size_t node, const std::string& nonce, facts::Os os);
// Fills in what the frames say. A server that wants http or grpc is proven to take connections
// only: not_tried then, and `text` says so.
void read_service_nc(const model::Fleet& fleet, const std::vector<facts::Frame>& frames,
                     std::size_t node, std::vector<ServiceTry>& tries);

// A socket that waits for connections. `address` as the node's tool prints it, without its port:
// "127.0.0.1", "*", "::1", "fe80::1%en5".
struct Listener {
  std::string address;
  std::uint16_t port = 0;
};
// Who listens on these ports of the node that this script runs on, and its firewall: frames
// "listeners" and those of firewall_script(), then "end".
std::string listeners_script(const std::vector<std::uint16_t>& ports, const std::string& nonce,
                             facts::Os os, FirewallAsk ask);
// `ss -Hltn`, `netstat -ltn` of Linux or `netstat -an -p tcp` of macOS, in any mixture. Lines that
// are none of theirs are skipped; at most 256 are read.
std::vector<Listener> parse_listeners(std::string_view text);

// What the node that runs the server says; unset: it could not be asked.
struct ServerSide {
  std::optional<std::vector<Listener>> listeners;
  Firewall firewall;
};
ServerSide read_server_side(const std::vector<facts::Frame>& frames);

// Which services need evidence from their own node: those whose try has no connection.
bool wants_evidence(const ServiceTry& one);

// Cells and findings of the tries, in their order. `servers` by node index.
void judge_services(const model::Fleet& fleet, const std::vector<ServiceTry>& tries,
                    const std::map<std::size_t, ServerSide>& servers, Matrix& matrix);

}  // namespace bringup::verify
