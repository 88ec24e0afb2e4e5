#include "bringup/report/outcome.hpp"

#include <algorithm>

namespace bringup::report {

ApplyTotals totals_of(const ApplyReport& report) {
  ApplyTotals totals;
  for (const auto& node : report.nodes) {
    if (node.outcome.error || node.plan.state != plan::NodeState::ready) ++totals.not_done;
    for (std::size_t i = 0; i < node.outcome.steps.size(); ++i) {
      const auto& step = node.outcome.steps[i];
      if (step.status == plan::StepStatus::failed) ++totals.failed;
      if (step.status == plan::StepStatus::warning) ++totals.warnings;
      const bool change = i < node.plan.actions.size() &&
                          plan::nature(node.plan.actions[i]) == plan::Nature::change;
      if (change && step.status == plan::StepStatus::done) ++totals.changed;
    }
  }
  return totals;
}

void add(RunSummary& summary, const Error& error) {
  switch (error.code) {
    case ErrorCode::internal:
      summary.internal_error = true;
      return;
    case ErrorCode::usage:
      summary.usage_error = true;
      return;
    case ErrorCode::cancelled:
      summary.interrupted = true;
      return;
    case ErrorCode::unreachable:
    case ErrorCode::unauthorized:
      ++summary.unreachable;
      return;
    case ErrorCode::remote:
    case ErrorCode::parse:
      ++summary.failed;
      return;
  }
}

void add(RunSummary& summary, const plan::Plan& plan) {
  for (const auto& node : plan.nodes) {
    if (node.error) {
      add(summary, *node.error);
    } else if (node.state == plan::NodeState::unreachable) {
      ++summary.unreachable;
    } else if (node.state == plan::NodeState::refused || node.has_errors()) {
      ++summary.failed;  // something that was declared cannot be made so
    }
  }
}

void add(RunSummary& summary, const ApplyReport& report) {
  for (const auto& node : report.nodes) {
    for (const auto& step : node.outcome.steps) {
      if (step.status == plan::StepStatus::failed) ++summary.failed;
    }
    // Lost after changes had begun: some of them did not happen, which outranks "unreachable".
    const bool begun =
        std::any_of(node.outcome.steps.begin(), node.outcome.steps.end(),
                    [](const auto& step) { return step.status != plan::StepStatus::skipped; });
    const auto& error = node.outcome.error ? node.outcome.error : node.plan.error;
    if (error) {
      add(summary, *error);
      if (begun && error->code != ErrorCode::cancelled) ++summary.failed;
    } else if (node.plan.state == plan::NodeState::unreachable) {
      ++summary.unreachable;
    } else if (node.plan.state == plan::NodeState::refused || node.plan.has_errors()) {
      ++summary.failed;  // something that was declared could not be made so
    }
  }
  if (report.matrix) add(summary, *report.matrix);
}

void add(RunSummary& summary, const verify::Matrix& matrix) {
  using verify::CellStatus;
  summary.below_expectation += matrix.count(CellStatus::slow) + matrix.count(CellStatus::fail) +
                               matrix.count(CellStatus::error) + matrix.count(CellStatus::untested);
  for (const auto status :
       {CellStatus::slow, CellStatus::fail, CellStatus::error, CellStatus::untested}) {
    summary.below_expectation += matrix.count_reach(status);
  }
  const bool gone =
      matrix.count(CellStatus::unreachable) > 0 || matrix.count_reach(CellStatus::unreachable) > 0;
  summary.unreachable += gone ? 1 : 0;
}

int exit_status(const RunSummary& summary) {
  if (summary.usage_error) return 2;
  if (summary.internal_error) return 1;
  if (summary.interrupted) return 130;
  if (summary.failed > 0) return 5;
  if (summary.unreachable > 0) return 4;
  if (summary.below_expectation > 0) return 6;
  return summary.differences ? 3 : 0;
}

}  // namespace bringup::report
