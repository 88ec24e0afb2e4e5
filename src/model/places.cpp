#include "places.hpp"

#include <fmt/format.h>

#include "bringup/util/text.hpp"
#include "names.hpp"

namespace bringup::model {

Places::Places(const Declared& declared, Collector& problems) : problems_(problems) {
  for (const DeclaredNode& node : declared.nodes) {
    node_index_.emplace(node.name.value, names_.size());
    names_.push_back(node.name.value);
  }
}

std::optional<std::size_t> Places::index_of(const std::string& name) const {
  const auto found = node_index_.find(name);
  return found == node_index_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::size_t> Places::find_node(std::string_view name, const Spot& spot,
                                             std::string_view role) {
  if (const auto known = index_of(std::string(name))) return known;
  problems_.add(spot, fmt::format("unknown node {}{}", quoted(name), role),
                names_.empty() ? "declare it: [nodes." + printable(name, 80) + "]"
                               : problems_.suggest(name, names_));
  return std::nullopt;
}

bool Places::claim_interface(std::size_t node, const std::string& interface, Holder holder) {
  const auto [held, fresh] = interfaces_.emplace(std::pair(node, interface), holder);
  if (!fresh) {
    problems_.add(holder.spot,
                  fmt::format("{} is already in {} ({})", quoted(names_[node] + ":" + interface),
                              held->second.what, Collector::place(held->second.spot)),
                  "an interface carries one link or one segment: name the one that this cable "
                  "is in");
  }
  return fresh;
}

void Places::claim_device(std::size_t node, const std::string& device, Holder holder) {
  const auto [held, fresh] = devices_.emplace(std::pair(node, device), holder);
  if (!fresh) {
    problems_.add(
        holder.spot,
        fmt::format("RDMA device {} of {} already serves {} ({})", quoted(device),
                    quoted(names_[node]), held->second.what, Collector::place(held->second.spot)),
        "each link end has a device of its own (default: rdma_ and the interface)");
  }
}

}  // namespace bringup::model
