#include "bringup/platform/darwin.hpp"
#include "bringup/util/shell.hpp"

namespace bringup::platform::darwin {

std::string bridge_detach(const std::string& bridge, const std::string& interface) {
  return shell_join({"ifconfig", bridge, "deletem", interface});
}

std::string bridge_attach(const std::string& bridge, const std::string& interface) {
  return shell_join({"ifconfig", bridge, "addm", interface});
}

std::string interface_up(const std::string& interface) {
  return shell_join({"ifconfig", interface, "up"});
}

std::string address_assign(const std::string& interface, const model::InterfaceAddress& address) {
  return shell_join({"ifconfig", interface, "inet", address.address.to_string(), "netmask",
                     address.subnet().netmask().to_string()});
}

std::string address_remove(const std::string& interface, model::Ipv4 address) {
  return shell_join({"ifconfig", interface, "inet", address.to_string(), "-alias"});
}

std::string route_get(model::Ipv4 to) {
  return shell_join({"route", "-n", "get", to.to_string()});
}

}  // namespace bringup::platform::darwin
