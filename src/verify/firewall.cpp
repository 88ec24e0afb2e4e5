#include "bringup/verify/firewall.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"

namespace bringup::verify {
namespace {

const facts::Frame* find(const std::vector<facts::Frame>& frames, std::string_view name) {
  const auto found = std::find_if(frames.begin(), frames.end(),
                                  [&](const auto& frame) { return frame.name == name; });
  return found == frames.end() ? nullptr : &*found;
}

// "Firewall is enabled. (State = 1)"; 2 blocks everything.
Firewall of_application(const facts::Frame& frame) {
  const std::string& text = frame.payload;
  const std::string rules = "System Settings > Network > Firewall > Options";
  Firewall found;
  found.rules = rules;
  if (frame.exit_status != 0) return found;
  if (text.find("State = 0") != std::string::npos || text.find("disabled") != std::string::npos) {
    found = {false, "the application firewall is off", rules};
  } else if (text.find("State = 2") != std::string::npos) {
    found = {true, "the application firewall blocks all incoming connections", rules};
  } else if (text.find("State = 1") != std::string::npos ||
             text.find("enabled") != std::string::npos) {
    found = {true, "the application firewall is on", rules};
  }
  return found;
}

}  // namespace

std::string firewall_script(facts::Os os, FirewallAsk ask) {
  if (os == facts::Os::darwin) {
    return "bu_run firewall.app 512 5 /usr/libexec/ApplicationFirewall/socketfilterfw "
           "--getglobalstate\n";
  }
  const std::string sudo = ask == FirewallAsk::sudo ? "sudo -n " : "";
  // A ruleset that was read and has nothing of the kind says "none".
  return fmt::format(
      "bu_nft() {{\n"
      "  bu_rules=$({}nft list ruleset) || return 1\n"
      "  printf '%s\\n' \"$bu_rules\" | grep -E '(^|[^a-z])(drop|reject)([^a-z]|$)' || echo none\n"
      "}}\n"
      "bu_run firewall.ufw 512 5 {}ufw status\n"
      "bu_run firewall.nft 512 5 bu_nft\n",
      sudo, sudo);
}

Firewall read_firewall(const std::vector<facts::Frame>& frames) {
  if (const auto* frame = find(frames, "firewall.app")) {
    return of_application(*frame);
  }
  const auto* ufw = find(frames, "firewall.ufw");
  const auto* nft = find(frames, "firewall.nft");
  Firewall found;
  if (ufw == nullptr && nft == nullptr) return found;
  found.rules = "`sudo nft list ruleset`";
  if (ufw != nullptr && ufw->exit_status == 0) {
    if (ufw->payload.find("Status: active") != std::string::npos) {
      return {true, "ufw is active", "`sudo ufw status`"};
    }
    if (ufw->payload.find("Status: inactive") != std::string::npos) {
      found = {false, "ufw is inactive", found.rules};
    }
  }
  if (nft != nullptr) {
    const auto lines = split_lines(nft->payload);
    // Cut short by our own bound is as good: the first rule counts.
    const bool read = nft->exit_status == 0 || nft->truncated;
    if (read && !lines.empty()) {
      const auto first = trim(lines.front());
      if (first == "none") return {false, "nft has no rule that drops or rejects", found.rules};
      return {true, "nft has rules that drop or reject: " + printable(first, 120), found.rules};
    }
  }
  return found;
}

}  // namespace bringup::verify
