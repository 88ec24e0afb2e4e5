#include "bringup/verify/reach_iperf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "bringup/util/text.hpp"
#include "judged.hpp"

namespace bringup::verify {
namespace {

// The sender and the receiver of one direction of a pair.
struct Direction {
  const model::LinkEnd& from;
  const model::LinkEnd& to;
};
Direction direction(const ReachPairs& pairs, std::size_t pair, std::size_t from) {
  const auto& ends = pairs.fleet.links[pair].ends;
  return ends[0].node == from ? Direction{ends[0], ends[1]} : Direction{ends[1], ends[0]};
}

ReachCell* cell_of(Matrix& matrix, const Direction& way) {
  for (ReachCell& cell : matrix.reach) {
    if (cell.check.from == way.from.node && cell.check.address == way.to.address &&
        cell.check.wish == ReachWish::reachable) {
      return &cell;
    }
  }
  return nullptr;
}

// The worst of what is known stands for the cell.
void settle(Matrix& matrix, ReachCell& cell, CellStatus status,
            std::optional<Diagnosis> diagnosis) {
  if (diagnosis) {
    add_finding(matrix, finding_of(*diagnosis, status == CellStatus::slow ? plan::Severity::warning
                                                                          : plan::Severity::error));
  }
  const bool first = cell.status == CellStatus::untested && !cell.diagnosis;
  if (!first && badness(status) <= badness(cell.status)) return;
  cell.status = status;
  cell.diagnosis = std::move(diagnosis);
}

std::pair<CellStatus, std::string_view> row_of(IperfFailure failure) {
  switch (failure) {
    case IperfFailure::missing:
      return {CellStatus::error, "iperf-missing"};
    case IperfFailure::port_busy:
      return {CellStatus::error, "iperf-busy"};
    case IperfFailure::refused:
      return {CellStatus::error, "iperf-refused"};
    case IperfFailure::timed_out:
      return {CellStatus::fail, "iperf-timeout"};
    case IperfFailure::unreadable:
      return {CellStatus::error, "iperf-failed"};
    case IperfFailure::other:
      return {CellStatus::fail, "iperf-failed"};
  }
  return {CellStatus::error, "iperf-failed"};
}

class Judge {
 public:
  Judge(const model::Fleet& fleet, const CheckOptions& options, Matrix& matrix)
      : fleet_(fleet), options_(options), matrix_(matrix) {}

  void put(const Direction& way, const model::Expectation& limits, const IperfResult& iperf) {
    ReachCell* known = cell_of(matrix_, way);
    if (known == nullptr) known = added(way);
    if (known == nullptr) return;
    ReachCell& cell = *known;
    cell.iperf = iperf;
    if (iperf.failure) {
      failed(cell, way, iperf);
    } else if (iperf.gbps) {
      judge(cell, way, *iperf.gbps, limits.iperf_gbps);
    }
  }

 private:
  [[nodiscard]] std::string place(const model::LinkEnd& end) const {
    return fleet_.nodes[end.node].name + ":" + end.interface;
  }

  ReachCell* added(const Direction& way) {
    for (auto& check : reach_checks(fleet_)) {
      if (check.from != way.from.node || check.address != way.to.address ||
          check.wish != ReachWish::reachable) {
        continue;
      }
      matrix_.reach.emplace_back();
      matrix_.reach.back().check = std::move(check);
      return &matrix_.reach.back();
    }
    return nullptr;
  }

  void verdict(ReachCell& cell, CellStatus status, std::string seen, std::string expected) {
    cell.verdicts.push_back({CheckKind::iperf, VerdictSource::expectation, status, "iperf",
                             std::move(seen), std::move(expected)});
  }

  void failed(ReachCell& cell, const Direction& way, const IperfResult& iperf) {
    const bool far = iperf.node == fleet_.nodes[way.to.node].name;
    const auto& end = far ? way.to : way.from;
    const auto& peer = far ? way.from : way.to;
    const auto [status, id] = row_of(*iperf.failure);
    auto found = diagnose(id, fleet_.nodes[end.node].name, end.interface,
                          {{"error", printable(iperf.error, 200)},
                           {"port", std::to_string(options_.iperf_port)},
                           {"peer", place(peer)}});
    verdict(cell, status, found.seen, found.expected);
    settle(matrix_, cell, status, std::move(found));
  }

  void judge(ReachCell& cell, const Direction& way, double gbps,
             const std::optional<double>& floor) {
    if (!floor) {
      settle(matrix_, cell, CellStatus::pass, std::nullopt);
      return;
    }
    const std::string seen = fmt::format("{:.3g} Gb/s", gbps);
    const std::string expected = fmt::format("at least {:g} Gb/s", *floor);
    const bool slow = gbps < *floor;
    verdict(cell, slow ? CellStatus::slow : CellStatus::pass, seen, expected);
    if (!slow) {
      settle(matrix_, cell, CellStatus::pass, std::nullopt);
      return;
    }
    settle(
        matrix_, cell, CellStatus::slow,
        diagnose("iperf-slow", fleet_.nodes[way.from.node].name, way.from.interface,
                 {{"seen", fmt::format("{} from {} to {}", seen, place(way.from), place(way.to))},
                  {"expected", expected}}));
  }

  const model::Fleet& fleet_;
  const CheckOptions& options_;
  Matrix& matrix_;
};

}  // namespace

ReachPairs reach_pairs(const model::Fleet& fleet) {
  ReachPairs pairs;
  pairs.fleet = fleet;
  pairs.fleet.links.clear();
  pairs.fleet.segments.clear();
  pairs.fleet.expectations.clear();
  std::set<std::pair<std::size_t, std::size_t>>
      asked;  // sender and receiver that are to be reached
  const auto checks = reach_checks(fleet);
  const auto wished = [&](std::size_t from, model::Ipv4 address) {
    return std::any_of(checks.begin(), checks.end(), [&](const ReachCheck& one) {
      return one.from == from && one.address == address && one.wish == ReachWish::reachable;
    });
  };
  for (const auto& segment : fleet.segments) {
    for (std::size_t a = 0; a < segment.members.size(); ++a) {
      for (std::size_t b = a + 1; b < segment.members.size(); ++b) {
        const auto& from = segment.members[a];
        const auto& to = segment.members[b];
        model::Link link;
        link.ends = {model::LinkEnd{from.node, from.interface, from.address, ""},
                     model::LinkEnd{to.node, to.interface, to.address, ""}};
        link.kind = segment.kind;
        link.subnet = segment.subnet;
        link.rdma = false;
        link.expect = segment.expect;
        pairs.fleet.links.push_back(std::move(link));
        pairs.through.emplace_back();
      }
    }
  }
  for (const auto& one : topology::routed_pairs(fleet)) {
    if (one.through.empty()) continue;  // a gateway's other address: the same wire as its own
    const auto ends = std::minmax(one.from, one.to);
    if (asked.contains(ends) || !wished(one.from, one.to_address)) continue;
    asked.insert(ends);
    model::Link link;
    std::string far;
    for (const auto& own : topology::addresses_of(fleet, one.to)) {
      if (own.address.address == one.to_address) far = own.interface;
    }
    link.ends = {model::LinkEnd{one.from, one.from_interface, one.from_address, ""},
                 model::LinkEnd{one.to, far, one.to_address, ""}};
    link.kind = model::LinkKind::ethernet_1g;
    link.rdma = false;
    link.expect = fleet.routed;
    pairs.fleet.links.push_back(std::move(link));
    pairs.through.push_back(one.through);
  }
  return pairs;
}

std::vector<Round> reach_rounds(const ReachPairs& pairs, const std::vector<std::size_t>& selected,
                                std::size_t most) {
  const auto chosen = [&](std::size_t node) {
    return std::find(selected.begin(), selected.end(), node) != selected.end();
  };
  std::vector<Round> rounds;
  std::vector<std::set<std::size_t>> taken;
  for (std::size_t pair = 0; pair < pairs.fleet.links.size(); ++pair) {
    const auto& ends = pairs.fleet.links[pair].ends;
    if (!chosen(ends[0].node) || !chosen(ends[1].node)) continue;
    std::set<std::size_t> needs(pairs.through[pair].begin(), pairs.through[pair].end());
    needs.insert({ends[0].node, ends[1].node});
    std::size_t at = 0;
    while (at < rounds.size() && std::any_of(needs.begin(), needs.end(), [&](std::size_t node) {
             return taken[at].contains(node);
           })) {
      ++at;
    }
    if (at == rounds.size()) {
      rounds.emplace_back();
      taken.emplace_back();
    }
    rounds[at].push_back(pair);
    taken[at].insert(needs.begin(), needs.end());
  }
  if (most > 0 && rounds.size() > most) rounds.resize(most);
  return rounds;
}

bool measurable(const ReachPairs& pairs, std::size_t pair, const Matrix& matrix) {
  const auto& ends = pairs.fleet.links[pair].ends;
  for (std::size_t side = 0; side < 2; ++side) {
    for (const ReachCell& cell : matrix.reach) {
      if (cell.check.from != ends[side].node || cell.check.address != ends[1 - side].address) {
        continue;
      }
      if (cell.status != CellStatus::pass && cell.status != CellStatus::slow) return false;
    }
  }
  return true;
}

void add_reach_iperf(const model::Fleet& fleet, const ReachPairs& pairs,
                     const std::vector<Measurement>& measured, const CheckOptions& options,
                     Matrix& matrix) {
  Judge judge(fleet, options, matrix);
  for (const Measurement& one : measured) {
    if (!one.iperf) continue;
    judge.put(direction(pairs, one.link, one.from), pairs.fleet.links[one.link].expect, *one.iperf);
  }
}

}  // namespace bringup::verify
