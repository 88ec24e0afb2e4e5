// The lines that go to `bringup-probe discover` and come from it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"
#include "bringup/verify/discovery.hpp"
#include "bringup/verify/probe_messages.hpp"

namespace bringup::verify {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxInterfaces = 64;
constexpr std::size_t kMaxHeard = 1024;
constexpr std::uint64_t kMaxCount = 1000000;

struct Malformed {};

const Json& member(const Json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end()) throw Malformed{};
  return *at;
}

const std::string& text(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_string()) throw Malformed{};
  return value.get_ref<const std::string&>();
}

std::uint32_t number(const Json& object, const char* name, std::uint64_t most) {
  const Json& value = member(object, name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) throw Malformed{};
  return value.get<std::uint32_t>();
}

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
auto reply(std::string_view line, std::string_view op, Read read)
    -> Expected<decltype(read(Json()))> {
  const auto refuse = [&] {
    return fail(ErrorCode::parse, "not a reply of bringup-probe: " + printable(line, 120));
  };
  if (line.size() > kMaxProbeLine) return refuse();
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return refuse();
  try {
    const Json& ok = member(object, "ok");
    if (!ok.is_boolean()) return refuse();
    if (!ok.get<bool>()) {
      const std::string problem = object.contains("problem") ? problem_word(object) : "";
      return fail(ErrorCode::remote,
                  problem + (problem.empty() ? "" : ": ") + printable(text(object, "text"), 200));
    }
    if (text(object, "re") != op) return refuse();
    return read(object);
  } catch (const Malformed&) {
    return refuse();
  }
}

template <class Read>
auto list_of(const Json& object, const char* key, std::size_t most, Read read) {
  const Json& list = member(object, key);
  if (!list.is_array() || list.size() > most) throw Malformed{};
  std::vector<decltype(read(list))> items;
  for (const Json& item : list) {
    if (!item.is_object()) throw Malformed{};
    items.push_back(read(item));
  }
  return items;
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
  return reply(line, "hello", [](const Json& object) {
    return static_cast<int>(number(object, "protocol", 1000));
  });
}

Expected<std::vector<ProbeInterface>> parse_discovery_listen(std::string_view line) {
  return reply(line, "listen", [](const Json& object) {
    return list_of(object, "interfaces", kMaxInterfaces, [](const Json& item) {
      return ProbeInterface{name(item, "name"), address(item, "address"),
                            number(item, "prefix", 32), maybe_address(item, "broadcast"),
                            maybe_address(item, "configured")};
    });
  });
}

Expected<std::vector<ProbeSend>> parse_discovery_send(std::string_view line) {
  return reply(line, "send", [](const Json& object) {
    return list_of(object, "sent", kMaxInterfaces * 3, [](const Json& item) {
      return ProbeSend{name(item, "interface"), cast_of(item), number(item, "count", kMaxCount),
                       problem_word(item), static_cast<int>(number(item, "errno", 4095))};
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
                          number(item, "count", kMaxCount)};
    });
  });
}

}  // namespace bringup::verify
