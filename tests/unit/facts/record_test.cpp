#include "bringup/facts/record.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bringup::facts {
namespace {

NodeFacts mac() {
  NodeFacts facts;
  facts.os = Os::darwin;
  platform::Interface port;
  port.name = "en3";
  port.up = true;
  port.inet = {{model::Ipv4::parse("10.254.0.1").value(), 30}};
  platform::Interface other;
  other.name = "en4";
  facts.interfaces = {port, other};
  facts.bridges = {{"bridge0", {"en6", "en4"}}};
  facts.routes = {{model::Subnet::parse("10.254.0.0/30").value(), "link#7", "en3"},
                  {model::Subnet::parse("0.0.0.0/0").value(), "192.168.1.1", "en0"}};
  facts.rdma = platform::RdmaState::enabled;
  facts.matrix_file = {true, "[[null]]\n\x01", ""};
  return facts;
}

Record record() {
  return {"/tmp/matrix.json", {record_of("studio1", mac())}};
}

TEST(Record, ComesBackAsItWas) {
  const Record before = record();
  const auto after = parse_record(to_json(before));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->matrix_path, "/tmp/matrix.json");
  ASSERT_EQ(after->nodes.size(), 1U);
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(after->nodes[0].interfaces, before.nodes[0].interfaces);
  EXPECT_EQ(after->nodes[0].bridges[0].members, (std::vector<std::string>{"en4", "en6"}));
  EXPECT_EQ(after->nodes[0].matrix.content, "[[null]]\n\x01");
  EXPECT_TRUE(compare(before.nodes[0], after->nodes[0]).empty());
}

TEST(Record, KeepsWhatALinuxNodeAndAGatewayHave) {
  NodeFacts facts = mac();
  facts.os = Os::linux_kernel;
  facts.interfaces[0].mtu = 9000;
  facts.forwarding = true;
  facts.own["/run/netplan/90-bringup-en3.yaml"] = {true, "network:\n", ""};
  const auto address = model::Ipv4::parse("10.0.0.1").value();
  facts.neighbours = {{address, "en3", "02:00:00:00:00:01", true},
                      {address, "en4", "02:00:00:00:00:02", false}};
  const Record before{"", {record_of("pi", facts)}};
  const auto after = parse_record(to_json(before));
  ASSERT_TRUE(after) << after.error().message;
  const NodeRecord& node = after->nodes[0];
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(node.interfaces[0].mtu, 9000U);
  EXPECT_EQ(node.forwarding, true);
  EXPECT_EQ(node.own.begin()->second.content, "network:\n");
  ASSERT_EQ(node.neighbours.size(), 1U) << "those that come and go are not kept";
  facts.own.clear();
  facts.forwarding = false;
  facts.neighbours.clear();
  facts.interfaces[0].mtu = 1500;
  facts.routes[1].gateway = "192.168.1.2";
  std::vector<std::string> items;
  for (const auto& one : compare(node, record_of("pi", facts))) items.push_back(one.item);
  EXPECT_EQ(items, (std::vector<std::string>{"en3 MTU", "/run/netplan/90-bringup-en3.yaml",
                                             "forwarding", "neighbours"}));
}

TEST(Record, RefusesWhatIsNotOfItsSchema) {
  const auto good = nlohmann::json::parse(to_json(record()));
  const auto refused = [&](const nlohmann::json& patch) {
    auto document = good;
    document.merge_patch(patch);
    return !parse_record(document.dump());
  };
  EXPECT_FALSE(refused(nlohmann::json::object()));
  EXPECT_TRUE(refused({{"schema", "bringup.facts/2"}}));
  EXPECT_TRUE(refused({{"extra", 1}}));
  EXPECT_TRUE(refused({{"matrix_path", nullptr}}));
  EXPECT_TRUE(refused({{"nodes", {{{"node", "x"}}}}}));
  EXPECT_FALSE(parse_record("{"));
  EXPECT_FALSE(parse_record(std::string(65U << 20U, ' ')));
  auto node = good;
  node["nodes"].push_back(good["nodes"][0]);
  EXPECT_FALSE(parse_record(node.dump())) << "a node twice";
  for (const char* name : {"en3;reboot", "", "en 3"}) {
    auto hostile = good;
    hostile["nodes"][0]["interfaces"][0]["name"] = name;
    EXPECT_FALSE(parse_record(hostile.dump())) << name;
  }
  for (const char* inet : {"10.0.0.1", "10.0.0.1/33", "10.0.0.1/030", "x/30"}) {
    auto hostile = good;
    hostile["nodes"][0]["interfaces"][0]["inet"][0] = inet;
    EXPECT_FALSE(parse_record(hostile.dump())) << inet;
  }
}

TEST(Record, KnowsTheKeeperOrThatItWasNotYetKnown) {
  auto facts = mac();
  facts.keeper.file = {true, "<plist>", ""};
  const NodeRecord was = record_of("studio1", facts);
  const auto read = parse_record(to_json({"/tmp/m", {was}}));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(read->nodes[0].keeper);
  EXPECT_EQ(read->nodes[0].keeper->content, "<plist>");
  const NodeRecord now = record_of("studio1", mac());
  ASSERT_EQ(compare(was, now).size(), 1U);
  EXPECT_EQ(compare(was, now)[0].item, "keeper");
  auto older = nlohmann::json::parse(to_json({"/tmp/m", {was}}));
  older["nodes"][0].erase("keeper");
  const auto old = parse_record(older.dump());
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_FALSE(old->nodes[0].keeper);
  EXPECT_TRUE(compare(old->nodes[0], now).empty());
}

TEST(Record, ComparesFieldByField) {
  const NodeRecord was = record().nodes[0];
  NodeRecord now = was;
  now.interfaces[0].up = false;
  now.interfaces[0].inet.clear();
  now.bridges[0].members = {"en3", "en4", "en6"};
  now.routes.clear();
  now.rdma = platform::RdmaState::disabled;
  now.matrix = {};
  std::vector<std::string> items;
  for (const auto& one : compare(was, now)) items.push_back(one.item);
  EXPECT_EQ(items, (std::vector<std::string>{"en3 bridge", "en3 routes", "en3 state", "en3 address",
                                             "RDMA", "matrix file"}));
  EXPECT_EQ(compare(was, now)[3], (Difference{"en3 address", "10.254.0.1/30", "none"}));
  now = was;
  now.interfaces.pop_back();
  ASSERT_EQ(compare(was, now).size(), 1U);
  EXPECT_EQ(compare(was, now)[0], (Difference{"en4", "present", "absent"}));
  now = was;
  now.matrix.content += "x";
  ASSERT_EQ(compare(was, now).size(), 1U);
}

}  // namespace
}  // namespace bringup::facts
