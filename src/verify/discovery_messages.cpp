// The lines that go to `bringup-probe discover` and come from it.
#include <algorithm>

#include "bringup/util/text.hpp"
#include "bringup/verify/discovery.hpp"
#include "probe_json.hpp"

namespace bringup::verify {
namespace {

using probe_json::boolean;
using probe_json::Json;
using probe_json::list_of;
using probe_json::Malformed;
using probe_json::number;
using probe_json::text;

constexpr std::size_t kMaxInterfaces = 64;
constexpr std::size_t kMaxHeard = 1024;
constexpr std::uint64_t kMaxCount = 1000000;

// A node's or an interface's name: fit to be shown and compared.
std::string name(const Json& object, const char* key) {
  const std::string& given = text(object, key);
  const bool plain = std::all_of(given.begin(), given.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':' || c == '@';
  });
  if (given.empty() || given.size() > 64 || !plain) throw Malformed{};
  return given;
}

model::Ipv4 address(const Json& object, const char* key) {
  const auto parsed = model::Ipv4::parse(text(object, key));
  if (!parsed) throw Malformed{};
  return *parsed;
}

std::optional<model::Ipv4> maybe_address(const Json& object, const char* key) {
  if (text(object, key).empty()) return std::nullopt;
  return address(object, key);
}

CastKind cast_of(const Json& object) {
  const std::string& given = text(object, "cast");
  const auto found = std::find_if(kCastKinds.begin(), kCastKinds.end(),
                                  [&](CastKind kind) { return to_string(kind) == given; });
  if (found == kCastKinds.end()) throw Malformed{};
  return *found;
}

std::string problem_word(const Json& object) {
  const std::string& given = text(object, "problem");
  static constexpr std::string_view kWords[] = {"",     "no-route", "denied", "unreachable",
                                                "down", "in-use",   "other"};
  if (std::find(std::begin(kWords), std::end(kWords), given) == std::end(kWords)) throw Malformed{};
  return given;
}

// The object of a reply to `op` that is no failure.
template <class Read>
auto reply(std::string_view line, std::string_view op, Read read) {
  using Value = decltype(read(Json()));
  return probe_json::read_probe_line(line, [&](const Json& object) -> Expected<Value> {
    if (!boolean(object, "ok")) {
      const std::string problem = object.contains("problem") ? problem_word(object) : "";
      return fail(ErrorCode::remote,
                  problem + (problem.empty() ? "" : ": ") + printable(text(object, "text"), 200));
    }
    if (text(object, "re") != op) throw Malformed{};
    return read(object);
  });
}

}  // namespace

std::string discovery_listen(const DiscoveryPlan& plan, const std::string& node) {
  return Json{{"op", "listen"},
              {"nonce", plan.nonce},
              {"node", node},
              {"port", plan.port},
              {"group", plan.group}}
      .dump();
}

std::string discovery_send(const DiscoveryPlan& plan) {
  return Json{{"op", "send"}, {"times", plan.times}, {"gap_ms", plan.gap_ms}}.dump();
}

std::string discovery_heard() {
  return Json{{"op", "heard"}}.dump();
}

Expected<int> parse_discovery_hello(std::string_view line) {
  return reply(line, "hello",
               [](const Json& object) { return number<int>(object, "protocol", 1000); });
}

Expected<std::vector<ProbeInterface>> parse_discovery_listen(std::string_view line) {
  return reply(line, "listen", [](const Json& object) {
    return list_of(object, "interfaces", kMaxInterfaces, [](const Json& item) {
      return ProbeInterface{name(item, "name"), address(item, "address"),
                            number<std::uint32_t>(item, "prefix", 32),
                            maybe_address(item, "broadcast"), maybe_address(item, "configured")};
    });
  });
}

Expected<std::vector<ProbeSend>> parse_discovery_send(std::string_view line) {
  return reply(line, "send", [](const Json& object) {
    return list_of(object, "sent", kMaxInterfaces * 3, [](const Json& item) {
      return ProbeSend{name(item, "interface"), cast_of(item),
                       number<std::uint32_t>(item, "count", kMaxCount), problem_word(item),
                       number<int>(item, "errno", 4095)};
    });
  });
}

Expected<std::vector<ProbeHearing>> parse_discovery_heard(std::string_view line) {
  return reply(line, "heard", [](const Json& object) {
    return list_of(object, "heard", kMaxHeard, [](const Json& item) {
      const std::string& on = text(item, "interface");
      return ProbeHearing{name(item, "node"),
                          name(item, "sender"),
                          cast_of(item),
                          address(item, "source"),
                          on == "?" ? on : name(item, "interface"),
                          number<std::uint32_t>(item, "count", kMaxCount)};
    });
  });
}

}  // namespace bringup::verify
