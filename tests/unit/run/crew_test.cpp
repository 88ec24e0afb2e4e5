#include "bringup/run/crew.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>

#include "bringup/plan/execute.hpp"
#include "bringup/util/digest.hpp"
#include "support/run_values.hpp"

namespace bringup::run {
namespace {

using plan::EventKind;
using test::FakeFleet;
using test::Fault;

const std::string kNonce = "0123456789abcdef0123456789abcdef";

std::string facts_text() {
  return facts::facts_script(
      {.nonce = kNonce, .ibv_path = "/tmp/m.json", .profiler = facts::Profiler::skip});
}

TEST(CrewEach, RunsAllNodesAtOnce) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew();
  std::mutex mutex;
  std::condition_variable all_here;
  std::size_t here = 0;
  std::size_t met = 0;
  crew.each(crew.alive(), [&](NodeRun&) {
    std::unique_lock lock(mutex);
    ++here;
    all_here.notify_all();
    if (all_here.wait_for(lock, std::chrono::seconds(20), [&] { return here == 3; })) ++met;
  });
  EXPECT_EQ(met, 3U);
}

TEST(CrewEach, VisitsEveryGivenNodeOnceAndNoOther) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew({2, 0});
  std::mutex mutex;
  std::multiset<std::size_t> visited;
  crew.each(crew.alive(), [&](NodeRun& node) {
    const std::lock_guard lock(mutex);
    visited.insert(node.index);
  });
  EXPECT_EQ(visited, (std::multiset<std::size_t>{0, 2}));
  EXPECT_EQ(crew.indices(), (std::vector<std::size_t>{2, 0}));
  EXPECT_EQ(crew.find(2), &crew.nodes()[0]);
  EXPECT_EQ(crew.find(1), nullptr);
}

TEST(CrewEach, CarriesAnExceptionToTheCallerAfterTheOthersAreDone) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew();
  std::atomic<int> finished = 0;
  const auto job = [&](NodeRun& node) {
    if (node.index == 1) throw std::runtime_error("no memory");
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    ++finished;
  };
  try {
    crew.each(crew.alive(), job);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no memory");
  }
  EXPECT_EQ(finished, 2);
}

TEST(CrewEach, DoesNothingForNoNodes) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  crew.each({}, [](NodeRun&) { ADD_FAILURE(); });
}

TEST(CrewEmit, GivesTheSinkOneEventAtATime) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew();
  crew.each(crew.alive(), [&](NodeRun&) {
    for (int i = 0; i < 300; ++i) crew.emit({EventKind::warning, "facts", {}, {}, {}, "x", {}});
  });
  EXPECT_FALSE(fakes.sink.overlapped);
  EXPECT_EQ(fakes.sink.events.size(), 900U);
}

TEST(CrewConnect, KeepsOneSessionPerNode) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  auto& node = crew.nodes()[0];
  EXPECT_TRUE(crew.connect(node));
  EXPECT_TRUE(crew.connect(node));
  crew.script(node, "facts", facts_text(), kNonce, Privilege::user);
  crew.script(node, "verify", facts_text(), kNonce, Privilege::user);
  EXPECT_TRUE(crew.command(node, "true", nullptr));
  EXPECT_EQ(fakes.node("hwstudio1").connects, 1U);
  EXPECT_EQ(fakes.node("hwstudio1").heard.size(), 3U);
  EXPECT_EQ(fakes.node("hwstudio2").connects, 0U);
}

TEST(CrewConnect, TellsOnceWhyANodeFailedAndLeavesItAlone) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").refuses =
      Error{ErrorCode::unauthorized, "hwstudio1 accepts none of 2 keys", "ssh-copy-id hwstudio1"};
  auto crew = fakes.crew();
  auto& node = crew.nodes()[0];
  EXPECT_FALSE(crew.connect(node));
  EXPECT_FALSE(crew.connect(node));
  const auto script = crew.script(node, "facts", facts_text(), kNonce, Privilege::user);
  ASSERT_TRUE(script.error);
  EXPECT_EQ(script.error->code, ErrorCode::unauthorized);
  EXPECT_TRUE(script.frames.empty());
  const auto command = crew.command(node, "true", nullptr);
  ASSERT_FALSE(command);
  EXPECT_EQ(command.error().code, ErrorCode::unauthorized);

  EXPECT_EQ(fakes.node("hwstudio1").connects, 1U);
  EXPECT_TRUE(fakes.node("hwstudio1").heard.empty());
  const auto failed = fakes.sink.of(EventKind::node_failed);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].node, "hwstudio1");
  EXPECT_EQ(failed[0].text, "hwstudio1 accepts none of 2 keys");
  EXPECT_EQ(failed[0].hint, "ssh-copy-id hwstudio1");
  ASSERT_EQ(crew.alive().size(), 1U);
  EXPECT_EQ(crew.alive()[0]->index, 1U);
}

TEST(CrewScript, SendsTheScriptOnStdinAndReadsItsFrames) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  const auto result = crew.script(crew.nodes()[0], "facts", facts_text(), kNonce, Privilege::user);
  EXPECT_FALSE(result.error);
  ASSERT_FALSE(result.frames.empty());
  EXPECT_EQ(result.frames.front().name, "uname");
  EXPECT_EQ(result.frames.back().name, "end");
  const auto& heard = fakes.node("hwstudio1").heard.at(0);
  EXPECT_EQ(heard.command, "sh -s");
  EXPECT_EQ(heard.input, facts_text());
}

TEST(CrewScript, KeepsTheFramesThatCameBeforeTheConnectionWasLost) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").faults[0] = {.kind = Fault::Kind::cut, .in_frame = "sw_vers"};
  auto crew = fakes.crew();
  auto& node = crew.nodes()[0];
  const auto result = crew.script(node, "facts", facts_text(), kNonce, Privilege::user);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::unreachable);
  ASSERT_FALSE(result.frames.empty());
  EXPECT_EQ(result.frames.back().name, "sudo");
  ASSERT_TRUE(node.error);
  EXPECT_EQ(node.error->message, "hwstudio1: connection lost");
  EXPECT_FALSE(node.session);
  EXPECT_EQ(fakes.sink.of(EventKind::node_failed).size(), 1U);
  EXPECT_EQ(fakes.sink.of(EventKind::raw).size(), 1U) << "what had arrived goes to the journal";
  EXPECT_TRUE(crew.script(node, "verify", facts_text(), kNonce, Privilege::user).error);
  EXPECT_EQ(fakes.node("hwstudio1").connects, 1U);
}

TEST(CrewScript, EndsAtTheDeadlineOfThePhase) {
  FakeFleet fakes(test::pair_fleet());
  fakes.options.phase_timeout = std::chrono::milliseconds(80);
  fakes.node("hwstudio1").faults[0].kind = Fault::Kind::hangs;
  auto crew = fakes.crew();
  const auto result = crew.script(crew.nodes()[0], "facts", facts_text(), kNonce, Privilege::user);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::unreachable);
}

TEST(CrewScript, EndsWhenTheRunIsCancelled) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").faults[0].kind = Fault::Kind::hangs;
  fakes.node("hwstudio1").on_exec = [&] { fakes.source.request_stop(); };
  auto crew = fakes.crew();
  EXPECT_FALSE(crew.cancelled());
  const auto result = crew.script(crew.nodes()[0], "facts", facts_text(), kNonce, Privilege::user);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::cancelled);
  EXPECT_TRUE(crew.cancelled());
  EXPECT_FALSE(crew.connect(crew.nodes()[1])) << "nothing new is begun";
}

TEST(CrewScript, SaysThatOutputWasCutAtItsBound) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").faults[0] = {.kind = Fault::Kind::truncated, .after = 400};
  auto crew = fakes.crew();
  auto& node = crew.nodes()[0];
  const auto result = crew.script(node, "facts", facts_text(), kNonce, Privilege::user);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::remote);
  EXPECT_NE(result.error->message.find("more than 8 MiB in phase facts"), std::string::npos);
  EXPECT_FALSE(node.error) << "the connection is whole";
  EXPECT_TRUE(node.session);
}

TEST(CrewScript, SkipsWhatALoginShellSaysFirstAndKeepsStderrApart) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").faults[0] = {.before_all = "Welcome!\nfortune: @@ cookie\n",
                                       .on_stderr = "bash: warning\n"};
  auto crew = fakes.crew();
  const auto result = crew.script(crew.nodes()[0], "facts", facts_text(), kNonce, Privilege::user);
  EXPECT_FALSE(result.error);
  EXPECT_EQ(result.frames.back().name, "end");
  const auto raw = fakes.sink.of(EventKind::raw);
  ASSERT_EQ(raw.size(), 2U);
  EXPECT_EQ(raw[0].subject, "stdout");
  EXPECT_EQ(raw[1].subject, "stderr");
  EXPECT_EQ(raw[1].text, "bash: warning\n");
  EXPECT_EQ(raw[1].phase, "facts");
}

struct PasswordCase {
  model::Become become;
  Privilege privilege;
  bool sent;
};

class CrewPassword : public testing::TestWithParam<PasswordCase> {};

TEST_P(CrewPassword, GoesFirstOnStdinWhereItIsNeededAndNowhereElse) {
  FakeFleet fakes(test::pair_fleet());
  fakes.fleet.nodes[0].become = GetParam().become;
  fakes.options.become_password = Secret("correct horse");
  auto crew = fakes.crew();
  crew.script(crew.nodes()[0], "apply", facts_text(), kNonce, GetParam().privilege);
  const auto& heard = fakes.node("hwstudio1").heard.at(0);
  if (GetParam().sent) {
    EXPECT_EQ(heard.command, plan::become_wrapper());
    EXPECT_EQ(heard.input, "correct horse\n" + facts_text());
  } else {
    EXPECT_EQ(heard.command, "sh -s");
    EXPECT_EQ(heard.input, facts_text());
  }
  EXPECT_EQ(heard.command.find("horse"), std::string::npos);
  for (const auto& event : fakes.sink.events) {
    EXPECT_EQ(event.text.find("horse"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Everywhere, CrewPassword,
    testing::Values(PasswordCase{model::Become::sudo_password, Privilege::become, true},
                    PasswordCase{model::Become::sudo_password, Privilege::user, false},
                    PasswordCase{model::Become::sudo, Privilege::become, false},
                    PasswordCase{model::Become::none, Privilege::become, false}));

TEST(CrewCommand, RunsItAsItIsUnderTheDeadlineAndKeepsTheReason) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").answers = [](const std::string&) {
    return ssh::ExecResult{3, "", "out\n", "err\n", false};
  };
  fakes.node("hwstudio1").faults[1].kind = Fault::Kind::refused;
  auto crew = fakes.crew();
  auto& node = crew.nodes()[0];
  std::string streamed;
  const auto result = crew.command(node, "echo 'a  b'",
                                   [&](ssh::Stream, std::string_view bytes) { streamed += bytes; });
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_status, 3);
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(streamed, "out\nerr\n");
  EXPECT_EQ(fakes.node("hwstudio1").heard.at(0).command, "echo 'a  b'");
  EXPECT_EQ(fakes.node("hwstudio1").heard.at(0).input, "");
  EXPECT_TRUE(fakes.node("hwstudio1").heard.at(0).deadline.bounded());

  EXPECT_FALSE(crew.command(node, "true", nullptr));
  ASSERT_TRUE(node.error);
  EXPECT_EQ(node.error->code, ErrorCode::remote);
}

TEST(TargetOf, GivesWhatTheInventorySaysAndLeavesTheRestToTheSshConfiguration) {
  auto fleet = test::pair_fleet();
  fleet.nodes[0].ssh = {"studio1.local", "ops", 2222, {"/k/one", "/k/two"}, "SHA256:abc"};
  const auto target = target_of(fleet, 0);
  EXPECT_EQ(target.endpoint.name, "hwstudio1");
  EXPECT_EQ(target.endpoint.host, "studio1.local");
  EXPECT_EQ(target.endpoint.user, "ops");
  EXPECT_EQ(target.endpoint.port, 2222);
  EXPECT_EQ(target.endpoint.identity_files, (std::vector<std::string>{"/k/one", "/k/two"}));
  EXPECT_EQ(target.endpoint.host_key, "SHA256:abc");
  EXPECT_TRUE(target.hops.empty());
  EXPECT_EQ(target.reuse, ssh::Reuse::hop);

  const auto plain = target_of(fleet, 1);
  EXPECT_EQ(plain.endpoint.name, "hwstudio2");
  EXPECT_TRUE(plain.endpoint.host.empty());
  EXPECT_TRUE(plain.endpoint.user.empty());
  EXPECT_FALSE(plain.endpoint.port);
}

TEST(TargetOf, NamesProxiesAndNodesAsHopsFromTheControllerOutwards) {
  auto fleet = test::triangle_fleet();
  model::Proxy door;
  door.name = "door";
  door.ssh.host = "door.example.net";
  door.ssh.user = "gate";
  fleet.proxies.push_back(door);
  fleet.nodes[1].ssh.user = "admin";
  fleet.nodes[2].via = {"door", "studio2"};
  const auto target = target_of(fleet, 2);
  ASSERT_EQ(target.hops.size(), 2U);
  EXPECT_EQ(target.hops[0].name, "door");
  EXPECT_EQ(target.hops[0].host, "door.example.net");
  EXPECT_EQ(target.hops[0].user, "gate");
  EXPECT_EQ(target.hops[1].name, "studio2");
  EXPECT_EQ(target.hops[1].user, "admin");
}

TEST(TargetOf, IsWhatTheTransportIsAskedFor) {
  FakeFleet fakes(test::pair_fleet());
  fakes.fleet.nodes[1].via = {"hwstudio1"};
  auto crew = fakes.crew();
  EXPECT_TRUE(crew.connect(crew.nodes()[1]));
  ASSERT_EQ(fakes.node("hwstudio2").target.hops.size(), 1U);
  EXPECT_EQ(fakes.node("hwstudio2").target.hops[0].name, "hwstudio1");
}

}  // namespace
}  // namespace bringup::run
