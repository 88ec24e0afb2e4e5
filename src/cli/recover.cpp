#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "before_loss.hpp"
#include "bringup/plan/losses.hpp"
#include "bringup/plan/plan_file.hpp"
#include "bringup/report/recover.hpp"
#include "bringup/run/comeback.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/run/verify.hpp"
#include "bringup/util/text.hpp"
#include "carry_out.hpp"

namespace bringup::cli {
namespace {

using Clock = std::chrono::steady_clock;

bool key_changed(const Error& error) {
  return error.code == ErrorCode::unauthorized &&
         error.message.find("the host key has changed") != std::string::npos;
}

std::string clock_words(std::chrono::seconds left) {
  return fmt::format("{}:{:02}", left.count() / 60, left.count() % 60);
}

// One recovery: nodes come back in their own time, each is restored as it does.
class Recovery {
 public:
  Recovery(const Options& options, Session& session)
      : options_(options),
        session_(session),
        good_(last_good(session.fleet().name)),
        end_(Clock::now() + options.wait) {
    for (run::NodeRun& node : session.crew().nodes()) places_[node.index].node = &node;
  }

  int run() {
    plan_.fleet = session_.fleet().name;
    plan_.inventory_digest = plan::inventory_digest(session_.fleet());
    while (!session_.interrupted()) {
      attempt();
      if (declined_) return session_.ended(0);
      if (!wait()) break;
    }
    return finish();
  }

 private:
  enum class State { away, rdma_off, done, given_up };
  struct Place {
    run::NodeRun* node = nullptr;
    State state = State::away;
    int failures = 0;
    Clock::time_point next = Clock::now();
    std::vector<plan::Loss> losses;
    bool key_changed = false, login_lost = false;
    std::string key_words;
  };

  const std::string& name_of(const Place& place) const {
    return session_.fleet().nodes[place.node->index].name;
  }

  [[nodiscard]] bool waits(const Place& place) const {
    return place.state == State::away || place.state == State::rdma_off;
  }

  // Every node whose time has come, at once.
  void attempt() {
    ++attempts_;
    std::vector<run::NodeRun*> due;
    for (auto& [index, place] : places_) {
      if (!waits(place) || place.next > Clock::now()) continue;
      if (place.node->error) {
        if (place.key_changed) session_.renew_transport();
        place.node->error.reset();
        place.node->session.reset();
      }
      due.push_back(place.node);
    }
    run::gather(session_.crew(), run::Profiler::read, due);
    run::settle_guards(session_.crew());
    std::vector<Place*> back;
    for (run::NodeRun* node : due) {
      Place& place = places_[node->index];
      if (node->error) {
        missed(place);
      } else {
        place.failures = 0;
        back.push_back(&place);
      }
    }
    if (!back.empty() && !session_.interrupted()) restore(back);
  }

  void missed(Place& place) {
    const Error& error = *place.node->error;
    ++place.failures;
    place.state = State::away;
    place.next = Clock::now() + run::comeback_pause(place.failures, chance_(random_));
    if (key_changed(error)) {
      place.key_changed = true;
      place.key_words = error.message;
      if (!asked_for_.contains(place.node->index) && can_ask() && options_.yes == Toggle::off) {
        asked_for_.insert(place.node->index);
        session_.settle();
        if (trust_key(options_, session_.fleet(), name_of(place))) place.next = Clock::now();
      }
    } else if (error.code == ErrorCode::unauthorized) {
      place.login_lost = true;  // never tried again: a sshd penalises that
      place.state = State::given_up;
    } else if (error.code != ErrorCode::unreachable) {
      place.state = State::given_up;
    }
  }

  // Plans, asks, locks and applies on the nodes that are there.
  void restore(const std::vector<Place*>& back) {
    plan::Plan all = run::make_plan(session_.crew());
    plan::Plan part = all;
    std::erase_if(part.nodes, [&](const plan::NodePlan& node) {
      return std::ranges::none_of(back,
                                  [&](const Place* place) { return name_of(*place) == node.node; });
    });
    for (Place* place : back) {
      const auto planned = std::ranges::find(part.nodes, name_of(*place), &plan::NodePlan::node);
      const auto* was = good_ ? good_->after.find(planned->node) : nullptr;
      for (auto& loss :
           plan::losses(session_.fleet(), place->node->index, was, *place->node->facts, *planned)) {
        const bool known = std::ranges::any_of(
            place->losses, [&](const plan::Loss& one) { return one.item == loss.item; });
        if (!known) place->losses.push_back(std::move(loss));
      }
    }
    note(part);
    if (confirm(options_, session_, part, "Restore with") == Answer::stop) {
      declined_ = true;
      return;
    }
    run::NodeLocks locks(session_.crew(), session_.journal().id(), run::operator_name(),
                         run_is_over);
    part = lock_nodes(locks, session_, part);
    auto outcomes = run::apply(session_.crew(), part, how_to_apply(options_));
    locks.drop();
    report::ApplyReport report = collect(session_, part, std::move(outcomes));
    for (auto& node : report.nodes) {
      const auto former = std::ranges::find_if(
          applied_.nodes, [&](const auto& one) { return one.plan.node == node.plan.node; });
      if (former == applied_.nodes.end()) {
        applied_.nodes.push_back(std::move(node));
      } else {
        *former = std::move(node);
      }
    }
    for (Place* place : back) settle(*place);
  }

  // The journal holds the plan, and the facts from before the first change of each node.
  void note(const plan::Plan& part) {
    for (const auto& node : part.nodes) {
      const auto former = std::ranges::find(plan_.nodes, node.node, &plan::NodePlan::node);
      if (former == plan_.nodes.end()) {
        plan_.nodes.push_back(node);
        const auto index = session_.fleet().node_index(node.node);
        before_.nodes.push_back(facts::record_of(node.node, *session_.crew().find(*index)->facts));
      } else {
        former->actions.insert(former->actions.end(), node.actions.begin(), node.actions.end());
      }
    }
    before_.matrix_path = session_.fleet().ibv_path;
    keep_plan(session_, plan_);
    session_.keep("before.json", facts::to_json(before_));
  }

  void settle(Place& place) {
    place.state = State::done;
    if (place.node->error) {
      missed(place);
      return;
    }
    const bool lost_rdma = std::ranges::any_of(
        place.losses, [](const plan::Loss& loss) { return loss.kind == plan::LossKind::rdma; });
    if (lost_rdma && place.node->facts->rdma == platform::RdmaState::disabled) {
      place.state = State::rdma_off;
      place.next = Clock::now() + run::comeback_pause(3, chance_(random_));
    }
    session_.say(
        name_of(place) + " is there: " +
        (place.losses.empty() ? "nothing was lost"
                              : std::to_string(place.losses.size()) + " items lost") +
        (place.state == State::rdma_off ? ", RDMA is off until it is enabled in Recovery" : ""));
  }

  // True when it is time for another attempt; false when nobody is waited for any more.
  bool wait() {
    std::vector<std::string> away;
    auto next = Clock::time_point::max();
    for (const auto& [index, place] : places_) {
      if (!waits(place)) continue;
      away.push_back(name_of(place) + (place.state == State::rdma_off ? " (RDMA)" : ""));
      next = std::min(next, place.next);
    }
    if (away.empty() || options_.wait.count() == 0 || Clock::now() >= end_) return false;
    next = std::min(next, end_);
    const bool terminal = is_terminal(2) && options_.quiet == Toggle::off;
    if (!terminal && (away != told_ || Clock::now() - told_at_ > std::chrono::seconds(60))) {
      told_ = away;
      told_at_ = Clock::now();
      session_.say("waiting for " + join(away, ", ") + ": " + left() + " left");
    }
    while (Clock::now() < next && !session_.interrupted()) {
      if (terminal) {
        const auto due = std::chrono::ceil<std::chrono::seconds>(next - Clock::now());
        std::cerr << "\r\x1b[K"
                  << "waiting for " << join(away, ", ") << ": " << left() << " left, next try in "
                  << due.count() << " s" << std::flush;
      }
      session_.sleep(std::min<Clock::duration>(next - Clock::now(), std::chrono::seconds(1)));
    }
    if (terminal) std::cerr << "\r\x1b[K" << std::flush;
    return true;
  }

  [[nodiscard]] std::string left() const {
    return clock_words(std::max(std::chrono::seconds(0),
                                std::chrono::ceil<std::chrono::seconds>(end_ - Clock::now())));
  }

  [[nodiscard]] report::LostItem judged(const Place& place, const plan::Loss& loss) const {
    report::LostItem item{loss.item, loss.lost, false, {}};
    if (place.node->error || !place.node->facts) {
      item.why_not = "the node is not there";
      return item;
    }
    const auto* planned = applied_of(name_of(place));
    const auto left = plan::losses(
        session_.fleet(), place.node->index, good_ ? good_->after.find(name_of(place)) : nullptr,
        *place.node->facts, planned != nullptr ? planned->plan : plan::NodePlan{});
    item.restored =
        std::ranges::none_of(left, [&](const plan::Loss& one) { return one.item == loss.item; });
    if (item.restored) return item;
    if (loss.kind == plan::LossKind::rdma) {
      item.why_not = "only in Recovery, see below";
    } else if (loss.kind == plan::LossKind::sudo) {
      item.why_not = "bringup bootstrap " + name_of(place) + " --ask-pass";
    } else if (planned != nullptr) {
      for (const auto& finding : planned->plan.findings) {
        if (finding.severity == plan::Severity::error) item.why_not = finding.cure;
      }
      for (const auto& step : planned->outcome.steps) {
        if (step.target == loss.target && step.status == plan::StepStatus::failed) {
          item.why_not = step.text + "; next: " + step.cure;
        }
      }
    }
    return item;
  }

  [[nodiscard]] const report::AppliedNode* applied_of(const std::string& node) const {
    for (const auto& one : applied_.nodes) {
      if (one.plan.node == node) return &one;
    }
    return nullptr;
  }

  // Whether the field is of something that the inventory names; a Mac's other ports join and leave
  // bridges as its system likes.
  [[nodiscard]] bool is_declared(std::size_t node, const std::string& item) const {
    if (item == "RDMA" || item == "matrix file") return true;
    for (const std::size_t index : session_.fleet().links_of(node)) {
      for (const auto& end : session_.fleet().links[index].ends) {
        if (end.node != node) continue;
        if (item == end.interface || item.starts_with(end.interface + " ")) return true;
      }
    }
    return false;
  }

  report::RecoverReport report_of() {
    report::RecoverReport out;
    out.run = session_.journal().id();
    if (good_) out.since = good_->id;
    for (const auto& entry : places_) {
      const Place& place = entry.second;
      report::RecoveredNode node;
      node.node = name_of(place);
      node.error = place.node->error;
      if (place.key_changed) {
        const bool back = !place.node->error;
        node.items.push_back({"host key", "changed", back,
                              back ? "" : place.key_words + "; next: bringup trust " + node.node});
      }
      if (place.login_lost) {
        node.items.push_back({"login with a key", "refused", false,
                              "bringup bootstrap " + node.node + " --ask-pass"});
      }
      for (const auto& loss : place.losses) node.items.push_back(judged(place, loss));
      const bool rdma_off = std::ranges::any_of(place.losses, [&](const plan::Loss& loss) {
        return loss.kind == plan::LossKind::rdma && place.node->facts &&
               place.node->facts->rdma == platform::RdmaState::disabled;
      });
      if (rdma_off) out.rdma_off.push_back(node.node);
      const auto* was = good_ ? good_->after.find(node.node) : nullptr;
      if (was != nullptr && place.node->facts && !place.node->error) {
        node.differences = facts::compare(*was, facts::record_of(node.node, *place.node->facts));
        std::erase_if(node.differences, [&](const facts::Difference& one) {
          return !is_declared(place.node->index, one.item);
        });
      }
      out.nodes.push_back(std::move(node));
    }
    return out;
  }

  int finish() {
    // What a node's profiler saw while others were away is old: all are read again.
    if (attempts_ > 1 && !session_.interrupted()) {
      run::gather(session_.crew(), run::Profiler::read);
    }
    keep_facts(session_, "after.json");
    if (!session_.interrupted() && !session_.crew().alive().empty()) {
      run::VerifyOptions what;
      if (const auto former = former_figures(session_.fleet().name)) {
        what.baseline = former->baseline;
        what.baseline_name = former->name;
      }
      applied_.matrix = run::verify_links(session_.crew(), what).matrix;
    }
    report::RecoverReport report = report_of();
    applied_.run = report.run;
    std::ranges::sort(applied_.nodes, {}, [&](const auto& node) {
      return session_.fleet().node_index(node.plan.node);
    });
    report.applied = applied_;
    session_.settle();
    const std::string json = report::json_recover(session_.fleet(), report);
    session_.keep("report.json", json);
    write_result(options_,
                 options_.format == Format::text
                     ? report::text_recover(session_.fleet(), report, result_style(options_))
                     : json);
    report::RunSummary summary;
    report::add(summary, applied_);
    for (const auto& node : report.nodes) {
      if (node.error) report::add(summary, *node.error);
    }
    summary.below_expectation += report::still_lost(report);
    summary.interrupted = session_.interrupted();
    return session_.ended(report::exit_status(summary));
  }

  const Options& options_;
  Session& session_;
  std::optional<GoodRun> good_;
  Clock::time_point end_;
  std::map<std::size_t, Place> places_;
  std::set<std::size_t> asked_for_;
  plan::Plan plan_;
  facts::Record before_;
  report::ApplyReport applied_;
  bool declined_ = false;
  int attempts_ = 0;
  std::vector<std::string> told_;
  Clock::time_point told_at_;
  std::mt19937 random_{std::random_device{}()};
  std::uniform_real_distribution<double> chance_{0.0, 1.0};
};

}  // namespace

int recover_verb(const Options& options) {
  Session session(options, "recover");
  return Recovery(options, session).run();
}

}  // namespace bringup::cli
