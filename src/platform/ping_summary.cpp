#include "ping_summary.hpp"

#include <array>

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

// " = 0.123/0.130/0.140/0.007 ms", perhaps with ", pipe 2" behind it.
Expected<void> take_times(PingResult& out, std::string_view tail, std::string_view line) {
  tail = trim(tail);
  if (!tail.starts_with("=")) return malformed(kWhat, "bad round-trip times", line);
  const auto words = split_blank(tail.substr(1));
  if (words.size() < 2 || !words[1].starts_with("ms"))
    return malformed(kWhat, "bad round-trip times", line);
  const auto times = split(words[0], '/');
  if (times.size() != 4) return malformed(kWhat, "bad round-trip times", line);
  const std::array<std::optional<double>*, 4> members = {&out.min_ms, &out.avg_ms, &out.max_ms,
                                                         &out.stddev_ms};
  for (std::size_t i = 0; i < times.size(); ++i) {
    // macOS prints "nan" for the deviation of a single reply in some releases.
    if (i == 3 && times[i] == "nan") break;
    *members[i] = parse_decimal(times[i]);
    if (!*members[i]) return malformed(kWhat, "bad round-trip times", line);
  }
  if (*out.min_ms > *out.avg_ms || *out.avg_ms > *out.max_ms)
    return malformed(kWhat, "round-trip times out of order", line);
  return {};
}

}  // namespace

Expected<PingResult> parse_ping_summary(std::string_view text, const PingDialect& dialect) {
  std::optional<PingResult> out;
  bool timed = false;
  for (const std::string_view raw : split_lines(text)) {
    const std::string_view line = trim(raw);
    if (line.size() > 4096) return malformed(kWhat, "line too long", line);
    if (line.find(" packets transmitted,") != std::string_view::npos) {
      if (out) return malformed(kWhat, "two summaries", line);
      auto counts = parse_counts(line, dialect);
      if (!counts) return tl::unexpected(std::move(counts.error()));
      out = *counts;
    } else if (out && line.starts_with(dialect.rtt)) {
      if (timed) return malformed(kWhat, "two summaries", line);
      auto taken = take_times(*out, line.substr(dialect.rtt.size()), line);
      if (!taken) return tl::unexpected(std::move(taken.error()));
      timed = true;
    }
  }
  if (!out) {
    const auto lines = split_lines(trim(text));
    return malformed(kWhat, "no summary", lines.empty() ? std::string_view{} : lines.back());
  }
  if (timed != (out->received > 0))
    return malformed(kWhat, "replies and round-trip times do not agree", "");
  return *out;
}

}  // namespace bringup::platform
