#pragma once
// The nodes of one run and the sessions to them, kept from the first phase to the last.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/facts/script.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/plan/event.hpp"
#include "bringup/ssh/transport.hpp"
#include "bringup/util/cancel.hpp"
#include "bringup/util/deadline.hpp"
#include "bringup/util/secret.hpp"

namespace bringup::run {

struct CrewOptions {
  std::chrono::milliseconds phase_timeout{60000};  // each script on each node
  Secret become_password;                          // for nodes with become = "sudo-password"
  CancelToken cancel;
};

// One node in a run.
struct NodeRun {
  std::size_t index = 0;  // into Fleet::nodes
  std::unique_ptr<ssh::Session> session;
  std::optional<Error>
      error;  // why there is no usable session; set once, then the node is left alone
  std::optional<facts::NodeFacts> facts;  // the last that were read
  std::string preamble;                   // goes before each script that changes it: see lock.hpp
};

// What one script printed on one node. With an error (connection lost, cancelled, too late) the
// frames are those that arrived before it.
struct ScriptResult {
  std::vector<facts::Frame> frames;
  std::optional<Error> error;
  bool lost = false;  // the command did not come to its end: `error` says why
};

enum class Privilege {
  user,
  become
};  // become: the script may use sudo as the node's `become` says

class Crew {
 public:
  // `nodes`: indices into fleet.nodes. References must outlive the crew.
  Crew(const model::Fleet& fleet, const std::vector<std::size_t>& nodes, ssh::Transport& transport,
       plan::Sink& sink, CrewOptions options);

  [[nodiscard]] const model::Fleet& fleet() const { return fleet_; }
  [[nodiscard]] std::vector<NodeRun>& nodes() { return nodes_; }
  [[nodiscard]] const std::vector<NodeRun>& nodes() const { return nodes_; }
  [[nodiscard]] const NodeRun* find(std::size_t index) const;
  [[nodiscard]] std::vector<std::size_t> indices() const;
  [[nodiscard]] bool cancelled() const { return options_.cancel.stop_requested(); }

  // Runs `job` for every given node at once, a thread each, and returns when all are done.
  void each(const std::vector<NodeRun*>& nodes, const std::function<void(NodeRun&)>& job);
  // The nodes that have no error.
  std::vector<NodeRun*> alive();

  // Connects unless there is a session; false when the node's error is set.
  bool connect(NodeRun& node);
  // One `sh -s` round trip. Connects first. A lost connection becomes the node's error.
  ScriptResult script(NodeRun& node, const std::string& phase, const std::string& text,
                      const std::string& nonce, Privilege privilege);
  // The same beside others on that session, from any thread. The node keeps its session and its
  // error, whatever happens. Fails (in the result) where the node has no session.
  ScriptResult side_script(const NodeRun& node, const std::string& phase, const std::string& text,
                           const std::string& nonce, Deadline deadline);
  // A new connection to the node, whatever session it has; `address` instead of its host's unless
  // empty. Leaves the node as it is.
  Expected<std::unique_ptr<ssh::Session>> reach(const NodeRun& node, const std::string& address,
                                                Deadline deadline, CancelToken cancel);
  // script() on the session that the node has, by this deadline and token. The node keeps its
  // session and its error, whatever happens.
  ScriptResult try_script(const NodeRun& node, const std::string& phase, const std::string& text,
                          const std::string& nonce, Privilege privilege, Deadline deadline,
                          CancelToken cancel);
  [[nodiscard]] const CancelToken& cancel() const { return options_.cancel; }
  [[nodiscard]] std::chrono::milliseconds phase_timeout() const { return options_.phase_timeout; }
  // A command for the login shell, as it is.
  Expected<ssh::ExecResult> command(NodeRun& node, const std::string& text,
                                    std::function<void(ssh::Stream, std::string_view)> on_output);

  void emit(const plan::Event& event);  // one at a time, from any thread

 private:
  ssh::ExecRequest request_for(const NodeRun& node, const std::string& text,
                               Privilege privilege) const;
  ScriptResult run_script(const NodeRun& node, const std::string& phase, ssh::ExecRequest request,
                          const std::string& nonce);

  const model::Fleet& fleet_;
  ssh::Transport& transport_;
  CrewOptions options_;
  std::vector<NodeRun> nodes_;
  struct Serial;
  std::shared_ptr<Serial> sink_;
};

// The way to a node as the ssh room understands it.
ssh::Target target_of(const model::Fleet& fleet, std::size_t node);

}  // namespace bringup::run
