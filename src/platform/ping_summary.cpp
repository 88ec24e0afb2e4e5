#include "ping_summary.hpp"

#include "bringup/util/text.hpp"
#include "scan.hpp"

namespace bringup::platform {
namespace {

constexpr std::string_view kWhat = "ping";
constexpr int kMaxCount = 1'000'000'000;

// "3 packets received" for tail "packets received".
std::optional<int> count_before(std::string_view part, std::string_view tail) {
  if (!part.ends_with(tail)) return std::nullopt;
  const auto value = parse_number<int>(trim(part.substr(0, part.size() - tail.size())));
  return value && *value <= kMaxCount ? value : std::nullopt;
}

// "3 packets transmitted, 3 packets received, +1 duplicates, 0.0% packet loss". Parts between, and
// behind, differ by system and by what happened ("time 2003ms", "2 packets out of wait time").
Expected<PingResult> parse_counts(std::string_view line, const PingDialect& dialect) {
  PingResult out;
  const auto parts = split(line, ',');
  const auto sent = count_before(trim(parts[0]), "packets transmitted");
  const auto received =
      parts.size() > 1 ? count_before(trim(parts[1]), dialect.received) : std::nullopt;
  if (!sent || !received || *received > *sent) return malformed(kWhat, "bad summary", line);
  out.transmitted = *sent;
  out.received = *received;
  bool found = false;
  for (std::size_t i = 2; i < parts.size(); ++i) {
    constexpr std::string_view kLoss = "% packet loss";
    const std::string_view part = trim(parts[i]);
    if (!part.ends_with(kLoss)) continue;
    const auto loss = parse_decimal(part.substr(0, part.size() - kLoss.size()));
    if (!loss || *loss > 100) return malformed(kWhat, "bad summary", line);
    out.loss_percent = *loss;
    found = true;
  }
  // "ping" of both families leaves the loss out only when nothing was sent.
  if (!found && out.transmitted != 0) return malformed(kWhat, "summary without loss", line);
  return out;
}

// " = 0.123/0.130/0.140/0.007 ms", perhaps with ", pipe 2" behind it. Times that are malformed or
// out of order stay unset: what was counted still holds.
void take_times(PingResult& out, std::string_view tail) {
  tail = trim(tail);
  if (!tail.starts_with("=")) return;
  const auto words = split_blank(tail.substr(1));
  if (words.size() < 2 || !words[1].starts_with("ms")) return;
  const auto times = split(words[0], '/');
  if (times.size() != 4) return;
  const auto min = parse_decimal(times[0]);
  const auto avg = parse_decimal(times[1]);
  const auto max = parse_decimal(times[2]);
  if (!min || !avg || !max || *min > *avg || *avg > *max) return;
  out.min_ms = min;
  out.avg_ms = avg;
  out.max_ms = max;
  out.stddev_ms = parse_decimal(times[3]);  // macOS: "nan" for a single reply in some releases
}

}  // namespace

Expected<PingResult> parse_ping_summary(std::string_view text, const PingDialect& dialect) {
  std::optional<PingResult> out;
  for (const std::string_view raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.size() > 4096) return malformed(kWhat, "line too long", line);
    if (line.find(" packets transmitted,") != std::string_view::npos) {
      if (out) return malformed(kWhat, "two summaries", line);
      auto counts = parse_counts(line, dialect);
      if (!counts) return tl::unexpected(std::move(counts.error()));
      out = *counts;
    } else if (out && !out->avg_ms && line.starts_with(dialect.rtt)) {
      take_times(*out, line.substr(dialect.rtt.size()));
    }
  }
  if (!out) {
    const auto lines = split_lines(trim(text));
    return malformed(kWhat, "no summary", lines.empty() ? std::string_view{} : lines.back());
  }
  if (out->received == 0 && out->avg_ms)
    return malformed(kWhat, "round-trip times without a reply", "");
  return *out;
}

}  // namespace bringup::platform
