// The judgements of the changes that undo others, and of the keeper's.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "judge_parts.hpp"
#include "step_codes.hpp"

namespace bringup::plan {
namespace {

// Of the changes that undo others. True when the step is judged: the interface is gone, or the
// command failed.
bool judge_undo(const Evidence& e, StepOutcome& step) {
  if (const auto gone = interface_gone(e, e.parts.interface); !gone.empty()) {
    set_failed(step, deed(e.action), gone, "plug in or restore the interface, then run it again");
    return true;
  }
  if (e.trace.result->exit_status == 0) return false;
  set_failed(step, deed(e.action), words(*e.trace.result),
             fmt::format("run `{}` on {} and see what it says", e.action.shown, e.node.node));
  return true;
}

void settle_undo(const Evidence& e, StepOutcome& step, bool holds, std::string text) {
  if (holds) {
    set_done(step, std::move(text));
    return;
  }
  set_failed(step, deed(e.action), fmt::format("`{}` reported success", e.action.shown),
             fmt::format("run it on {} and see what happens", e.node.node));
}

}  // namespace

void judge_attach(const Evidence& e, StepOutcome& step) {
  if (judge_undo(e, step)) return;
  const auto* bridge = e.after == nullptr ? nullptr : e.after->bridge_of(e.parts.interface);
  settle_undo(
      e, step,
      e.after == nullptr ? state_holds(e) : bridge != nullptr && bridge->name == e.parts.bridge,
      fmt::format("{} put back into {}", e.parts.interface, e.parts.bridge));
}

void judge_down(const Evidence& e, StepOutcome& step) {
  if (judge_undo(e, step)) return;
  const auto* seen = e.after == nullptr ? nullptr : e.after->find_interface(e.parts.interface);
  settle_undo(e, step, seen == nullptr ? state_holds(e) : !seen->up,
              fmt::format("{} down", e.parts.interface));
}

void judge_removed(const Evidence& e, StepOutcome& step) {
  if (judge_undo(e, step)) return;
  const auto* seen = e.after == nullptr ? nullptr : e.after->find_interface(e.parts.interface);
  const bool gone =
      seen == nullptr ? state_holds(e) : std::ranges::none_of(seen->inet, [&](const auto& inet) {
        return inet.address == e.parts.address.address;
      });
  settle_undo(e, step, gone,
              fmt::format("address {} removed from {}", e.parts.address.address.to_string(),
                          e.parts.interface));
}

void judge_file_removed(const Evidence& e, StepOutcome& step) {
  const std::string path = printable(e.action.target, 200);
  if (e.trace.result->exit_status != 0) {
    set_failed(step, deed(e.action), words(*e.trace.result),
               fmt::format("see `ls -lde {}` on {}", path, e.node.node));
    return;
  }
  const bool there =
      e.after != nullptr && e.action.target == e.fleet.ibv_path && e.after->matrix_file.present;
  settle_undo(e, step, !there, fmt::format("{} removed", path));
}

void judge_kept(const Evidence& e, StepOutcome& step) {
  const std::string cure =
      fmt::format("run `sudo launchctl bootstrap system {}` on {} and see what it says",
                  facts::kKeeperPlist, e.node.node);
  if (e.trace.result->exit_status != 0) {
    const bool full = says(*e.trace.result, "No space left") ||
                      e.trace.result->exit_status == write_code::kWrite ||
                      e.trace.result->exit_status == write_code::kCompare;
    set_failed(step, deed(e.action), words(*e.trace.result),
               full ? fmt::format("free space on {} (`df -h /Library /tmp`), then run bringup "
                                  "apply again",
                                  e.node.node)
                    : cure);
    return;
  }
  if (e.after != nullptr) {
    const auto& keeper = e.after->keeper;
    if (!keeper.file.present || keeper.file.content != e.action.content) {
      set_failed(step, deed(e.action),
                 fmt::format("{} {} after the write", facts::kKeeperPlist,
                             keeper.file.present ? "holds something else" : "is gone"),
                 "see which program changes /Library/LaunchDaemons");
      return;
    }
    if (!keeper.loaded) {
      set_failed(step, deed(e.action), "launchctl reported success, but the job is not loaded",
                 cure);
      return;
    }
  }
  set_done(step, fmt::format("settings outlive a reboot: {}", facts::kKeeperLabel));
}

void judge_not_kept(const Evidence& e, StepOutcome& step) {
  if (e.trace.result->exit_status != 0) {
    set_failed(step, deed(e.action), words(*e.trace.result),
               fmt::format("run `sudo launchctl bootout system/{}` on {} and see what it says",
                           facts::kKeeperLabel, e.node.node));
    return;
  }
  // A later step of the same plan may have installed another.
  const bool again = std::ranges::any_of(
      e.node.actions, [](const Action& one) { return one.task == Task::persist_install; });
  const bool there =
      e.after != nullptr && !again && (e.after->keeper.file.present || e.after->keeper.loaded);
  settle_undo(e, step, !there, fmt::format("{} removed", facts::kKeeperLabel));
}

}  // namespace bringup::plan
