#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/verify/probe_messages.hpp"

namespace bringup::verify {
namespace {

constexpr const char* kOpened =
    R"({"device":"rdma_en5","gid":"::ffff:10.1.2.1","gid_index":2,"lid":1,"max_message":8388608,)"
    R"("mtu":4096,"ok":true,"port":1,"psn":77,"qpn":17,"re":"open"})";

TEST(ProbeMessages, ReadsWhatOpenGives) {
  const auto reply = parse_probe_reply(kOpened);
  ASSERT_TRUE(reply);
  const auto* opened = std::get_if<ProbeOpened>(&reply->body);
  ASSERT_NE(opened, nullptr);
  EXPECT_EQ(opened->device, "rdma_en5");
  EXPECT_EQ(opened->gid_index, 2U);
  EXPECT_EQ(opened->qpn, 17U);
  EXPECT_EQ(opened->mtu, 4096U);
}

TEST(ProbeMessages, TellsTheOtherEndWhatOpenGave) {
  const auto reply = parse_probe_reply(kOpened);
  const auto line = nlohmann::json::parse(probe_connect(std::get<ProbeOpened>(reply->body)));
  EXPECT_EQ(line["op"], "connect");
  EXPECT_EQ(line["qpn"], 17);
  EXPECT_EQ(line["psn"], 77);
  EXPECT_EQ(line["gid"], "::ffff:10.1.2.1");
  EXPECT_EQ(line["mtu"], 4096);
}

TEST(ProbeMessages, RefusesOneHostileFieldAtATime) {
  const std::vector<std::pair<std::string, nlohmann::json>> changes = {
      {"device", "a b"},  {"device", "$(x)"},   {"device", std::string(65, 'a')},
      {"device", "-v"},   {"device", ""},       {"gid", "10.1.2.1"},
      {"gid", "x"},       {"gid_index", 256},   {"gid_index", -1},
      {"gid_index", 1.5}, {"qpn", 0x1000000},   {"psn", "7"},
      {"lid", 65536},     {"mtu", 0},           {"mtu", 9000},
      {"port", 0},        {"ok", "true"},       {"re", "reboot"},
      {"re", 7},          {"max_message", 1e30}};
  for (const auto& [key, value] : changes) {
    auto line = nlohmann::json::parse(kOpened);
    line[key] = value;
    EXPECT_FALSE(parse_probe_reply(line.dump())) << key << " " << value;
    line = nlohmann::json::parse(kOpened);
    line.erase(key);
    EXPECT_FALSE(parse_probe_reply(line.dump())) << key;
  }
}

TEST(ProbeMessages, RefusesImpossibleFigures) {
  for (const char* line :
       {R"({"re":"latency","ok":true,"sent":3,"lost":4,"p50_us":1,"p99_us":2,"mean_us":1})",
        R"({"re":"latency","ok":true,"sent":3,"lost":0,"p50_us":3,"p99_us":2,"mean_us":1})",
        R"({"re":"latency","ok":true,"sent":3,"lost":0,"p50_us":-1,"p99_us":2,"mean_us":1})",
        R"({"re":"bandwidth","ok":true,"received":3,"seconds":1e300})",
        R"({"re":"bandwidth","ok":true,"sent":3,"seconds":1})", "", "[]", "7", "{}",
        R"({"re":"hello","ok":true,"protocol":0})"})
    EXPECT_FALSE(parse_probe_reply(line)) << line;
  EXPECT_FALSE(parse_probe_reply(std::string(kMaxProbeLine, ' ') + kOpened));
}

TEST(ProbeMessages, ShowsAFailureWithoutItsEscapes) {
  const auto reply = parse_probe_reply(
      "{\"re\":\"open\",\"ok\":false,\"layer\":\"rdma\",\"verb\":\"ibv\\u001b[2J\",\"errno\":16,"
      "\"text\":\"a\\u001b]0;x\\u0007b\"}");
  ASSERT_TRUE(reply);
  const auto& failure = std::get<ProbeFailure>(reply->body);
  EXPECT_EQ(failure.error_number, 16);
  for (const char c : failure.verb + failure.text) EXPECT_GE(c, ' ');
  EXPECT_FALSE(parse_probe_reply(
      R"({"re":"open","ok":false,"layer":"cable","verb":"","errno":0,"text":""})"));
}

TEST(ProbeMessages, ReadsDevices) {
  const auto reply = parse_probe_reply(
      R"({"re":"devices","ok":true,"devices":[{"device":"a","verb":"ibv_open_device","errno":2},)"
      R"({"device":"b","ports":[{"port":1,"state":"active","mtu":1024,"gids":[{"index":1,)"
      R"("gid":"::ffff:1.2.3.4"}]},{"port":2,"verb":"ibv_query_port","errno":22}]}]})");
  ASSERT_TRUE(reply);
  const auto& devices = std::get<ProbeDevices>(reply->body).devices;
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].error_number, 2);
  ASSERT_EQ(devices[1].ports.size(), 2U);
  EXPECT_EQ(devices[1].ports[0].gids.at(0).gid, "::ffff:1.2.3.4");
  EXPECT_EQ(devices[1].ports[1].state, "");
}

}  // namespace
}  // namespace bringup::verify
