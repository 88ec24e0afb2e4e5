#pragma once
// What a node says of its own firewall.
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/script.hpp"

namespace bringup::verify {

enum class FirewallAsk { user, sudo };  // sudo: `sudo -n` may be tried

// A part of a script that has facts::frame_functions(): on a Mac the frame "firewall.app", on Linux
// "firewall.ufw" and "firewall.nft", the latter the first rules that drop or reject.
std::string firewall_script(facts::Os os, FirewallAsk ask);

struct Firewall {
  std::optional<bool> active;  // unset: it could not be read
  std::string text;            // "the application firewall is on", "nft: udp dport 1-9 drop"
};
Firewall read_firewall(const std::vector<facts::Frame>& frames);

}  // namespace bringup::verify
