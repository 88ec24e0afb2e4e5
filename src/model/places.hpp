#pragma once
// Who is at which end: the nodes by their names, and what each interface and device serves.
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "declared.hpp"

namespace bringup::model {

// Who holds an interface or a device already.
struct Holder {
  std::string what;  // "the link" or "segment 'edge'"
  Spot spot;
};

class Places {
 public:
  Places(const Declared& declared, Collector& problems);

  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] std::optional<std::size_t> index_of(const std::string& name) const;
  // As index_of(), and a name that is unknown is told; `role` is " in a link".
  std::optional<std::size_t> find_node(std::string_view name, const Spot& spot,
                                       std::string_view role);
  // One interface has one cable, and one place in one subnet; false: it is held, which is told.
  bool claim_interface(std::size_t node, const std::string& interface, Holder holder);
  void claim_device(std::size_t node, const std::string& device, Holder holder);

 private:
  Collector& problems_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> node_index_;
  std::map<std::pair<std::size_t, std::string>, Holder> interfaces_;
  std::map<std::pair<std::size_t, std::string>, Holder> devices_;
};

}  // namespace bringup::model
