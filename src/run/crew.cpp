#include "bringup/run/crew.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

#include "bringup/plan/execute.hpp"

namespace bringup::run {
namespace {

ssh::Endpoint endpoint_of(const std::string& name, const model::SshSettings& settings) {
  ssh::Endpoint endpoint;
  endpoint.name = name;
  endpoint.host = settings.host;
  endpoint.port = settings.port;
  endpoint.user = settings.user;
  endpoint.identity_files = settings.identity_files;
  endpoint.host_key = settings.host_key;
  return endpoint;
}

}  // namespace

ssh::Target target_of(const model::Fleet& fleet, std::size_t node) {
  const model::Node& self = fleet.nodes.at(node);
  ssh::Target target;
  target.endpoint = endpoint_of(self.name, self.ssh);
  for (const std::string& hop : self.via) {
    if (const model::Proxy* proxy = fleet.find_proxy(hop)) {
      target.hops.push_back(endpoint_of(proxy->name, proxy->ssh));
    } else if (const model::Node* other = fleet.find_node(hop)) {
      target.hops.push_back(endpoint_of(other->name, other->ssh));
    }
  }
  return target;
}

struct Crew::Serial {
  std::mutex mutex;
  plan::Sink& sink;
  explicit Serial(plan::Sink& s) : sink(s) {}
};

Crew::Crew(const model::Fleet& fleet, const std::vector<std::size_t>& nodes,
           ssh::Transport& transport, plan::Sink& sink, CrewOptions options)
    : fleet_(fleet),
      transport_(transport),
      options_(std::move(options)),
      sink_(std::make_shared<Serial>(sink)) {
  nodes_.reserve(nodes.size());
  for (const std::size_t index : nodes) {
    nodes_.emplace_back();
    nodes_.back().index = index;
  }
}

const NodeRun* Crew::find(std::size_t index) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(),
                               [&](const NodeRun& node) { return node.index == index; });
  return it == nodes_.end() ? nullptr : &*it;
}

std::vector<std::size_t> Crew::indices() const {
  std::vector<std::size_t> all;
  for (const NodeRun& node : nodes_) all.push_back(node.index);
  return all;
}

std::vector<NodeRun*> Crew::alive() {
  std::vector<NodeRun*> out;
  for (NodeRun& node : nodes_) {
    if (!node.error) out.push_back(&node);
  }
  return out;
}

void Crew::emit(const plan::Event& event) {
  const std::lock_guard lock(sink_->mutex);
  sink_->sink.emit(event);
}

void Crew::each(const std::vector<NodeRun*>& nodes, const std::function<void(NodeRun&)>& job) {
  // A job that throws must not end the process from a worker: its exception is carried to the
  // caller, after every other worker is done.
  std::exception_ptr first;
  std::mutex mutex;
  {
    std::vector<std::jthread> workers;
    workers.reserve(nodes.size());
    for (NodeRun* node : nodes) {
      workers.emplace_back([&, node] {
        try {
          job(*node);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!first) first = std::current_exception();
        }
      });
    }
  }
  if (first) std::rethrow_exception(first);
}

bool Crew::connect(NodeRun& node) {
  if (node.error) return false;
  if (node.session) return true;
  auto session = transport_.connect(target_of(fleet_, node.index),
                                    Deadline::after(options_.phase_timeout), options_.cancel);
  if (!session) {
    node.error = session.error();
    emit({plan::EventKind::node_failed, "connect", fleet_.nodes[node.index].name, "ssh", "failed",
          node.error->message, node.error->hint});
    return false;
  }
  node.session = std::move(*session);
  return true;
}

ScriptResult Crew::run_script(const NodeRun& node, const std::string& phase,
                              ssh::ExecRequest request, const std::string& nonce) {
  const std::string& name = fleet_.nodes[node.index].name;
  std::string output;  // kept here so that a cut connection leaves what had arrived
  std::string errors;
  request.on_output = [&](ssh::Stream stream, std::string_view bytes) {
    (stream == ssh::Stream::out ? output : errors).append(bytes);
  };
  const auto executed = node.session->exec(request);
  emit({plan::EventKind::raw, phase, name, "stdout", {}, output, {}});
  if (!errors.empty()) emit({plan::EventKind::raw, phase, name, "stderr", {}, errors, {}});

  ScriptResult result;
  result.frames = facts::parse_frames_prefix(output, nonce);
  if (!executed) {
    result.error = executed.error();
    result.lost = true;
  } else if (executed->truncated) {
    result.error = Error{ErrorCode::remote,
                         "printed more than " + std::to_string(request.max_output >> 20) +
                             " MiB in phase " + phase + "; the command was ended",
                         "look at the raw output in the run's folder"};
  }
  return result;
}

ssh::ExecRequest Crew::request_for(const NodeRun& node, const std::string& text,
                                   Privilege privilege) const {
  ssh::ExecRequest request;
  request.command = "sh -s";
  request.input = text;
  request.cancel = options_.cancel;
  if (privilege == Privilege::become &&
      fleet_.nodes[node.index].become == model::Become::sudo_password) {
    request.command = plan::become_wrapper();
    request.input = std::string(options_.become_password.reveal()) + "\n" + text;
  }
  return request;
}

ScriptResult Crew::script(NodeRun& node, const std::string& phase, const std::string& text,
                          const std::string& nonce, Privilege privilege) {
  if (!connect(node)) {
    ScriptResult none;
    none.error = node.error;
    return none;
  }
  ssh::ExecRequest request = request_for(node, text, privilege);
  request.deadline = Deadline::after(options_.phase_timeout);
  ScriptResult result = run_script(node, phase, std::move(request), nonce);
  if (result.lost) {
    node.error = result.error;
    // An interrupted run still has locks to drop over its sessions.
    if (result.error->code != ErrorCode::cancelled) node.session.reset();
    emit({plan::EventKind::node_failed, phase, fleet_.nodes[node.index].name, "ssh", "failed",
          node.error->message, node.error->hint});
  }
  return result;
}

ScriptResult Crew::side_script(const NodeRun& node, const std::string& phase,
                               const std::string& text, const std::string& nonce,
                               Deadline deadline) {
  return try_script(node, phase, text, nonce, Privilege::user, deadline, options_.cancel);
}

ScriptResult Crew::try_script(const NodeRun& node, const std::string& phase,
                              const std::string& text, const std::string& nonce,
                              Privilege privilege, Deadline deadline, CancelToken cancel) {
  if (!node.session) {
    ScriptResult none;
    none.error = node.error.value_or(Error{ErrorCode::unreachable, "there is no session", {}});
    none.lost = true;
    return none;
  }
  ssh::ExecRequest request = request_for(node, text, privilege);
  request.deadline = deadline;
  request.cancel = std::move(cancel);
  return run_script(node, phase, std::move(request), nonce);
}

Expected<std::unique_ptr<ssh::Session>> Crew::reach(const NodeRun& node, const std::string& address,
                                                    Deadline deadline, CancelToken cancel) {
  ssh::Target target = target_of(fleet_, node.index);
  target.endpoint.address = address;
  target.reuse = ssh::Reuse::never;
  return transport_.connect(target, deadline, std::move(cancel));
}

Expected<ssh::ExecResult> Crew::command(
    NodeRun& node, const std::string& text,
    std::function<void(ssh::Stream, std::string_view)> on_output) {
  if (!connect(node)) return tl::unexpected<Error>(*node.error);
  ssh::ExecRequest request;
  request.command = text;
  request.deadline = Deadline::after(options_.phase_timeout);
  request.cancel = options_.cancel;
  request.on_output = std::move(on_output);
  auto result = node.session->exec(request);
  if (!result) {
    node.error = result.error();
    node.session.reset();
    emit({plan::EventKind::node_failed, "exec", fleet_.nodes[node.index].name, "ssh", "failed",
          node.error->message, node.error->hint});
  }
  return result;
}

}  // namespace bringup::run
