#pragma once
// Fleets of segments on which everything is as declared, with what the nodes print then; tests
// break one thing.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "bringup/topology/routes.hpp"
#include "bringup/verify/reach.hpp"
#include "support/hybrid_fleet.hpp"
#include "support/verify_values.hpp"

namespace bringup::test {

// Nodes called mini or studio are Macs, the others run Linux.
struct ReachLab {
  explicit ReachLab(model::Fleet declared = hybrid_fleet())
      : fleet(std::move(declared)), checks(verify::reach_checks(fleet)) {
    options.only = {verify::CheckKind::reach};
    for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
      all.push_back(node);
      facts.push_back(good(node));
    }
    for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
      evidence.push_back({std::nullopt, {}, &facts[node]});
    }
    for (std::size_t i = 0; i < checks.size(); ++i) answer(i);
    for (auto& one : evidence) one.frames.push_back(frame("end", ""));
  }
  ReachLab(const ReachLab&) = delete;
  ReachLab& operator=(const ReachLab&) = delete;

  [[nodiscard]] std::size_t at(const std::string& name) const {
    return fleet.node_index(name).value();
  }
  [[nodiscard]] bool mac(std::size_t node) const {
    const auto& name = fleet.nodes[node].name;
    return name.starts_with("mini") || name.starts_with("studio");
  }
  [[nodiscard]] std::size_t check(const std::string& from, const std::string& address) const {
    for (std::size_t i = 0; i < checks.size(); ++i) {
      if (checks[i].from == at(from) && checks[i].address == ip(address)) return i;
    }
    throw std::out_of_range(from + " asks no " + address);
  }
  facts::NodeFacts& of(const std::string& node) { return facts[at(node)]; }
  platform::Interface& port(const std::string& node, const std::string& name) {
    for (auto& one : of(node).interfaces) {
      if (one.name == name) return one;
    }
    throw std::out_of_range(name);
  }
  void put(std::size_t check, const std::string& kind, const std::string& text, int status = 0) {
    auto& frames = evidence[checks[check].from].frames;
    const auto name = fmt::format("{}.{}", kind, check);
    std::erase_if(frames, [&](const auto& old) { return old.name == name; });
    frames.insert(frames.begin(), frame(name, text, status));
  }
  void drop(std::size_t check, const std::string& kind) {
    std::erase_if(evidence[checks[check].from].frames,
                  [&](const auto& old) { return old.name == fmt::format("{}.{}", kind, check); });
  }

  void route(std::size_t check, const std::string& interface, const std::string& via = {}) {
    const std::string to = checks[check].address->to_string();
    if (mac(checks[check].from)) {
      put(check, "reach-route",
          fmt::format(
              "   route to: {}\ndestination: {}\n{}  interface: {}\n      flags: <UP,DONE>\n", to,
              to, via.empty() ? "" : "    gateway: " + via + "\n", interface));
    } else {
      put(check, "reach-route",
          fmt::format("{} {}dev {} src 10.9.9.9 uid 0 \n    cache \n", to,
                      via.empty() ? "" : "via " + via + " ", interface));
    }
  }
  void ping(std::size_t check, int received, const std::string& avg = "0.400") {
    const std::string to = checks[check].address->to_string();
    std::string text =
        fmt::format("PING {0} ({0}): 56 data bytes\n\n--- {0} ping statistics ---\n", to);
    if (mac(checks[check].from)) {
      text += fmt::format("3 packets transmitted, {} packets received, {:.1f}% packet loss\n",
                          received, 100.0 * (3 - received) / 3);
      if (received > 0) text += "round-trip min/avg/max/stddev = 0.1/" + avg + "/9.0/0.1 ms\n";
    } else {
      text += fmt::format("3 packets transmitted, {} received, {}% packet loss, time 403ms\n",
                          received, 100 * (3 - received) / 3);
      if (received > 0) text += "rtt min/avg/max/mdev = 0.1/" + avg + "/9.0/0.1 ms\n";
    }
    put(check, "reach-ping", text, received > 0 ? 0 : 1);
  }
  // The answers of 1, 2, … hops: an address that passed it on, "!" for who has arrived, "" for
  // none.
  void path(std::size_t check, const std::vector<std::string>& answers,
            const std::string& more = {}) {
    const std::string to = checks[check].address->to_string();
    const bool darwin = mac(checks[check].from);
    std::string text = more;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const std::string words =
          answers[i].empty()  ? "PING " + to
          : answers[i] == "!" ? fmt::format("64 bytes from {}: icmp_seq=1 ttl=64 time=0.3 ms", to)
          : darwin ? fmt::format("92 bytes from {}: Time to live exceeded Vr HL TOS", answers[i])
                   : fmt::format("From {} icmp_seq=1 Time to live exceeded", answers[i]);
      text += fmt::format("hop {} PING {}  {}  bu_rc={}\n", i + 1, to, words,
                          answers[i] == "!" ? 0 : 1);
    }
    put(check, "reach-more", text);
  }

  // No reply, and no connection; `answers` as for path.
  void silence(const std::string& from, const std::string& address,
               const std::vector<std::string>& answers = {}) {
    const std::size_t one = check(from, address);
    ping(one, 0);
    path(one, answers, "tcp nc: connect to peer port 22 (tcp) timed out bu_rc=1\n");
  }

  // The address of `next` in a network that both are in.
  [[nodiscard]] std::string hop_address(std::size_t from, std::size_t next) const {
    return topology::address_between(fleet, from, next).value().to_string();
  }

  void answer(std::size_t i) {
    const auto& one = checks[i];
    if (!one.address) return;
    using verify::ReachWish;
    if (one.wish == ReachWish::leaves_via || one.wish == ReachWish::shuns_via) {
      route(i, one.wish == ReachWish::leaves_via ? one.interface : "eth7", "192.168.1.1");
      return;
    }
    if (one.wish == ReachWish::unreachable) {
      route(i, mac(one.from) ? "en0" : "wlan0", "192.168.1.1");
      ping(i, 0);
      put(i, "reach-tcp", "nc: timed out\n", 1);
      return;
    }
    std::string via;
    for (const auto& needed : topology::routes_of(fleet, one.from)) {
      if (one.kind == verify::ReachKind::routed && needed.destination.contains(*one.address)) {
        via = needed.via.to_string();
      }
    }
    route(i, one.interface, via);
    ping(i, 3);
    put(i, "reach-large", "packet 1500\n64 bytes from somebody\n1 received, 0% packet loss\n");
    if (one.kind != verify::ReachKind::routed) return;
    std::vector<std::string> answers;
    std::size_t here = one.from;
    for (const auto hop : one.through) {
      answers.push_back(hop_address(here, hop));
      here = hop;
    }
    answers.emplace_back("!");
    path(i, answers);
  }

  [[nodiscard]] static std::string mac_of(std::size_t node, std::size_t port) {
    return fmt::format("02:00:00:00:{:02x}:{:02x}", node, port);
  }

  [[nodiscard]] facts::NodeFacts good(std::size_t node) const {
    facts::NodeFacts one;
    one.os = mac(node) ? facts::Os::darwin : facts::Os::linux_kernel;
    one.forwarding = topology::forwards(fleet, node);
    const std::string lan = mac(node) ? "en0" : "wlan0";
    platform::Interface home;
    home.name = lan;
    home.up = true;
    home.ether = mac_of(node, 99);
    home.inet = {{model::Ipv4(ip("192.168.1.10").value() + static_cast<std::uint32_t>(node)), 24}};
    one.interfaces.push_back(home);
    one.session_interface = lan;
    one.routes.push_back({model::Subnet::parse("0.0.0.0/0").value(), "192.168.1.1", lan});
    for (const auto& own : topology::addresses_of(fleet, node)) {
      platform::Interface port;
      port.name = own.interface;
      port.up = true;
      port.active = true;
      port.ether = mac_of(node, one.interfaces.size());
      port.inet = {own.address};
      one.interfaces.push_back(port);
      one.routes.push_back({model::Subnet::containing(own.address.address, own.address.prefix),
                            "link#5", own.interface});
    }
    for (const auto& needed : topology::routes_of(fleet, node)) {
      one.routes.push_back({needed.destination, needed.via.to_string(), needed.interface});
    }
    return one;
  }

  [[nodiscard]] verify::Matrix judge() const {
    return verify::judge(fleet, all, evidence, options);
  }

  model::Fleet fleet;
  std::vector<verify::ReachCheck> checks;
  std::vector<std::size_t> all;
  std::vector<facts::NodeFacts> facts;
  std::vector<verify::NodeEvidence> evidence;
  verify::CheckOptions options;
};

}  // namespace bringup::test
