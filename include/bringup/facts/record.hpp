#pragma once
// The part of a node's facts that changes can touch and a reboot can lose, as a run keeps it: what
// `rollback` returns to and `recover` compares with. "bringup.facts/1" (docs/schema/facts-1.json).
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/util/error.hpp"

namespace bringup::facts {

struct RecordedInterface {
  std::string name;
  bool up = false;
  std::vector<model::InterfaceAddress> inet;  // in the system's order: the first is the primary one
  std::uint32_t mtu = 0;                      // 0: recorded before it was kept
  bool operator==(const RecordedInterface&) const = default;
};

struct NodeRecord {
  std::string node;
  Os os = Os::other;
  std::vector<RecordedInterface> interfaces;
  std::vector<platform::Bridge> bridges;  // members sorted: their order means nothing
  std::vector<platform::Route> routes;    // sorted by destination and interface
  platform::RdmaState rdma = platform::RdmaState::unknown;
  FileState matrix;
  std::optional<FileState> keeper;  // kKeeperPlist; unset: recorded before it was known
  std::optional<bool> forwarding;
  std::map<std::string, FileState> own;         // as in NodeFacts
  std::vector<platform::Neighbour> neighbours;  // those for good
  std::string digest;                           // plan_digest() of the facts
  [[nodiscard]] const RecordedInterface* find(std::string_view interface) const;
  // Names of the bridges that it is a member of.
  [[nodiscard]] std::vector<std::string> bridges_of(std::string_view interface) const;
};

struct Record {
  std::string matrix_path;
  std::vector<NodeRecord> nodes;
  [[nodiscard]] const NodeRecord* find(std::string_view node) const;
};

NodeRecord record_of(const std::string& node, const NodeFacts& facts);

std::string to_json(const Record& record);
// Strict: unknown, missing or mistyped members and text over 64 MiB are parse errors.
Expected<Record> parse_record(std::string_view text);

// One field that is not what it was: "en3 bridge": "bridge0" against "none".
struct Difference {
  std::string item;
  std::string was, now;
  bool operator==(const Difference&) const = default;
};
// Field by field, interfaces, bridges, routes, RDMA, the matrix file and the keeper.
std::vector<Difference> compare(const NodeRecord& was, const NodeRecord& now);

}  // namespace bringup::facts
