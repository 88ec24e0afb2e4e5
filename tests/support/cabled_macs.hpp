#pragma once
// Macs with cables between them, as facts: what each one's profiler would print.
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/inventory.hpp"

namespace bringup::test {

struct Plugged {
  std::string a, b;  // "studio1:en3"; b empty: to a Mac that is not here
  int gbps = 80;
  std::string dock = {};       // seen from a
  std::string blind = {};      // the end whose profiler sees nothing
  int far_gbps = 0;            // as b tells; 0: the same
  std::string only_dock = {};  // the end whose profiler sees the dock alone
};

// Mac Studios: Thunderbolt 1 to 6 are en2 to en7.
class CabledMacs {
 public:
  explicit CabledMacs(std::vector<std::string> node_names, int most_gbps = 120)
      : names(std::move(node_names)), most_gbps_(most_gbps) {}

  std::vector<std::string> names;
  std::vector<Plugged> cables;
  std::map<std::string, int> most;           // node: its ports' speed, if not the others'
  std::vector<std::string> without_profile;  // nodes

  void plug(Plugged cable) { cables.push_back(std::move(cable)); }
  void unplug(const std::string& end) {
    std::erase_if(cables, [&](const auto& cable) { return cable.a == end || cable.b == end; });
  }

  static std::string domain(const std::string& end) {
    unsigned hash = 2166136261U;
    for (const char c : end) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return fmt::format("{:08X}-0000-4000-8000-00000000CAB1", hash);
  }

  // Facts of all nodes, kept by this object until the next call.
  const std::vector<const facts::NodeFacts*>& facts() {
    kept_.assign(names.size(), {});
    pointers_.clear();
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto& one = kept_[i];
      one.os = facts::Os::darwin;
      one.uname = "Darwin";
      one.model = "Mac15,14";
      one.hostname = names[i] + ".local";
      one.version = {"macOS", "26.2", "25C56"};
      one.rdma = platform::RdmaState::enabled;
      one.ports = {{"Wi-Fi", "en1", ""}, {"Ethernet", "en0", ""}};
      for (int number = 6; number >= 1; --number) {
        one.ports.push_back(
            {fmt::format("Thunderbolt {}", number), fmt::format("en{}", number + 1), ""});
      }
      const bool without = std::find(without_profile.begin(), without_profile.end(), names[i]) !=
                           without_profile.end();
      if (!without) one.profiler_json = profile(names[i]);
    }
    for (const auto& one : kept_) pointers_.push_back(&one);
    return pointers_;
  }
  facts::NodeFacts& kept(std::size_t node) { return kept_[node]; }

 private:
  [[nodiscard]] std::string profile(const std::string& node) const {
    std::string text = R"({"SPThunderboltDataType":[)";
    const auto own = most.find(node);
    const int idle = own == most.end() ? most_gbps_ : own->second;
    for (int number = 6; number >= 1; --number) {
      const std::string end = fmt::format("{}:en{}", node, number + 1);
      std::string items;
      std::string speed = fmt::format("Up to {} Gb/s", idle);
      for (const auto& cable : cables) {
        if ((cable.a != end && cable.b != end) || cable.blind == end) continue;
        const std::string& far = cable.a == end ? cable.b : cable.a;
        const bool other = cable.b == end && cable.far_gbps > 0;
        speed = fmt::format("{} Gb/s", other ? cable.far_gbps : cable.gbps);
        std::string peer = fmt::format(
            R"({{"_name":"Mac Studio","device_name_key":"Mac15,14","domain_uuid_key":"{}",)"
            R"("services_title":[{{"protocol_id_key":64087}}]}})",
            domain(far));
        if (cable.only_dock == end) peer.clear();
        if (!cable.dock.empty() && cable.a == end) {
          peer = fmt::format(R"({{"_name":"{}","_items":[{}]}})", cable.dock, peer);
        }
        items = R"("_items":[)" + peer + "],";
      }
      text +=
          fmt::format(R"({}{{{}"_name":"thunderboltusb4_bus_{}","device_name_key":"Mac Studio",)"
                      R"("domain_uuid_key":"{}","receptacle_1_tag":{{"current_speed_key":"{}",)"
                      R"("receptacle_id_key":"{}","receptacle_status_key":"{}"}}}})",
                      number == 6 ? "" : ",", items, number - 1, domain(end), speed, number,
                      items.empty() ? "receptacle_no_devices_connected" : "receptacle_connected");
    }
    return text + "]}";
  }

  int most_gbps_;
  std::vector<facts::NodeFacts> kept_;
  std::vector<const facts::NodeFacts*> pointers_;
};

// A fleet with these links, "studio1:en3 studio2:en3" each; more keys of a link may follow in TOML.
inline model::Fleet fleet_with_links(const std::vector<std::string>& names,
                                     const std::vector<std::string>& links) {
  std::string text;
  for (const auto& name : names) text += "[nodes." + name + "]\n";
  for (const auto& link : links) {
    const auto gap = link.find(' ');
    const auto more = link.find(' ', gap + 1);
    text += "[[links]]\na = \"" + link.substr(0, gap) + "\"\nb = \"" +
            link.substr(gap + 1, more - gap - 1) + "\"\n";
    if (more != std::string::npos) text += link.substr(more + 1) + "\n";
  }
  auto fleet = model::load_inventory(text, "fleet.toml");
  if (!fleet) throw std::runtime_error(model::render(fleet.error()));
  return std::move(*fleet);
}

}  // namespace bringup::test
