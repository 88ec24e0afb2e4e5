// The words of reports, journals and JSON: a reader's scripts hang on them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bringup/plan/bootstrap.hpp"
#include "bringup/plan/event.hpp"
#include "bringup/plan/guard.hpp"
#include "bringup/plan/losses.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {
namespace {

template <typename T>
std::vector<std::string> words_of(std::initializer_list<T> values) {
  std::vector<std::string> out;
  for (const T value : values) out.emplace_back(to_string(value));
  return out;
}
using Words = std::vector<std::string>;

TEST(Words, OfTasksComeBack) {
  const auto tasks = {Task::bridge_detach,  Task::interface_up,  Task::address_assign,
                      Task::file_write,     Task::bridge_attach, Task::interface_down,
                      Task::address_remove, Task::file_remove,   Task::persist_install,
                      Task::persist_remove, Task::rdma_check,    Task::profiler_collect};
  EXPECT_EQ(words_of(tasks),
            (Words{"bridge.detach", "interface.up", "address.assign", "file.write", "bridge.attach",
                   "interface.down", "address.remove", "file.remove", "persist.install",
                   "persist.remove", "rdma.check", "profiler.collect"}));
  for (const Task task : tasks) EXPECT_EQ(parse_task(to_string(task)), task);
  EXPECT_FALSE(parse_task("bridge.destroy"));
}

TEST(Words, OfEvents) {
  EXPECT_EQ(words_of({EventKind::phase, EventKind::node_started, EventKind::node_done,
                      EventKind::node_failed, EventKind::step, EventKind::warning, EventKind::raw}),
            (Words{"phase", "node_started", "node_done", "node_failed", "step", "warning", "raw"}));
}

TEST(Words, OfPlansAndFindings) {
  EXPECT_EQ(words_of({Severity::note, Severity::warning, Severity::error}),
            (Words{"note", "warning", "error"}));
  EXPECT_EQ(words_of({NodeState::ready, NodeState::refused, NodeState::unreachable}),
            (Words{"ready", "refused", "unreachable"}));
}

TEST(Words, OfLosses) {
  EXPECT_EQ(words_of({LossKind::address, LossKind::state, LossKind::bridge, LossKind::route,
                      LossKind::matrix, LossKind::rdma, LossKind::sudo}),
            (Words{"address", "state", "bridge", "route", "matrix", "rdma", "sudo"}));
}

TEST(Words, OfTheKeeper) {
  EXPECT_EQ(words_of({KeeperState::unused, KeeperState::missing, KeeperState::stale,
                      KeeperState::left, KeeperState::ready}),
            (Words{"unused", "missing", "stale", "left", "ready"}));
}

TEST(Words, OfBootstrap) {
  EXPECT_EQ(words_of({BootstrapPart::key, BootstrapPart::sudoers, BootstrapPart::login,
                      BootstrapPart::sudo}),
            (Words{"key", "sudoers", "login", "sudo"}));
  EXPECT_EQ(words_of({BootstrapStatus::ok, BootstrapStatus::change, BootstrapStatus::done,
                      BootstrapStatus::failed, BootstrapStatus::not_done}),
            (Words{"ok", "change", "changed", "failed", "not-done"}));
}

TEST(Words, OfGuardsComeBackFromTheNode) {
  const auto told = {GuardState::armed,       GuardState::committed,       GuardState::rolling_back,
                     GuardState::rolled_back, GuardState::rollback_failed, GuardState::restarted,
                     GuardState::gone};
  EXPECT_EQ(words_of(told), (Words{"armed", "committed", "rolling-back", "rolled-back",
                                   "rollback-failed", "restarted", "gone"}));
  EXPECT_EQ(words_of({GuardState::none, GuardState::unknown}), (Words{"none", "unknown"}));
  for (const GuardState state : told) {
    EXPECT_EQ(guard_state({{"other", 0, false, "x"},
                           {"guard.state", 0, false, "armed"},
                           {"guard.state", 0, false, std::string(to_string(state))}}),
              state);
  }
}

TEST(Words, SayWhichTasksTouchWhat) {
  EXPECT_TRUE(is_file(Task::file_remove));
  EXPECT_TRUE(is_keeper(Task::persist_remove));
  EXPECT_TRUE(is_interface(Task::address_remove));
  for (const Task task :
       {Task::file_write, Task::persist_install, Task::rdma_check, Task::profiler_collect}) {
    EXPECT_FALSE(is_interface(task)) << to_string(task);
  }
}

}  // namespace
}  // namespace bringup::plan
