#include "bringup/verify/peers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "bringup/verify/diagnoses.hpp"

namespace bringup::verify {
namespace {

constexpr std::array kMetrics = {Metric::rtt, Metric::iperf, Metric::rdma_bandwidth,
                                 Metric::rdma_latency};
constexpr std::size_t kFewest = 4;  // figures of a kind, for a median that means something
constexpr double kSpreads = 5;      // MADs from the median
constexpr double kLeastShare =
    0.25;  // of the median: among equals the MAD is 0, and noise no outlier
constexpr double kLeastRttMs = 0.2;
constexpr std::string_view kPacket = "packet";  // a verdict's word for the largest packet
constexpr double kFine = 0.75;  // of the kind's median, for a partner that clears a node

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// How much worse than the median, in its own terms: 0.5 is half the bandwidth or double the time.
double goodness(Metric metric, double value, double median) {
  if (value <= 0 || median <= 0) return value >= median ? 1 : 0;
  return higher_is_better(metric) ? value / median : median / value;
}

std::map<model::LinkKind, Spread> spreads(const model::Fleet& fleet, const Matrix& matrix,
                                          Metric metric) {
  std::map<model::LinkKind, std::vector<double>> values;
  for (const Cell& cell : matrix.cells) {
    const auto value = figure(cell, metric);
    if (value && cell.link) values[fleet.links[*cell.link].kind].push_back(*value);
  }
  std::map<model::LinkKind, Spread> result;
  for (auto& [kind, list] : values) {
    if (list.size() >= kFewest) result[kind] = spread_of(std::move(list));
  }
  return result;
}

bool stands_out(Metric metric, double value, const Spread& spread) {
  const double worse = higher_is_better(metric) ? spread.median - value : value - spread.median;
  if (metric == Metric::rtt && worse <= kLeastRttMs) return false;
  return worse > kSpreads * spread.mad && worse > kLeastShare * spread.median;
}

std::string place(const model::Fleet& fleet, const model::LinkEnd& end) {
  return fleet.nodes[end.node].name + ":" + end.interface;
}

const model::LinkEnd& end_of(const model::Fleet& fleet, std::size_t link, std::size_t node) {
  const auto& ends = fleet.links[link].ends;
  return ends[ends[0].node == node ? 0 : 1];
}

bool slow_by_figure(const Cell& cell, CheckKind check) {
  return std::any_of(cell.verdicts.begin(), cell.verdicts.end(), [&](const Verdict& verdict) {
    return verdict.check == check && verdict.status == CellStatus::slow;
  });
}

// The figures of one metric with what the kind's others do, for finding the culprit.
class Judgement {
 public:
  Judgement(const model::Fleet& fleet, const Matrix& matrix, Metric metric)
      : fleet_(fleet), matrix_(matrix), metric_(metric) {}

  // What `node` does with others over other links, as sender or receiver: the median of its figures
  // relative to the slow one; unset: it has no other link.
  enum class Role { sender, receiver };
  struct Record {
    double best_value = 0;
    double middle = 0;  // median figure
    std::size_t count = 0;
    const Cell* best = nullptr;
  };
  [[nodiscard]] std::optional<Record> record(std::size_t node, Role role,
                                             std::size_t without) const {
    std::vector<double> values;
    Record result;
    for (const Cell& cell : matrix_.cells) {
      if (!cell.link || *cell.link == without) continue;
      if ((role == Role::sender ? cell.from : cell.to) != node) continue;
      if (fleet_.links[*cell.link].kind != fleet_.links[without].kind) continue;
      const auto value = figure(cell, metric_);
      if (!value) continue;
      values.push_back(*value);
      const bool better =
          result.best == nullptr ||
          (higher_is_better(metric_) ? *value > result.best_value : *value < result.best_value);
      if (!better) continue;
      result.best = &cell;
      result.best_value = *value;
    }
    if (values.empty()) return std::nullopt;
    result.count = values.size();
    result.middle = median_of(values);
    return result;
  }
  [[nodiscard]] const Cell* opposite(const Cell& cell) const {
    for (const Cell& other : matrix_.cells) {
      if (other.link == cell.link && other.from == cell.to) return &other;
    }
    return nullptr;
  }

 private:
  const model::Fleet& fleet_;
  const Matrix& matrix_;
  Metric metric_;
};

// What both directions of a cable have in common is said once, with both figures. Round trips and
// packet sizes are the cable's always; what an end was found to blame for stays at that end.
void one_per_cable(const model::Fleet& fleet, const std::vector<Attribution>& attributions,
                   Matrix& matrix) {
  std::set<std::size_t> of_an_end;
  for (const Attribution& one : attributions) {
    if (one.culprit != Attribution::Culprit::link) of_an_end.insert(one.link);
  }
  std::vector<Finding> kept;
  for (Finding& finding : matrix.findings) {
    const bool of_both = finding.what == to_string(Metric::rtt) || finding.what == kPacket;
    const auto same = std::find_if(kept.begin(), kept.end(), [&](const Finding& other) {
      return finding.link && !finding.what.empty() && other.link == finding.link &&
             other.what == finding.what && other.id == finding.id &&
             (of_both || !of_an_end.contains(*finding.link));
    });
    if (same == kept.end()) {
      kept.push_back(std::move(finding));
      continue;
    }
    same->target = place(fleet, fleet.links[*finding.link].ends[0]);
    if (same->seen != finding.seen) same->seen += "; " + finding.seen;
    if (same->meaning.find("is to blame") == std::string::npos) same->meaning = finding.meaning;
  }
  matrix.findings = std::move(kept);
}

std::string told(const model::Fleet& fleet, Metric metric, const Cell& cell) {
  return fmt::format("{} → {} has {}", place(fleet, end_of(fleet, *cell.link, cell.from)),
                     place(fleet, end_of(fleet, *cell.link, cell.to)),
                     with_unit(metric, *figure(cell, metric)));
}

Attribution attribute_one(const model::Fleet& fleet, const Matrix& matrix, const Cell& cell,
                          Metric metric) {
  using Role = Judgement::Role;
  const Judgement judgement(fleet, matrix, metric);
  const std::size_t link = *cell.link;
  const double value = *figure(cell, metric);
  const auto sender = judgement.record(cell.from, Role::sender, link);
  const auto receiver = judgement.record(cell.to, Role::receiver, link);
  // A figure that does clearly better than the suspect clears a node; one as bad damns it.
  const auto fine = [&](const std::optional<Judgement::Record>& record) {
    return record && goodness(metric, value, record->middle) < kFine;
  };
  const auto bad = [&](const std::optional<Judgement::Record>& record) {
    return record && goodness(metric, value, record->middle) >= kFine;
  };
  Attribution result;
  result.link = link;
  result.from = cell.from;
  result.metric = metric;
  const auto blame = [&](Attribution::Culprit culprit, const model::LinkEnd& end) {
    result.culprit = culprit;
    result.node = fleet.nodes[end.node].name;
    result.target = end.interface;
  };
  const auto& from = end_of(fleet, link, cell.from);
  const auto& to = end_of(fleet, link, cell.to);
  std::vector<std::string> why;
  if (fine(sender)) why.push_back(told(fleet, metric, *sender->best));
  if (fine(receiver)) why.push_back(told(fleet, metric, *receiver->best));
  if (bad(sender) && fine(receiver)) {
    blame(Attribution::Culprit::sender, from);
    why.push_back(fmt::format("{} is as slow towards others", fleet.nodes[cell.from].name));
  } else if (bad(receiver) && fine(sender)) {
    blame(Attribution::Culprit::receiver, to);
    why.push_back(fmt::format("{} is as slow from others", fleet.nodes[cell.to].name));
  } else {
    // Both ends are fine with others (or have none): the cable, unless it is slow one way only.
    const Cell* back = judgement.opposite(cell);
    const auto back_value = back == nullptr ? std::nullopt : figure(*back, metric);
    if (back_value && goodness(metric, value, *back_value) < kFine) {
      // What a port sends is queued, shaped and paced by the sender: it is the usual culprit.
      blame(Attribution::Culprit::sender, from);
      why.push_back(fmt::format("the other way has {}", with_unit(metric, *back_value)));
    } else {
      blame(Attribution::Culprit::link, fleet.links[link].ends[0]);
      if (back_value) why.emplace_back("both ways are slow");
    }
  }
  for (const auto& one : why) result.why += (result.why.empty() ? "" : "; ") + one;
  return result;
}

}  // namespace

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::rtt:
      return "rtt";
    case Metric::iperf:
      return "iperf";
    case Metric::rdma_bandwidth:
      return "rdma bandwidth";
    case Metric::rdma_latency:
      return "rdma latency";
  }
  return "rtt";
}

bool higher_is_better(Metric metric) {
  return metric == Metric::iperf || metric == Metric::rdma_bandwidth;
}

CheckKind check_of(Metric metric) {
  switch (metric) {
    case Metric::rtt:
      return CheckKind::ping;
    case Metric::iperf:
      return CheckKind::iperf;
    case Metric::rdma_bandwidth:
    case Metric::rdma_latency:
      return CheckKind::rdma;
  }
  return CheckKind::ping;
}

std::string with_unit(Metric metric, double value) {
  switch (metric) {
    case Metric::rtt:
      return fmt::format("{:.2f} ms", value);
    case Metric::rdma_latency:
      return fmt::format("{:.1f} us", value);
    case Metric::iperf:
    case Metric::rdma_bandwidth:
      return fmt::format("{:.3g} Gb/s", value);
  }
  return {};
}

std::optional<double> figure(const Cell& cell, Metric metric) {
  switch (metric) {
    case Metric::rtt:
      return cell.ping ? cell.ping->avg_ms : std::nullopt;
    case Metric::iperf:
      return cell.iperf && !cell.iperf->failure ? cell.iperf->gbps : std::nullopt;
    case Metric::rdma_bandwidth: {
      if (!cell.rdma || cell.rdma->failure) return std::nullopt;
      std::optional<double> best;
      for (const auto& one : cell.rdma->bandwidth) best = std::max(best.value_or(0), one.gbps);
      return best;
    }
    case Metric::rdma_latency: {
      if (!cell.rdma || cell.rdma->failure) return std::nullopt;
      const RdmaLatency* smallest = nullptr;
      for (const auto& one : cell.rdma->latency) {
        // Without an answered message there is no median.
        if (one.sent == one.lost) continue;
        if (smallest == nullptr || one.bytes < smallest->bytes) smallest = &one;
      }
      return smallest == nullptr ? std::nullopt : smallest->typical_us();
    }
  }
  return std::nullopt;
}

Spread spread_of(std::vector<double> values) {
  Spread spread;
  spread.count = values.size();
  spread.median = median_of(values);
  for (double& value : values) value = std::abs(value - spread.median);
  spread.mad = median_of(values);
  return spread;
}

void add_slow(const model::Fleet& fleet, Matrix& matrix, Cell& cell, std::string_view id,
              std::string_view what, Words words) {
  const auto& from = end_of(fleet, *cell.link, cell.from);
  words.emplace_back("peer", place(fleet, end_of(fleet, *cell.link, cell.to)));
  auto found = diagnose(id, fleet.nodes[from.node].name, from.interface, words);
  cell.diagnoses.push_back(found);
  add_finding(matrix,
              {plan::Severity::warning, found.layer, place(fleet, from), found.seen, found.expected,
               found.cure, found.meaning, found.id, std::string(what), cell.link});
  if (badness(cell.status) >= badness(CellStatus::slow)) return;
  cell.status = CellStatus::slow;
  cell.diagnosis = std::move(found);
}

void compare_with_peers(const model::Fleet& fleet, Matrix& matrix) {
  for (const Metric metric : kMetrics) {
    const auto kinds = spreads(fleet, matrix, metric);
    for (Cell& cell : matrix.cells) {
      const auto value = figure(cell, metric);
      if (!value || !cell.link) continue;
      const auto kind = kinds.find(fleet.links[*cell.link].kind);
      if (kind == kinds.end()) continue;
      const bool slow = stands_out(metric, *value, kind->second);
      const std::string expected =
          fmt::format("about {} (median of {} {})", with_unit(metric, kind->second.median),
                      kind->second.count, model::to_string(kind->first));
      cell.verdicts.push_back(
          {check_of(metric), VerdictSource::peers, slow ? CellStatus::slow : CellStatus::pass,
           std::string(to_string(metric)), with_unit(metric, *value), expected});
      if (!slow) continue;
      add_slow(fleet, matrix, cell, "peer-slow", to_string(metric),
               {{"seen", fmt::format("{} {}", to_string(metric), with_unit(metric, *value))},
                {"expected", expected},
                {"advice", "reseat or swap the cable, then bringup verify"}});
    }
  }
}

std::vector<std::size_t> suspects(const Matrix& matrix) {
  std::map<std::size_t, double> worst;  // by link: how far below, as a share
  for (const Cell& cell : matrix.cells) {
    if (!cell.link) continue;
    for (const Metric metric : {Metric::iperf, Metric::rdma_bandwidth, Metric::rdma_latency}) {
      const auto value = figure(cell, metric);
      if (!value || !slow_by_figure(cell, check_of(metric))) continue;
      // Against the best of the same figure: all that is needed is an order.
      double best = *value;
      for (const Cell& other : matrix.cells) {
        const auto theirs = figure(other, metric);
        if (!theirs) continue;
        best = higher_is_better(metric) ? std::max(best, *theirs) : std::min(best, *theirs);
      }
      const double now = goodness(metric, *value, best);
      const auto [slot, fresh] = worst.try_emplace(*cell.link, now);
      if (!fresh) slot->second = std::min(slot->second, now);
    }
  }
  std::vector<std::size_t> links;
  for (const auto& [link, share] : worst) links.push_back(link);
  std::stable_sort(links.begin(), links.end(),
                   [&](std::size_t a, std::size_t b) { return worst[a] < worst[b]; });
  return links;
}

std::vector<Attribution> attribute(const model::Fleet& fleet, const Matrix& matrix) {
  std::vector<Attribution> found;
  for (const Cell& cell : matrix.cells) {
    if (!cell.link) continue;
    for (const Metric metric : {Metric::iperf, Metric::rdma_bandwidth, Metric::rdma_latency}) {
      if (!figure(cell, metric) || !slow_by_figure(cell, check_of(metric))) continue;
      found.push_back(attribute_one(fleet, matrix, cell, metric));
      break;
    }
  }
  return found;
}

void apply_attributions(const model::Fleet& fleet, const std::vector<Attribution>& found,
                        Matrix& matrix) {
  for (const Attribution& one : found) {
    const auto& link = fleet.links[one.link];
    const std::string blamed =
        one.culprit == Attribution::Culprit::link
            ? fmt::format("the cable {}", fleet.link_name(link))
            : fmt::format("{} ({} side)", one.node + ":" + one.target,
                          one.culprit == Attribution::Culprit::sender ? "sending" : "receiving");
    for (Cell& cell : matrix.cells) {
      if (cell.link != one.link || cell.from != one.from || !cell.diagnosis) continue;
      if (cell.status != CellStatus::slow) continue;
      Diagnosis& diagnosis = *cell.diagnosis;
      const std::string before =
          diagnosis.node + (diagnosis.target.empty() ? "" : ":" + diagnosis.target);
      const auto finding =
          std::find_if(matrix.findings.begin(), matrix.findings.end(), [&](const Finding& other) {
            return other.layer == diagnosis.layer && other.target == before &&
                   other.seen == diagnosis.seen;
          });
      diagnosis.node = one.node;
      diagnosis.target = one.target;
      diagnosis.meaning =
          fmt::format("{} is to blame{}{}", blamed, one.why.empty() ? "" : ": ", one.why);
      if (finding == matrix.findings.end()) continue;
      finding->target = one.node + ":" + one.target;
      finding->meaning = diagnosis.meaning;
    }
  }
  one_per_cable(fleet, found, matrix);
}

}  // namespace bringup::verify
