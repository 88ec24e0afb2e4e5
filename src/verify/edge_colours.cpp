// Edge colouring of a simple graph with one colour more than its largest degree (Misra and Gries
// 1992, after Vizing).
#include <algorithm>
#include <bit>
#include <cstdint>

#include "bringup/verify/schedule.hpp"

namespace bringup::verify {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

class Colouring {
 public:
  Colouring(std::size_t n, const std::vector<Edge>& edges)
      : edges_(edges), colour_(edges.size(), kNone), place_(n, kNone) {
    std::vector<std::size_t> degree(n, 0);
    for (const auto& [a, b] : edges) {
      ++degree[a];
      ++degree[b];
    }
    colours_ = (degree.empty() ? 0 : *std::max_element(degree.begin(), degree.end())) + 1;
    words_ = (colours_ + 63) / 64;
    at_.assign(n * colours_, kNone);
    used_.assign(n * words_, 0);
  }

  std::vector<std::size_t> run() {
    for (std::uint32_t edge = 0; edge < edges_.size(); ++edge) insert(edge);
    return {colour_.begin(), colour_.end()};
  }

 private:
  using Node = std::size_t;

  // The lowest colour that no edge at `node` has. There is one: colours_ is above its degree.
  [[nodiscard]] std::uint32_t missing(Node node) const {
    for (std::size_t word = 0;; ++word) {
      const std::uint64_t used = used_[node * words_ + word];
      if (used != UINT64_MAX) {
        return static_cast<std::uint32_t>(word * 64) +
               static_cast<std::uint32_t>(std::countr_one(used));
      }
    }
  }
  [[nodiscard]] std::uint32_t edge_at(Node node, std::uint32_t colour) const {
    return at_[node * colours_ + colour];
  }
  [[nodiscard]] Node other_end(std::uint32_t edge, Node node) const {
    return edges_[edge].first == node ? edges_[edge].second : edges_[edge].first;
  }

  void set(Node node, std::uint32_t colour, std::uint32_t edge) {
    at_[node * colours_ + colour] = edge;
    auto& word = used_[node * words_ + colour / 64];
    const std::uint64_t bit = std::uint64_t{1} << (colour % 64);
    word = edge == kNone ? word & ~bit : word | bit;
  }
  void paint(std::uint32_t edge, std::uint32_t colour) {
    colour_[edge] = colour;
    set(edges_[edge].first, colour, edge);
    set(edges_[edge].second, colour, edge);
  }
  void strip(std::uint32_t edge) {
    set(edges_[edge].first, colour_[edge], kNone);
    set(edges_[edge].second, colour_[edge], kNone);
    colour_[edge] = kNone;
  }

  // Swaps the two colours along the path that leaves `start` by `first`; returns its other end.
  Node invert(Node start, std::uint32_t first, std::uint32_t second) {
    std::vector<std::uint32_t> path;
    Node node = start;
    for (std::uint32_t colour = first, next = second; edge_at(node, colour) != kNone;
         std::swap(colour, next)) {
      path.push_back(edge_at(node, colour));
      node = other_end(path.back(), node);
    }
    std::vector<std::uint32_t> swapped;
    for (const auto edge : path) swapped.push_back(colour_[edge] == first ? second : first);
    for (const auto edge : path) strip(edge);
    for (std::size_t i = 0; i < path.size(); ++i) paint(path[i], swapped[i]);
    return node;
  }

  // The edges of fan[0..last] pass their colours down; the last takes `colour`.
  void rotate(const std::vector<std::uint32_t>& fan, std::size_t last, std::uint32_t colour) {
    std::vector<std::uint32_t> colours;
    for (std::size_t i = 1; i <= last; ++i) colours.push_back(colour_[fan[i]]);
    colours.push_back(colour);
    for (std::size_t i = 1; i <= last; ++i) strip(fan[i]);
    for (std::size_t i = 0; i <= last; ++i) paint(fan[i], colours[i]);
  }

  // A fan at `hub`: edges to nodes of which each lacks the colour of the next edge. It ends with a
  // node that lacks a colour which the hub lacks too, or the colour of an edge that is in the fan.
  void insert(std::uint32_t edge) {
    const Node hub = edges_[edge].first;
    std::vector<std::uint32_t> fan = {edge};
    Node tip = edges_[edge].second;
    place_[tip] = 0;
    std::uint32_t colour = missing(tip);
    std::uint32_t next = edge_at(hub, colour);
    while (next != kNone && place_[other_end(next, hub)] == kNone) {
      tip = other_end(next, hub);
      place_[tip] = static_cast<std::uint32_t>(fan.size());
      fan.push_back(next);
      colour = missing(tip);
      next = edge_at(hub, colour);
    }
    const std::size_t again = next == kNone ? 0 : place_[other_end(next, hub)];
    for (const auto one : fan) place_[other_end(one, hub)] = kNone;
    if (next == kNone) {
      rotate(fan, fan.size() - 1, colour);
      return;
    }
    // Both fan[again - 1] and the tip lack `colour`; swapped along the hub's path, the hub lacks it
    // too. The path ends at one of the two at most: the other takes it.
    const Node before = other_end(fan[again - 1], hub);
    const Node end = invert(hub, colour, missing(hub));
    rotate(fan, end == before ? fan.size() - 1 : again - 1, colour);
  }

  const std::vector<Edge>& edges_;
  std::size_t colours_ = 0;
  std::size_t words_ = 0;
  std::vector<std::uint32_t> colour_;  // of each edge
  std::vector<std::uint32_t> at_;      // node × colour → edge
  std::vector<std::uint64_t> used_;    // node × colour, one bit each
  std::vector<std::uint32_t> place_;   // node → its place in the fan being built
};

}  // namespace

std::vector<std::size_t> edge_colours(std::size_t n, const std::vector<Edge>& edges) {
  return Colouring(n, edges).run();
}

}  // namespace bringup::verify
