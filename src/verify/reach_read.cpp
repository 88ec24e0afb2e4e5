#include "reach_read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "bringup/util/text.hpp"

namespace bringup::verify {
namespace {

constexpr std::string_view kStatus = " bu_rc=";

const facts::Frame* find(const std::vector<facts::Frame>& frames, const std::string& name) {
  const auto found = std::find_if(frames.begin(), frames.end(),
                                  [&](const auto& frame) { return frame.name == name; });
  return found == frames.end() ? nullptr : &*found;
}

std::optional<int> whole(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "10.10.0.1 via 192.168.50.1 dev eth0 src …", "    gateway: 192.168.50.1"
std::optional<model::Ipv4> gateway_of(std::string_view text, facts::Os os) {
  const std::string_view mark = os == facts::Os::linux_kernel ? "via" : "gateway:";
  for (const auto line : split_lines(text)) {
    const auto words = split_blank(line);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] != mark) continue;
      const auto address = model::Ipv4::parse(words[i + 1]);
      return address ? std::optional(*address) : std::nullopt;
    }
  }
  return std::nullopt;
}

// A line "LABEL WORDS bu_rc=STATUS" without its label.
struct Line {
  std::string_view words;
  std::optional<int> status;
};
Line line_of(std::string_view text) {
  const auto at = text.rfind(kStatus);
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), whole(trim(text.substr(at + kStatus.size())))};
}

// 126 and 127: there is no nc, and no bash that could do its work.
std::optional<bool> connected(std::optional<int> status) {
  if (!status || *status == 127 || *status == 126) return std::nullopt;
  return *status == 0;
}

// "packet 1500", then what ping said.
std::optional<LargePing> read_large(const facts::Frame* frame) {
  constexpr std::string_view kPacket = "packet ";
  constexpr int kMost = 65535;
  if (frame == nullptr || !frame->payload.starts_with(kPacket)) return std::nullopt;
  const std::string_view text = frame->payload;
  const auto end = std::min(text.find('\n'), text.size());
  const auto bytes = whole(text.substr(kPacket.size(), end - kPacket.size()));
  if (!bytes || *bytes < 1 || *bytes > kMost) return std::nullopt;
  const auto says = [&](std::string_view words) { return text.find(words) != text.npos; };
  LargePing ping;
  ping.bytes = static_cast<std::uint32_t>(*bytes);
  if (frame->exit_status == 0) {
    ping.answer = LargePing::Answer::replies;
  } else if (says("rag needed") || says("essage too long")) {
    ping.answer = LargePing::Answer::told;
  } else if (says("100% packet loss") || says("100.0% packet loss")) {
    ping.answer = LargePing::Answer::none;
  } else {
    return std::nullopt;  // a ping that does not know the flag, say
  }
  return ping;
}

}  // namespace

Hop read_hop(std::string_view text) {
  const auto words = split_blank(text);
  Hop hop;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "from" && words[i] != "From") continue;
    std::string_view name = words[i + 1];
    if (name.ends_with(':')) name.remove_suffix(1);
    const auto address = model::Ipv4::parse(name);
    if (!address) continue;
    std::string rest;
    for (std::size_t k = i + 2; k < words.size() && k < i + 8; ++k) {
      rest += std::string(words[k]) + " ";
    }
    constexpr std::array<std::string_view, 3> no = {"nreachable", "rohibited", "iltered"};
    hop.address = *address;
    if (rest.find("Time to live exceeded") != std::string::npos) {
      hop.answer = Hop::Answer::exceeded;
    } else if (std::any_of(no.begin(), no.end(),
                           [&](auto word) { return rest.find(word) != std::string::npos; })) {
      hop.answer = Hop::Answer::refused;
    } else if (rest.find("ttl=") != std::string::npos) {
      hop.answer = Hop::Answer::reached;
    } else {
      hop.address.reset();
      continue;
    }
    return hop;
  }
  return hop;
}

ReachReading read_reach(const std::vector<facts::Frame>& frames, std::size_t check, facts::Os os) {
  constexpr std::string_view kHop = "hop ";
  constexpr std::string_view kTcp = "tcp ";
  ReachReading reading;
  reading.route = read_route(frames, fmt::format("reach-route.{}", check), os);
  reading.via = gateway_of(reading.route.raw, os);
  reading.ping = read_ping(frames, fmt::format("reach-ping.{}", check), os);
  reading.large = read_large(find(frames, fmt::format("reach-large.{}", check)));
  if (const auto* frame = find(frames, fmt::format("reach-tcp.{}", check))) {
    reading.tcp = connected(frame->exit_status);
  }
  const auto* more = find(frames, fmt::format("reach-more.{}", check));
  if (more == nullptr) return reading;
  bool arrived = false;
  for (const auto line : split_lines(more->payload)) {
    if (line.starts_with(kTcp)) {
      reading.tcp = connected(line_of(line.substr(kTcp.size())).status);
    } else if (line.starts_with(kHop) && !arrived) {
      const auto rest = line.substr(kHop.size());
      const auto blank = rest.find(' ');
      if (blank == std::string_view::npos) continue;
      // In their order, one after the other.
      if (whole(rest.substr(0, blank)) != static_cast<int>(reading.path.size()) + 1) continue;
      reading.path.push_back(read_hop(line_of(rest.substr(blank)).words));
      arrived = reading.path.back().answer == Hop::Answer::reached;
    }
  }
  return reading;
}

}  // namespace bringup::verify
