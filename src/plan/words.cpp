#include <array>
#include <utility>

#include "bringup/plan/event.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {
namespace {

constexpr std::array<std::pair<Task, std::string_view>, 20> kTasks{{
    {Task::bridge_detach, "bridge.detach"},
    {Task::interface_up, "interface.up"},
    {Task::address_assign, "address.assign"},
    {Task::file_write, "file.write"},
    {Task::bridge_attach, "bridge.attach"},
    {Task::interface_down, "interface.down"},
    {Task::address_remove, "address.remove"},
    {Task::file_remove, "file.remove"},
    {Task::persist_install, "persist.install"},
    {Task::persist_remove, "persist.remove"},
    {Task::settings_set, "settings.set"},
    {Task::settings_remove, "settings.remove"},
    {Task::route_add, "route.add"},
    {Task::route_remove, "route.remove"},
    {Task::forwarding_enable, "forwarding.enable"},
    {Task::forwarding_disable, "forwarding.disable"},
    {Task::neighbour_set, "neighbour.set"},
    {Task::neighbour_remove, "neighbour.remove"},
    {Task::rdma_check, "rdma.check"},
    {Task::profiler_collect, "profiler.collect"},
}};

}  // namespace

std::string_view to_string(Task task) {
  for (const auto& [value, word] : kTasks) {
    if (value == task) return word;
  }
  return "unknown";
}

std::optional<Task> parse_task(std::string_view word) {
  for (const auto& [value, text] : kTasks) {
    if (text == word) return value;
  }
  return std::nullopt;
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::phase:
      return "phase";
    case EventKind::node_started:
      return "node_started";
    case EventKind::node_done:
      return "node_done";
    case EventKind::node_failed:
      return "node_failed";
    case EventKind::step:
      return "step";
    case EventKind::warning:
      return "warning";
    case EventKind::raw:
      return "raw";
  }
  return "raw";
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "error";
}

std::string_view to_string(NodeState state) {
  switch (state) {
    case NodeState::ready:
      return "ready";
    case NodeState::refused:
      return "refused";
    case NodeState::unreachable:
      return "unreachable";
  }
  return "unreachable";
}

bool is_file(Task task) {
  return task == Task::file_write || task == Task::file_remove;
}

bool is_keeper(Task task) {
  return task == Task::persist_install || task == Task::persist_remove;
}

bool is_forwarding(Task task) {
  return task == Task::forwarding_enable || task == Task::forwarding_disable;
}

bool is_neighbour(Task task) {
  return task == Task::neighbour_set || task == Task::neighbour_remove;
}

bool is_one_command(Task task) {
  return task == Task::settings_set || task == Task::settings_remove || task == Task::route_add ||
         task == Task::route_remove || is_forwarding(task) || is_neighbour(task);
}

bool is_interface(Task task) {
  return !is_file(task) && !is_keeper(task) && !is_forwarding(task) && task != Task::rdma_check &&
         task != Task::profiler_collect;
}

Nature nature(const Action& action) {
  return action.task == Task::rdma_check || action.task == Task::profiler_collect ? Nature::check
                                                                                  : Nature::change;
}

std::size_t NodePlan::changes() const {
  std::size_t count = 0;
  for (const auto& action : actions) count += nature(action) == Nature::change ? 1U : 0U;
  return count;
}

bool NodePlan::has_errors() const {
  for (const auto& finding : findings) {
    if (finding.severity == Severity::error) return true;
  }
  return false;
}

std::size_t Plan::changes() const {
  std::size_t count = 0;
  for (const auto& node : nodes) count += node.changes();
  return count;
}

}  // namespace bringup::plan
