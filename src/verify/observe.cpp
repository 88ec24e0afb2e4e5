#include "observe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"

namespace bringup::verify {
namespace {

constexpr std::size_t kRawBytes = 2048;

const facts::Frame* find(const std::vector<facts::Frame>& frames, const std::string& name) {
  for (const auto& frame : frames) {
    if (frame.name == name) return &frame;
  }
  return nullptr;
}

std::string last_line(std::string_view text) {
  std::string_view last;
  for (const auto line : split_lines(text)) {
    if (!trim(line).empty()) last = trim(line);
  }
  return printable(last, 200);
}

// What a tool that gave no value said, or how it ended when it said nothing.
std::string last_words(const facts::Frame& frame) {
  const auto line = last_line(frame.payload);
  if (line.empty()) return fmt::format("no output, exit status {}", frame.exit_status);
  return fmt::format("{} (exit status {})", line, frame.exit_status);
}

// No way to the peer: an answer about the network, not a failure of the tool.
bool network_says_no(std::string_view text) {
  constexpr std::array<std::string_view, 9> words = {
      "No route to host",       "Network is unreachable",       "Network is down",
      "Can't assign requested", "Cannot assign requested",      "Host is down",
      "not in table",           "Destination Host Unreachable", "No such device"};
  return std::any_of(words.begin(), words.end(),
                     [&](auto word) { return text.find(word) != std::string_view::npos; });
}

bool number(std::string_view text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// strtod rather than from_chars, which Apple's library long lacked for floating point.
bool number(std::string_view text, double& value) {
  if (text.empty() || text.size() > 20) return false;
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return false;
  const std::string copy(text);
  char* end = nullptr;
  value = std::strtod(copy.c_str(), &end);
  return *end == '\0';
}

// iputils: "3 packets transmitted, 3 received, 0% packet loss, time 403ms", perhaps with "+3
// errors" before the loss; then "rtt min/avg/max/mdev = a/b/c/d ms".
std::optional<platform::PingResult> linux_ping(std::string_view text) {
  std::optional<platform::PingResult> result;
  for (const auto line : split_lines(text)) {
    const auto words = split_blank(line);
    if (words.size() >= 5 && words[1] == "packets" && words[2] == "transmitted,") {
      platform::PingResult counts;
      if (!number(words[0], counts.transmitted) || !number(words[3], counts.received)) continue;
      if (counts.transmitted < 1 || counts.received < 0) continue;
      if (counts.received > counts.transmitted) continue;
      counts.loss_percent =
          100.0 * (counts.transmitted - counts.received) / static_cast<double>(counts.transmitted);
      result = counts;
    }
    if (!result || result->received == 0 || words.size() < 5) continue;
    if (words[0] != "rtt" || words[1] != "min/avg/max/mdev") continue;
    const auto parts = split(words[3], '/');
    double min = 0, avg = 0, max = 0, mdev = 0;
    if (parts.size() != 4 || !number(parts[0], min) || !number(parts[1], avg) ||
        !number(parts[2], max) || !number(parts[3], mdev)) {
      continue;
    }
    result->min_ms = min;
    result->avg_ms = avg;
    result->max_ms = max;
    result->stddev_ms = mdev;
  }
  return result;
}

// "10.254.0.6 dev en5 src 10.254.0.5 uid 0"
std::optional<std::string> linux_route(std::string_view text) {
  for (const auto line : split_lines(text)) {
    const auto words = split_blank(line);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] == "dev") return std::string(words[i + 1]);
    }
  }
  return network_says_no(text) ? std::optional<std::string>("") : std::nullopt;
}

std::optional<platform::PingResult> ping_of(std::string_view text, facts::Os os) {
  if (os == facts::Os::linux_kernel) return linux_ping(text);
  auto parsed = platform::darwin::parse_ping(text);
  if (!parsed || parsed->transmitted < 1) return std::nullopt;
  return *parsed;
}

// Empty: the node has no route to the peer.
std::optional<std::string> route_of(std::string_view text, facts::Os os) {
  if (os == facts::Os::linux_kernel) return linux_route(text);
  // The Mac's route ends with 0 for most of its errors, so the text decides, not the status.
  auto parsed = platform::darwin::parse_route_get(text);
  if (parsed) return parsed->value_or("");
  return network_says_no(text) ? std::optional<std::string>("") : std::nullopt;
}

}  // namespace

Reading<std::string> read_route(const std::vector<facts::Frame>& frames, std::size_t link,
                                facts::Os os) {
  return read_route(frames, fmt::format("route.{}", link), os);
}

Reading<std::string> read_route(const std::vector<facts::Frame>& frames, const std::string& name,
                                facts::Os os) {
  Reading<std::string> reading;
  const auto* frame = find(frames, name);
  if (frame == nullptr) return reading;
  reading.present = true;
  reading.raw = frame->payload.substr(0, kRawBytes);
  reading.value = route_of(frame->payload, os);
  if (!reading.value) reading.problem = last_words(*frame);
  return reading;
}

PingReading read_ping(const std::vector<facts::Frame>& frames, std::size_t link, facts::Os os) {
  return read_ping(frames, fmt::format("ping.{}", link), os);
}

PingReading read_ping(const std::vector<facts::Frame>& frames, const std::string& name,
                      facts::Os os) {
  PingReading reading;
  const auto* frame = find(frames, name);
  if (frame == nullptr) return reading;
  reading.present = true;
  reading.raw = frame->payload.substr(0, kRawBytes);
  reading.value = ping_of(frame->payload, os);
  if (reading.value) return reading;
  reading.refused = network_says_no(frame->payload);
  reading.problem = last_words(*frame);
  return reading;
}

Reading<MtuReading> read_mtu(const std::vector<facts::Frame>& frames, std::size_t link) {
  constexpr int kHeaders = 28;  // IPv4 and ICMP
  constexpr int kSilence = 2;   // the script's word for no reply of any size
  Reading<MtuReading> reading;
  const auto* frame = find(frames, fmt::format("mtu.{}", link));
  if (frame == nullptr) return reading;
  reading.present = true;
  reading.raw = frame->payload.substr(0, kRawBytes);
  MtuReading value;
  for (const auto line : split_lines(frame->payload)) {
    const auto words = split_blank(line);
    int size = 0;
    if (words.size() != 2 || !number(words[1], size) || size < 0 || size > 1 << 24) continue;
    if (words[0] == "interface" && size > 0) value.interface = static_cast<std::uint32_t>(size);
    if (words[0] == "largest") value.largest = static_cast<std::uint32_t>(size + kHeaders);
  }
  value.asked = value.largest.has_value() || frame->exit_status == kSilence;
  const bool sound = frame->exit_status == 0 || frame->exit_status == kSilence;
  if (value.interface > 0 && sound) {
    reading.value = value;
  } else {
    reading.problem = last_words(*frame);
  }
  return reading;
}

}  // namespace bringup::verify
