#include "bringup/verify/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>

#include "bringup/util/text.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::verify {
namespace {

constexpr std::size_t kMostRounds = 100'000;

// The links of each pair of nodes, in the order of the inventory; sorted by pair.
struct PairCables {
  Edge pair;
  std::vector<std::size_t> links;
};
using Cables = std::vector<PairCables>;

Edge ordered(std::size_t a, std::size_t b) {
  return a < b ? Edge{a, b} : Edge{b, a};
}

Cables cables_of(const model::Fleet& fleet, const std::vector<std::size_t>& selected) {
  std::vector<char> in(fleet.nodes.size(), 0);
  for (const std::size_t node : selected) in[node] = 1;
  std::vector<std::pair<Edge, std::size_t>> wanted_links;
  for (std::size_t link = 0; link < fleet.links.size(); ++link) {
    const auto& ends = fleet.links[link].ends;
    if (in[ends[0].node] == 0 || in[ends[1].node] == 0) continue;
    wanted_links.emplace_back(ordered(ends[0].node, ends[1].node), link);
  }
  std::sort(wanted_links.begin(), wanted_links.end());
  Cables cables;
  for (const auto& [pair, link] : wanted_links) {
    if (cables.empty() || cables.back().pair != pair) cables.push_back({pair, {}});
    cables.back().links.push_back(link);
  }
  return cables;
}

void drop_empty(std::vector<Round>& rounds) {
  rounds.erase(std::remove_if(rounds.begin(), rounds.end(),
                              [](const Round& round) { return round.empty(); }),
               rounds.end());
}

// The first cable of every pair in the rounds of the circle method.
std::vector<Round> by_circle(const Cables& cables, const std::vector<std::size_t>& selected) {
  std::vector<Round> rounds;
  for (const auto& pairs : circle_rounds(selected.size())) {
    Round round;
    for (const auto& [a, b] : pairs) {
      const Edge pair = ordered(selected[a], selected[b]);
      const auto found = std::lower_bound(
          cables.begin(), cables.end(), pair,
          [](const PairCables& one, const Edge& other) { return one.pair < other; });
      if (found != cables.end() && found->pair == pair) round.push_back(found->links.front());
    }
    rounds.push_back(std::move(round));
  }
  drop_empty(rounds);
  return rounds;
}

std::size_t largest_degree(const Cables& cables) {
  std::map<std::size_t, std::size_t> degree;
  std::size_t largest = 0;
  for (const auto& [pair, links] : cables) {
    largest = std::max({largest, ++degree[pair.first], ++degree[pair.second]});
  }
  return largest;
}

std::vector<Round> by_colour(const Cables& cables, std::size_t nodes) {
  std::vector<Edge> edges;
  std::vector<std::size_t> links;
  for (const auto& [pair, several] : cables) {
    edges.push_back(pair);
    links.push_back(several.front());
  }
  const auto colours = edge_colours(nodes, edges);
  std::vector<Round> rounds;
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (colours[i] >= rounds.size()) rounds.resize(colours[i] + 1);
    rounds[colours[i]].push_back(links[i]);
  }
  drop_empty(rounds);
  return rounds;
}

// Each link into the first round where nothing that it needs is taken.
template <class Needs>
void first_fit(std::vector<Round>& rounds, const std::vector<std::size_t>& links, Needs needs,
               std::size_t width = SIZE_MAX) {
  std::vector<std::set<typename decltype(needs(0))::value_type>> taken(rounds.size());
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    for (const std::size_t link : rounds[i]) {
      for (const auto& one : needs(link)) taken[i].insert(one);
    }
  }
  for (const std::size_t link : links) {
    const auto need = needs(link);
    std::size_t i = 0;
    const auto fits = [&] {
      return rounds[i].size() < width &&
             std::none_of(need.begin(), need.end(),
                          [&](const auto& one) { return taken[i].contains(one); });
    };
    while (i < rounds.size() && !fits()) ++i;
    if (i == rounds.size()) {
      rounds.emplace_back();
      taken.emplace_back();
    }
    rounds[i].push_back(link);
    for (const auto& one : need) taken[i].insert(one);
  }
}

auto nodes_of(const model::Fleet& fleet) {
  return [&fleet](std::size_t link) {
    const auto& ends = fleet.links[link].ends;
    return std::vector<std::size_t>{ends[0].node, ends[1].node};
  };
}

std::vector<Round> node_rounds(const model::Fleet& fleet, const Cables& cables,
                               const std::vector<std::size_t>& selected, const Pairs& pairs) {
  std::vector<Round> rounds = by_circle(cables, selected);
  // Dense meshes come out best by the circle, everything else by colours.
  if (pairs.kind != Pairs::Kind::all && rounds.size() > largest_degree(cables)) {
    auto coloured = by_colour(cables, fleet.nodes.size());
    if (coloured.size() < rounds.size()) rounds = std::move(coloured);
  }
  std::vector<std::size_t> further;  // cables beside the first of their pair
  for (const auto& [pair, links] : cables) {
    further.insert(further.end(), links.begin() + 1, links.end());
  }
  first_fit(rounds, further, nodes_of(fleet));
  return rounds;
}

double slot_seconds(const model::Link& link, const CheckOptions& options,
                    const Allowances& allowances) {
  double seconds = 0;
  if (wanted(options, CheckKind::iperf)) {
    seconds += 2 * (iperf_seconds(link, options) + allowances.iperf_setup_s);
  }
  if (wanted(options, CheckKind::rdma) && applies(link, CheckKind::rdma)) {
    seconds += 2 * allowances.rdma_s;
  }
  return seconds;
}

}  // namespace

Expected<Pairs> parse_pairs(std::string_view text) {
  if (text == "links") return Pairs{};
  if (text == "all") return Pairs{Pairs::Kind::all, 0};
  constexpr std::string_view prefix = "matching:";
  if (text.starts_with(prefix)) {
    const auto digits = text.substr(prefix.size());
    std::size_t rounds = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rounds);
    if (error == std::errc() && end == digits.data() + digits.size() && rounds > 0 &&
        rounds <= kMostRounds) {
      return Pairs{Pairs::Kind::matching, rounds};
    }
  }
  return fail(ErrorCode::usage,
              fmt::format("--pairs: '{}' is no choice of pairs", printable(text, 60)),
              "use links, all or matching:K with K from 1");
}

std::string to_string(const Pairs& pairs) {
  switch (pairs.kind) {
    case Pairs::Kind::links:
      return "links";
    case Pairs::Kind::all:
      return "all";
    case Pairs::Kind::matching:
      return fmt::format("matching:{}", pairs.rounds);
  }
  return "links";
}

std::vector<std::vector<Edge>> circle_rounds(std::size_t n) {
  std::vector<std::vector<Edge>> rounds;
  if (n < 2) return rounds;
  // Seat 0 stays, the others move on by one a round; for odd n the extra seat means a round off.
  const std::size_t seats = n + n % 2;
  for (std::size_t round = 0; round + 1 < seats; ++round) {
    const auto at = [&](std::size_t seat) {
      return seat == 0 ? seats - 1 : (round + seat - 1) % (seats - 1);
    };
    std::vector<Edge> pairs;
    for (std::size_t seat = 0; seat < seats / 2; ++seat) {
      const auto pair = ordered(at(seat), at(seats - 1 - seat));
      if (pair.second < n) pairs.push_back(pair);
    }
    rounds.push_back(std::move(pairs));
  }
  return rounds;
}

std::vector<Round> schedule(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
                            const Pairs& pairs, Conflict conflict) {
  const Cables cables = cables_of(fleet, selected);
  std::vector<Round> rounds;
  if (conflict == Conflict::node) {
    rounds = node_rounds(fleet, cables, selected, pairs);
  } else {
    std::vector<std::size_t> links;
    for (const auto& [pair, several] : cables) {
      links.insert(links.end(), several.begin(), several.end());
    }
    first_fit(rounds, links, [&](std::size_t link) {
      const auto& ends = fleet.links[link].ends;
      return std::vector<std::pair<std::size_t, std::string>>{{ends[0].node, ends[0].interface},
                                                              {ends[1].node, ends[1].interface}};
    });
  }
  if (pairs.kind == Pairs::Kind::matching && rounds.size() > pairs.rounds) {
    std::stable_sort(rounds.begin(), rounds.end(),
                     [](const Round& a, const Round& b) { return a.size() > b.size(); });
    rounds.resize(pairs.rounds);
  }
  for (Round& round : rounds) std::sort(round.begin(), round.end());
  return rounds;
}

std::vector<Round> retest_schedule(const model::Fleet& fleet, const std::vector<std::size_t>& links,
                                   std::size_t width) {
  std::vector<Round> rounds;
  first_fit(rounds, links, nodes_of(fleet), std::max<std::size_t>(1, width));
  return rounds;
}

Estimate estimate(const model::Fleet& fleet, const std::vector<Round>& rounds,
                  const CheckOptions& options, const Allowances& allowances) {
  Estimate result;
  for (const CheckKind kind : options.only) {
    switch (kind) {
      case CheckKind::cable:  // by the facts alone
        break;
      case CheckKind::ping:  // one to wake the neighbour, then the run
        result.background_s += (options.ping_count - 1) * options.ping_interval_s + 0.05;
        break;
      case CheckKind::mtu:
        result.background_s += 0.1;
        break;
      case CheckKind::tcp:
        result.background_s += 2 * allowances.round_trip_s;
        break;
      case CheckKind::services:
        if (!fleet.services.empty()) result.background_s += allowances.services_s;
        break;
      case CheckKind::discovery:
        result.background_s += allowances.discovery_s;
        break;
      case CheckKind::route:
      case CheckKind::reach:  // beside ping
      case CheckKind::iperf:
      case CheckKind::rdma:
        break;
    }
  }
  result.background_s += allowances.background_s + 2 * allowances.round_trip_s;
  for (const Round& round : rounds) {
    double longest = 0;
    for (const std::size_t link : round) {
      longest = std::max(longest, slot_seconds(fleet.links[link], options, allowances));
    }
    if (longest == 0) continue;
    ++result.rounds;
    result.links += round.size();
    result.widest = std::max(result.widest, round.size());
    result.exclusive_s += longest + 2 * allowances.round_trip_s;
  }
  return result;
}

}  // namespace bringup::verify
