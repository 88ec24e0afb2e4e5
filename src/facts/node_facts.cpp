#include "bringup/facts/node_facts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/digest.hpp"

namespace bringup::facts {
namespace {

// Fields with their lengths before them, so that no two different lists give the same text.
class Canonical {
 public:
  void add(std::string_view field) { text_ += fmt::format("{}:{},", field.size(), field); }
  void add(std::vector<std::string> fields) {
    std::sort(fields.begin(), fields.end());
    add(std::to_string(fields.size()));
    for (const std::string& field : fields) add(field);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Flags that follow the cable, the bridge or a packet capture, and not anyone's configuration.
bool is_volatile(std::string_view flag) {
  return flag == "RUNNING" || flag == "OACTIVE" || flag == "PROMISC" || flag == "ALLMULTI";
}

// Interfaces that macOS raises and drops by itself (AirDrop's, tunnels without IPv4); plans cannot
// name them, and they would make every plan stale.
bool is_transient(const platform::Interface& interface) {
  const auto is = [&](std::string_view stem) { return interface.name.starts_with(stem); };
  return is("awdl") || is("llw") || (is("utun") && interface.inet.empty());
}

std::string describe(const platform::Interface& interface) {
  Canonical out;
  out.add(interface.name);
  out.add(interface.up ? "up" : "down");
  out.add(std::to_string(interface.mtu));
  std::vector<std::string> flags;
  for (const std::string& flag : interface.flags)
    if (!is_volatile(flag)) flags.push_back(flag);
  out.add(std::move(flags));
  // In order: the first address is the one that assigning replaces. IPv6 is left out: addresses
  // with privacy extensions change daily, and no plan reads them.
  for (const model::InterfaceAddress& inet : interface.inet) out.add(inet.to_string());
  return out.text();
}

}  // namespace

const platform::Interface* NodeFacts::find_interface(std::string_view name) const {
  for (const platform::Interface& interface : interfaces)
    if (interface.name == name) return &interface;
  return nullptr;
}

const platform::Owner* NodeFacts::owner_of(std::string_view interface) const {
  for (const platform::Owner& owner : owners)
    if (owner.interface == interface) return &owner;
  return nullptr;
}

std::vector<platform::Route> NodeFacts::default_routes() const {
  std::vector<platform::Route> out;
  for (const platform::Route& route : routes)
    if (route.destination.prefix() == 0) out.push_back(route);
  return out;
}

const platform::Bridge* NodeFacts::bridge_of(std::string_view member) const {
  for (const platform::Bridge& bridge : bridges)
    if (std::find(bridge.members.begin(), bridge.members.end(), member) != bridge.members.end())
      return &bridge;
  return nullptr;
}

std::string plan_digest(const NodeFacts& facts) {
  Canonical out;
  out.add("bringup facts 1");
  out.add(std::to_string(static_cast<int>(facts.os)));
  out.add(facts.version.product);
  out.add(facts.version.version);
  out.add(facts.version.build);
  std::vector<std::string> items;
  for (const platform::Interface& interface : facts.interfaces)
    if (!is_transient(interface)) items.push_back(describe(interface));
  out.add(std::move(items));
  items.clear();
  for (const platform::Bridge& bridge : facts.bridges) {
    Canonical one;
    one.add(bridge.name);
    one.add(bridge.members);
    items.push_back(one.text());
  }
  out.add(std::move(items));
  items.clear();
  for (const platform::Route& route : facts.routes) {
    // The number in "link#9" is the kernel's, not a choice; the interface says the same.
    const bool link = route.gateway.starts_with("link#");
    items.push_back(fmt::format("{} {} {}", route.destination.to_string(),
                                link ? "link" : route.gateway, route.interface));
  }
  out.add(std::move(items));
  out.add(std::to_string(static_cast<int>(facts.rdma)));
  out.add(facts.ibv_devices ? "devices" : "no devices known");
  out.add(facts.ibv_devices.value_or(std::vector<std::string>{}));
  out.add(facts.matrix_file.present ? "file" : "no file");
  out.add(facts.matrix_file.content);
  out.add(facts.matrix_file.problem);
  out.add(std::to_string(static_cast<int>(facts.sudo)));
  if (facts.forwarding) out.add(*facts.forwarding ? "forwarding" : "no forwarding");
  for (const auto& owner : facts.owners) {
    out.add(owner.interface);
    out.add(std::to_string(static_cast<int>(owner.manager)));
    out.add(owner.uuid);
  }
  for (const auto& [path, file] : facts.own) {
    out.add(path);
    out.add(file.content);
    out.add(file.problem);
  }
  for (const auto& neighbour : facts.neighbours) {
    if (!neighbour.permanent) continue;
    out.add(neighbour.address.to_string());
    out.add(neighbour.mac);
  }
  // What its runs did changes every minute.
  if (facts.keeper.file.present || facts.keeper.loaded) {
    out.add(facts.keeper.loaded ? "keeper loaded" : "keeper");
    out.add(facts.keeper.file.content);
    out.add(facts.keeper.file.problem);
  }
  return sha256_hex(out.text());
}

}  // namespace bringup::facts
