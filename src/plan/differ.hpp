#pragma once
// What the differences of a Mac and of a Linux node have in common.
#include <string>
#include <vector>

#include "bringup/plan/plan.hpp"

namespace bringup::plan {

// The plan as diff() would let it pass: refused, and without actions, where its changes would cut
// the session off or cannot become root.
NodePlan guarded(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts,
                 NodePlan plan);

// One of the node's own places in a link or a segment, and what the facts say of its interface.
struct LocalEnd {
  const model::Link* link = nullptr;        // or
  const model::Segment* segment = nullptr;  // this; never both
  std::string interface;
  model::InterfaceAddress wanted;
  const platform::Interface* seen = nullptr;  // null: no such interface
  std::string rdma_device;                    // of a link
  std::string what;                           // "the link a:en3 - b:en3", "segment edge"
  std::string where;                          // its position in the inventory
};
std::vector<LocalEnd> local_ends(const model::Fleet& fleet, std::size_t node,
                                 const facts::NodeFacts& facts);

class NodeDiff {
 public:
  NodeDiff(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts);

  // Another plan of this node, held against what forbids changes.
  NodePlan guard(NodePlan plan);

 protected:
  void find(Severity severity, std::string layer, std::string target, std::string seen,
            std::string expected, std::string cure);
  void refuse(std::string layer, std::string target, std::string seen, std::string expected,
              std::string cure);
  void change(Action action);  // fills in `shown` where it is empty
  // An interface that the node does not have; false when it has it.
  bool misses(const LocalEnd& local, const std::string& listing);
  [[nodiscard]] std::vector<std::string> bridges_of(const std::string& interface) const;
  // Forwarding where the fleet wants it.
  void forward();
  void check_rdma(const std::string& command);
  // Warns of changes of the session's own path.
  void note_session();
  // Refuses what needs root and cannot have it.
  void guard_sudo();
  [[nodiscard]] std::string_view before() const { return sudo_ ? "sudo " : ""; }

  const model::Fleet& fleet_;
  const std::size_t index_;
  const model::Node& node_;
  const facts::NodeFacts& facts_;
  const std::vector<LocalEnd> ends_;
  const bool sudo_;
  NodePlan plan_;

 private:
  void report_rdma(const LocalEnd& local);
};

NodePlan diff_darwin(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts);
NodePlan diff_linux(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts);

}  // namespace bringup::plan
