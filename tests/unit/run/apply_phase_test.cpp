// apply, verify and run_command.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "bringup/run/phases.hpp"
#include "bringup/run/verify.hpp"
#include "support/run_values.hpp"

namespace bringup::run {
namespace {

using plan::EventKind;
using plan::StepStatus;
using test::FakeFleet;
using test::Fault;
using verify::CellStatus;

std::size_t count(const plan::NodeOutcome& outcome, StepStatus status) {
  return static_cast<std::size_t>(std::ranges::count_if(
      outcome.steps, [&](const auto& step) { return step.status == status; }));
}

const plan::StepOutcome* find(const plan::NodeOutcome& outcome, plan::Task task) {
  const auto it =
      std::ranges::find_if(outcome.steps, [&](const auto& step) { return step.task == task; });
  return it == outcome.steps.end() ? nullptr : &*it;
}

TEST(Apply, BringsUpAFleetThatCameUpEmptyOverOneSessionPerNode) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  const auto outcomes = apply(crew, plan);
  ASSERT_EQ(outcomes.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& name = fakes.fleet.nodes[i].name;
    EXPECT_EQ(outcomes[i].node, name);
    EXPECT_FALSE(outcomes[i].error);
    EXPECT_EQ(count(outcomes[i], StepStatus::failed), 0U);
    // Four detaches and addresses, the matrix; `up` finds the ports up already.
    EXPECT_EQ(count(outcomes[i], StepStatus::done), 5U) << name;
    EXPECT_TRUE(fakes.node(name).mac.bridge0.empty());
    EXPECT_EQ(fakes.node(name).connects, 1U);
    EXPECT_EQ(fakes.node(name).heard.size(), 2U);
    EXPECT_EQ(crew.nodes()[i].facts->bridge_of("en3"), nullptr) << "facts are those read back";
    EXPECT_FALSE(crew.nodes()[i].facts->profiler_json.empty());
  }
  EXPECT_EQ(fakes.node("studio1").mac.matrix, fakes.node("studio3").mac.matrix);

  const auto matrix = verify(crew, {});
  EXPECT_TRUE(matrix.green());
  EXPECT_EQ(matrix.count(CellStatus::pass), 6U);
  EXPECT_EQ(fakes.node("studio1").connects, 1U);
  EXPECT_EQ(fakes.node("studio1").heard.size(), 3U);
  EXPECT_FALSE(fakes.sink.overlapped);
}

TEST(Apply, RunsNothingWhereThereIsNothingToChangeButJudgesTheChecks) {
  FakeFleet fakes(test::pair_fleet());
  {
    auto first = fakes.crew();
    gather(first, Profiler::read);
    apply(first, make_plan(first));
  }
  fakes.node("hwstudio1").mac.rdma = "disabled";
  const auto before = fakes.node("hwstudio1").heard.size();
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  EXPECT_EQ(plan.changes(), 0U);
  const auto outcomes = apply(crew, plan);
  EXPECT_EQ(fakes.node("hwstudio1").heard.size(), before + 1) << "the facts script alone";
  EXPECT_EQ(count(outcomes[0], StepStatus::done), 0U);
  ASSERT_NE(find(outcomes[0], plan::Task::rdma_check), nullptr);
  EXPECT_EQ(find(outcomes[0], plan::Task::rdma_check)->status, StepStatus::warning);
  EXPECT_EQ(find(outcomes[1], plan::Task::rdma_check)->status, StepStatus::ok);
}

TEST(Apply, ChangesBothEndsAtTheSameTime) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  std::mutex mutex;
  std::condition_variable both;
  int here = 0;
  int met = 0;
  const auto meet = [&] {
    std::unique_lock lock(mutex);
    ++here;
    both.notify_all();
    if (both.wait_for(lock, std::chrono::seconds(20), [&] { return here == 2; })) ++met;
  };
  fakes.node("hwstudio1").on_exec = meet;
  fakes.node("hwstudio2").on_exec = meet;
  apply(crew, plan);
  EXPECT_EQ(met, 2);
}

TEST(Apply, TellsHowFarItCameWhenTheConnectionIsLost) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  ASSERT_EQ(plan.nodes[0].actions[0].task, plan::Task::bridge_detach);
  fakes.node("hwstudio1").faults[1] = {.kind = Fault::Kind::cut, .in_frame = "step.2"};
  const auto outcomes = apply(crew, plan);
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_EQ(outcomes[0].error->message, "hwstudio1: connection lost");
  ASSERT_GE(outcomes[0].steps.size(), 4U);
  EXPECT_EQ(outcomes[0].steps[0].status, StepStatus::done) << "its frame had come";
  EXPECT_EQ(outcomes[0].steps[2].status, StepStatus::skipped);
  EXPECT_EQ(outcomes[0].steps[3].status, StepStatus::skipped);
  EXPECT_FALSE(outcomes[0].steps[2].cure.empty());
  ASSERT_TRUE(crew.nodes()[0].error);
  EXPECT_FALSE(outcomes[1].error);
  EXPECT_EQ(count(outcomes[1], StepStatus::failed), 0U);

  const auto matrix = verify(crew, {});
  ASSERT_EQ(matrix.cells.size(), 2U);
  EXPECT_EQ(matrix.cells[0].from, 0U);
  EXPECT_EQ(matrix.cells[0].status, CellStatus::unreachable);
  EXPECT_EQ(matrix.cells[1].status, CellStatus::pass) << "the node had run all of its script";
  EXPECT_EQ(fakes.node("hwstudio1").heard.size(), 2U) << "the lost node is left alone";
}

TEST(Apply, KeepsTheNodeAndItsFactsWhenOutputIsCutAtItsBound) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  fakes.node("hwstudio1").faults[1] = {.kind = Fault::Kind::truncated, .in_frame = "step.1"};
  const auto outcomes = apply(crew, plan);
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_EQ(outcomes[0].error->code, ErrorCode::remote);
  EXPECT_FALSE(crew.nodes()[0].error);
}

TEST(Apply, BelievesTheFactsReadBackRatherThanTheCommand) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio2").mac.keeps_members = true;
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto outcomes = apply(crew, make_plan(crew));
  EXPECT_EQ(outcomes[1].steps[0].status, StepStatus::failed);
  EXPECT_EQ(outcomes[0].steps[0].status, StepStatus::done);
  const auto steps = fakes.sink.of(EventKind::step, "hwstudio2");
  EXPECT_TRUE(std::ranges::any_of(steps, [](const auto& e) { return e.status == "failed"; }));
}

TEST(Apply, RecordsWhatWillBeDoneBeforeTheNodeHearsOfIt) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew({0});
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  std::size_t planned = 0;
  fakes.node("hwstudio1").on_exec = [&] {
    planned = fakes.sink.of(EventKind::step, "hwstudio1").size();
  };
  apply(crew, plan);
  EXPECT_EQ(planned, plan.nodes[0].actions.size());
  const auto first = fakes.sink.of(EventKind::step, "hwstudio1").at(0);
  EXPECT_EQ(first.status, "planned");
  EXPECT_EQ(first.subject, "bridge.detach en5");
  EXPECT_EQ(first.text, "sudo ifconfig bridge0 deletem en5");
  EXPECT_EQ(first.hint, "ifconfig bridge0 addm en5") << "the undo";
}

TEST(Apply, LeavesRefusedAndUnreachableNodesAlone) {
  FakeFleet fakes(test::triangle_fleet());
  fakes.node("studio1").mac.sudo_password = "secret";  // become is sudo without a password
  fakes.node("studio2").refuses = Error{ErrorCode::unreachable, "studio2: no answer", "cable?"};
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  ASSERT_EQ(plan.nodes[0].state, plan::NodeState::refused);
  const auto outcomes = apply(crew, plan);
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(fakes.node("studio1").heard.size(), 1U);
  EXPECT_EQ(outcomes[0].node, "studio1");
  EXPECT_TRUE(outcomes[0].steps.empty());
  ASSERT_TRUE(outcomes[1].error);
  EXPECT_EQ(outcomes[1].error->message, "studio2: no answer");
  EXPECT_EQ(count(outcomes[2], StepStatus::done), 5U);
}

TEST(Apply, GivesThePasswordToTheApplyScriptAlone) {
  FakeFleet fakes(test::pair_fleet());
  for (auto& node : fakes.fleet.nodes) node.become = model::Become::sudo_password;
  fakes.node("hwstudio1").mac.sudo_password = "correct horse";
  fakes.node("hwstudio2").mac.sudo_password = "another one";
  fakes.options.become_password = Secret("correct horse");
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto outcomes = apply(crew, make_plan(crew));
  verify(crew, {});
  run_command(crew, "true");
  const auto& heard = fakes.node("hwstudio1").heard;
  ASSERT_EQ(heard.size(), 4U);
  for (std::size_t i = 0; i < heard.size(); ++i) {
    EXPECT_EQ(heard[i].command.find("horse"), std::string::npos);
    EXPECT_EQ(heard[i].input.starts_with("correct horse\n"), i == 1) << i;
    EXPECT_EQ(heard[i].input.find("horse", 1 + heard[i].input.find("horse")), std::string::npos);
  }
  for (const auto& event : fakes.sink.events) {
    EXPECT_EQ((event.text + event.hint + event.subject).find("horse"), std::string::npos);
  }
  EXPECT_EQ(count(outcomes[0], StepStatus::failed), 0U);
  EXPECT_EQ(count(outcomes[0], StepStatus::done), 3U);
  EXPECT_EQ(outcomes[1].steps[0].status, StepStatus::failed) << "a wrong password";
  EXPECT_EQ(fakes.node("hwstudio2").mac.bridge0.size(), 1U);
}

TEST(Apply, EndsWhenTheRunIsCancelled) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  for (const std::string node : {"hwstudio1", "hwstudio2"}) {
    fakes.node(node).faults[1].kind = Fault::Kind::hangs;
    fakes.node(node).on_exec = [&] { fakes.source.request_stop(); };
  }
  const auto outcomes = apply(crew, plan);
  for (const auto& outcome : outcomes) {
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, ErrorCode::cancelled);
    EXPECT_EQ(count(outcome, StepStatus::done), 0U);
  }
}

TEST(Verify, ReadsUnknownFactsInTheSameRoundTrip) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  const auto matrix = verify(crew, {});
  EXPECT_EQ(fakes.node("hwstudio1").heard.size(), 1U);
  // The speed of a cable stands in the profile alone.
  EXPECT_NE(fakes.node("hwstudio1").heard[0].input.find("| bf_profiler"), std::string::npos);
  ASSERT_TRUE(crew.nodes()[0].facts);
  EXPECT_EQ(matrix.count(CellStatus::fail), 2U);
  for (const auto& cell : matrix.cells) {
    ASSERT_TRUE(cell.diagnosis);
    EXPECT_EQ(cell.diagnosis->layer, "bridge") << "only the facts can tell";
  }
}

TEST(Verify, DoesNotReadFactsAgain) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  verify(crew, {});
  EXPECT_EQ(fakes.node("hwstudio1").heard.at(1).input.find("bu_run uname"), std::string::npos);
}

TEST(Verify, ShowsANodeThatFailsAsUnreachable) {
  FakeFleet fakes(test::triangle_fleet());
  {
    auto first = fakes.crew();
    gather(first, Profiler::read);
    apply(first, make_plan(first));
  }
  fakes.node("studio3").refuses = Error{ErrorCode::unreachable, "studio3: no answer", ""};
  auto crew = fakes.crew();
  const auto matrix = verify(crew, {});
  EXPECT_EQ(matrix.cells.size(), 6U);
  EXPECT_EQ(matrix.count(CellStatus::unreachable), 2U) << "from studio3";
  for (const auto& cell : matrix.cells) {
    if (cell.from != 2 && cell.to != 2) {
      EXPECT_EQ(cell.status, CellStatus::pass);
    }
  }
}

TEST(Verify, HoldsTheSelectedNodesOnly) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew({0, 2});
  const auto matrix = verify(crew, {});
  EXPECT_EQ(matrix.nodes, (std::vector<std::string>{"studio1", "studio3"}));
  EXPECT_EQ(matrix.cells.size(), 2U);
  EXPECT_EQ(fakes.node("studio2").connects, 0U);
}

TEST(RunCommand, KeepsOneOutcomePerNodeInTheOrderOfTheCrew) {
  FakeFleet fakes(test::triangle_fleet());
  for (const std::string node : {"studio1", "studio3"}) {
    fakes.node(node).answers = [node](const std::string& command) {
      return ssh::ExecResult{0, "", node + " " + command + "\n", "", false};
    };
  }
  fakes.node("studio2").refuses = Error{ErrorCode::unauthorized, "studio2 refuses the key", ""};
  auto crew = fakes.crew();
  const auto outcomes = run_command(crew, "uname -a");
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].node, "studio1");
  EXPECT_EQ(outcomes[0].result->out, "studio1 uname -a\n");
  EXPECT_EQ(outcomes[2].result->out, "studio3 uname -a\n");
  ASSERT_FALSE(outcomes[1].result);
  EXPECT_EQ(outcomes[1].result.error().code, ErrorCode::unauthorized);
  EXPECT_EQ(fakes.sink.of(EventKind::node_failed, "studio2").size(), 1U);
  EXPECT_TRUE(fakes.sink.of(EventKind::node_done, "studio2").empty());
  EXPECT_EQ(fakes.sink.of(EventKind::node_done, "studio1").size(), 1U);
}

TEST(RunCommand, TellsOfAConnectionLostInTheMiddle) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").faults[0].kind = Fault::Kind::cut;
  auto crew = fakes.crew();
  const auto outcomes = run_command(crew, "sleep 1");
  ASSERT_FALSE(outcomes[0].result);
  EXPECT_EQ(outcomes[0].result.error().message, "hwstudio1: connection lost");
  EXPECT_TRUE(outcomes[1].result);
  EXPECT_EQ(fakes.sink.of(EventKind::node_failed, "hwstudio1").size(), 1U);

  // A node that failed before has no result to show: not an empty success.
  const auto again = run_command(crew, "true");
  ASSERT_FALSE(again[0].result);
  EXPECT_EQ(again[0].result.error().message, "hwstudio1: connection lost");
  EXPECT_EQ(fakes.node("hwstudio1").heard.size(), 1U);
}

}  // namespace
}  // namespace bringup::run
