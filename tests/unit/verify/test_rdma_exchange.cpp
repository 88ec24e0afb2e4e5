#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "bringup/verify/rdma_errors.hpp"
#include "bringup/verify/rdma_exchange.hpp"

namespace bringup::verify {
namespace {

using Json = nlohmann::json;
using Side = RdmaExchange::Side;
using std::chrono::milliseconds;

Json ok(const std::string& re, Json more = Json::object()) {
  more["re"] = re;
  more["ok"] = true;
  return more;
}

Json error(const std::string& re, const std::string& layer, const std::string& verb, int number) {
  return {{"re", re},     {"ok", false},     {"layer", layer},
          {"verb", verb}, {"errno", number}, {"text", ""}};
}

std::optional<std::vector<Json>> only(const Json& reply) {
  return std::vector<Json>(1, reply);
}

// A probe as the exchange sees it. `override_reply` may answer in its place, or keep silent.
struct FakeProbe {
  std::string address;
  std::function<std::optional<std::vector<Json>>(const Json&)> override_reply;
  std::string passive;
  std::vector<Json> seen;

  std::vector<Json> answer(const Json& request) {
    seen.push_back(request);
    if (override_reply)
      if (auto replies = override_reply(request)) return *replies;
    const std::string op = request["op"];
    if (op == "open")
      return {ok("open", {{"device", "dev"},
                          {"port", 1},
                          {"gid_index", 1},
                          {"qpn", 17},
                          {"psn", 5},
                          {"lid", 0},
                          {"mtu", 1024},
                          {"max_message", 0},
                          {"gid", "::ffff:" + address}})};
    if (op == "connect" || op == "close") return {ok(op)};
    if (op == "stop" && !passive.empty()) {
      const std::string re = std::exchange(passive, "");
      return {ok(re, {{"received", 101}, {"seconds", 0.5}})};
    }
    if (op != "latency" && op != "bandwidth") return {};
    const std::string role = request["role"];
    if (role == "ping")
      return {ok(
          op, {{"sent", 1000}, {"lost", 3}, {"p50_us", 7.5}, {"p99_us", 20.0}, {"mean_us", 8.0}})};
    if (role == "send") return {ok(op, {{"sent", 110}, {"stalls", 1}, {"seconds", 0.5}})};
    passive = op;
    return {ok(op, {{"ready", true}})};
  }
  [[nodiscard]] std::size_t count(const std::string& op) const {
    std::size_t n = 0;
    for (const Json& request : seen) n += request["op"] == op ? 1 : 0;
    return n;
  }
};

struct Lab {
  FakeProbe probes[2] = {{"10.1.2.1", {}, {}, {}}, {"10.1.2.2", {}, {}, {}}};
  RdmaOptions options;
  facts::Os os = facts::Os::linux_kernel;
  bool greet[2] = {true, true};
  milliseconds now{1000};
  std::optional<RdmaExchange> exchange;

  // Goes on until the exchange is over; time passes only when nobody has anything to say.
  void run() {
    exchange.emplace(RdmaEnd{"one", "", "10.1.2.1", os}, RdmaEnd{"two", "", "10.1.2.2", os},
                     options, now);
    for (const Side side : {Side::a, Side::b})
      if (greet[side == Side::a ? 0 : 1])
        exchange->line(side, R"({"re":"hello","ok":true,"protocol":1})", now);
    for (int turns = 0; turns < 10000 && !exchange->finished(); ++turns) {
      const auto outgoing = exchange->take_outgoing();
      for (const auto& out : outgoing)
        for (const Json& reply : probes[out.side == Side::a ? 0 : 1].answer(Json::parse(out.line)))
          exchange->line(out.side, reply.dump(), now);
      if (!outgoing.empty() || exchange->finished()) continue;
      ASSERT_LT(exchange->next_tick(), RdmaExchange::Time::max()) << "waits for ever";
      now = std::max(now, exchange->next_tick());
      exchange->tick(now);
    }
    ASSERT_TRUE(exchange->finished());
    for (const auto& out : exchange->take_outgoing())
      probes[out.side == Side::a ? 0 : 1].seen.push_back(Json::parse(out.line));
    EXPECT_LE(now - milliseconds(1000), RdmaExchange::longest(options));
  }
  [[nodiscard]] const RdmaResult& there() const { return exchange->a_to_b(); }
  [[nodiscard]] const RdmaResult& back() const { return exchange->b_to_a(); }
};

TEST(RdmaExchange, MeasuresBothDirections) {
  Lab lab;
  lab.run();
  for (const RdmaResult* result : {&lab.there(), &lab.back()}) {
    EXPECT_FALSE(result->failure);
    EXPECT_EQ(result->attempts, 1);
    ASSERT_EQ(result->latency.size(), 2U);
    EXPECT_EQ(result->latency[0].bytes, 64U);
    EXPECT_EQ(result->latency[1].bytes, 4096U);
    EXPECT_EQ(result->latency[0].lost, 3U);
    EXPECT_EQ(result->latency[0].p99_us, 20.0);
    ASSERT_EQ(result->bandwidth.size(), 2U);
    EXPECT_EQ(result->bandwidth[1].bytes, 1048576U);
    EXPECT_EQ(result->bandwidth[1].lost, 9U);
    EXPECT_DOUBLE_EQ(result->bandwidth[0].gbps, 100 * 65536 * 8 / 0.5 / 1e9);
    EXPECT_EQ(result->from_device, "dev");
    EXPECT_EQ(result->to_gid_index, 1U);
    EXPECT_EQ(result->from_mtu, 1024U);
  }
  EXPECT_EQ(lab.probes[0].count("connect"), 1U);
  EXPECT_EQ(lab.probes[0].count("quit"), 1U);
  EXPECT_EQ(lab.probes[1].count("quit"), 1U);
}

TEST(RdmaExchange, EachEndIsToldOfTheOther) {
  Lab lab;
  lab.run();
  for (const Json& request : lab.probes[0].seen)
    if (request["op"] == "connect") {
      EXPECT_EQ(request["gid"], "::ffff:10.1.2.2");
    }
}

TEST(RdmaExchange, APeerThatIsNotReadyIsTriedAgainWithFreshQueuePairs) {
  Lab lab;
  int tries = 0;
  lab.probes[1].override_reply = [&](const Json& request) -> std::optional<std::vector<Json>> {
    if (request["op"] != "connect" || ++tries > 3) return std::nullopt;
    return only(error("connect", "rdma", "ibv_modify_qp(RTR)", 110));
  };
  lab.run();
  EXPECT_FALSE(lab.there().failure);
  EXPECT_EQ(lab.there().attempts, 4);
  EXPECT_EQ(lab.probes[0].count("open"), 4U);
  EXPECT_EQ(lab.probes[1].count("connect"), 4U);
  EXPECT_EQ((lab.now - milliseconds(1000)).count(), 500 + 1000 + 2000);
}

TEST(RdmaExchange, GivesUpOnAPeerAfterEightTimes) {
  Lab lab;
  lab.os = facts::Os::darwin;
  lab.probes[0].override_reply = [](const Json& request) -> std::optional<std::vector<Json>> {
    if (request["op"] != "connect") return std::nullopt;
    return only(error("connect", "rdma", "ibv_modify_qp(RTR)", 60));
  };
  lab.run();
  EXPECT_EQ(lab.probes[0].count("open"), 8U);
  EXPECT_EQ(lab.there().attempts, 8);
  ASSERT_TRUE(lab.there().failure);
  EXPECT_EQ(lab.there().failure->node, "one");
  EXPECT_EQ(lab.there().failure->error_number, 60);
  EXPECT_NE(lab.there().failure->meaning.find("not answered"), std::string::npos);
  EXPECT_LE(lab.now, milliseconds(32000));
}

TEST(RdmaExchange, WhatTryingAgainCannotCureIsNotTriedAgain) {
  for (const int number : {22, 16}) {
    Lab lab;
    lab.probes[1].override_reply = [&](const Json& request) -> std::optional<std::vector<Json>> {
      if (request["op"] != "connect") return std::nullopt;
      return only(error("connect", "rdma", "ibv_modify_qp(RTR)", number));
    };
    // The other end's time is over as a consequence.
    lab.probes[0].override_reply = [](const Json& request) -> std::optional<std::vector<Json>> {
      if (request["op"] != "connect") return std::nullopt;
      return only(error("connect", "rdma", "ibv_modify_qp(RTR)", 110));
    };
    lab.run();
    EXPECT_EQ(lab.there().attempts, 1);
    ASSERT_TRUE(lab.back().failure);
    EXPECT_EQ(lab.there().failure->error_number, number);
    EXPECT_EQ(lab.there().failure->node, "two");
    if (number == 16) {
      EXPECT_NE(lab.there().failure->cure.find("stale process"), std::string::npos);
    }
  }
}

TEST(RdmaExchange, AMissingGidIsAskedForAFewTimes) {
  Lab lab;
  lab.probes[0].override_reply = [](const Json& request) -> std::optional<std::vector<Json>> {
    if (request["op"] != "open") return std::nullopt;
    return only(error("open", "gid", "ibv_query_gid", 0));
  };
  lab.run();
  EXPECT_EQ(lab.there().attempts, 3);
  EXPECT_EQ(lab.there().failure->layer, "gid");
  EXPECT_EQ(lab.probes[0].count("connect"), 0U);
}

TEST(RdmaExchange, AProbeThatDiesIsNamedAndWhatWasMeasuredStays) {
  Lab lab;
  int replies = 0;
  lab.probes[1].override_reply = [&](const Json& request) -> std::optional<std::vector<Json>> {
    if (request["op"] != "bandwidth" || ++replies < 2) return std::nullopt;
    lab.exchange->ended(Side::b, "killed by signal 9\x1b[2J", lab.now);
    return std::vector<Json>{};
  };
  lab.run();
  ASSERT_TRUE(lab.there().failure);
  ASSERT_TRUE(lab.back().failure);
  EXPECT_EQ(lab.there().failure->layer, "probe");
  EXPECT_EQ(lab.there().failure->node, "two");
  EXPECT_NE(lab.there().failure->seen.find("killed by signal 9"), std::string::npos);
  EXPECT_EQ(lab.there().failure->seen.find('\x1b'), std::string::npos);
  EXPECT_EQ(lab.there().latency.size(), 2U);
  EXPECT_EQ(lab.probes[0].count("quit"), 1U);
}

TEST(RdmaExchange, AProbeThatNeverStartsIsNamed) {
  Lab lab;
  lab.greet[1] = false;
  lab.run();
  EXPECT_EQ(lab.there().failure->seen, "the probe did not start in time");
  EXPECT_EQ(lab.there().failure->node, "two");
}

TEST(RdmaExchange, ASilentProbeDoesNotHoldIt) {
  for (const char* op : {"open", "connect", "latency", "bandwidth", "stop", "close"}) {
    Lab lab;
    lab.probes[0].override_reply = [&](const Json& request) -> std::optional<std::vector<Json>> {
      if (request["op"] != op) return std::nullopt;
      return std::vector<Json>{};
    };
    lab.run();
    if (std::string(op) == "close") continue;
    ASSERT_TRUE(lab.there().failure) << op;
    EXPECT_EQ(lab.there().failure->layer, "probe") << op;
    EXPECT_EQ(lab.there().failure->node, "one") << op;
  }
}

TEST(RdmaExchange, ASizeThatNeverArrivesIsAFailureOfItsDirection) {
  Lab lab;
  lab.probes[0].override_reply = [](const Json& request) -> std::optional<std::vector<Json>> {
    if (request["op"] != "latency" || request["role"] != "ping") return std::nullopt;
    return only(
        ok("latency", {{"sent", 16}, {"lost", 16}, {"p50_us", 0}, {"p99_us", 0}, {"mean_us", 0}}));
  };
  lab.run();
  ASSERT_TRUE(lab.there().failure);
  EXPECT_EQ(lab.there().failure->layer, "rdma");
  EXPECT_EQ(lab.there().failure->seen, "none of 16 messages of 64 bytes was answered");
  EXPECT_EQ(lab.there().latency.size(), 1U);
  EXPECT_TRUE(lab.there().bandwidth.empty());
  EXPECT_FALSE(lab.there().latency[0].mean_us);
  EXPECT_FALSE(lab.back().failure);
  EXPECT_EQ(lab.back().bandwidth.size(), 2U);
}

// The first arrival only starts the clock.
TEST(RdmaExchange, OneArrivalMakesNoFigureAndNoneAFailure) {
  for (const std::uint64_t arrived : {0U, 1U, 2U}) {
    Lab lab;
    lab.options.latency_bytes.clear();
    lab.options.bandwidth_bytes = {1000};
    lab.probes[1].override_reply = [&](const Json& request) -> std::optional<std::vector<Json>> {
      if (request["op"] != "stop" || lab.probes[1].passive.empty()) return std::nullopt;
      lab.probes[1].passive.clear();
      return only(ok("bandwidth", {{"received", arrived}, {"seconds", 0.5}}));
    };
    lab.run();
    ASSERT_EQ(lab.there().bandwidth.size(), 1U);
    EXPECT_EQ(lab.there().bandwidth[0].lost, 110 - arrived);
    EXPECT_DOUBLE_EQ(lab.there().bandwidth[0].gbps, arrived == 2 ? 1.6e-5 : 0);
    EXPECT_EQ(lab.there().failure.has_value(), arrived == 0);
  }
}

TEST(RdmaExchange, AFailureDuringATestEndsBothProbes) {
  Lab lab;
  lab.probes[1].override_reply = [](const Json& request) -> std::optional<std::vector<Json>> {
    if (request["op"] != "bandwidth" || request["role"] != "send") return std::nullopt;
    return only(error("bandwidth", "rdma", "ibv_poll_cq", 0));
  };
  lab.run();
  ASSERT_TRUE(lab.back().failure);
  EXPECT_EQ(lab.back().failure->verb, "ibv_poll_cq");
  EXPECT_EQ(lab.back().failure->node, "two");
  EXPECT_EQ(lab.there().bandwidth.size(), 1U);
  EXPECT_GE(lab.probes[0].count("stop"), 1U);
  EXPECT_EQ(lab.probes[0].count("quit"), 1U);
}

TEST(RdmaExchange, ChatterBeforeTheGreetingIsPassedOver) {
  Lab lab;
  lab.exchange.emplace(RdmaEnd{"one", "", "10.1.2.1"}, RdmaEnd{"two", "", "10.1.2.2"}, lab.options,
                       lab.now);
  lab.exchange->line(Side::a, "Welcome to this machine", lab.now);
  EXPECT_TRUE(lab.exchange->take_outgoing().empty());
  lab.exchange->line(Side::a, R"({"re":"hello","ok":true,"protocol":1})", lab.now);
  lab.exchange->line(Side::a, "garbage", lab.now);
  ASSERT_TRUE(lab.exchange->a_to_b().failure);
  EXPECT_EQ(lab.exchange->a_to_b().failure->node, "one");
}

TEST(RdmaExchange, AnotherProtocolIsRefused) {
  Lab lab;
  lab.greet[0] = false;
  lab.exchange.emplace(RdmaEnd{"one", "", "10.1.2.1"}, RdmaEnd{"two", "", "10.1.2.2"}, lab.options,
                       lab.now);
  lab.exchange->line(Side::a, R"({"re":"hello","ok":true,"protocol":2})", lab.now);
  ASSERT_TRUE(lab.exchange->a_to_b().failure);
  EXPECT_EQ(lab.exchange->a_to_b().failure->seen, "the probe speaks protocol 2");
}

TEST(RdmaErrors, NumbersMeanWhatTheirSystemSays) {
  const auto mac = facts::Os::darwin;
  const auto linux_kernel = facts::Os::linux_kernel;
  const auto said = [](int number, facts::Os os, std::string_view verb = "ibv_modify_qp(RTR)") {
    return std::string(explain_rdma("rdma", verb, number, os).meaning);
  };
  EXPECT_EQ(said(96, mac), said(61, linux_kernel));
  EXPECT_EQ(said(60, mac), said(110, linux_kernel));
  EXPECT_EQ(said(65, mac), said(113, linux_kernel));
  EXPECT_NE(said(61, mac), said(61, linux_kernel));
  EXPECT_NE(said(22, mac), said(22, mac, "ibv_create_qp"));
  EXPECT_NE(said(12, mac, "ibv_reg_mr").find("limit"), std::string::npos);
  EXPECT_NE(said(38, linux_kernel, "ibv_get_device_list").find("no RDMA"), std::string::npos);
  EXPECT_NE(said(2, linux_kernel, "ibv_open_device").find("not readable"), std::string::npos);
}

TEST(RdmaErrors, NothingIsLeftUnexplained) {
  for (const auto os : {facts::Os::darwin, facts::Os::linux_kernel})
    for (const char* layer : {"gid", "port", "rdma", "probe", ""})
      for (int number = 0; number < 140; ++number) {
        const RdmaMeaning meaning = explain_rdma(layer, "x", number, os);
        EXPECT_FALSE(meaning.meaning.empty());
        EXPECT_FALSE(meaning.cure.empty());
      }
}

}  // namespace
}  // namespace bringup::verify
