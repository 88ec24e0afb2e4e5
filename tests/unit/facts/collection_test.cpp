#include "bringup/facts/collection.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "bringup/facts/anonymise.hpp"
#include "bringup/model/inventory.hpp"
#include "bringup/model/inventory_text.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"
#include "support/shell_run.hpp"

namespace bringup::facts {
namespace {

using nlohmann::json;

std::string support_data(const std::string& name) {
  return test::read_text(std::string(BRINGUP_TEST_DATA) + "/" + name);
}

constexpr const char* kInventory = R"([fleet]
name = "adas-pair"
[proxies.door]
host = "door.corp.net"
user = "ops"
[nodes.hopper]
host = "hopper.corp.net"
user = "ada"
via = "door"
[nodes.lovelace]
rank = 0
become = "sudo-password"
[[links]]
a = "hopper:en5"
b = "lovelace:en3"
kind = "thunderbolt5"
subnet = "10.254.0.0/30"
mtu = 9000
expect = { iperf_gbps = 33 }
[[links]]
a = "hopper:en6"
b = "lovelace:en4"
kind = "thunderbolt4"
[[links]]
a = "hopper:en7"
b = "lovelace:en6"
kind = "thunderbolt5"
b_device = "rdma_x"
[[segments]]
name = "lan"
subnet = "192.168.1.0/24"
members = { hopper = "en0=192.168.1.10", lovelace = "en0=192.168.1.11" }
)";

model::Fleet fleet() {
  return model::load_inventory(kInventory, "fleet.toml").value();
}

Frame frame(const std::string& name, const std::string& payload, int status = 0) {
  return {name, status, false, payload};
}

CollectedNode mac(const std::string& name) {
  CollectedNode node;
  node.name = name;
  node.frames = {
      frame("uname", "Darwin\n"),
      frame("hostname", "Adas-Hopper.corp.net\n"),
      frame("user", "ada\n"),
      frame("session", "192.168.1.2 51111 192.168.1.10 22"),
      frame("sudo", "sudo: a password is required\n", 1),
      frame("matrix", "", kStatusNotFound),
      frame("sw_vers", support_data("darwin/sw_vers.txt")),
      frame("model", "Mac15,14\n"),
      frame("ifconfig", support_data("darwin/ifconfig_all.txt")),
      frame("ports", support_data("darwin/hardware_ports.txt")),
      frame("location", "Automatic\n"),
      frame("routes", support_data("darwin/netstat.txt")),
      frame("rdma_ctl", "enabled\n"),
      frame("ibv_devices", support_data("darwin/ibv_devices.txt")),
      frame("ibv_devinfo", support_data("darwin/ibv_devinfo.txt")),
      frame("profiler", support_data("darwin/profiler_peer.json")),
      frame("memory", "System-wide memory free percentage: 80%\n"),
      frame("uptime", "11:26  up 3 days, 2 users\n"),
  };
  return node;
}

Collection collection() {
  Collection out;
  out.fleet = "adas-pair";
  out.inventory = model::inventory_text(fleet());
  out.nodes = {mac("hopper")};
  CollectedNode away;
  away.name = "lovelace";
  away.error = Error{ErrorCode::unreachable, "lovelace: connect to 192.168.1.11:22: refused", "x"};
  out.nodes.push_back(away);
  return out;
}

using Files = std::map<std::string, std::string>;

Files files_of(const Collection& of) {
  Files out;
  const auto files = stored_files(of);
  EXPECT_TRUE(files);
  for (const StoredFile& file : *files) out[file.path] = file.content;
  return out;
}

Expected<Collection> read_again(const Files& files) {
  return parse_collection(files.at("manifest.json"),
                          [&](const std::string& path) -> std::optional<std::string> {
                            const auto found = files.find(path);
                            if (found == files.end()) return std::nullopt;
                            return found->second;
                          });
}

std::string join_all(const Files& files) {
  std::string out;
  for (const auto& [path, content] : files) out += path + "\n" + content;
  return out;
}

TEST(Collection, HoldsTheNodesOwnWordsAndGivesTheSameFactsAgain) {
  const Files files = files_of(collection());
  EXPECT_EQ(files.at("hopper/ifconfig.txt"), support_data("darwin/ifconfig_all.txt"));
  EXPECT_EQ(files.at("hopper/thunderbolt.json"), support_data("darwin/profiler_peer.json"));
  EXPECT_EQ(files.at("hopper/host.txt"),
            "== model\nMac15,14\n== memory\nSystem-wide memory free percentage: 80%\n"
            "== uptime\n11:26  up 3 days, 2 users\n");
  EXPECT_EQ(files.size(), 10U) << "nine of hopper, none of lovelace, the manifest";
  const auto again = read_again(files);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->inventory, collection().inventory);
  const auto was = facts_of(collection().nodes[0]);
  const auto is = facts_of(again->nodes[0]);
  ASSERT_TRUE(was && is);
  EXPECT_EQ(is->problems, was->problems);
  EXPECT_EQ(plan_digest(*is), plan_digest(*was));
  EXPECT_EQ(is->model, "Mac15,14");
  EXPECT_EQ(is->profiler_json, was->profiler_json);
  EXPECT_EQ(is->session_address, was->session_address);
  const auto away = facts_of(again->nodes[1]);
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ErrorCode::unreachable);
  EXPECT_EQ(away.error().message, "lovelace: connect to 192.168.1.11:22: refused");
}

TEST(Collection, ItsManifestFitsTheSchema) {
  const auto schema =
      json::parse(test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/collect-1.json"));
  EXPECT_EQ(test::misfit(schema, json::parse(files_of(collection()).at("manifest.json"))), "");
}

TEST(Collection, AMissingFileTakesOnlyItsOwnFacts) {
  const auto everything = facts_of(collection().nodes[0]).value();
  for (const auto& [path, content] : files_of(collection())) {
    if (path == "manifest.json") continue;
    Files fewer = files_of(collection());
    fewer.erase(path);
    const auto again = read_again(fewer);
    ASSERT_TRUE(again);
    const auto facts = facts_of(again->nodes[0]);
    ASSERT_TRUE(facts) << path;
    const auto is = [&path = path](const char* name) {
      return path == std::string("hopper/") + name;
    };
    const std::string said = path.substr(path.find('/') + 1) + ": missing from the collection";
    EXPECT_EQ(std::count(facts->problems.begin(), facts->problems.end(), said), 1) << path;
    EXPECT_EQ(facts->interfaces.empty(), is("ifconfig.txt"));
    EXPECT_EQ(facts->ports.empty(), is("hardware-ports.txt"));
    EXPECT_EQ(facts->routes.empty(), is("routes.txt"));
    EXPECT_EQ(facts->profiler_json.empty(), is("thunderbolt.json"));
    EXPECT_EQ(facts->model.empty(), is("host.txt"));
    EXPECT_EQ(facts->rdma == platform::RdmaState::unknown, is("rdma_ctl.txt"));
    EXPECT_EQ(facts->ibv_devices.has_value(), !is("ibv_devices.txt"));
    EXPECT_EQ(facts->ibv_ports.has_value(), !is("ibv_devinfo.txt"));
    EXPECT_EQ(facts->version.build.empty(), is("sw_vers.txt"));
  }
}

TEST(Collection, AHostileManifestReachesNoOtherFile) {
  const Files files = files_of(collection());
  const auto with = [&](const std::function<void(json&)>& change) {
    json manifest = json::parse(files.at("manifest.json"));
    change(manifest);
    std::vector<std::string> asked;
    auto read = parse_collection(manifest.dump(), [&](const std::string& path) {
      asked.push_back(path);
      return std::optional<std::string>("x");
    });
    for (const std::string& path : asked) {
      EXPECT_TRUE(files.contains(path)) << path;
    }
    return read;
  };
  for (const char* name : {"..", "../hopper", "/etc", ".", "", "a/b", ".ssh"}) {
    EXPECT_FALSE(with([&](json& m) { m["nodes"][0]["node"] = name; })) << name;
  }
  EXPECT_TRUE(with([](json& m) { m["nodes"][0]["records"][6]["file"] = "../../etc/passwd"; }));
  EXPECT_FALSE(with([](json& m) { m["nodes"][1]["node"] = "hopper"; })) << "twice";
  EXPECT_FALSE(with([](json& m) { m["schema"] = "bringup.collect/2"; }));
  EXPECT_FALSE(with([](json& m) { m["nodes"][0]["records"][0]["status"] = -1; }));
  EXPECT_FALSE(with([](json& m) { m["nodes"][0]["records"][0].erase("text"); }));
  EXPECT_FALSE(with([](json& m) { m["nodes"] = 5; }));
  EXPECT_FALSE(parse_collection("[]", [](const auto&) { return std::nullopt; }));
  EXPECT_FALSE(parse_collection("{", [](const auto&) { return std::nullopt; }));
  Collection bad = collection();
  bad.nodes[0].name = "../up";
  EXPECT_FALSE(stored_files(bad));
}

TEST(Collection, TheInventoryInItIsTheFleet) {
  const auto again = model::load_inventory(model::inventory_text(fleet()), "again");
  ASSERT_TRUE(again);
  ASSERT_EQ(again->links.size(), 3U);
  EXPECT_EQ(model::inventory_text(*again), model::inventory_text(fleet()));
  EXPECT_EQ(again->links[0].expect, fleet().links[0].expect);
  EXPECT_EQ(again->links[0].mtu, 9000U);
  EXPECT_FALSE(again->links[1].rdma);
  EXPECT_EQ(again->links[2].ends[1].rdma_device, "rdma_x");
  EXPECT_EQ(again->nodes[1].rank, 0U);
  EXPECT_EQ(again->nodes[1].become, model::Become::sudo_password);
  EXPECT_EQ(again->segments[0].members[1].address.to_string(), "192.168.1.11");
  EXPECT_EQ(model::inventory_text(fleet()).find("corp"), std::string::npos) << "not how to get in";
}

TEST(Anonymised, NothingThatNamesAnyoneIsLeft) {
  const auto made = anonymised(collection(), fleet(), "key");
  const std::string text = join_all(files_of(made));
  for (const char* secret :
       {"hopper", "Hopper", "lovelace", "ada", "Adas", "corp", "192.168.1.1", "10.254.0.",
        "817DCFA4-B481-4100-80FC-91C7AA969F0B", "0x05AC714E4ABE9811", "36:4d:04:ea:4e:40",
        "8096a9d9edbaac05", "344d:4ff:feea:4e40", "1021:1bac:fe1:b5e3"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(made.nodes[0].name, "node1");
  EXPECT_TRUE(made.nodes[1].error->message.starts_with("node2: connect to 192.168."));
}

TEST(Anonymised, TheFactsAreTheSameInOtherWords) {
  const auto before = facts_of(collection().nodes[0]).value();
  const auto made = anonymised(collection(), fleet(), "key");
  const auto after = facts_of(read_again(files_of(made))->nodes[0]).value();
  EXPECT_EQ(after.problems, before.problems);
  EXPECT_EQ(after.sudo, before.sudo);
  EXPECT_EQ(after.session_interface, before.session_interface);
  ASSERT_EQ(after.interfaces.size(), before.interfaces.size());
  for (std::size_t k = 0; k < before.interfaces.size(); ++k) {
    const auto& was = before.interfaces[k];
    const auto& is = after.interfaces[k];
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.flags, was.flags);
    EXPECT_EQ(is.ether.size(), was.ether.size());
    ASSERT_EQ(is.inet.size(), was.inet.size());
    EXPECT_EQ(is.inet6.size(), was.inet6.size());
    for (std::size_t n = 0; n < was.inet.size(); ++n) {
      EXPECT_EQ(is.inet[n].prefix, was.inet[n].prefix);
    }
  }
  ASSERT_EQ(after.routes.size(), before.routes.size());
  for (std::size_t k = 0; k < before.routes.size(); ++k) {
    EXPECT_EQ(after.routes[k].interface, before.routes[k].interface);
    EXPECT_EQ(after.routes[k].destination.prefix(), before.routes[k].destination.prefix());
    for (std::size_t n = 0; n < before.routes.size(); ++n) {
      EXPECT_EQ(after.routes[k].destination.overlaps(after.routes[n].destination),
                before.routes[k].destination.overlaps(before.routes[n].destination))
          << k << " and " << n;
    }
  }
  const auto other = model::load_inventory(made.inventory, "manifest");
  ASSERT_TRUE(other) << made.inventory;
  EXPECT_EQ(other->links.size(), 3U);
}

TEST(Anonymised, TheSameGivesTheSameAndAnotherKeyAnother) {
  const auto text = [](const char* key) {
    return join_all(files_of(anonymised(collection(), fleet(), key)));
  };
  EXPECT_EQ(text("key"), text("key"));
  EXPECT_NE(text("key"), text("other"));
}

TEST(Anonymiser, KeepsSubnetsNetworksAndBroadcasts) {
  const auto net = [](const char* text) { return model::Subnet::parse(text).value(); };
  const std::vector<model::Subnet> subnets = {net("10.0.0.0/8"), net("10.254.0.4/30"),
                                              net("192.168.48.0/20"), net("17.5.6.0/23")};
  for (int key = 0; key < 5; ++key) {
    const Anonymiser anonymiser(std::to_string(key), subnets);
    for (const model::Subnet& subnet : subnets) {
      const model::Subnet made = anonymiser.subnet(subnet);
      EXPECT_EQ(anonymiser.address(subnet.network()), made.network()) << subnet.to_string();
      EXPECT_EQ(anonymiser.address(subnet.broadcast()), made.broadcast()) << subnet.to_string();
      for (std::uint32_t k = 1; k < 2000 && k + 1 < subnet.size(); k += k < 20 ? 1 : 37) {
        const auto address = anonymiser.address(model::Ipv4(subnet.network().value() + k));
        ASSERT_TRUE(made.contains(address));
        ASSERT_NE(address, made.network());
        ASSERT_NE(address, made.broadcast());
      }
    }
    for (const char* same : {"127.0.0.1", "255.255.255.252", "0.0.0.0", "224.0.0.251"}) {
      EXPECT_EQ(anonymiser.address(model::Ipv4::parse(same).value()).to_string(), same);
    }
    const auto class_of = [&](const char* address) {
      return anonymiser.text(address).substr(0, 4);
    };
    EXPECT_EQ(class_of("169.254.7.8"), "169.");
    EXPECT_EQ(class_of("192.168.7.8"), "192.");
    EXPECT_TRUE(net("100.64.0.0/10")
                    .contains(anonymiser.address(model::Ipv4::parse("100.101.2.3").value())));
  }
}

TEST(Anonymiser, FindsAddressesWhereverTheyStand) {
  Anonymiser anonymiser("key", {});
  anonymiser.name("studio1", "node1");
  const std::string v4 = anonymiser.text("10.1.2.3");
  EXPECT_NE(v4, "10.1.2.3");
  EXPECT_EQ(anonymiser.text("to 10.1.2.3:22, (10.1.2.3) 10.1.2.3."),
            "to " + v4 + ":22, (" + v4 + ") " + v4 + ".");
  EXPECT_EQ(anonymiser.text("::ffff:10.1.2.3"), "::ffff:" + v4);
  EXPECT_EQ(anonymiser.text("fe80::1%en0").substr(0, 6), "fe80::");
  for (const char* same : {"en5: flags=8863<UP> mtu 1500", "id 0:0:0:0:0:0 priority 0", "26.2",
                           "::1", "ff02::fb", "11:26:40", "netmask 0xfffffffc", "0x0A27",
                           "0000:0000:0000:0000", "ff:ff:ff:ff:ff:ff", "scopeid 0xb", ""}) {
    EXPECT_EQ(anonymiser.text(same), same);
  }
  // A MAC, the same without leading zeros, and the address made of it follow each other.
  const std::string mac = anonymiser.text("36:4d:04:ea:4e:40");
  const std::string eui = anonymiser.text("fe80::344d:4ff:feea:4e40");
  EXPECT_NE(mac, "36:4d:04:ea:4e:40");
  EXPECT_EQ(eui.find("344d"), std::string::npos);
  EXPECT_NE(eui.find("ff:fe" + mac.substr(9, 2)), std::string::npos) << mac << " " << eui;
  EXPECT_EQ(anonymiser.text("36:4d:4:ea:4e:40").find("36:4d"), std::string::npos);
  EXPECT_EQ(anonymiser.words("Studio1: studio12 studio1.local xstudio1"),
            "node1: studio12 node1.local xstudio1");
}

TEST(Anonymiser, ReplacesSerialsAndNamesInTheProfiler) {
  Anonymiser anonymiser("key", {});
  anonymiser.name("hopper", "node1");
  const std::string made = anonymiser.record(
      "profiler",
      R"([{"_name":"Hopper","device_serial_key" : "C02XL0GH","_name" : "Mac mini","n":[1,"hopper"]}])");
  EXPECT_TRUE(json::accept(made)) << made;
  EXPECT_NE(made.find(R"("_name":"node1")"), std::string::npos) << made;
  EXPECT_EQ(made.find("C02XL0GH"), std::string::npos);
  EXPECT_NE(made.find("Mac mini"), std::string::npos);
}

TEST(CollectScript, AddsMemorySwapAndUptimeToTheFacts) {
  ScriptOptions options;
  options.nonce = "0123456789abcdef";
  options.ibv_path = "/nonexistent/matrix.json";
  const support::Folder none;
  const auto ran = support::run_script({"/bin/sh", "-s"}, collect_script(options), none.path());
  const auto frames = parse_frames(ran.out, options.nonce);
  ASSERT_TRUE(frames) << frames.error().message;
  std::map<std::string, int> seen;
  for (const Frame& one : *frames) ++seen[one.name];
  for (const char* name : {"uname", "memory", "swap", "uptime"}) EXPECT_EQ(seen[name], 1) << name;
  EXPECT_EQ(frames->back().name, "end");
  EXPECT_TRUE(parse_facts(*frames));
}

}  // namespace
}  // namespace bringup::facts
