#pragma once
// Where the systems' sockets differ. Internal to the probe. Integers returned are errno, 0: done.
#include <sys/socket.h>

#include <memory>

#include "bringup/probe/discover.hpp"

namespace bringup::probe {

// What this socket sends leaves by the interface, whatever the routes say.
int bind_to_interface(int fd, const NetInterface& interface);
// From now on messages carry the interface on which they came.
int ask_for_interface(int fd);
// That interface's index; 0: not said.
unsigned interface_of(msghdr& message);

std::unique_ptr<Net> system_net();

}  // namespace bringup::probe
