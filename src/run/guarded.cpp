#include "guarded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "bringup/run/lock.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::run {
namespace {

using plan::GuardState;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPause{300};
constexpr seconds kConnect{5};     // for each host on the way
constexpr seconds kUndoGrace{30};  // the undoing itself, after the time is over
constexpr int kLooks = 3;          // at facts that are not yet as desired

bool is_settled(GuardState state) {
  return state == GuardState::committed || state == GuardState::rolled_back ||
         state == GuardState::restarted || state == GuardState::rollback_failed;
}

const facts::Frame* find(const ScriptResult& result, std::string_view name) {
  for (const auto& frame : result.frames) {
    if (frame.name == name) return &frame;
  }
  return nullptr;
}

}  // namespace

Guarded::Guarded(Crew& crew, NodeRun& node, const plan::NodePlan& plan, const plan::GuardNeed& need,
                 seconds guard_time)
    : crew_(crew),
      node_(node),
      plan_(plan),
      need_(need),
      before_(node.facts.value_or(facts::NodeFacts{})),
      guard_time_(guard_time) {
  options_.id = random_hex(16);
  options_.nonce = random_hex(16);
  options_.ibv_path = crew.fleet().ibv_path;
  options_.become = crew.fleet().nodes[node.index].become;
  options_.seconds = static_cast<int>(guard_time.count());
  options_.cuts_session = need.cuts_session;
  outcome_.node = plan.node;
  armed_at_ = undone_by_ = Clock::now();
}

const std::string& Guarded::name() const {
  return plan_.node;
}

Deadline Guarded::within(milliseconds span) const {
  return Deadline::after(span);
}

void Guarded::tell(const std::string& status, const std::string& text) const {
  crew_.emit({plan::EventKind::step, "apply", name(), "guard", status, text, {}});
}

// Flushed by the journal before the node hears of it: what may have been changed is on record.
void Guarded::announce() const {
  for (const plan::Action& action : plan_.actions) {
    crew_.emit({plan::EventKind::step, "apply", name(),
                std::string(plan::to_string(action.task)) + " " + action.target, "planned",
                action.shown, action.undo});
  }
  tell("arming", fmt::format("~/.bringup/guard/{}: {}", options_.id, need_.why));
}

ScriptResult Guarded::run(const std::string& text, Privilege privilege, milliseconds span,
                          CancelToken cancel) {
  ScriptResult result = crew_.try_script(node_, "apply", text, options_.nonce, privilege,
                                         within(span), std::move(cancel));
  if (result.error) last_failure_ = result.error->message;
  if (result.lost) node_.session.reset();
  return result;
}

void Guarded::take(const ScriptResult& result) {
  const GuardState told = plan::guard_state(result.frames);
  if (told != GuardState::unknown) state_ = told;
  if (const auto* words = find(result, "guard.words")) {
    tell("words", printable(words->payload, 400));
  }
}

bool Guarded::connect_anew(CancelToken cancel) {
  // Where the node answered last, by turns with where it may answer instead.
  const bool elsewhere = need_.new_address && at_new_address_;
  const std::size_t hops = crew_.fleet().nodes[node_.index].via.size();
  auto session = crew_.reach(node_, elsewhere ? need_.new_address->to_string() : "",
                             within(kConnect * static_cast<int>(hops + 1)), std::move(cancel));
  if (!session) {
    last_failure_ = session.error().message;
    at_new_address_ = !at_new_address_;
    return false;
  }
  node_.session = std::move(*session);
  node_.error.reset();
  return true;
}

bool Guarded::arm() {
  if (!node_.session && !connect_anew(crew_.cancel())) {
    reason_ = last_failure_;
    return false;
  }
  armed_at_ = Clock::now();
  undone_by_ = armed_at_ + guard_time_;
  milliseconds limit = crew_.phase_timeout();
  if (need_.cuts_session) limit = std::min<milliseconds>(limit, seconds(15));
  options_.wait_seconds =
      static_cast<int>(std::min<long long>(limit.count() / 1000, guard_time_.count() * 2 / 3));
  // What outlives this session holds the node's lock until it is settled.
  options_.preamble = node_.preamble;
  const ScriptResult result = run(plan::guard_arm_script(plan_, before_, options_),
                                  Privilege::become, limit, crew_.cancel());
  if (!result.error && result.frames.empty() && !node_.preamble.empty()) {
    reason_ = lock_lost(plan_.node).message;
    return false;
  }
  const auto* probe = find(result, "guard.probe");
  probe_passed_ = probe != nullptr && probe->exit_status == 0;
  if (const auto* refused = find(result, "guard.refused")) {
    reason_ = printable(refused->payload, 400);
    return false;
  }
  if (const auto* sudo = find(result, "apply.sudo"); sudo != nullptr && sudo->exit_status != 0) {
    outcome_ = plan::judge(crew_.fleet(), plan_, result.frames, &before_);
    reason_ = "sudo failed before any change";
    return false;
  }
  state_ = GuardState::armed;
  if (find(result, "guard.armed") != nullptr) {
    tell("armed", fmt::format("undone in {} s unless confirmed", guard_time_.count()));
  }
  return true;
}

std::string Guarded::try_nodes_behind() {
  for (const NodeRun& other : crew_.nodes()) {
    const auto& via = crew_.fleet().nodes[other.index].via;
    if (!other.session || std::ranges::find(via, name()) == via.end()) continue;
    const auto session =
        crew_.reach(other, "", within(kConnect * static_cast<int>(via.size() + 1)), crew_.cancel());
    if (!session) {
      return fmt::format("{}, which is reached through {}, can no longer be: {}",
                         crew_.fleet().nodes[other.index].name, name(), session.error().message);
    }
  }
  return {};
}

Guarded::Verdict Guarded::judge(const ScriptResult& look) {
  outcome_ = plan::judge(crew_.fleet(), plan_, look.frames, &before_);
  for (std::size_t i = 0; i < outcome_.steps.size() && i < plan_.actions.size(); ++i) {
    const plan::StepOutcome& step = outcome_.steps[i];
    if (plan::nature(plan_.actions[i]) == plan::Nature::check) continue;
    if (step.status == plan::StepStatus::done || step.status == plan::StepStatus::ok) continue;
    return {step.seen.empty() ? step.text : step.text + ": " + step.seen, true};
  }
  const auto facts = facts::parse_facts(look.frames);
  if (!facts) return {facts.error().message};
  const plan::NodePlan left = plan::diff(crew_.fleet(), node_.index, *facts);
  for (const plan::Action& action : left.actions) {
    if (plan::nature(action) == plan::Nature::change) return {action.why};
  }
  const auto* probe = find(look, "guard.probe");
  if (probe_passed_ && probe != nullptr && probe->exit_status != 0) {
    return {"the default gateway answered before the change and does not any more"};
  }
  return {try_nodes_behind()};
}

void Guarded::confirm() {
  // The connection that confirms was opened after all steps had been run.
  bool applied = false;
  int looks = 0;
  options_.wait_seconds = need_.cuts_session ? 2 : 10;
  at_new_address_ = true;
  while (Clock::now() < undone_by_ + seconds(2)) {
    if (crew_.cancelled()) {
      reason_ = "interrupted";
      return;
    }
    const bool was_applied = applied;
    if (!connect_anew(crew_.cancel())) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    std::optional<int> extend;
    if (was_applied) {
      const auto since = std::chrono::duration_cast<seconds>(Clock::now() - armed_at_);
      extend = static_cast<int>((since + guard_time_).count());
    }
    const ScriptResult look =
        run(plan::guard_look_script(before_, options_, plan::GuardAwait::applied, extend),
            Privilege::user, seconds(options_.wait_seconds + 8), crew_.cancel());
    take(look);
    if (look.lost) continue;
    if (extend) undone_by_ = std::max(undone_by_, armed_at_ + seconds(*extend));
    if (is_settled(state_) || state_ == GuardState::gone) {
      reason_ = state_ == GuardState::gone        ? "the guard was not armed"
                : state_ == GuardState::restarted ? "the node restarted in the meantime"
                : last_failure_.empty()           ? "it was not confirmed in time"
                                        : "it was not confirmed in time: " + last_failure_;
      take_facts(crew_, node_, look, "apply");
      return;
    }
    applied = find(look, "guard.applied") != nullptr;
    if (!applied || !was_applied) continue;
    const Verdict verdict = judge(look);
    reason_ = verdict.reason;
    take_facts(crew_, node_, look, "apply");
    if (reason_.empty()) {
      ready_ = true;
      return;
    }
    if (verdict.final || ++looks == kLooks) return;
    std::this_thread::sleep_for(seconds(1));
  }
  reason_ = "no new connection after the change: " + last_failure_;
}

void Guarded::prepare() {
  crew_.emit({plan::EventKind::node_started, "apply", name(), {}, {}, {}, {}});
  announce();
  if (arm()) confirm();
}

void Guarded::commit() {
  while (Clock::now() < undone_by_ + kUndoGrace) {
    if (!node_.session && !connect_anew({})) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    const ScriptResult result =
        run(plan::guard_commit_script(options_), Privilege::user, seconds(8), {});
    take(result);
    if (is_settled(state_) || state_ == GuardState::gone) return;
    if (!result.lost) std::this_thread::sleep_for(kPause);
  }
  state_ = GuardState::unknown;
}

void Guarded::roll_back(const std::string& reason) {
  if (reason_.empty()) reason_ = reason;
  if (state_ == GuardState::none || state_ == GuardState::gone ||
      state_ == GuardState::rolled_back || state_ == GuardState::rollback_failed) {
    return;
  }
  tell("rolling back", reason_);
  options_.wait_seconds = need_.cuts_session ? 1 : 20;
  const auto give_up = std::max(undone_by_, Clock::now()) + kUndoGrace;
  while (Clock::now() < give_up) {
    if (!node_.session && !connect_anew({})) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    const ScriptResult result =
        run(plan::guard_rollback_script(plan_, before_, options_), Privilege::become,
            seconds(options_.wait_seconds + (need_.cuts_session ? 4 : 8)), {});
    take(result);
    at_new_address_ = false;
    if (result.lost) continue;
    if (state_ == GuardState::rolled_back || state_ == GuardState::rollback_failed ||
        state_ == GuardState::restarted || state_ == GuardState::gone) {
      take_facts(crew_, node_, result, "apply");
      return;
    }
    // A session over what is being undone ends soon; the next look is over a new one.
    node_.session.reset();
  }
  state_ = GuardState::unknown;
  node_.error = Error{ErrorCode::unreachable, fmt::format("{}: {}", name(), last_failure_), {}};
}

plan::NodeOutcome Guarded::finish() {
  outcome_.guard = {state_, need_.why, reason_};
  outcome_.error.reset();
  const std::string& node = name();
  const std::string again = "cure that, then run bringup apply again";
  switch (state_) {
    case GuardState::committed:
      if (!reason_.empty()) outcome_.guard.reason.clear();
      break;
    case GuardState::none:
    case GuardState::gone:
      outcome_.guard.state = GuardState::none;
      outcome_.error = Error{ErrorCode::remote,
                             fmt::format("{}: nothing was changed: {}", node, reason_), again};
      break;
    case GuardState::rolled_back:
      outcome_.error =
          Error{ErrorCode::remote,
                fmt::format("{}: rolled back, it is as it was before: {}", node, reason_), again};
      break;
    case GuardState::restarted:
      outcome_.error = Error{
          ErrorCode::remote,
          fmt::format("{}: it restarted before the change was confirmed, and is as its system "
                      "sets it up",
                      node),
          "run bringup apply again"};
      break;
    case GuardState::rollback_failed:
      outcome_.error =
          Error{ErrorCode::remote,
                fmt::format("{}: rolling back failed, it is neither as it was before nor as it "
                            "should be: {}",
                            node, reason_),
                fmt::format("bringup status shows what stands; on {}: sh ~/.bringup/guard/{}/undo",
                            node, options_.id)};
      break;
    case GuardState::armed:
    case GuardState::rolling_back:
    case GuardState::unknown:
      outcome_.error =
          Error{ErrorCode::remote,
                fmt::format(
                    "{}: not confirmed and out of reach: {}. The node undoes the change by itself "
                    "within {} s of its beginning",
                    node, reason_, guard_time_.count()),
                fmt::format("bringup status --limit {} tells what it came to", node)};
      break;
  }
  if (state_ != GuardState::committed) {
    for (std::size_t i = 0; i < outcome_.steps.size() && i < plan_.actions.size(); ++i) {
      plan::StepOutcome& step = outcome_.steps[i];
      if (plan::nature(plan_.actions[i]) == plan::Nature::check) continue;
      if (step.status != plan::StepStatus::done && step.status != plan::StepStatus::ok) continue;
      step.status = plan::StepStatus::skipped;
      step.seen = state_ == GuardState::rolled_back ? "rolled back" : "not confirmed";
      step.expected = plan_.actions[i].expected;
      step.cure = again;
    }
  }
  for (const plan::StepOutcome& step : outcome_.steps) {
    crew_.emit({plan::EventKind::step, "apply", node,
                std::string(plan::to_string(step.task)) + " " + step.target,
                std::string(plan::to_string(step.status)), step.text, step.cure});
    if (!step.raw.empty()) {
      crew_.emit({plan::EventKind::raw, "apply", node, step.target, {}, step.raw, {}});
    }
  }
  tell(std::string(plan::to_string(outcome_.guard.state)), reason_);
  crew_.emit({outcome_.error ? plan::EventKind::node_failed : plan::EventKind::node_done,
              "apply",
              node,
              {},
              {},
              outcome_.error ? outcome_.error->message : "",
              outcome_.error ? outcome_.error->hint : ""});
  const bool over = state_ == GuardState::committed || state_ == GuardState::rolled_back;
  if (over && node_.session) {
    run(plan::guard_forget_script(options_.id), Privilege::user, seconds(8), {});
  }
  return std::move(outcome_);
}

}  // namespace bringup::run
