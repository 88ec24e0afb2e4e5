#include "bringup/run/bootstrap.hpp"

#include <algorithm>

#include "bringup/util/digest.hpp"

namespace bringup::run {
namespace {

using plan::BootstrapItem;
using plan::BootstrapPart;
using plan::BootstrapStatus;

constexpr const char* kPhase = "bootstrap";

const std::string& name_of(const Crew& crew, const BootstrapNode& node) {
  return crew.fleet().nodes[node.node->index].name;
}

// A job per node that has a session or may get one, all at once.
template <class Job>
void each(Crew& crew, std::vector<BootstrapNode>& nodes, Job job) {
  std::vector<NodeRun*> running;
  for (BootstrapNode& node : nodes) {
    if (!node.node->error) running.push_back(node.node);
  }
  crew.each(running, [&](NodeRun& run) {
    const auto it = std::ranges::find(nodes, &run, &BootstrapNode::node);
    if (it != nodes.end()) job(*it);
  });
}

void tell(Crew& crew, const BootstrapNode& node, const BootstrapItem& item, std::string status) {
  crew.emit({plan::EventKind::step, kPhase, name_of(crew, node),
             std::string(plan::to_string(item.part)), std::move(status), item.text, item.cure});
}

bool stands(const std::vector<BootstrapItem>& items, BootstrapPart part) {
  return std::ranges::none_of(items, [&](const BootstrapItem& item) {
    return item.part == part && item.status != BootstrapStatus::ok &&
           item.status != BootstrapStatus::done;
  });
}

BootstrapItem login_item(const Expected<std::unique_ptr<ssh::Session>>& session) {
  BootstrapItem item{BootstrapPart::login, BootstrapStatus::ok, "login with the key alone", {}};
  if (session) return item;
  const Error& error = session.error();
  if (error.code == ErrorCode::unauthorized) {
    item.status = BootstrapStatus::failed;
    item.text = "a login with the key alone is refused: " + error.message;
    item.cure =
        "see `ls -ld ~ ~/.ssh` on the node (sshd trusts no folder that others may write to) and "
        "AuthorizedKeysFile in its sshd_config";
  } else {
    item.status = BootstrapStatus::not_done;
    item.text = "no login to check the key with: " + error.message;
    item.cure = error.hint.empty() ? "run it again" : error.hint;
  }
  return item;
}

}  // namespace

void bootstrap_look(Crew& crew, std::vector<BootstrapNode>& nodes, plan::SudoScope scope) {
  crew.emit({plan::EventKind::phase, kPhase, {}, {}, {}, "looking at keys and sudo", {}});
  each(crew, nodes, [&](BootstrapNode& node) {
    crew.emit({plan::EventKind::node_started, kPhase, name_of(crew, node), {}, {}, {}, {}});
    const std::string nonce = random_hex(16);
    const ScriptResult result = crew.script(
        *node.node, kPhase, plan::bootstrap_look_script(node.keys, nonce), nonce, Privilege::user);
    if (node.node->error) return;
    const auto look = plan::read_bootstrap_look(result.frames, node.keys.size());
    if (result.error || !look) {
      node.node->error = result.error ? *result.error : look.error();
      crew.emit({plan::EventKind::node_failed, kPhase, name_of(crew, node), "look", "failed",
                 node.node->error->message, node.node->error->hint});
      return;
    }
    node.plan = plan::plan_bootstrap(crew.fleet(), node.node->index, node.keys, *look, scope);
    node.items = node.plan.items;
    crew.emit({plan::EventKind::node_done, kPhase, name_of(crew, node), {}, {}, {}, {}});
  });
}

void bootstrap_change(Crew& crew, std::vector<BootstrapNode>& nodes) {
  crew.emit({plan::EventKind::phase, kPhase, {}, {}, {}, "giving keys and sudo back", {}});
  each(crew, nodes, [&](BootstrapNode& node) {
    if (node.plan.changes() == 0 || crew.cancelled()) return;
    // Flushed by the journal before the node hears of it.
    for (const BootstrapItem& item : node.plan.items) {
      if (item.status == BootstrapStatus::change) tell(crew, node, item, "planned");
    }
    const std::string nonce = random_hex(16);
    const ScriptResult result =
        crew.script(*node.node, kPhase, plan::bootstrap_change_script(node.plan, node.keys, nonce),
                    nonce, Privilege::become);
    node.items = plan::judge_bootstrap(node.plan, result.frames, result.error);
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (node.plan.items[i].status == BootstrapStatus::change) {
        tell(crew, node, node.items[i], std::string(plan::to_string(node.items[i].status)));
      }
    }
  });
}

void bootstrap_check(Crew& crew, std::vector<BootstrapNode>& nodes, ssh::Transport& transport) {
  crew.emit({plan::EventKind::phase, kPhase, {}, {}, {}, "logging in with the key alone", {}});
  each(crew, nodes, [&](BootstrapNode& node) {
    if (crew.cancelled() || !stands(node.items, BootstrapPart::key)) return;
    ssh::Target target = target_of(crew.fleet(), node.node->index);
    target.reuse = ssh::Reuse::never;
    auto session = transport.connect(target, Deadline::after(crew.phase_timeout()), crew.cancel());
    node.items.push_back(login_item(session));
    tell(crew, node, node.items.back(), std::string(plan::to_string(node.items.back().status)));
    const bool has_rule = std::ranges::any_of(
        node.items, [](const BootstrapItem& item) { return item.part == BootstrapPart::sudoers; });
    if (!session || !has_rule || !stands(node.items, BootstrapPart::sudoers)) return;
    node.node->session = std::move(*session);
    const std::string nonce = random_hex(16);
    const ScriptResult result =
        crew.try_script(*node.node, kPhase, plan::bootstrap_check_script(nonce), nonce,
                        Privilege::user, Deadline::after(crew.phase_timeout()), crew.cancel());
    node.items.push_back(plan::judge_sudo_check(result.frames));
    tell(crew, node, node.items.back(), std::string(plan::to_string(node.items.back().status)));
  });
}

}  // namespace bringup::run
