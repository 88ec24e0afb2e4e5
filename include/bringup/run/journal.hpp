#pragma once
// The folder that a run leaves behind: $XDG_STATE_HOME/bringup/runs/<time>-<verb>-<random>/, 0700.
//
//   events.jsonl            every event, flushed as it happens
//   plan.json, report.json  what was planned, what came of it
//   raw/<node>.<phase>.txt  what the node printed
//   nodes/<node>/thunderbolt.json
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "bringup/plan/event.hpp"
#include "bringup/util/clock.hpp"
#include "bringup/util/error.hpp"

namespace bringup::run {

class Journal final : public plan::Sink {
 public:
  // Creates the folder and everything above it.
  static Expected<std::unique_ptr<Journal>> create(const std::string& state_home,
                                                   std::string_view verb, const Clock& clock);

  void emit(const plan::Event& event) override;
  // Writes one file below the folder; `name` may have folders in it. Replaces what was there.
  Expected<void> write(const std::string& name, std::string_view content);
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  Journal(std::string folder, std::string id, const Clock& clock);
  std::string folder_;
  std::string id_;
  const Clock& clock_;
  std::ofstream events_;
};

// $XDG_STATE_HOME, else ~/.local/state.
std::string default_state_home();

}  // namespace bringup::run
