#include "bringup/topology/routes.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

namespace bringup::topology {
namespace {

using model::Fleet;

struct Place {
  std::size_t node = 0;
  std::string interface;
  model::Ipv4 address;
};

struct Network {
  std::string name;
  model::Subnet subnet;
  std::vector<Place> places;

  [[nodiscard]] const Place* of(std::size_t node) const {
    const auto found = std::find_if(places.begin(), places.end(),
                                    [&](const Place& place) { return place.node == node; });
    return found == places.end() ? nullptr : &*found;
  }
};

// One declared wish: this segment's members reach that network through the segment's gateway.
struct Wish {
  std::size_t segment = 0;  // both are places in Map::networks
  std::size_t target = 0;
  std::size_t gateway = 0;
};

class Map {
 public:
  explicit Map(const Fleet& fleet) : fleet_(fleet) {
    for (const auto& link : fleet.links) {
      Network network{fleet.link_name(link), link.subnet, {}};
      for (const auto& end : link.ends) {
        network.places.push_back({end.node, end.interface, end.address});
      }
      networks_.push_back(std::move(network));
    }
    for (const auto& segment : fleet.segments) {
      Network network{"segment " + segment.name, segment.subnet, {}};
      for (const auto& member : segment.members) {
        network.places.push_back({member.node, member.interface, member.address});
      }
      networks_.push_back(std::move(network));
    }
    for (std::size_t at = 0; at < fleet.segments.size(); ++at) {
      const auto& segment = fleet.segments[at];
      if (!segment.gateway || segment.routes_to.empty()) continue;
      gateways_.insert(*segment.gateway);
      for (const auto& target : segment.routes_to) add_wishes(at, target);
    }
  }

  [[nodiscard]] const std::vector<Wish>& wishes() const { return wishes_; }
  [[nodiscard]] const Network& network(std::size_t at) const { return networks_[at]; }
  [[nodiscard]] const std::set<std::size_t>& gateways() const { return gateways_; }
  [[nodiscard]] bool attached(std::size_t node, std::size_t network) const {
    return networks_[network].of(node) != nullptr;
  }

  // The nodes that forward from `node` into the network, fewest first found; nothing when no
  // gateway leads there. Empty: it is in that network itself.
  [[nodiscard]] std::optional<std::vector<std::size_t>> path(std::size_t node,
                                                             std::size_t target) const {
    if (attached(node, target)) return std::vector<std::size_t>();
    std::map<std::size_t, std::size_t> before{{node, node}};
    std::deque<std::size_t> open{node};
    while (!open.empty()) {
      const std::size_t here = open.front();
      open.pop_front();
      for (const std::size_t next : gateways_) {
        if (before.contains(next) || shared(here, next) == nullptr) continue;
        before[next] = here;
        if (!attached(next, target)) {
          open.push_back(next);
          continue;
        }
        std::vector<std::size_t> out;
        for (std::size_t at = next; at != node; at = before[at]) out.push_back(at);
        std::reverse(out.begin(), out.end());
        return out;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] const Network* shared(std::size_t a, std::size_t b) const {
    for (const auto& network : networks_) {
      if (network.of(a) != nullptr && network.of(b) != nullptr) return &network;
    }
    return nullptr;
  }

  // Who needs a route into `target` so that `node` reaches it: `node` and those on its way.
  void need(std::size_t node, std::size_t target, std::set<std::size_t>& nodes) const {
    const auto way = path(node, target);
    if (!way || way->empty()) return;
    nodes.insert(node);
    for (const std::size_t hop : *way) {
      if (!attached(hop, target)) nodes.insert(hop);
    }
  }

 private:
  void add_wishes(std::size_t segment, const std::string& target) {
    const std::size_t from = fleet_.links.size() + segment;
    const std::size_t gateway = *fleet_.segments[segment].gateway;
    if (target == model::kLinks) {
      for (std::size_t at = 0; at < fleet_.links.size(); ++at) {
        if (attached(gateway, at)) wishes_.push_back({from, at, gateway});
      }
      return;
    }
    for (std::size_t at = 0; at < fleet_.segments.size(); ++at) {
      if (fleet_.segments[at].name != target) continue;
      wishes_.push_back({from, fleet_.links.size() + at, gateway});
    }
  }

  const Fleet& fleet_;
  std::vector<Network> networks_;  // links, then segments
  std::vector<Wish> wishes_;
  std::set<std::size_t> gateways_;
};

// Networks into which this node needs a route.
std::set<std::size_t> targets_of(const Map& map, std::size_t node) {
  std::set<std::size_t> out;
  const auto want = [&](std::size_t from, std::size_t target) {
    std::set<std::size_t> nodes;
    map.need(from, target, nodes);
    if (nodes.contains(node)) out.insert(target);
  };
  for (const Wish& wish : map.wishes()) {
    for (const Place& place : map.network(wish.segment).places) want(place.node, wish.target);
    for (const Place& place : map.network(wish.target).places) want(place.node, wish.segment);
  }
  return out;
}

void add_pairs(const Map& map, std::size_t from_network, std::size_t to_network,
               const std::string& segment, std::vector<RoutedPair>& out) {
  for (const Place& from : map.network(from_network).places) {
    if (map.attached(from.node, to_network)) continue;
    const auto way = map.path(from.node, to_network);
    if (!way || way->empty()) continue;
    const Network* first = map.shared(from.node, way->front());
    for (const Place& to : map.network(to_network).places) {
      RoutedPair pair;
      pair.from = from.node;
      pair.to = to.node;
      pair.from_address = first->of(from.node)->address;
      pair.from_interface = first->of(from.node)->interface;
      pair.to_address = to.address;
      pair.segment = segment;
      for (const std::size_t hop : *way) {
        if (hop == to.node) break;
        pair.through.push_back(hop);
      }
      const bool known = std::any_of(out.begin(), out.end(), [&](const RoutedPair& other) {
        return other.from == pair.from && other.to_address == pair.to_address;
      });
      if (!known) out.push_back(std::move(pair));
    }
  }
}

}  // namespace

std::vector<NeededRoute> routes_of(const Fleet& fleet, std::size_t node) {
  const Map map(fleet);
  std::vector<NeededRoute> out;
  for (const std::size_t target : targets_of(map, node)) {
    const std::size_t next = map.path(node, target)->front();
    const Network* network = map.shared(node, next);
    out.push_back({map.network(target).subnet, network->of(next)->address,
                   network->of(node)->interface, next, map.network(target).name});
  }
  std::sort(out.begin(), out.end(), [](const NeededRoute& a, const NeededRoute& b) {
    return a.destination < b.destination;
  });
  return out;
}

bool forwards(const Fleet& fleet, std::size_t node) {
  return Map(fleet).gateways().contains(node);
}

std::vector<RoutedPair> routed_pairs(const Fleet& fleet) {
  const Map map(fleet);
  std::vector<RoutedPair> out;
  for (const Wish& wish : map.wishes()) {
    const std::string& segment = fleet.segments[wish.segment - fleet.links.size()].name;
    add_pairs(map, wish.segment, wish.target, segment, out);
    add_pairs(map, wish.target, wish.segment, segment, out);
  }
  return out;
}

std::vector<OwnAddress> addresses_of(const Fleet& fleet, std::size_t node) {
  std::vector<OwnAddress> out;
  for (const auto& link : fleet.links) {
    for (const auto& end : link.ends) {
      if (end.node == node) out.push_back({end.interface, {end.address, link.subnet.prefix()}});
    }
  }
  for (const auto& segment : fleet.segments) {
    for (const auto& member : segment.members) {
      if (member.node != node) continue;
      out.push_back({member.interface, {member.address, segment.subnet.prefix()}});
    }
  }
  return out;
}

std::optional<model::Ipv4> address_between(const Fleet& fleet, std::size_t from, std::size_t to) {
  const Map map(fleet);
  if (const Network* network = map.shared(from, to)) return network->of(to)->address;
  for (const auto& pair : routed_pairs(fleet)) {
    if (pair.from == from && pair.to == to) return pair.to_address;
  }
  return std::nullopt;
}

}  // namespace bringup::topology
