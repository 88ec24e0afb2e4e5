#pragma once
// Plans and outcomes built by hand for the tests of report.
#include <string>

#include "bringup/report/outcome.hpp"
#include "support/verify_values.hpp"

namespace bringup::test {

inline plan::Action action(plan::Task task, const std::string& target, const std::string& shown,
                           const std::string& why) {
  plan::Action made;
  made.task = task;
  made.target = target;
  made.command = shown;
  made.shown = shown;
  made.why = why;
  return made;
}

inline plan::StepOutcome step(plan::Task task, const std::string& target, plan::StepStatus status,
                              const std::string& text) {
  plan::StepOutcome made;
  made.task = task;
  made.target = target;
  made.status = status;
  made.text = text;
  return made;
}

inline plan::NodePlan fresh_node(const std::string& name, const std::string& port,
                                 const std::string& address) {
  plan::NodePlan node;
  node.node = name;
  node.actions = {
      action(plan::Task::bridge_detach, port, "sudo ifconfig bridge0 deletem " + port,
             port + " is a member of bridge0; it must stand alone"),
      action(
          plan::Task::interface_up, port, "sudo ifconfig " + port + " up",
          port + " may be left without UP when it leaves a bridge, and reads inactive until then"),
      action(plan::Task::address_assign, port,
             "sudo ifconfig " + port + " inet " + address + " netmask 255.255.255.252",
             port + " has no IPv4 address; " + address + "/30 is declared"),
      action(plan::Task::rdma_check, "rdma", "rdma_ctl status", "is RDMA enabled?")};
  return node;
}

// The two Macs of the design's example after a re-initialisation of the first.
inline report::ApplyReport pair_report(Healthy& lab) {
  using plan::StepStatus;
  using plan::Task;
  report::ApplyReport report;
  report.run = "2026-11-21T05-04-35-7f3a";
  lab.facts[0].rdma = platform::RdmaState::disabled;
  lab.facts[1].interfaces[0].active = false;
  lab.evidence[1].frames[1] = ping_frame(0, 0);

  report::AppliedNode first;
  first.plan = fresh_node("hwstudio1", "en5", "10.254.0.5");
  first.facts = lab.facts[0];
  first.outcome.node = "hwstudio1";
  auto rdma = step(Task::rdma_check, "rdma", StepStatus::warning, "RDMA: disabled");
  rdma.seen = "disabled";
  rdma.expected = "enabled";
  rdma.cure = "enable it in Recovery: rdma_ctl enable";
  first.outcome.steps = {
      step(Task::bridge_detach, "en5", StepStatus::done, "en5 removed from bridge0"),
      step(Task::interface_up, "en5", StepStatus::ok, "en5 up"),
      step(Task::address_assign, "en5", StepStatus::done, "address 10.254.0.5/30"), rdma};

  report::AppliedNode second;
  second.plan.node = "hwstudio2";
  second.facts = lab.facts[1];
  second.outcome.node = "hwstudio2";
  report.nodes = {first, second};
  report.matrix = lab.judge();
  return report;
}

}  // namespace bringup::test
