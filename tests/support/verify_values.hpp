#pragma once
// Fleets, facts and frames built by hand for the tests of verify and report.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::test {

inline model::Ipv4 ip(const std::string& text) {
  return model::Ipv4::parse(text).value();
}

inline model::Link cable(std::size_t a, const std::string& a_port, std::size_t b,
                         const std::string& b_port, const std::string& subnet) {
  model::Link link;
  link.subnet = model::Subnet::parse(subnet).value();
  const auto first = link.subnet.network().value() + 1;
  link.ends = {model::LinkEnd{a, a_port, model::Ipv4(first), "rdma_" + a_port},
               model::LinkEnd{b, b_port, model::Ipv4(first + 1), "rdma_" + b_port}};
  link.expect.rtt_avg_ms = 1;
  link.expect.loss_percent = 0;
  return link;
}

inline model::Fleet fleet_of(const std::vector<std::string>& names,
                             std::vector<model::Link> links) {
  model::Fleet fleet;
  fleet.name = "lab";
  fleet.source = "fleet.toml";
  for (std::size_t i = 0; i < names.size(); ++i) {
    model::Node node;
    node.name = names[i];
    node.rank = i;
    fleet.nodes.push_back(node);
  }
  fleet.links = std::move(links);
  return fleet;
}

// hwstudio1:en5 (10.254.0.5) - hwstudio2:en5 (10.254.0.6)
inline model::Fleet pair_fleet() {
  return fleet_of({"hwstudio1", "hwstudio2"}, {cable(0, "en5", 1, "en5", "10.254.0.4/30")});
}

// studio1 - studio2 - studio3, without a cable from studio1 to studio3.
inline model::Fleet chain_fleet() {
  return fleet_of({"studio1", "studio2", "studio3"}, {cable(0, "en3", 1, "en3", "10.254.0.0/30"),
                                                      cable(1, "en4", 2, "en3", "10.254.0.4/30")});
}

// A Mac on which every link end of `node` is as the fleet declares it.
inline facts::NodeFacts good_facts(const model::Fleet& fleet, std::size_t node) {
  facts::NodeFacts facts;
  facts.os = facts::Os::darwin;
  facts.rdma = platform::RdmaState::enabled;
  for (const auto& link : fleet.links) {
    for (const auto& end : link.ends) {
      if (end.node != node) continue;
      platform::Interface interface;
      interface.name = end.interface;
      interface.up = true;
      interface.active = true;
      interface.inet = {{end.address, link.subnet.prefix()}};
      facts.interfaces.push_back(interface);
    }
  }
  return facts;
}

inline facts::Frame frame(const std::string& name, const std::string& payload, int status = 0) {
  return {name, status, false, payload};
}

inline facts::Frame route_frame(std::size_t link, const std::string& interface) {
  return frame(fmt::format("route.{}", link),
               fmt::format("   route to: 10.254.0.6\ndestination: 10.254.0.4\n"
                           "       mask: 255.255.255.252\n  interface: {}\n"
                           "      flags: <UP,DONE,CLONING,STATIC>\n",
                           interface));
}

inline facts::Frame ping_frame(std::size_t link, int received, const std::string& avg = "0.120") {
  std::string text = fmt::format(
      "PING 10.254.0.6 (10.254.0.6): 56 data bytes\n\n"
      "--- 10.254.0.6 ping statistics ---\n"
      "3 packets transmitted, {} packets received, {:.1f}% packet loss\n",
      received, 100.0 * (3 - received) / 3);
  if (received > 0) {
    text += fmt::format("round-trip min/avg/max/stddev = 0.100/{}/9.000/0.007 ms\n", avg);
  }
  return frame(fmt::format("ping.{}", link), text, received > 0 ? 0 : 2);
}

// A node whose every link answers.
inline std::vector<facts::Frame> good_frames(const model::Fleet& fleet, std::size_t node) {
  std::vector<facts::Frame> frames;
  for (const std::size_t link : fleet.links_of(node)) {
    const auto& ends = fleet.links[link].ends;
    frames.push_back(route_frame(link, ends[ends[0].node == node ? 0 : 1].interface));
    frames.push_back(ping_frame(link, 3));
  }
  frames.push_back(frame("end", ""));
  return frames;
}

// Everything right on every node; tests break one thing.
struct Healthy {
  explicit Healthy(model::Fleet declared) : fleet(std::move(declared)) {
    for (std::size_t i = 0; i < fleet.nodes.size(); ++i) {
      all.push_back(i);
      facts.push_back(good_facts(fleet, i));
    }
    for (std::size_t i = 0; i < fleet.nodes.size(); ++i) {
      evidence.push_back({std::nullopt, good_frames(fleet, i), &facts[i]});
    }
  }
  Healthy(const Healthy&) = delete;
  Healthy& operator=(const Healthy&) = delete;

  // No reply over `link` in either direction.
  void silence(std::size_t link) {
    for (auto& one : evidence) {
      for (auto& old : one.frames) {
        if (old.name == fmt::format("ping.{}", link)) old = ping_frame(link, 0);
      }
    }
  }
  [[nodiscard]] verify::Matrix judge() const {
    return verify::judge(fleet, all, evidence, options);
  }

  model::Fleet fleet;
  std::vector<std::size_t> all;
  std::vector<facts::NodeFacts> facts;
  std::vector<verify::NodeEvidence> evidence;
  verify::CheckOptions options;
};

}  // namespace bringup::test
