#include "before_loss.hpp"

#include "bringup/cli/session.hpp"
#include "bringup/run/history.hpp"
#include "bringup/run/journal.hpp"

namespace bringup::cli {

std::optional<GoodRun> last_good(const std::string& fleet) {
  const auto runs = run::past_runs(run::default_state_home());
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    const auto& note = run->note;
    if (note.fleet != fleet || note.exit_status != 0) continue;
    if (note.verb != "apply" && note.verb != "recover") continue;
    if (auto after = run::facts_after(*run)) return GoodRun{note.id, std::move(*after)};
  }
  return std::nullopt;
}

// A figure to compare with is welcome, not required: load_baseline() would end the run.
std::optional<NamedBaseline> former_figures(const std::string& fleet) {
  try {
    return load_baseline("last", fleet);
  } catch (const Exit&) {
    return std::nullopt;
  }
}

}  // namespace bringup::cli
