#pragma once
// Who listens for the others: the node that most of them can reach by TCP.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bringup/model/address.hpp"

namespace bringup::topology {

// Who could connect to one address of one node.
struct Reached {
  std::size_t node = 0;  // the address's owner, index into Fleet::nodes
  model::Ipv4 address;
  std::vector<std::size_t> from;  // the other nodes that could, each once
};

struct Coordinator {
  std::size_t node = 0;
  model::Ipv4 address;            // the one that most others reach
  std::vector<std::size_t> from;  // sorted
};

// `order`: nodes in the order that breaks ties (by rank). Of a node's addresses, `reached` names
// the preferred first. A node's worth is that of its best single address, since all others must
// connect to the same. Unset when there is no address of any node in `order`.
std::optional<Coordinator> choose_coordinator(const std::vector<std::size_t>& order,
                                              const std::vector<Reached>& reached);

}  // namespace bringup::topology
