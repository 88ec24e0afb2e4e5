#pragma once
// The folder that a run leaves behind: $XDG_STATE_HOME/bringup/runs/<time>-<verb>-<random>/, 0700.
//
//   run.json                which run it is, when it ended and how (bringup.run/1)
//   lock                    held (flock) for as long as the run's process lives
//   events.jsonl            every event, flushed as it happens, before a change is sent
//   plan.json, report.json  what was planned, what came of it
//   before.json, after.json the nodes' facts before the changes and after them (bringup.facts/1)
//   raw/<node>.<phase>.txt  what the node printed
//   nodes/<node>/thunderbolt.json
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "bringup/plan/event.hpp"
#include "bringup/run/history.hpp"
#include "bringup/util/clock.hpp"
#include "bringup/util/error.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::run {

class Journal final : public plan::Sink {
 public:
  // Creates the folder and everything above it.
  static Expected<std::unique_ptr<Journal>> create(const std::string& state_home,
                                                   std::string_view verb, const Clock& clock);

  void emit(const plan::Event& event) override;
  // Notes whose run it is; at once, so that a run that is killed can be told from others.
  Expected<void> begin(const std::string& fleet, const std::string& undoes = {});
  // Notes that it has ended, and how. Without it the run counts as broken off.
  Expected<void> finish(int exit_status);
  // Writes one file below the folder; `name` may have folders in it. Replaces what was there.
  Expected<void> write(const std::string& name, std::string_view content);
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  void make_below(const std::filesystem::path& folder) const;  // 0700, as the run's own
  Journal(std::string folder, std::string id, const Clock& clock);
  std::string folder_;
  std::string id_;
  const Clock& clock_;
  Fd lock_;
  RunNote note_;
  std::ofstream events_;
};

// user@host of this process, for whoever finds what it holds.
std::string operator_name();

// $XDG_STATE_HOME, else ~/.local/state.
std::string default_state_home();

}  // namespace bringup::run
