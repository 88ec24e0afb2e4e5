#include "bringup/topology/ring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>

namespace bringup::topology {
namespace {

using Set = std::bitset<kMaxRingNodes>;

// Nodes are numbered by their place in the order, so that ties fall to the lower rank.
struct Graph {
  std::vector<Set> next;
  [[nodiscard]] std::size_t size() const { return next.size(); }
};

Graph graph_of(const Cables& cables, const std::vector<std::size_t>& order, std::size_t least) {
  Graph graph;
  graph.next.resize(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) {
      if (i != j && cables.at(order[i]).at(order[j]) >= least) graph.next[i].set(j);
    }
  }
  return graph;
}

// Those of `allowed` that a walk from `start` (of `allowed`) comes to.
Set reachable(const Graph& graph, std::size_t start, const Set& allowed) {
  Set seen;
  seen.set(start);
  std::vector<std::size_t> open{start};
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    const Set fresh = graph.next[at] & allowed & ~seen;
    for (std::size_t k = 0; k < graph.size(); ++k) {
      if (fresh.test(k)) open.push_back(k);
    }
    seen |= fresh;
  }
  return seen;
}

Set all_of(std::size_t n) {
  Set all;
  for (std::size_t i = 0; i < n; ++i) all.set(i);
  return all;
}

// The first node without which the rest falls apart.
std::optional<std::size_t> cut_node(const Graph& graph) {
  for (std::size_t k = 0; k < graph.size(); ++k) {
    Set rest = all_of(graph.size());
    rest.reset(k);
    if (rest.none()) continue;
    if (reachable(graph, k == 0 ? 1 : 0, rest) != rest) return k;
  }
  return std::nullopt;
}

// Depth first over cables that are taken or left out, with everything that follows from a choice
// drawn before the next: a node with two cables left uses both; a node that uses two loses the
// rest; a cable that would close a ring of some nodes only is left out.
class Search {
 public:
  explicit Search(std::size_t& steps) : steps_(steps) {}

  // The ring's nodes from 0 on, the lower neighbour of 0 next.
  std::optional<std::vector<std::size_t>> ring(const Graph& graph) {
    State state{graph, Graph{std::vector<Set>(graph.size())}};
    if (!settle(state) || !walk(state)) return std::nullopt;
    std::vector<std::size_t> order{0};
    std::size_t before = 0;
    std::size_t at = first(found_.next[0]);
    while (at != 0) {
      order.push_back(at);
      Set on = found_.next[at];
      on.reset(before);
      before = at;
      at = first(on);
    }
    return order;
  }

 private:
  struct State {
    Graph open;   // cables that may still be used, the taken ones included
    Graph taken;  // at most two at each node
  };

  static std::size_t first(const Set& set) {
    std::size_t k = 0;
    while (k < kMaxRingNodes && !set.test(k)) ++k;
    return k;
  }
  static void join(Graph& graph, std::size_t a, std::size_t b) {
    graph.next[a].set(b);
    graph.next[b].set(a);
  }
  static void part(Graph& graph, std::size_t a, std::size_t b) {
    graph.next[a].reset(b);
    graph.next[b].reset(a);
  }

  // The other end of the taken way that ends at `start`, and its nodes; {start, …} for a ring.
  static std::pair<std::size_t, std::size_t> other_end(const Graph& taken, std::size_t start) {
    std::size_t before = start;
    std::size_t at = first(taken.next[start]);
    std::size_t nodes = 2;
    while (true) {
      Set on = taken.next[at];
      on.reset(before);
      if (on.none()) return {at, nodes};
      before = at;
      at = first(on);
      if (at == start) return {start, nodes};
      ++nodes;
    }
  }

  // Draws what follows; false when there can be no ring.
  static bool settle(State& state) {
    const std::size_t n = state.open.size();
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t a = 0; a < n; ++a) {
        const std::size_t ways = state.open.next[a].count();
        const std::size_t used = state.taken.next[a].count();
        if (ways < 2 || used > 2) return false;
        if ((ways == 2) == (used == 2)) continue;
        const Set rest = state.open.next[a] & ~state.taken.next[a];
        for (std::size_t b = 0; b < n; ++b) {
          if (!rest.test(b)) continue;
          if (ways == 2) {
            join(state.taken, a, b);
          } else {
            part(state.open, a, b);
          }
        }
        changed = true;
      }
      if (changed) continue;  // ways can be followed only where no node uses three
      for (std::size_t a = 0; a < n; ++a) {
        if (state.taken.next[a].none()) continue;
        const auto [end, nodes] = other_end(state.taken, a);
        if (end == a || nodes == n || state.taken.next[a].count() != 1) continue;
        if (state.open.next[a].test(end) && !state.taken.next[a].test(end)) {
          part(state.open, a, end);
          changed = true;
        }
      }
    }
    return !cut_node(state.open);  // nor when a ring of some nodes has come off the others
  }

  // The node to decide at: one where a taken way ends, with the fewest ways on.
  static std::optional<std::size_t> undecided(const State& state) {
    std::optional<std::size_t> best;
    std::pair<bool, std::size_t> least;
    for (std::size_t k = 0; k < state.open.size(); ++k) {
      if (state.taken.next[k].count() == 2) continue;
      const std::pair<bool, std::size_t> cost{state.taken.next[k].none(),
                                              state.open.next[k].count()};
      if (!best || cost < least) {
        best = k;
        least = cost;
      }
    }
    return best;
  }

  bool walk(State state) {
    while (true) {
      const auto at = undecided(state);
      if (!at) {
        found_ = state.taken;
        return true;
      }
      if (steps_ == 0) return false;
      --steps_;
      const std::size_t to = first(state.open.next[*at] & ~state.taken.next[*at]);
      State with = state;
      join(with.taken, *at, to);
      if (settle(with) && walk(std::move(with))) return true;
      part(state.open, *at, to);
      if (!settle(state)) return false;
    }
  }

  std::size_t& steps_;
  Graph found_;
};

bool is_ring(const Graph& graph) {
  for (std::size_t k = 0; k < graph.size(); ++k) {
    if (!graph.next[k].test((k + 1) % graph.size())) return false;
  }
  return true;
}

// Why there can be no ring, without a search; empty: there may be one.
std::string impossible(const Graph& graph, const std::vector<std::string>& names) {
  if (graph.size() < 2) return "a ring needs two nodes at least";
  if (graph.size() == 2) {
    return graph.next[0].any() ? "" : fmt::format("{} and {} have no cable", names[0], names[1]);
  }
  for (std::size_t k = 0; k < graph.size(); ++k) {
    const std::size_t peers = graph.next[k].count();
    if (peers >= 2) continue;
    return fmt::format("{} has a cable to {}; a ring needs cables to two nodes at every node",
                       names[k], peers == 0 ? "no other node" : "one other node only");
  }
  if (const auto cut = cut_node(graph)) {
    return fmt::format("every way between the others leads through {}", names[*cut]);
  }
  return {};
}

std::vector<std::size_t> translated(const std::vector<std::size_t>& places,
                                    const std::vector<std::size_t>& order) {
  std::vector<std::size_t> out;
  out.reserve(places.size());
  for (const std::size_t place : places) out.push_back(order[place]);
  return out;
}

// The ends of a way through all nodes: a ring once there is one more node, cabled to all.
std::optional<std::pair<std::size_t, std::size_t>> gap(Graph graph,
                                                       const std::vector<std::size_t>& order,
                                                       std::size_t steps) {
  const std::size_t n = graph.size();
  if (n + 1 > kMaxRingNodes) return std::nullopt;
  for (Set& next : graph.next) next.set(n);
  graph.next.push_back(all_of(n));
  const auto ring = Search(steps).ring(graph);
  if (!ring) return std::nullopt;
  const auto at =
      static_cast<std::size_t>(std::find(ring->begin(), ring->end(), n) - ring->begin());
  const std::size_t a = order[(*ring)[(at + n) % (n + 1)]];
  const std::size_t b = order[(*ring)[(at + 1) % (n + 1)]];
  return std::pair(std::min(a, b), std::max(a, b));
}

}  // namespace

Cables count_cables(const model::Fleet& fleet, Carrying carrying) {
  Cables out(fleet.nodes.size(), std::vector<std::size_t>(fleet.nodes.size(), 0));
  for (const model::Link& link : fleet.links) {
    if (carrying == Carrying::rdma && !link.rdma) continue;
    const std::size_t a = link.ends[0].node;
    const std::size_t b = link.ends[1].node;
    if (a == b) continue;
    ++out.at(a).at(b);
    ++out.at(b).at(a);
  }
  return out;
}

RingSearch find_ring(const Cables& cables, const std::vector<std::size_t>& order,
                     const std::vector<std::string>& names, std::size_t max_cables,
                     std::size_t max_steps) {
  RingSearch out;
  if (order.size() > kMaxRingNodes) {
    out.none.reason = fmt::format("more than {} nodes", kMaxRingNodes);
    return out;
  }
  std::vector<std::string> in_order;
  in_order.reserve(order.size());
  for (const std::size_t node : order) in_order.push_back(names.at(node));
  for (std::size_t least = max_cables; least >= 1; --least) {
    const Graph graph = graph_of(cables, order, least);
    out.none = {};
    out.none.reason = impossible(graph, in_order);
    std::size_t steps = least == 1 ? max_steps : max_steps / 4;
    if (out.none.reason.empty()) {
      if (is_ring(graph)) {
        out.ring = Ring{order, least};
        return out;
      }
      if (const auto found = Search(steps).ring(graph)) {
        out.ring = Ring{translated(*found, order), least};
        return out;
      }
      out.none.gave_up = steps == 0;
      out.none.reason = out.none.gave_up ? fmt::format("no ring found within {} steps", max_steps)
                                         : "no order of the nodes closes a ring";
    }
    if (least == 1 && graph.size() > 2 && !out.none.gave_up)
      out.none.missing = gap(graph, order, max_steps);
    if (least == 1 && graph.size() == 2) out.none.missing = std::pair(order[0], order[1]);
  }
  return out;
}

}  // namespace bringup::topology
