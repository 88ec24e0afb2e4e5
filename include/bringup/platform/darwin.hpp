#pragma once
// What macOS prints, and the commands that make it do things. Formats: captures of macOS 26, and
// Apple's published sources of ifconfig, netstat and route.
//
// The text is hostile until parsed. Names that come out of here hold only [A-Za-z0-9._-] (hardware
// ports and locations: printable text), counts and lines are bounded, and what is not of the format
// fails with ErrorCode::parse and the offending line. Nothing is guessed.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform::darwin {

inline constexpr std::size_t kMaxInterfaces = 1024;  // and devices, hardware ports, bridge members
inline constexpr std::size_t kMaxRoutes = 16384;
inline constexpr std::size_t kMaxLine = 4096;

struct Ifconfig {
  std::vector<Interface> interfaces;  // in the order printed
  std::vector<Bridge> bridges;        // every bridge*, and whatever else has members
};
// `ifconfig -a` or `ifconfig X`; both list a bridge's members. An IPv4 address without a netmask,
// or with one that has holes, fails the whole listing; lines that say nothing to us are passed
// over.
Expected<Ifconfig> parse_ifconfig(std::string_view text);

// `networksetup -listallhardwareports`. The block "Thunderbolt Bridge" is absent on Macs where the
// bridge was deleted; the order of ports means nothing.
Expected<std::vector<HardwarePort>> parse_hardware_ports(std::string_view text);

// `networksetup -getcurrentlocation`: one line, the location's name.
Expected<std::string> parse_location(std::string_view text);

// `netstat -rn -f inet`. netstat leaves trailing zero octets out ("10.254/30") and the prefix
// length where it is the natural one ("127", "169.254", "192.168.1"). Routes that the kernel cloned
// by itself (flag W: one per neighbour in the ARP table) are left out: they come and go.
Expected<std::vector<Route>> parse_routes(std::string_view text);

// `arp -an`: "? (10.10.0.3) at 2:0:0:0:0:4 on bridge0 ifscope permanent [bridge]". Incomplete
// entries have no MAC.
Expected<std::vector<Neighbour>> parse_arp(std::string_view text);

// `route -n get ADDRESS`: the interface it leaves through; nullopt: not in the table.
Expected<std::optional<std::string>> parse_route_get(std::string_view text);

// `rdma_ctl status`, judged by its text: sources differ on the exit status. 127 and "command not
// found": no_tool.
RdmaState parse_rdma_status(int exit_status, std::string_view text);

// `ibv_devices` of macOS and of rdma-core: names in the order printed, which is arbitrary. Only the
// header: no devices.
Expected<std::vector<std::string>> parse_ibv_devices(std::string_view text);

Expected<OsVersion> parse_sw_vers(std::string_view text);

// The summary of a run of macOS' ping, replies or none. Fails when there is none (unknown host).
Expected<PingResult> parse_ping(std::string_view text);

SudoState parse_sudo(int exit_status, std::string_view text);  // of `sudo -n true`

enum class IfconfigFailure { no_interface, not_a_member, not_permitted, invalid, other };
// What an ifconfig call that changes something reports as failure, exit status 0 included. No
// failure reported is not yet success: read back what it should have done.
std::optional<IfconfigFailure> classify_ifconfig(int exit_status, std::string_view text);

// Commands: one line of POSIX sh each, arguments quoted, without sudo.
std::string bridge_detach(const std::string& bridge, const std::string& interface);
std::string bridge_attach(const std::string& bridge, const std::string& interface);
std::string interface_up(const std::string& interface);
std::string address_assign(const std::string& interface, const model::InterfaceAddress& address);
std::string address_remove(const std::string& interface, model::Ipv4 address);
std::string route_get(model::Ipv4 to);

}  // namespace bringup::platform::darwin
