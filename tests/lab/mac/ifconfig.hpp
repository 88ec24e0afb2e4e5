// The two halves of ifconfig: showing and changing.
#pragma once

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {

// All interfaces, with those that every Mac has beside the real ones. `ifconfig -a`, `ifconfig`.
void show_all(const Truth& truth);
// One interface. `ifconfig en3`.
void show_one(const Truth& truth, const Interface& iface);

// Everything from the interface's name on: `en3 inet 10.0.0.1 netmask 255.255.255.252 alias`.
int change_interface(const Truth& truth, const Arguments& argv);

}  // namespace lab_mac
