#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fake_verbs.hpp"

namespace bringup::probe {
namespace {

using Json = nlohmann::json;

Gid mapped(std::uint8_t last) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, last};
}
Gid local(std::uint8_t last) {
  return {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last};
}

// Two probes over fake verbs, each in its thread.
class Probes : public ::testing::Test {
 protected:
  void start() {
    for (int i = 0; i < 2; ++i) {
      threads_[i] = std::thread([this, i] { serve(verbs_[i], hosts_[i]); });
      EXPECT_EQ(reply(i)["re"], "hello");
    }
    started_ = true;
  }
  void TearDown() override {
    if (!started_) return;
    for (int i = 0; i < 2; ++i) hosts_[i].close();
    for (int i = 0; i < 2; ++i) threads_[i].join();
    for (int i = 0; i < 2; ++i) {
      EXPECT_FALSE(verbs_[i].open);
      EXPECT_EQ(verbs_[i].overruns, 0U);
      EXPECT_LE(verbs_[i].most_receives, 32U);
    }
  }
  Json reply(int i) { return Json::parse(hosts_[i].take(), nullptr, false); }
  Json ask(int i, const Json& request) {
    hosts_[i].give(request.dump());
    return reply(i);
  }
  Json open(int i, const std::string& qp = "uc") {
    return ask(i, {{"op", "open"},
                   {"device", ""},
                   {"qp", qp},
                   {"bytes", 65536},
                   {"depth", 4},
                   {"address", i == 0 ? "10.1.2.1" : "10.1.2.2"}});
  }
  Json connect(int i, const Json& remote) {
    return ask(i, {{"op", "connect"},
                   {"qpn", remote["qpn"]},
                   {"psn", remote["psn"]},
                   {"gid", remote["gid"]},
                   {"lid", remote["lid"]},
                   {"mtu", remote["mtu"]}});
  }
  void join() {
    start();
    const Json a = open(0);
    const Json b = open(1);
    ASSERT_EQ(a["ok"], true) << a;
    ASSERT_EQ(b["ok"], true) << b;
    ASSERT_EQ(connect(0, b)["ok"], true);
    ASSERT_EQ(connect(1, a)["ok"], true);
  }
  Json job(const char* op, const char* role, int run, int bytes, int count, int span = 0) {
    return {{"op", op},       {"role", role},        {"run", run},       {"bytes", bytes},
            {"count", count}, {"wait_ms", wait_ms_}, {"limit_ms", 5000}, {"span_ms", span}};
  }
  struct Both {
    Json active, passive;
  };
  Both test(const char* op, int from, int run, int bytes, int count, int span = 0) {
    const bool latency = std::string(op) == "latency";
    Both both;
    both.passive = ask(1 - from, job(op, latency ? "pong" : "receive", run, bytes, count, span));
    if (!both.passive.contains("ready")) return both;
    both.active = ask(from, job(op, latency ? "ping" : "send", run, bytes, count, span));
    hosts_[1 - from].give(R"({"op":"stop"})");
    both.passive = reply(1 - from);
    return both;
  }

  FakeWire wire_;
  FakeVerbs verbs_[2] = {{wire_, 0, "rdma_en5", {local(1), mapped(1)}},
                         {wire_, 1, "rdma_en2", {local(2), Gid{}, mapped(2)}}};
  FakeHost hosts_[2];
  std::thread threads_[2];
  bool started_ = false;
  int wait_ms_ = 2000;  // tests that lose messages wait less
};

TEST_F(Probes, FindsTheLinksAddressAtItsIndex) {
  start();
  const Json a = open(0);
  EXPECT_EQ(a["device"], "rdma_en5");
  EXPECT_EQ(a["gid_index"], 1);
  const Json b = open(1);
  EXPECT_EQ(b["gid_index"], 2);
  EXPECT_EQ(b["gid"], "::ffff:10.1.2.2");
  EXPECT_EQ(b["qpn"], 17);
  EXPECT_EQ(b["psn"], 0xcdef01);
  EXPECT_TRUE(verbs_[1].aligned);
  ASSERT_EQ(connect(1, a)["ok"], true);
  EXPECT_EQ(verbs_[1].gid_index, 2U);
  EXPECT_EQ(verbs_[1].remote.gid, mapped(1));
  EXPECT_EQ(verbs_[1].most_receives, 4U);
}

TEST_F(Probes, ThePathTakesTheSmallerMtu) {
  verbs_[0].mtu = 1024;
  join();
  EXPECT_EQ(verbs_[0].remote.path_mtu, 1024U);
  EXPECT_EQ(verbs_[1].remote.path_mtu, 1024U);
}

TEST_F(Probes, MeasuresLatencyBothWays) {
  join();
  for (const int from : {0, 1}) {
    const Both both = test("latency", from, from + 1, 4096, 100);
    ASSERT_EQ(both.active["ok"], true) << both.active;
    EXPECT_EQ(both.active["sent"], 100);
    EXPECT_EQ(both.active["lost"], 0);
    EXPECT_GT(both.active["p50_us"], 0);
    EXPECT_GE(both.active["p99_us"], both.active["p50_us"]);
    EXPECT_EQ(both.passive["received"], 100);
  }
}

TEST_F(Probes, WhatIsOnItsWayWhenTheTimeIsOverIsNotLost) {
  join();
  wire_.travel = std::chrono::milliseconds(40);
  Json passive = job("latency", "pong", 1, 64, 1000);
  ASSERT_EQ(ask(1, passive)["ready"], true);
  Json active = job("latency", "ping", 1, 64, 1000);
  active["limit_ms"] = 100;
  const Json said = ask(0, active);
  EXPECT_GE(said["sent"], 1) << said;
  EXPECT_LT(said["sent"], 10) << said;
  EXPECT_EQ(said["lost"], 0) << said;
  hosts_[1].give(R"({"op":"stop"})");
  EXPECT_EQ(reply(1)["received"], said["sent"]);
}

TEST_F(Probes, MeasuresBandwidthByCountAndByTime) {
  join();
  const Both counted = test("bandwidth", 0, 1, 65536, 333, 5000);
  EXPECT_EQ(counted.active["sent"], 333) << counted.active;
  EXPECT_EQ(counted.active["stalls"], 0);
  EXPECT_EQ(counted.passive["received"], 333);
  const Both timed = test("bandwidth", 1, 2, 64, 0, 50);
  EXPECT_GT(timed.active["sent"], 1) << timed.active;
  EXPECT_EQ(timed.active["sent"], timed.passive["received"]);
  EXPECT_GE(timed.active["seconds"], 0.05);
}

TEST_F(Probes, CountsRoundTripsThatAreLost) {
  wait_ms_ = 50;
  join();
  wire_.lose = [](int, std::uint64_t number) { return number % 10 == 9; };
  const Both both = test("latency", 0, 1, 64, 50);
  EXPECT_EQ(both.active["sent"], 50) << both.active;
  EXPECT_GE(both.active["lost"], 5);
  EXPECT_LT(both.active["lost"], 20);
}

TEST_F(Probes, AfterALostRoundTheNextIsAnswered) {
  wait_ms_ = 300;
  join();
  wire_.lose = [](int from, std::uint64_t number) { return from == 1 && number == 1; };
  const Both both = test("latency", 0, 1, 64, 3);
  EXPECT_EQ(both.active["lost"], 1);
  EXPECT_EQ(both.passive["received"], 3);
}

TEST_F(Probes, BandwidthGoesOnAfterLostMessagesAndCredits) {
  wait_ms_ = 50;
  join();
  wire_.lose = [](int, std::uint64_t number) { return number % 13 == 12; };
  const Both both = test("bandwidth", 0, 1, 4096, 200, 4000);
  ASSERT_EQ(both.active["ok"], true) << both.active;
  EXPECT_EQ(both.active["sent"], 200);
  EXPECT_LT(both.passive["received"], 200);
  EXPECT_GT(both.passive["received"], 150);
}

TEST_F(Probes, BandwidthGoesOnAfterABurstWithItsCredits) {
  wait_ms_ = 50;
  join();
  // Ten of the data, whatever number of credits goes between them.
  wire_.lose = [data = 0](int from, std::uint64_t) mutable {
    if (from == 0) ++data;
    return from == 0 && data > 30 && data <= 40;
  };
  const Both both = test("bandwidth", 0, 1, 4096, 200, 4000);
  EXPECT_EQ(both.active["sent"], 200) << both.active;
  EXPECT_GE(both.active["stalls"], 2);
  EXPECT_EQ(both.passive["received"], 190);
}

TEST_F(Probes, MessagesOfAnotherRunAreNotCounted) {
  wait_ms_ = 20;
  join();
  EXPECT_EQ(ask(1, job("latency", "pong", 1, 64, 3))["ready"], true);
  EXPECT_EQ(ask(0, job("latency", "ping", 2, 64, 3))["lost"], 3);
  hosts_[1].give(R"({"op":"stop"})");
  EXPECT_EQ(reply(1)["received"], 0);
}

TEST_F(Probes, WhenNothingComesThroughItGivesUpSoon) {
  wait_ms_ = 20;
  join();
  wire_.lose = [](int, std::uint64_t) { return true; };
  const auto begin = std::chrono::steady_clock::now();
  const Both latency = test("latency", 0, 1, 64, 1000);
  EXPECT_EQ(latency.active["lost"], latency.active["sent"]);
  EXPECT_LT(latency.active["sent"], 20);
  EXPECT_EQ(latency.active["p50_us"], 0);
  const Both bandwidth = test("bandwidth", 0, 2, 4096, 1000, 4000);
  EXPECT_EQ(bandwidth.passive["received"], 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
}

TEST_F(Probes, ASendThatNeverCompletesIsAnError) {
  wait_ms_ = 20;
  join();
  verbs_[0].polls_before_send_completes = -1;
  wire_.lose = [](int, std::uint64_t) { return true; };
  const Both both = test("bandwidth", 0, 1, 65536, 100, 1000);
  EXPECT_EQ(both.active["ok"], false) << both.active;
  EXPECT_EQ(both.active["layer"], "rdma");
}

TEST_F(Probes, LateCompletionsAreWaitedFor) {
  join();
  verbs_[0].polls_before_send_completes = 50;
  const Both both = test("latency", 0, 1, 65536, 20);
  EXPECT_EQ(both.active["lost"], 0) << both.active;
  EXPECT_EQ(both.active["sent"], 20);
}

TEST_F(Probes, ACompletionInErrorEndsTheConnection) {
  join();
  verbs_[0].status_of_next_send = 5;
  const Both both = test("latency", 0, 1, 64, 20);
  EXPECT_EQ(both.active["ok"], false);
  EXPECT_EQ(both.active["verb"], "ibv_poll_cq");
  EXPECT_NE(both.active["text"].get<std::string>().find("flushed"), std::string::npos);
  EXPECT_EQ(ask(0, job("latency", "ping", 2, 64, 1))["text"], "not connected");
}

TEST_F(Probes, EveryVerbsErrnoIsTold) {
  start();
  const Json remote = {
      {"qpn", 1}, {"psn", 1}, {"gid", "::ffff:10.1.2.2"}, {"lid", 0}, {"mtu", 1024}};
  for (const char* verb :
       {"ibv_get_device_list", "ibv_open_device", "ibv_query_port", "ibv_alloc_pd", "ibv_create_cq",
        "ibv_reg_mr", "ibv_create_qp", "ibv_modify_qp(INIT)", "ibv_post_recv", "ibv_modify_qp(RTR)",
        "ibv_modify_qp(RTS)"}) {
    verbs_[0].errors = {{verb, 16}};
    Json said = open(0);
    if (said["ok"] == true) said = connect(0, remote);
    EXPECT_EQ(said["ok"], false) << verb;
    EXPECT_EQ(said["verb"], verb);
    EXPECT_EQ(said["errno"], 16);
    EXPECT_EQ(said["layer"], "rdma");
    verbs_[0].errors.clear();
    EXPECT_EQ(ask(0, {{"op", "close"}})["ok"], true);
    EXPECT_FALSE(verbs_[0].open);
  }
}

TEST_F(Probes, ReadyToReceiveIsTriedOnce) {
  start();
  const Json a = open(0);
  verbs_[0].errors = {{"ibv_modify_qp(RTR)", 110}};
  EXPECT_EQ(connect(0, a)["errno"], 110);
  EXPECT_EQ(connect(0, a)["layer"], "probe");
  EXPECT_EQ(verbs_[0].ready_to_receive_calls, 1);
}

TEST_F(Probes, NamesWhatIsMissing) {
  start();
  verbs_[0].no_devices = true;
  EXPECT_EQ(open(0)["text"], "no RDMA devices");
  verbs_[0].no_devices = false;
  verbs_[0].errors = {{"ibv_get_device_list", 38}};
  EXPECT_EQ(ask(0, {{"op", "devices"}})["errno"], 38);
  verbs_[0].errors.clear();
  verbs_[0].gids = {local(1), Gid{}};
  EXPECT_EQ(open(0)["layer"], "gid");
  verbs_[0].errors = {{"ibv_query_gid", 61}};
  EXPECT_EQ(open(0)["layer"], "gid");
  verbs_[0].errors.clear();
  verbs_[0].gids = {local(1), mapped(1)};
  verbs_[0].state = PortState::down;
  const Json down = open(0);
  EXPECT_EQ(down["layer"], "port");
  EXPECT_EQ(down["text"], "rdma_en5 port 1 is down");
}

TEST_F(Probes, ListsDevicesWithWhatTheyHave) {
  start();
  const Json said = ask(1, {{"op", "devices"}});
  ASSERT_EQ(said["devices"].size(), 1U);
  const Json& port = said["devices"][0]["ports"][0];
  EXPECT_EQ(port["state"], "active");
  EXPECT_EQ(port["mtu"], 4096);
  ASSERT_EQ(port["gids"].size(), 2U);  // the empty entry is left out
  EXPECT_EQ(port["gids"][1]["index"], 2);
}

TEST_F(Probes, RefusesRequestsOutOfBounds) {
  join();
  for (const char* line :
       {"", "nonsense", "[]", "{}", R"({"op":7})", R"({"op":"reboot"})",
        R"({"op":"open","device":"","address":"1.2.3.4","qp":"ud","bytes":4096,"depth":4})",
        R"({"op":"open","device":"","address":"1.2.3.4","qp":"uc","bytes":4096,"depth":33})",
        R"({"op":"connect","qpn":-1,"psn":0,"gid":"::1","lid":0,"mtu":1024})"}) {
    hosts_[0].give(line);
    const Json said = reply(0);
    EXPECT_EQ(said["ok"], false) << line;
    EXPECT_EQ(said["layer"], "probe") << line;
  }
  for (const int bytes : {0, 31, 65537})
    EXPECT_EQ(ask(0, job("latency", "ping", 1, bytes, 1))["layer"], "probe");
}

TEST_F(Probes, TheEndOfTheInputEndsAPassiveHalf) {
  join();
  EXPECT_EQ(ask(1, job("latency", "pong", 1, 64, 1))["ready"], true);
  hosts_[1].close();
  EXPECT_EQ(reply(1)["received"], 0);
}

TEST_F(Probes, APassiveHalfHasItsOwnLimit) {
  join();
  Json request = job("bandwidth", "receive", 1, 64, 0, 10);
  request["limit_ms"] = 50;
  EXPECT_EQ(ask(1, request)["ready"], true);
  EXPECT_EQ(reply(1)["received"], 0);
}

}  // namespace
}  // namespace bringup::probe
