#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "bringup/probe/session.hpp"
#include "connection.hpp"
#include "gid.hpp"

namespace bringup::probe {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr std::size_t kMaxDevices = 64;
constexpr std::size_t kMaxShownGids = 64;
constexpr std::uint64_t kMinMessage = 32;

tl::unexpected<Failure> refuse(const std::string& text) {
  return tl::unexpected(Failure{"probe", "", 0, text});
}

std::optional<std::uint64_t> number(const Json& request, const char* name, std::uint64_t least,
                                    std::uint64_t most) {
  const auto at = request.find(name);
  if (at == request.end() || !at->is_number_unsigned()) return std::nullopt;
  const auto value = at->get<std::uint64_t>();
  return value >= least && value <= most ? std::optional(value) : std::nullopt;
}

std::optional<std::string> text(const Json& request, const char* name, std::size_t most) {
  const auto at = request.find(name);
  if (at == request.end() || !at->is_string()) return std::nullopt;
  auto value = at->get<std::string>();
  return value.size() <= most ? std::optional(std::move(value)) : std::nullopt;
}

Json gids_of(Verbs& verbs, unsigned port, const PortInfo& info) {
  Json list = Json::array();
  for (unsigned i = 0; i < std::min(info.gid_entries, kMaxGidEntries); ++i) {
    const auto entry = verbs.query_gid(port, i);
    if (!entry || is_empty(entry->gid)) continue;
    list.push_back({{"index", i}, {"gid", gid_text(entry->gid)}});
    if (list.size() >= kMaxShownGids) break;
  }
  return list;
}

Json ports_of(Verbs& verbs, unsigned count) {
  Json list = Json::array();
  for (unsigned port = 1; port <= std::min(count, 8U); ++port) {
    const auto info = verbs.query_port(port);
    if (!info) {
      list.push_back(
          {{"port", port}, {"verb", info.error().verb}, {"errno", info.error().error_number}});
      continue;
    }
    list.push_back({{"port", port},
                    {"state", to_string(info->state)},
                    {"mtu", info->active_mtu},
                    {"max_message", info->max_message},
                    {"lid", info->lid},
                    {"link_layer", info->link_layer},
                    {"gids", gids_of(verbs, port, *info)}});
  }
  return list;
}

class Server {
 public:
  Server(Verbs& verbs, Host& host) : verbs_(verbs), host_(host), connection_(verbs, host) {}

  void run() {
    host_.send(Json{{"re", "hello"}, {"ok", true}, {"protocol", kProtocol}}.dump());
    while (const auto line = host_.next_line()) {
      const Json request = Json::parse(*line, nullptr, false);
      if (!request.is_object()) {
        send_failure("", Failure{"probe", "", 0, "not a JSON object"});
        continue;
      }
      const std::string op = text(request, "op", 32).value_or("");
      if (op == "stop") continue;  // it has ended what ran
      if (op == "quit") break;
      answer(op, request);
    }
    connection_.close();
  }

 private:
  // The line of one reply, "ok" and "re" added.
  void send_reply(const std::string& op, Json fields) {
    fields["re"] = op;
    fields["ok"] = true;
    host_.send(fields.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  void send_failure(const std::string& op, const Failure& failure) {
    const Json fields = {{"re", op},
                         {"ok", false},
                         {"layer", failure.layer},
                         {"verb", failure.verb},
                         {"errno", failure.error_number},
                         {"text", failure.text}};
    host_.send(fields.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  void answer(const std::string& op, const Json& request) {
    Outcome<Json> reply = refuse("unknown request");
    if (op == "devices") reply = devices();
    if (op == "open") reply = open(request);
    if (op == "connect") reply = connect(request);
    if (op == "latency" || op == "bandwidth") reply = traffic(op, request);
    if (op == "close") {
      connection_.close();
      reply = Json::object();
    }
    if (reply)
      send_reply(op, std::move(*reply));
    else
      send_failure(op, reply.error());
  }

  Outcome<Json> devices() {
    connection_.close();
    const auto names = verbs_.list_devices();
    if (!names) return tl::unexpected(failure_of(names.error()));
    Json list = Json::array();
    for (std::size_t i = 0; i < std::min(names->size(), kMaxDevices); ++i) {
      const std::string& name = (*names)[i];
      const auto info = verbs_.open_device(name);
      if (info)
        list.push_back({{"device", name}, {"ports", ports_of(verbs_, info->ports)}});
      else
        list.push_back(
            {{"device", name}, {"verb", info.error().verb}, {"errno", info.error().error_number}});
      verbs_.close();
    }
    return Json{{"devices", std::move(list)}};
  }

  Outcome<Json> open(const Json& request) {
    const auto device = text(request, "device", 64);
    const auto address = text(request, "address", 15);
    const auto type = text(request, "qp", 2);
    const auto bytes = number(request, "bytes", 4096, std::uint64_t{1} << 30);
    const auto depth = number(request, "depth", 2, kMaxDepth);
    if (!device || !address || !type || (*type != "uc" && *type != "rc") || !bytes || !depth)
      return refuse("open needs device, address, qp, bytes and depth");
    const auto opened =
        connection_.open({*device, *address, *type == "uc" ? QueuePairType::uc : QueuePairType::rc,
                          static_cast<std::uint32_t>(*bytes), static_cast<unsigned>(*depth)});
    if (!opened) return tl::unexpected(opened.error());
    return Json{{"device", opened->device},
                {"port", opened->port},
                {"gid_index", opened->gid_index},
                {"gid", gid_text(opened->gid)},
                {"qpn", opened->qpn},
                {"psn", opened->psn},
                {"lid", opened->lid},
                {"mtu", opened->mtu},
                {"max_message", opened->max_message}};
  }

  Outcome<Json> connect(const Json& request) {
    const auto qpn = number(request, "qpn", 0, 0xffffff);
    const auto psn = number(request, "psn", 0, 0xffffff);
    const auto lid = number(request, "lid", 0, 0xffff);
    const auto mtu = number(request, "mtu", 256, 4096);
    const auto gid = parse_gid(text(request, "gid", 45).value_or(""));
    if (!qpn || !psn || !lid || !mtu || !gid)
      return refuse("connect needs qpn, psn, lid, mtu and gid");
    const auto done = connection_.connect(
        {static_cast<std::uint32_t>(*qpn), static_cast<std::uint32_t>(*psn), *gid,
         static_cast<std::uint16_t>(*lid), static_cast<std::uint32_t>(*mtu)});
    if (!done) return tl::unexpected(done.error());
    return Json::object();
  }

  Outcome<Json> traffic(const std::string& op, const Json& request) {
    Traffic* traffic = connection_.traffic();
    if (traffic == nullptr) return refuse("not connected");
    const auto role = text(request, "role", 16);
    const auto run = number(request, "run", 1, 0xffffffff);
    const auto bytes = number(request, "bytes", kMinMessage, connection_.max_bytes());
    const auto wait = number(request, "wait_ms", 1, 60000);
    const auto limit = number(request, "limit_ms", 1, 600000);
    const auto count = number(request, "count", 0, 1000000);
    const auto span = number(request, "span_ms", 0, 600000);
    if (!role || !run || !bytes || !wait || !limit || !count || !span)
      return refuse(op + " needs role, run, bytes, wait_ms, limit_ms, count and span_ms");
    const Job job{static_cast<std::uint32_t>(*run),
                  static_cast<std::uint32_t>(*bytes),
                  *count,
                  milliseconds(*wait),
                  milliseconds(*span),
                  milliseconds(*limit)};
    auto reply = work(*traffic, op, *role, job);
    if (!reply && reply.error().layer != "probe") connection_.mark_failed();
    return reply;
  }

  Outcome<Json> work(Traffic& traffic, const std::string& op, const std::string& role,
                     const Job& job) {
    const auto ready = [&] { send_reply(op, {{"ready", true}}); };
    if (op == "latency" && role == "ping") {
      const auto figures = traffic.ping(job);
      if (!figures) return tl::unexpected(figures.error());
      return Json{{"sent", figures->sent},
                  {"lost", figures->lost},
                  {"p50_us", figures->p50_us},
                  {"p99_us", figures->p99_us},
                  {"mean_us", figures->mean_us}};
    }
    if (op == "bandwidth" && role == "send") {
      const auto figures = traffic.send(job);
      if (!figures) return tl::unexpected(figures.error());
      return Json{
          {"sent", figures->sent}, {"stalls", figures->stalls}, {"seconds", figures->seconds}};
    }
    const bool pong = op == "latency" && role == "pong";
    if (!pong && !(op == "bandwidth" && role == "receive")) return refuse("unknown role");
    const auto figures = pong ? traffic.pong(job, ready) : traffic.receive(job, ready);
    if (!figures) return tl::unexpected(figures.error());
    return Json{{"received", figures->received}, {"seconds", figures->seconds}};
  }

  Verbs& verbs_;
  Host& host_;
  Connection connection_;
};

}  // namespace

void serve(Verbs& verbs, Host& host) {
  Server(verbs, host).run();
}

}  // namespace bringup::probe
