#include "bringup/verify/reach.hpp"

#include <algorithm>

namespace bringup::verify {
namespace {

class List {
 public:
  explicit List(const model::Fleet& fleet) : fleet_(fleet) {}

  std::vector<ReachCheck> all() {
    for (std::size_t at = 0; at < fleet_.segments.size(); ++at) members(at);
    for (const auto& pair : topology::routed_pairs(fleet_)) routed(pair);
    for (std::size_t at = 0; at < fleet_.expectations.size(); ++at) expectation(at);
    return std::move(checks_);
  }

 private:
  void members(std::size_t at) {
    const model::Segment& segment = fleet_.segments[at];
    for (const auto& from : segment.members) {
      for (const auto& to : segment.members) {
        if (from.node == to.node) continue;
        ReachCheck check;
        check.from = from.node;
        check.to = to.node;
        check.address = to.address;
        check.source = from.address;
        check.interface = from.interface;
        check.segment = at;
        check.limits = segment.expect;
        checks_.push_back(std::move(check));
      }
    }
  }

  void routed(const topology::RoutedPair& pair) {
    if (find(pair.from, pair.to_address) != nullptr) return;
    ReachCheck check;
    check.kind = ReachKind::routed;
    check.from = pair.from;
    check.to = pair.to;
    check.address = pair.to_address;
    check.interface = pair.from_interface;
    check.through = pair.through;
    check.limits = fleet_.routed;
    checks_.push_back(std::move(check));
  }

  // The check of this pair that sends something.
  ReachCheck* find(std::size_t from, model::Ipv4 address) {
    for (auto& check : checks_) {
      const bool sends = check.wish == ReachWish::reachable || check.wish == ReachWish::unreachable;
      if (sends && check.from == from && check.address == address) return &check;
    }
    return nullptr;
  }

  // The addresses that an expectation is about. A node that is to be reached is reached where
  // links, segments and routes lead to it, if anywhere; one that is not to be reached, at none.
  std::vector<model::Ipv4> addresses(const model::ReachExpectation& said, std::size_t to) {
    std::vector<model::Ipv4> all;
    std::vector<model::Ipv4> near;
    for (const auto& own : topology::addresses_of(fleet_, to)) {
      const model::Ipv4 address = own.address.address;
      all.push_back(address);
      if (find(said.from, address) != nullptr || linked(said.from, address)) {
        near.push_back(address);
      }
    }
    return said.reachable && said.via.empty() && !near.empty() ? near : all;
  }

  [[nodiscard]] bool linked(std::size_t from, model::Ipv4 address) const {
    return std::any_of(fleet_.links.begin(), fleet_.links.end(), [&](const model::Link& link) {
      return (link.ends[0].node == from && link.ends[1].address == address) ||
             (link.ends[1].node == from && link.ends[0].address == address);
    });
  }

  void expectation(std::size_t at) {
    const model::ReachExpectation& said = fleet_.expectations[at];
    ReachCheck check;
    check.kind = ReachKind::expect;
    check.from = said.from;
    check.interface = said.via;
    check.expectation = at;
    if (said.via.empty()) {
      check.wish = said.reachable ? ReachWish::reachable : ReachWish::unreachable;
    } else {
      check.wish = said.reachable ? ReachWish::leaves_via : ReachWish::shuns_via;
    }
    std::vector<model::Ipv4> about;
    if (const auto address = model::Ipv4::parse(said.to)) {
      about.push_back(*address);
      check.to = owner(*address);
    } else {
      check.to = fleet_.node_index(said.to);
      if (!check.to) return;
      about = addresses(said, *check.to);
    }
    if (about.empty()) checks_.push_back(check);
    for (const model::Ipv4 address : about) {
      check.address = address;
      ReachCheck* known = said.via.empty() ? find(said.from, address) : nullptr;
      if (known == nullptr) {
        checks_.push_back(check);
      } else if (known->wish == check.wish) {
        known->expectation = at;
      } else {
        *known = check;
      }
    }
  }

  [[nodiscard]] std::optional<std::size_t> owner(model::Ipv4 address) const {
    for (std::size_t node = 0; node < fleet_.nodes.size(); ++node) {
      for (const auto& own : topology::addresses_of(fleet_, node)) {
        if (own.address.address == address) return node;
      }
    }
    return std::nullopt;
  }

  const model::Fleet& fleet_;
  std::vector<ReachCheck> checks_;
};

}  // namespace

std::string_view to_string(ReachKind kind) {
  switch (kind) {
    case ReachKind::segment:
      return "segment";
    case ReachKind::routed:
      return "routed";
    case ReachKind::expect:
      return "expect";
  }
  return "expect";
}

std::string_view to_string(ReachWish wish) {
  switch (wish) {
    case ReachWish::reachable:
      return "reachable";
    case ReachWish::unreachable:
      return "unreachable";
    case ReachWish::leaves_via:
      return "leaves-via";
    case ReachWish::shuns_via:
      return "shuns-via";
  }
  return "reachable";
}

std::vector<ReachCheck> reach_checks(const model::Fleet& fleet) {
  return List(fleet).all();
}

}  // namespace bringup::verify
