#pragma once
// The probe on the nodes of a run. Internal to the room.
#include <memory>
#include <string>
#include <vector>

#include "bringup/run/verify.hpp"
#include "command_stream.hpp"

namespace bringup::run {

// Probes are pushed once to each node that needs one, held there until this object goes, and
// removed by the node's own shell then, also when the session is lost.
class Probes {
 public:
  struct Held {
    std::string path;  // empty: the node has none
    std::string why;   // then: the reason, where one is known
    std::unique_ptr<CommandStream> holder;
  };

  Probes(Crew& crew, const ProbeFinder& finder);
  ~Probes();
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  void push(const std::vector<NodeRun*>& nodes);
  // Null: nothing was pushed to that node.
  [[nodiscard]] const Held* at(std::size_t node) const { return held_[node].get(); }

 private:
  void place(NodeRun& node, Held& held);

  Crew& crew_;
  const ProbeFinder& finder_;
  std::vector<std::unique_ptr<Held>> held_;  // by index into Fleet::nodes
};

}  // namespace bringup::run
