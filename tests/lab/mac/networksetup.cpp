// networksetup: messages go to stdout, as on a Mac.
#include <unistd.h>

#include <cstdio>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

struct Service {
  std::string name;
  std::string port;
  std::string device;
};

std::vector<Service> services(const Truth& truth) {
  std::vector<Service> out;
  for (const Lan& lan : truth.lans) out.push_back({lan.port, lan.port, lan.iface});
  if (interface("bridge0")) out.push_back({"Thunderbolt Bridge", "Thunderbolt Bridge", "bridge0"});
  for (const std::string& extra : truth.services) {
    // "EXO Thunderbolt 3" sits on the hardware port "Thunderbolt 3".
    const std::size_t at = extra.find("Thunderbolt ");
    const std::string port = at == std::string::npos ? extra : extra.substr(at);
    std::string device;
    for (const Port& p : truth.ports) {
      if (port == "Thunderbolt " + std::to_string(p.receptacle)) device = p.iface;
    }
    out.push_back({extra, port, device});
  }
  return out;
}

void print_port(const std::string& port, const std::string& device, const std::string& mac) {
  std::printf("\nHardware Port: %s\nDevice: %s\nEthernet Address: %s\n", port.c_str(),
              device.c_str(), mac.c_str());
}

int list_ports(const Truth& truth) {
  bool first = true;
  const auto bridge = interface("bridge0");
  for (const Lan& lan : truth.lans) {
    print_port(lan.port, lan.iface, lan.mac);
    if (first && bridge) print_port("Thunderbolt Bridge", "bridge0", bridge->mac);
    first = false;
  }
  for (const Port& p : truth.ports) {
    if (!interface(p.iface)) continue;
    print_port("Thunderbolt " + std::to_string(p.receptacle), p.iface, p.mac);
  }
  std::printf("\nVLAN Configurations\n===================\n");
  return 0;
}

int list_order(const Truth& truth) {
  std::puts("An asterisk (*) denotes that a network service is disabled.");
  int number = 0;
  for (const Service& s : services(truth)) {
    std::printf("(%d) %s\n(Hardware Port: %s, Device: %s)\n\n", ++number, s.name.c_str(),
                s.port.c_str(), s.device.c_str());
  }
  return 0;
}

int bad_service(const std::string& name) {
  std::printf("%s is not a recognized network service.\n", name.c_str());
  std::puts("** Error: The parameters were not valid.");
  return 4;
}

int enabled(const Truth& truth, const std::string& name) {
  for (const Service& s : services(truth)) {
    if (s.name != name) continue;
    std::puts(truth.location == "exo" && name == "Thunderbolt Bridge" ? "Disabled" : "Enabled");
    return 0;
  }
  return bad_service(name);
}

int change(const Arguments& argv) {
  if (::geteuid() != 0) {
    std::puts("** Error: Command requires admin privileges.");
    return 14;
  }
  if (argv[1] == "-createnetworkservice") {
    std::puts("Unable to access the System Configuration database");
    return 1;
  }
  return 0;
}

}  // namespace

int networksetup(const Truth& truth, const Arguments& argv) {
  if (is(argv, 1, "-listallhardwareports")) return list_ports(truth);
  if (is(argv, 1, "-listnetworkserviceorder")) return list_order(truth);
  if (is(argv, 1, "-listallnetworkservices")) {
    std::puts("An asterisk (*) denotes that a network service is disabled.");
    for (const Service& s : services(truth)) std::puts(s.name.c_str());
    return 0;
  }
  if (is(argv, 1, "-getcurrentlocation")) {
    std::puts(truth.location.c_str());
    return 0;
  }
  if (is(argv, 1, "-listlocations")) {
    std::puts("Automatic");
    if (truth.location != "Automatic") std::puts(truth.location.c_str());
    return 0;
  }
  if (is(argv, 1, "-getnetworkserviceenabled") && argv.size() == 3) return enabled(truth, argv[2]);
  for (const char* prefix : {"-set", "-create", "-delete", "-order", "-switch"}) {
    if (argv.size() > 1 && argv[1].starts_with(prefix)) return change(argv);
  }
  std::puts("** Error: The parameters were not valid.");
  return 4;
}

}  // namespace lab_mac
