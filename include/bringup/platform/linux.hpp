#pragma once
// Parsers of what a Linux node prints. Bounds and errors as in darwin.hpp.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/platform/observed.hpp"
#include "bringup/util/error.hpp"

namespace bringup::platform::linux_kernel {

// /etc/os-release: product from NAME, version from VERSION_ID, build from BUILD_ID (mostly absent).
Expected<OsVersion> parse_os_release(std::string_view text);

// `ip -d -j addr`: interfaces in its order, and every bridge with its members, which carry the name
// of their master. `active` is the flag LOWER_UP. Other families and unknown members are skipped.
struct IpAddr {
  std::vector<Interface> interfaces;
  std::vector<Bridge> bridges;
};
Expected<IpAddr> parse_ip_addr(std::string_view text);

// `ip -j -4 route show table main`. A route of several next hops, or of a type that carries nothing
// (blackhole), is left out. The gateway of a network that the interface is in is empty.
Expected<std::vector<Route>> parse_ip_routes(std::string_view text);

// `ip -j -4 neigh`: entries that failed have no MAC.
Expected<std::vector<Neighbour>> parse_ip_neighbours(std::string_view text);

// `nmcli -t -f DEVICE,STATE,CON-UUID,CONNECTION device`: what NetworkManager has taken in hand.
// "unmanaged" and "connected (externally)" are not its own.
Expected<std::vector<Owner>> parse_nmcli_devices(std::string_view text);

// What stands for a connection's UUID in commands and in Owner: 36 lower-case hexadecimal digits
// and dashes.
bool is_uuid(std::string_view text);

// A connection profile as `nmcli -t -f connection.interface-name,connection.autoconnect,
// ipv4.method,ipv4.addresses,ipv4.never-default,ipv4.routes,802-3-ethernet.mtu connection show`
// prints it, in our own words (see plan/settings.hpp): the same whatever NetworkManager's version.
Expected<std::string> parse_nmcli_profile(std::string_view text);

// `networkctl list --no-legend --no-pager`: the interfaces that systemd-networkd sets up.
Expected<std::vector<std::string>> parse_networkctl(std::string_view text);

// "INTERFACE SPEEDMb/s" lines, the speed as ethtool(8) prints it ("1000Mb/s"): Gb/s by interface.
// Those that have none ("Unknown!", sysfs's -1) are left out.
std::map<std::string, double> parse_speeds(std::string_view text);

// "nameserver ADDRESS" lines of resolv.conf(5), at most 16.
std::vector<std::string> parse_resolv_conf(std::string_view text);

// `rdma -j link`: verbs devices with the network interface of each.
Expected<std::map<std::string, std::string>> parse_rdma_links(std::string_view text);

// The summary of iputils' ping.
Expected<PingResult> parse_ping(std::string_view text);

}  // namespace bringup::platform::linux_kernel
