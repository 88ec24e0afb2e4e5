#pragma once
// Figures against each other: the median of a kind, who stands out, and which end is to blame.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/verify/checks.hpp"
#include "bringup/verify/diagnoses.hpp"

namespace bringup::verify {

enum class Metric { rtt, iperf, rdma_bandwidth, rdma_latency };
std::string_view to_string(Metric metric);  // "rtt", "iperf", "rdma bandwidth", "rdma latency"
bool higher_is_better(Metric metric);
CheckKind check_of(Metric metric);
std::string with_unit(Metric metric, double value);  // "0.12 ms", "39.8 Gb/s"
// The cell's figure: rtt average, iperf, the best bandwidth, the p50 of the smallest message.
std::optional<double> figure(const Cell& cell, Metric metric);

struct Spread {
  double median = 0;
  double mad = 0;  // the median of the distances from it
  std::size_t count = 0;
};
Spread spread_of(std::vector<double> values);  // precondition: not empty

// Adds a verdict of source `peers` to each cell whose kind has four or more figures. Slow: worse
// than the median by more than 5 MAD and by more than a quarter of it, the latter so that noise is
// no outlier among equals; round trips moreover by more than 0.2 ms, which is noise of a scheduler.
void compare_with_peers(const model::Fleet& fleet, Matrix& matrix);

// A cell that a comparison found slow: its status and diagnosis, unless something worse is known,
// and the finding. `what` is the verdict's.
void add_slow(const model::Fleet& fleet, Matrix& matrix, Cell& cell, std::string_view id,
              std::string_view what, Words words);

// Links of which an exclusive check (iperf, RDMA) came out slow by any judgement, the worst first:
// to be measured again with retest_schedule().
std::vector<std::size_t> suspects(const Matrix& matrix);

// Who is to blame for a link that stays slow, told by how its two nodes do with others: a figure
// with a partner that is fine clears a node.
struct Attribution {
  enum class Culprit { link, sender, receiver };
  std::size_t link = 0;
  std::size_t from = 0;  // of the slow direction
  Metric metric = Metric::iperf;
  Culprit culprit = Culprit::link;
  std::string node, target;  // the end that is blamed; of a link: its first end
  std::string why;           // "b → c over its other link is fine (39.8 Gb/s); …"
};
std::vector<Attribution> attribute(const model::Fleet& fleet, const Matrix& matrix);
// Puts the attributions into the cells' diagnoses and the findings. What is slow in both directions
// of a link is one finding then, at the link's first end, unless an end is to blame for it.
void apply_attributions(const model::Fleet& fleet, const std::vector<Attribution>& found,
                        Matrix& matrix);

}  // namespace bringup::verify
