#pragma once
// What macOS prints, and the commands that make it do things. Formats: captures of macOS 26; see
// the comments at each parser. Parsers are strict about what they use, pass over what they do not,
// and bound what they keep.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform::darwin {

struct Ifconfig {
  std::vector<Interface> interfaces;
  std::vector<Bridge> bridges;  // every interface that has bridge configuration, members or not
};
Expected<Ifconfig> parse_ifconfig(
    std::string_view text);  // `ifconfig`, `ifconfig -a`, `ifconfig X`

Expected<std::vector<HardwarePort>> parse_hardware_ports(std::string_view text);
Expected<std::vector<Route>> parse_routes(std::string_view text);  // `netstat -rn -f inet`
// `route -n get ADDRESS`: the interface it leaves through; nullopt: not in the table.
Expected<std::optional<std::string>> parse_route_get(std::string_view text);
// Judged by the text: sources differ on the exit status. 127 and "command not found": no_tool.
RdmaState parse_rdma_status(int exit_status, std::string_view text);
Expected<std::vector<std::string>> parse_ibv_devices(std::string_view text);
Expected<OsVersion> parse_sw_vers(std::string_view text);
// The summary of a run of macOS' ping, replies or none.
Expected<PingResult> parse_ping(std::string_view text);
SudoState parse_sudo(int exit_status, std::string_view text);  // of `sudo -n true`

enum class IfconfigFailure { no_interface, not_a_member, not_permitted, invalid, other };
// What an ifconfig call that changes something reports as failure, exit status 0 included.
std::optional<IfconfigFailure> classify_ifconfig(int exit_status, std::string_view text);

// Commands: one line of POSIX sh each, arguments quoted, without sudo.
std::string bridge_detach(const std::string& bridge, const std::string& interface);
std::string bridge_attach(const std::string& bridge, const std::string& interface);
std::string interface_up(const std::string& interface);
std::string address_assign(const std::string& interface, const model::InterfaceAddress& address);
std::string address_remove(const std::string& interface, model::Ipv4 address);
std::string route_get(model::Ipv4 to);

}  // namespace bringup::platform::darwin
