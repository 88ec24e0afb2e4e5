// Whatever a Mac's commands print: every parser ends, and what comes out may stand in a command and
// on a terminal. The first byte chooses the parser.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bringup/platform/darwin.hpp"
#include "bringup/platform/ibv.hpp"
#include "bringup/platform/linux.hpp"
#include "bringup/util/shell.hpp"

namespace {

namespace darwin = bringup::platform::darwin;

void must(bool holds) {
  if (!holds) std::abort();
}

void must_be_name(const std::string& name) {
  must(!name.empty() && name.front() != '-' && bringup::shell_quote(name) == name);
}

void must_be_shown(const std::string& text) {
  for (const char c : text) must(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
}

template <class Result>
bool accepted(const Result& result) {
  if (!result) must_be_shown(result.error().message);
  return result.has_value();
}

void must_be_times(const bringup::platform::PingResult& ping) {
  must(ping.received <= ping.transmitted && ping.received >= 0);
  must(ping.loss_percent >= 0 && ping.loss_percent <= 100);
  must(!ping.avg_ms || (ping.received > 0 && *ping.min_ms <= *ping.avg_ms));
}

void check_ifconfig(std::string_view text) {
  const auto seen = darwin::parse_ifconfig(text);
  if (!accepted(seen)) return;
  must(!seen->interfaces.empty() && seen->interfaces.size() <= darwin::kMaxInterfaces);
  for (const auto& interface : seen->interfaces) {
    must_be_name(interface.name);
    for (const auto& inet : interface.inet) must(inet.prefix >= 0 && inet.prefix <= 32);
    for (const auto& inet6 : interface.inet6) must_be_shown(inet6);
  }
  for (const auto& bridge : seen->bridges)
    for (const auto& member : bridge.members) must_be_name(member);
}

void check_routes(std::string_view text) {
  const auto routes = darwin::parse_routes(text);
  if (!accepted(routes)) return;
  must(routes->size() <= darwin::kMaxRoutes);
  for (const auto& route : *routes) {
    must_be_name(route.interface);
    must_be_shown(route.gateway);
    must(bringup::model::Subnet::parse(route.destination.to_string()).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 11) {
    case 0:
      check_ifconfig(text);
      break;
    case 1:
      check_routes(text);
      break;
    case 2:
      if (const auto ports = darwin::parse_hardware_ports(text); accepted(ports))
        for (const auto& port : *ports) {
          must_be_name(port.device);
          must_be_shown(port.name);
        }
      break;
    case 3:
      if (const auto route = darwin::parse_route_get(text); accepted(route))
        if (*route) must_be_name(**route);
      break;
    case 4:
      if (const auto devices = darwin::parse_ibv_devices(text); accepted(devices))
        for (const auto& device : *devices) must_be_name(device);
      if (const auto ports = bringup::platform::parse_ibv_devinfo(text); accepted(ports))
        for (const auto& port : *ports) {
          must_be_name(port.device);
          must_be_shown(port.state + port.link_layer);
          for (const auto& gid : port.gids) must_be_shown(gid.gid);
        }
      break;
    case 5:
      if (const auto version = darwin::parse_sw_vers(text); accepted(version))
        must_be_shown(version->product + version->version + version->build);
      break;
    case 6:
      if (const auto ping = darwin::parse_ping(text); accepted(ping)) must_be_times(*ping);
      break;
    case 7:
      if (const auto ping = bringup::platform::linux_kernel::parse_ping(text); accepted(ping))
        must_be_times(*ping);
      break;
    case 8:
      if (const auto location = darwin::parse_location(text); accepted(location))
        must_be_shown(*location);
      if (const auto version = bringup::platform::linux_kernel::parse_os_release(text);
          accepted(version))
        must_be_shown(version->product + version->version + version->build);
      break;
    case 9:
      if (const auto ip = bringup::platform::linux_kernel::parse_ip_addr(text); accepted(ip))
        for (const auto& interface : ip->interfaces)
          must_be_shown(interface.name + interface.ether);
      break;
    default:
      static_cast<void>(darwin::classify_ifconfig(0, text));
      static_cast<void>(darwin::parse_sudo(1, text));
      static_cast<void>(darwin::parse_rdma_status(0, text));
      break;
  }
  return 0;
}
