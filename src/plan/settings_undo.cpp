#include "settings_undo.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/model/mac.hpp"
#include "bringup/plan/commands.hpp"
#include "settings_read.hpp"

namespace bringup::plan {
namespace {

// Of settings by ip(8): those that were not there before.
InterfaceSettings added(InterfaceSettings set, const facts::NodeRecord& before) {
  const auto* interface = before.find(set.interface);
  std::erase_if(set.addresses, [&](const auto& address) {
    return interface != nullptr &&
           std::ranges::find(interface->inet, address) != interface->inet.end();
  });
  std::erase_if(set.routes, [&](const SettingsRoute& route) {
    return std::ranges::any_of(before.routes, [&](const platform::Route& seen) {
      return seen.destination == route.destination && seen.interface == set.interface &&
             seen.gateway == route.via.to_string();
    });
  });
  return set;
}

bool empty(const InterfaceSettings& settings) {
  return settings.addresses.empty() && settings.routes.empty() && settings.neighbours.empty() &&
         settings.lasting == Lasting::until_reboot;
}

}  // namespace

Action settings_action(Task task, const InterfaceSettings& settings, std::string_view before) {
  const bool sets = task == Task::settings_set;
  Action action;
  action.task = task;
  action.target = settings.interface;
  action.content = settings_text(settings);
  action.command = sets ? set_settings_command(settings) : drop_settings_command(settings);
  action.shown =
      sets ? set_settings_command(settings, before) : drop_settings_command(settings, before);
  return action;
}

std::vector<Action> undo_settings(const InterfaceSettings& set, const facts::NodeRecord* before) {
  if (before == nullptr) return {settings_action(Task::settings_remove, set, {})};
  const std::string place = settings_place(set);
  if (const auto file = before->own.find(place); !place.empty() && file != before->own.end()) {
    const auto earlier = settings_at(place, file->second.content);
    if (earlier && !earlier->addresses.empty()) {
      return {settings_action(Task::settings_set, *earlier, {})};
    }
  }
  if (set.manager != platform::Manager::none) {
    return {settings_action(Task::settings_remove, set, {})};
  }
  std::vector<Action> out;
  const InterfaceSettings goes = added(set, *before);
  if (!empty(goes)) out.push_back(settings_action(Task::settings_remove, goes, {}));
  const auto* interface = before->find(set.interface);
  if (interface == nullptr) return out;
  if (set.mtu && interface->mtu != 0 && interface->mtu != *set.mtu) {
    InterfaceSettings mtu;
    mtu.interface = set.interface;
    mtu.mtu = interface->mtu;
    out.push_back(settings_action(Task::settings_set, mtu, {}));
  }
  if (!interface->up) {
    Action down;
    down.task = Task::interface_down;
    down.target = set.interface;
    down.command = ip_link_command(set.interface, "down");
    down.shown = down.command;
    out.push_back(std::move(down));
  }
  return out;
}

namespace {

Action made(Task task, const std::string& target, std::string command, std::string content = {}) {
  Action action;
  action.task = task;
  action.target = target;
  action.shown = command;
  action.command = std::move(command);
  action.content = std::move(content);
  return action;
}

Action forwarding(facts::Os os, Forwarding state, Lasting lasting) {
  return made(state == Forwarding::on ? Task::forwarding_enable : Task::forwarding_disable,
              "forwarding", forwarding_command(os, state, lasting),
              lasting == Lasting::yes ? "lasting\n" : "");
}

}  // namespace

std::optional<Action> undo_forwarding(facts::Os os, const facts::NodeRecord& before) {
  if (!before.forwarding) return std::nullopt;
  const Lasting was =
      before.own.contains(std::string(kForwardingFile)) ? Lasting::yes : Lasting::until_reboot;
  return forwarding(os, *before.forwarding ? Forwarding::on : Forwarding::off, was);
}

std::optional<Action> undo_neighbour(const Action& ran, model::Ipv4 address,
                                     const facts::NodeRecord& before) {
  const auto was = std::ranges::find(before.neighbours, address, &platform::Neighbour::address);
  if (was != before.neighbours.end() && model::is_mac(was->mac)) {
    return made(Task::neighbour_set, ran.target, neighbour_set_command(address, was->mac));
  }
  if (ran.task == Task::neighbour_remove) return std::nullopt;
  return made(Task::neighbour_remove, ran.target, neighbour_remove_command(address));
}

std::vector<Action> inverse_of(const Action& action, const facts::NodeRecord& before) {
  const auto parts = parse_command(action);
  if (!parts) return {};
  const bool on_linux = parts->os == facts::Os::linux_kernel;
  const std::string& target = action.target;
  switch (action.task) {
    case Task::settings_set:
      return undo_settings(*parts->settings, &before);
    case Task::settings_remove:
      if (parts->settings->addresses.empty()) return {};
      return {settings_action(Task::settings_set, *parts->settings, {})};
    case Task::route_add:
      return {
          made(Task::route_remove, target, route_remove_command(parts->destination, parts->via))};
    case Task::route_remove:
      return {made(Task::route_add, target, route_add_command(parts->destination, parts->via))};
    case Task::forwarding_enable:
    case Task::forwarding_disable:
      if (auto back = undo_forwarding(parts->os, before)) return {*back};
      return {};
    case Task::neighbour_set:
    case Task::neighbour_remove:
      if (auto back = undo_neighbour(action, parts->address.address, before)) return {*back};
      return {};
    case Task::bridge_detach:
      if (!on_linux) return {};
      return {made(Task::bridge_attach, target, ip_attach_command(parts->bridge, target),
                   parts->bridge)};
    case Task::bridge_attach:
      if (!on_linux) return {};
      return {made(Task::bridge_detach, target, ip_detach_command(target), parts->bridge)};
    case Task::interface_up:
      if (!on_linux) return {};
      return {made(Task::interface_down, target, ip_link_command(target, "down"))};
    case Task::interface_down:
      if (!on_linux) return {};
      return {made(Task::interface_up, target, ip_link_command(target, "up"))};
    default:
      return {};
  }
}

}  // namespace bringup::plan
