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
  // "the application firewall is on", "nft has rules that drop or reject: udp dport 1-9 drop"
  std::string text = "its firewall could not be read";
  std::string rules = "its firewall's own tool";  // where they are seen: "`sudo ufw status`"
};
Firewall read_firewall(const std::vector<facts::Frame>& frames);

}  // namespace bringup::verify
