#include "bringup/verify/probe_messages.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "bringup/util/text.hpp"
#include "probe_json.hpp"

namespace bringup::verify {
namespace {

using probe_json::boolean;
using probe_json::Json;
using probe_json::list_of;
using probe_json::Malformed;
using probe_json::member;
using probe_json::number;
using probe_json::text;

constexpr std::uint64_t kMaxCount = 1000000000000;
constexpr double kMaxReal = 1e12;
constexpr std::size_t kMaxList = 64;

double real(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_number()) throw Malformed{};
  const double given = value.get<double>();
  if (!std::isfinite(given) || given < 0 || given > kMaxReal) throw Malformed{};
  return given;
}

// A name that may stand in a command and on a terminal.
std::string device_name(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (name.empty() || name.size() > 64 || name.front() == '-' || !plain) throw Malformed{};
  return name;
}

std::string gid_text(const std::string& gid) {
  unsigned char bytes[16];
  if (gid.size() > 45 || gid.find('\0') != std::string::npos ||
      ::inet_pton(AF_INET6, gid.c_str(), bytes) != 1)
    throw Malformed{};
  return gid;
}

std::string word(const std::string& given) {
  return printable(given, 64);
}

ProbeFailure read_failure(const Json& reply) {
  ProbeFailure failure;
  failure.layer = text(reply, "layer");
  static constexpr std::string_view kLayers[] = {"gid", "port", "rdma", "probe"};
  if (std::find(std::begin(kLayers), std::end(kLayers), failure.layer) == std::end(kLayers))
    throw Malformed{};
  failure.verb = word(text(reply, "verb"));
  failure.error_number = number<int>(reply, "errno", 4095);
  failure.text = printable(text(reply, "text"), 300);
  return failure;
}

ProbeOpened read_opened(const Json& reply) {
  ProbeOpened opened;
  opened.device = device_name(text(reply, "device"));
  opened.port = number<std::uint32_t>(reply, "port", 255, 1);
  opened.gid_index = number<std::uint32_t>(reply, "gid_index", 255);
  opened.qpn = number<std::uint32_t>(reply, "qpn", 0xffffff);
  opened.psn = number<std::uint32_t>(reply, "psn", 0xffffff);
  opened.lid = number<std::uint32_t>(reply, "lid", 0xffff);
  opened.mtu = number<std::uint32_t>(reply, "mtu", 4096, 256);
  opened.max_message = number<std::uint64_t>(reply, "max_message", kMaxCount);
  opened.gid = gid_text(text(reply, "gid"));
  return opened;
}

ProbeLatency read_latency(const Json& reply) {
  ProbeLatency latency;
  latency.sent = number<std::uint64_t>(reply, "sent", kMaxCount);
  latency.lost = number<std::uint64_t>(reply, "lost", latency.sent);
  latency.p50_us = real(reply, "p50_us");
  latency.p99_us = real(reply, "p99_us");
  latency.mean_us = real(reply, "mean_us");
  if (latency.p50_us > latency.p99_us) throw Malformed{};
  return latency;
}

ProbePort read_port(const Json& item) {
  ProbePort port;
  port.port = number<std::uint32_t>(item, "port", 255, 1);
  if (item.contains("verb")) return port;
  port.state = word(text(item, "state"));
  port.mtu = number<std::uint32_t>(item, "mtu", 4096);
  port.gids = list_of(item, "gids", kMaxList, [](const Json& gid) {
    return ProbeGid{number<std::uint32_t>(gid, "index", 65535), gid_text(text(gid, "gid"))};
  });
  return port;
}

ProbeDevice read_device(const Json& item) {
  ProbeDevice device;
  device.name = device_name(text(item, "device"));
  if (item.contains("verb"))
    device.error_number = number<int>(item, "errno", 4095);
  else
    device.ports = list_of(item, "ports", 8, read_port);
  return device;
}

ProbeReply read_reply(const Json& reply) {
  ProbeReply read;
  read.re = word(text(reply, "re"));
  if (!boolean(reply, "ok")) {
    read.body = read_failure(reply);
    return read;
  }
  const std::string& re = text(reply, "re");
  if (re == "hello") {
    read.body = ProbeHello{number<int>(reply, "protocol", 1000, 1)};
  } else if (re == "open") {
    read.body = read_opened(reply);
  } else if (re == "connect" || re == "close") {
    read.body = ProbeDone{};
  } else if (re == "devices") {
    read.body = ProbeDevices{list_of(reply, "devices", kMaxList, read_device)};
  } else if (re != "latency" && re != "bandwidth") {
    throw Malformed{};
  } else if (reply.contains("ready")) {
    read.body = ProbeReady{};
  } else if (reply.contains("received")) {
    read.body =
        ProbeReceived{number<std::uint64_t>(reply, "received", kMaxCount), real(reply, "seconds")};
  } else if (re == "latency") {
    read.body = read_latency(reply);
  } else {
    read.body =
        ProbeSent{number<std::uint64_t>(reply, "sent", kMaxCount),
                  number<std::uint64_t>(reply, "stalls", kMaxCount), real(reply, "seconds")};
  }
  return read;
}

std::string simple(const char* op) {
  return Json{{"op", op}}.dump();
}

}  // namespace

std::string probe_request(const ProbeOpen& open) {
  return Json{{"op", "open"},
              {"device", open.device},
              {"address", open.address},
              {"qp", to_string(open.qp)},
              {"bytes", open.bytes},
              {"depth", open.depth}}
      .dump();
}

std::string probe_connect(const ProbeOpened& remote) {
  return Json{{"op", "connect"},   {"qpn", remote.qpn}, {"psn", remote.psn},
              {"gid", remote.gid}, {"lid", remote.lid}, {"mtu", remote.mtu}}
      .dump();
}

std::string probe_request(ProbeRole role, const ProbeJob& job) {
  static constexpr const char* kRoles[] = {"ping", "pong", "send", "receive"};
  const bool latency = role == ProbeRole::ping || role == ProbeRole::pong;
  return Json{{"op", latency ? "latency" : "bandwidth"},
              {"role", kRoles[static_cast<int>(role)]},
              {"run", job.run},
              {"bytes", job.bytes},
              {"count", job.count},
              {"wait_ms", job.wait_ms},
              {"span_ms", job.span_ms},
              {"limit_ms", job.limit_ms}}
      .dump();
}

std::string probe_devices() {
  return simple("devices");
}
std::string probe_stop() {
  return simple("stop");
}
std::string probe_close() {
  return simple("close");
}
std::string probe_quit() {
  return simple("quit");
}

Expected<ProbeReply> parse_probe_reply(std::string_view line) {
  return probe_json::read_probe_line(
      line, [](const Json& reply) -> Expected<ProbeReply> { return read_reply(reply); });
}

}  // namespace bringup::verify
