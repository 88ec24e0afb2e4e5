// The Mac's commands, one function each. Arguments as argv, the name itself included.
#pragma once

#include <string>
#include <vector>

#include "truth.hpp"

namespace lab_mac {

using Arguments = std::vector<std::string>;

int ifconfig(const Truth& truth, const Arguments& argv);
int networksetup(const Truth& truth, const Arguments& argv);
int system_profiler(const Truth& truth, const Arguments& argv);
int rdma_ctl(const Truth& truth, const Arguments& argv);
int nvram(const Truth& truth, const Arguments& argv);
int ibv_devices(const Truth& truth, const Arguments& argv);
int ibv_devinfo(const Truth& truth, const Arguments& argv);
int ibv_uc_pingpong(const Truth& truth, const Arguments& argv);
int ping(const Truth& truth, const Arguments& argv);
int route(const Truth& truth, const Arguments& argv);
int netstat(const Truth& truth, const Arguments& argv);
int arp(const Truth& truth, const Arguments& argv);
int traceroute(const Truth& truth, const Arguments& argv);
int socketfilterfw(const Truth& truth, const Arguments& argv);
int sw_vers(const Truth& truth, const Arguments& argv);
int sysctl(const Truth& truth, const Arguments& argv);
int uname(const Truth& truth, const Arguments& argv);
int scutil(const Truth& truth, const Arguments& argv);
int ipconfig(const Truth& truth, const Arguments& argv);
int launchctl(const Truth& truth, const Arguments& argv);
int stat(const Truth& truth, const Arguments& argv);

// Prints to stderr as `NAME: TEXT` and returns the exit status.
int fail(int status, const std::string& text);
// What the Mac says of a command that it does not have; the shell's own words and status 127.
int not_found(const std::string& name);

// Whether that index exists and equals the text; for walking short option lists.
bool is(const Arguments& argv, std::size_t index, const char* text);

}  // namespace lab_mac
