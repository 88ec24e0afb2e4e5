// The discovery's conversation over sockets that a test plays.
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "bringup/probe/discover.hpp"

namespace bringup::probe {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kOwn = 0xa9fe4d01;  // 169.254.77.1

class FakeNet final : public Net {
 public:
  std::vector<NetInterface> list = {{"en5", 5, kOwn, 16, 0xa9feffff}};
  int listen_error = 0;
  int send_error = 0;
  std::vector<std::pair<std::uint32_t, std::string>> sent;
  std::deque<Datagram> comes;

  std::vector<NetInterface> interfaces() override { return list; }
  int listen(std::uint16_t, std::uint32_t, const std::vector<NetInterface>&) override {
    return listen_error;
  }
  int send(const NetInterface&, std::uint32_t to, std::uint16_t, const std::string& text) override {
    if (send_error == 0) sent.emplace_back(to, text);
    return send_error;
  }
  std::optional<Datagram> receive(std::chrono::milliseconds) override {
    if (comes.empty()) return std::nullopt;
    Datagram one = comes.front();
    comes.pop_front();
    return one;
  }
};

// Its clock moves on by 10 ms with every look.
class ScriptHost final : public Host {
 public:
  std::deque<std::string> lines;
  std::vector<Json> said;

  std::optional<std::string> next_line() override {
    if (lines.empty()) return std::nullopt;
    std::string line = lines.front();
    lines.pop_front();
    return line;
  }
  bool input_waiting() override { return false; }
  void send(const std::string& line) override { said.push_back(Json::parse(line)); }
  std::chrono::nanoseconds now() override { return now_ += std::chrono::milliseconds(10); }
  void relax() override {}
  std::uint32_t random_bits() override { return 4; }

 private:
  std::chrono::nanoseconds now_{0};
};

class Discover : public ::testing::Test {
 protected:
  const Json& reply(const std::string& line) {
    host_.lines.push_back(line);
    lines_.push_back(line);
    host_.lines = {lines_.begin(), lines_.end()};
    host_.said.clear();
    discover(net_, host_);
    return host_.said.back();
  }
  static constexpr const char* kListen =
      R"({"op":"listen","nonce":"abc12345","node":"box1","port":20001,"group":"239.255.77.77"})";

  FakeNet net_;
  ScriptHost host_;
  std::vector<std::string> lines_;
};

TEST_F(Discover, ListensAndTellsItsInterfaces) {
  const Json said = reply(kListen);
  EXPECT_EQ(host_.said.front()["re"], "hello");
  EXPECT_TRUE(said["ok"].get<bool>()) << said;
  EXPECT_EQ(said["interfaces"][0]["address"], "169.254.77.1");
  EXPECT_EQ(said["interfaces"][0]["broadcast"], "169.254.255.255");
  EXPECT_EQ(said["interfaces"][0]["prefix"], 16);
}

TEST_F(Discover, SaysThatThePortIsInUse) {
  net_.listen_error = EADDRINUSE;
  const Json said = reply(kListen);
  EXPECT_FALSE(said["ok"].get<bool>());
  EXPECT_EQ(said["problem"], "in-use");
}

TEST_F(Discover, SendsToEveryAddressThatThePrefixMeans) {
  net_.list = {{"en5", 5, kOwn, 16, 0},
               {"en6", 6, 0x0a370001, 24, 0},
               {"en7", 7, 0x0a380001, 30, 0},
               {"en8", 8, 0x0a390000, 31, 0}};
  reply(kListen);
  const Json said = reply(R"({"op":"send","times":1,"gap_ms":0})");
  ASSERT_TRUE(said["ok"].get<bool>()) << said;
  std::vector<std::uint32_t> to;
  for (const auto& [address, text] : net_.sent) to.push_back(address);
  const std::uint32_t group = 0xefff4d4d, all = 0xffffffff;
  EXPECT_EQ(to, (std::vector<std::uint32_t>{0xa9feffff, all, group, 0x0a3700ff, all, group,
                                            0x0a380003, all, group, all, group}));
  EXPECT_EQ(net_.sent[0].second, "bringup-discovery/1 abc12345 box1 en5 broadcast");
  EXPECT_EQ(said["sent"].size(), 11U);
}

TEST_F(Discover, TellsWhySendingFailed) {
  net_.send_error = EHOSTUNREACH;
  reply(kListen);
  const Json said = reply(R"({"op":"send","times":2,"gap_ms":0})");
  EXPECT_EQ(said["sent"][0]["count"], 0);
  EXPECT_EQ(said["sent"][0]["problem"], "no-route");
}

TEST_F(Discover, CountsWhatItHearsOfThisRunAndOfOthersOnly) {
  reply(kListen);
  const auto comes = [&](const std::string& text, unsigned interface = 5) {
    net_.comes.push_back({text, 0xa9fe6302, interface});
  };
  comes("bringup-discovery/1 abc12345 box2 en5 broadcast");
  comes("bringup-discovery/1 abc12345 box2 en5 broadcast");
  comes("bringup-discovery/1 abc12345 box2 en5 multicast", 99);
  comes("bringup-discovery/1 other999 box2 en5 broadcast");
  comes("bringup-discovery/1 abc12345 box1 en5 broadcast");
  comes("bringup-discovery/1 abc12345 box2 en5 shouting");
  comes("bringup-discovery/1 abc12345 box2 en5");
  comes("bringup-discovery/1 abc12345 box2 en5 broadcast more");
  comes(std::string(300, 'x'));
  const Json said = reply(R"({"op":"heard"})");
  ASSERT_EQ(said["heard"].size(), 2U) << said;
  EXPECT_EQ(said["heard"][0], (Json{{"node", "box2"},
                                    {"sender", "en5"},
                                    {"cast", "broadcast"},
                                    {"source", "169.254.99.2"},
                                    {"interface", "en5"},
                                    {"count", 2}}));
  EXPECT_EQ(said["heard"][1]["interface"], "?");
}

TEST_F(Discover, RefusesWhatItDoesNotUnderstand) {
  for (const auto* line :
       {"", "[]", R"({"op":"dance"})", R"({"op":"send","times":1,"gap_ms":0})",
        R"({"op":"listen","nonce":"a b","node":"box1","port":20001,"group":"239.255.77.77"})",
        R"({"op":"listen","nonce":"abc","node":"box1","port":80,"group":"239.255.77.77"})",
        R"({"op":"listen","nonce":"abc","node":"box1","port":20001,"group":"10.0.0.1"})"}) {
    lines_.clear();
    EXPECT_FALSE(reply(line)["ok"].get<bool>()) << line;
  }
  EXPECT_TRUE(net_.sent.empty());
}

}  // namespace
}  // namespace bringup::probe
