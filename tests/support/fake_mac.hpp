#pragma once
// A Mac as values. It answers the scripts that bringup sends with the frames that a real one would
// print, and changes its state as the steps of an apply script say. Of a script it reads only what
// it must: the nonce, the steps ("bu_assign 2 en5 10.254.0.5 255.255.255.252 0xfffffffc") and the
// links to check ("bu_link 0 10.254.0.5 10.254.0.6"). What shells make of the rest is the lab's.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"

namespace bringup::test {

struct FakePort {
  bool up = true;
  std::vector<model::InterfaceAddress> inet;
};

struct FakeMac {
  std::map<std::string, FakePort> ports;
  std::vector<std::string> bridge0;   // its members
  std::optional<std::string> matrix;  // the file's content
  std::string login = "admin";
  std::string sudo_password;  // empty: sudo wants none
  std::string rdma = "enabled";
  std::string session_address = "192.168.1.10";  // of en0
  std::string ifconfig;                          // printed instead of the truth when not empty
  bool keeps_members = false;                    // deletem reports success and does nothing
  double rtt_ms = 0.12;                          // of its own pings, on average

  // As it comes up after a re-initialisation: every link port in bridge0, no addresses, no file.
  static FakeMac reinitialised(const model::Fleet& fleet, std::size_t node) {
    FakeMac mac;
    const auto own = model::Ipv4::parse("192.168.1.10").value().value() + node;
    mac.session_address = model::Ipv4(static_cast<std::uint32_t>(own)).to_string();
    mac.ports["en0"].inet = {{model::Ipv4(static_cast<std::uint32_t>(own)), 24}};
    for (const std::size_t link : fleet.links_of(node)) {
      for (const auto& end : fleet.links[link].ends) {
        if (end.node != node) continue;
        mac.ports[end.interface] = {};
        mac.bridge0.push_back(end.interface);
      }
    }
    return mac;
  }

  [[nodiscard]] bool in_bridge(const std::string& port) const {
    return std::ranges::find(bridge0, port) != bridge0.end();
  }
  // The port that holds this address and can use it; empty when there is none.
  [[nodiscard]] std::string port_of(const std::string& address) const {
    for (const auto& [name, port] : ports) {
      for (const auto& inet : port.inet) {
        if (inet.address.to_string() == address && port.up && !in_bridge(name)) return name;
      }
    }
    return {};
  }
};

inline std::string frame_text(const std::string& nonce, const std::string& name, int status,
                              const std::string& payload) {
  return fmt::format("@@{} {} {} - {}\n{}\n", nonce, name, status, payload.size(), payload);
}

// Words of shell text up to the first newline outside quotes, as shell_quote() writes them.
// `text` is moved past them.
inline std::vector<std::string> take_words(std::string_view& text) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;
  bool quoted = false;
  const auto flush = [&] {
    if (inside) words.push_back(word);
    word.clear();
    inside = false;
  };
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (quoted) {
      if (c == '\'') {
        quoted = false;
      } else {
        word += c;
      }
    } else if (c == '\n') {
      break;
    } else if (c == ' ') {
      flush();
    } else {
      inside = true;
      if (c == '\'') {
        quoted = true;
      } else if (c == '\\' && !text.empty()) {
        word += text.front();
        text.remove_prefix(1);
      } else {
        word += c;
      }
    }
  }
  flush();
  return words;
}

// One script on one Mac. `reaches(own, peer)`: whether the fleet's cables carry a ping.
class FakeShell {
 public:
  using Reaches = std::function<bool(const std::string& own, const std::string& peer)>;

  FakeShell(FakeMac& mac, std::string password, Reaches reaches)
      : mac_(mac), password_(std::move(password)), reaches_(std::move(reaches)) {}

  std::string run(const std::string& script) {
    nonce_ = nonce_of(script);
    if (script.find("bu_steps() {") != std::string::npos) steps(script);
    if (script.find("bf_read uname ") != std::string::npos) {
      facts(script.find("| bf_profiler") != std::string::npos);
    }
    if (script.find("bu_link() {") != std::string::npos) checks(script);
    return out_;
  }

  // What follows the format of every frame: 32 hex digits.
  static std::string nonce_of(const std::string& script) {
    const std::string before = "'@@";
    const auto at = script.find(before);
    if (at == std::string::npos) throw std::runtime_error("no nonce in the script:\n" + script);
    return script.substr(at + before.size(), 32);
  }

 private:
  void put(const std::string& name, int status, const std::string& payload) {
    out_ += frame_text(nonce_, name, status, payload);
  }

  [[nodiscard]] std::string ifconfig() const {
    if (!mac_.ifconfig.empty()) return mac_.ifconfig;
    std::string text;
    for (const auto& [name, port] : mac_.ports) {
      text += fmt::format("{}: flags=8863<{}BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n", name,
                          port.up ? "UP," : "");
      for (const auto& inet : port.inet) {
        text +=
            fmt::format("\tinet {} netmask 0x{:08x} broadcast {}\n", inet.address.to_string(),
                        model::Subnet::mask_of(inet.prefix), inet.subnet().broadcast().to_string());
      }
      text += "\tstatus: active\n";
    }
    text += "bridge0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n";
    for (const auto& member : mac_.bridge0) {
      text += fmt::format("\tmember: {} flags=3<LEARNING,DISCOVER>\n", member);
    }
    return text + "\tstatus: active\n";
  }

  void facts(bool profiler) {
    put("uname", 0, "Darwin\n");
    put("user", 0, mac_.login + "\n");
    put("hostname", 0, "mac.local\n");
    put("session", 0, fmt::format("192.168.1.2 51111 {} 22", mac_.session_address));
    if (mac_.sudo_password.empty()) {
      put("sudo", 0, "");
    } else {
      put("sudo", 1, "sudo: a password is required\n");
    }
    put("sw_vers", 0, "ProductName:\t\tmacOS\nProductVersion:\t\t26.2\nBuildVersion:\t\t25C56\n");
    put("model", 0, "Mac15,14\n");
    put("ifconfig", 0, ifconfig());
    put("ports", 0, "Hardware Port: Wi-Fi\nDevice: en0\nEthernet Address: 02:00:00:00:00:01\n");
    put("location", 0, "Automatic\n");
    put("routes", 0,
        "Routing tables\n\nInternet:\nDestination        Gateway            Flags        Netif\n"
        "default            192.168.1.1        UGScg          en0\n");
    put("rdma_ctl", 0, mac_.rdma + "\n");
    std::string devices =
        "    device                 node GUID\n    ------              ----------------\n";
    for (const auto& [name, port] : mac_.ports)
      devices += "    rdma_" + name + "  8096a9d9edbaac05\n";
    put("ibv_devices", 0, devices);
    if (profiler) put("profiler", 0, "{\"SPThunderboltDataType\":[]}");
    if (mac_.matrix) put("matrix", 0, *mac_.matrix);
    put("end", 0, "");
  }

  void steps(const std::string& script) {
    const auto begin = script.find("bu_steps() {");
    const auto end = script.find("  bu_frame apply.done", begin);
    std::string_view text = std::string_view(script).substr(begin, end - begin);
    if (text.find("bu_frame apply.sudo") != std::string_view::npos) {
      if (password_ != mac_.sudo_password) {
        put("apply.sudo", 1, "Sorry, try again.\nsudo: 1 incorrect password attempt\n");
        return;
      }
      put("apply.sudo", 0, "");
    }
    while (!text.empty()) {
      const auto words = take_words(text);
      if (words.size() < 3 || !words[0].starts_with("bu_")) continue;
      step(words);
    }
    put("apply.done", 0, "");
  }

  void step(const std::vector<std::string>& words) {
    const std::string frame = "step." + words[1];
    if (words[0] == "bu_detach") {
      if (!mac_.keeps_members) std::erase(mac_.bridge0, words[3]);
      put(frame, 0, "");
      put(frame + ".state", mac_.keeps_members ? 1 : 0, mac_.keeps_members ? "missing" : "held");
    } else if (words[0] == "bu_raise") {
      put(frame + ".was", 0, mac_.ports.at(words[2]).up ? "up" : "down");
      mac_.ports.at(words[2]).up = true;
      put(frame, 0, "");
      put(frame + ".state", 0, "held");
    } else if (words[0] == "bu_assign") {
      int prefix = 0;
      while (model::Ipv4(model::Subnet::mask_of(prefix)).to_string() != words[4]) ++prefix;
      mac_.ports.at(words[2]).inet = {{model::Ipv4::parse(words[3]).value(), prefix}};
      put(frame, 0, "");
      put(frame + ".state", 0, "held");
    } else if (words[0] == "bu_write") {
      mac_.matrix = words[3];
      put(frame, 0, "");
    }
  }

  void checks(const std::string& script) {
    std::set<std::string> seen;  // a script for an unknown system names every link twice
    std::string_view text = script;
    while (!text.empty()) {
      const auto words = take_words(text);
      if (words.size() < 4 || words[0] != "bu_link" || !seen.insert(words[1]).second) continue;
      const bool reply = reaches_(words[2], words[3]);
      const std::string port = mac_.port_of(words[2]);
      put("route." + words[1], 0,
          fmt::format("   route to: {}\n  interface: {}\n      flags: <UP,DONE>\n", words[3],
                      port.empty() ? "en0" : port));
      put("ping." + words[1], reply ? 0 : 2,
          fmt::format(
              "3 packets transmitted, {} packets received, {} packet loss\n{}", reply ? 3 : 0,
              reply ? "0.0%" : "100.0%",
              reply ? fmt::format("round-trip min/avg/max/stddev = 0.010/{:.3f}/99.000/0.007 ms\n",
                                  mac_.rtt_ms)
                    : ""));
    }
    put("end", 0, "");
  }

  FakeMac& mac_;
  std::string password_;
  Reaches reaches_;
  std::string nonce_;
  std::string out_;
};

}  // namespace bringup::test
