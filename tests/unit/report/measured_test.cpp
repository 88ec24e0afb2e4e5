// Every check in text and JSON.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/report/json.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/peers.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"
#include "support/measured_values.hpp"

namespace bringup::report {
namespace {

using nlohmann::json;
using test::Measured;

json schema(const std::string& name) {
  return json::parse(test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/" + name));
}

// One direction slow, the other broken in every way that has words of its own.
Measured& faulty(Measured& lab) {
  lab.of(0, 0).iperf = test::iperf(21.3);
  lab.of(0, 1).iperf =
      test::iperf_failure(verify::IperfFailure::missing, "hwstudio2", "iperf3: command not found");
  lab.of(0, 1).tcp = {{22, true, verify::TcpMeans::forward, ""},
                      {8080, false, verify::TcpMeans::nc, "Connection refused\x1b"}};
  verify::RdmaResult failed;
  failed.means = verify::RdmaMeans::ibv_uc_pingpong;
  failed.failure = verify::RdmaFailure{
      "gid", "ibv_modify_qp(RTR)", 22, "hwstudio2", "errno 22 at RTR", "no GID", "bringup apply"};
  lab.of(0, 1).rdma = failed;
  return lab;
}

TEST(JsonMeasured, FitsItsSchemaAndIsTheSameBytes) {
  Measured lab(test::pair_fleet());
  const auto text = json_verify(lab.fleet, faulty(lab).judge_all());
  EXPECT_EQ(test::misfit(schema("verify-1.json"), json::parse(text)), "");
  test::expect_golden("report/verify-all.json", text);
  Measured fine(test::mesh_fleet());
  fine.fleet.links[0].rdma = false;
  fine.of(0, 0).rdma.reset();
  fine.of(1, 0).rdma->latency[0].lost = fine.of(1, 0).rdma->latency[0].sent;
  EXPECT_EQ(
      test::misfit(schema("verify-1.json"), json::parse(json_verify(fine.fleet, fine.judge_all()))),
      "");
}

TEST(JsonMeasured, ShowsNoNumberForAFailure) {
  Measured lab(test::pair_fleet());
  const auto document = json::parse(json_verify(lab.fleet, faulty(lab).judge_all()));
  const auto& failed = document["cells"][1];
  EXPECT_EQ(failed["iperf"]["gbps"], nullptr);
  EXPECT_EQ(failed["iperf"]["seconds"], nullptr);
  EXPECT_EQ(failed["iperf"]["failure"]["kind"], "missing");
  EXPECT_EQ(failed["rdma"]["means"], "ibv_uc_pingpong");
  EXPECT_TRUE(failed["rdma"]["bandwidth"].empty());
  // Of messages that were all lost there is no time.
  lab.of(0, 0).rdma->latency[0].lost = 1000;
  const auto lossy = json::parse(json_verify(lab.fleet, lab.judge_all()));
  EXPECT_EQ(lossy["cells"][0]["rdma"]["latency"][0]["p50_us"], nullptr);
}

void expect_within(const std::string& text, std::size_t width) {
  for (const auto line : split_lines(text)) EXPECT_LE(display_width(line), width) << line;
}

TEST(TextMeasured, HasATableForEachCheckWithin80Columns) {
  Measured lab(test::mesh_fleet());
  lab.of(0, 0).iperf = test::iperf(21.3);
  lab.of(0, 1).iperf =
      test::iperf_failure(verify::IperfFailure::port_busy, "b", "Address already in use");
  lab.of(1, 2).rdma->failure =
      verify::RdmaFailure{"port", "", 0, "c", "PORT_DOWN", "no signal", "plug it in"};
  lab.of(2, 0).tcp = {{22, false, verify::TcpMeans::forward, "Connection refused"}};
  lab.of(4, 3).rdma->means = verify::RdmaMeans::ibv_uc_pingpong;
  lab.mtu(3, 1, 9000, 1500);
  lab.fleet.links[5].rdma = false;
  for (const std::size_t node : {2U, 3U}) lab.of(5, node).rdma.reset();
  const auto text = text_verify(lab.fleet, lab.judge_all(), {});
  test::expect_golden("report/verify-all.txt", text);
  expect_within(text, 80);
}

TEST(TextMeasured, ListsWhatIsTooWideForATable) {
  Measured lab(test::pair_fleet());
  const auto text = text_verify(lab.fleet, faulty(lab).judge_all(), {Colour::off, 30});
  EXPECT_NE(text.find("hwstudio1 → hwstudio2"), std::string::npos);
  EXPECT_NE(text.find("⚠ slow\n"), std::string::npos) << text;
  EXPECT_NE(text.find("✗ no\n"), std::string::npos) << text;
  EXPECT_NE(text.find("✗ gid\n"), std::string::npos) << text;
  EXPECT_NE(text.find("✓ reachable\n"), std::string::npos) << text;
}

TEST(TextMeasured, TellsEveryCheckThatIsNotAsItShouldBe) {
  Measured lab(test::pair_fleet());
  const auto matrix = faulty(lab).judge_all();
  std::vector<std::string> ids;
  for (const auto& found : matrix.findings) ids.push_back(found.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"iperf-slow", "tcp-refused", "iperf-missing",
                                           "rdma-errno-22"}));
}

TEST(TextMeasured, LabelsRdmaByItsMeans) {
  Measured lab(test::pair_fleet());
  EXPECT_NE(text_verify(lab.fleet, lab.judge_all(), {}).find("Gb/s by bringup-probe (UC)\n"),
            std::string::npos);
  for (auto& one : lab.measured) {
    one.rdma->means = verify::RdmaMeans::ibv_rc_pingpong;
    one.rdma->qp = verify::QpType::rc;
  }
  EXPECT_NE(text_verify(lab.fleet, lab.judge_all(), {}).find("Gb/s by ibv_rc_pingpong (RC)\n"),
            std::string::npos);
}

TEST(TextMeasured, ShowsEachCheckByItself) {
  Measured lab(test::pair_fleet());
  lab.of(0, 0).iperf = test::iperf(10);
  const auto matrix = lab.judge_all();
  EXPECT_EQ(matrix.cells[0].status, verify::CellStatus::slow);
  const auto text = text_verify(lab.fleet, matrix, {});
  EXPECT_NE(text.find("slow 10\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("slow 0.12 ms"), std::string::npos) << text;
}

TEST(Estimates, AreTextAndJson) {
  verify::Estimate estimate;
  estimate.links = 6;
  estimate.rounds = 3;
  estimate.widest = 2;
  estimate.background_s = 1.2;
  estimate.exclusive_s = 63;
  EXPECT_EQ(text_estimate(estimate, {}),
            "6 links in 3 rounds, at most 2 at once: about 1 min 3 s\n"
            "Checks on all links at once: about 1.2 s\n"
            "About 1 min 4 s in all; nothing was run\n");
  const auto fleet = test::pair_fleet();
  const auto document = json::parse(json_estimate(fleet, estimate));
  EXPECT_EQ(test::misfit(schema("estimate-1.json"), document), "");
  EXPECT_DOUBLE_EQ(document["total_s"].get<double>(), 64.2);
  estimate.rounds = 0;
  estimate.exclusive_s = 7200 - 1.2;
  EXPECT_EQ(text_estimate(estimate, {}).find("round"), std::string::npos);
  EXPECT_NE(text_estimate(estimate, {}).find("2 h 0 min"), std::string::npos);
}

TEST(Status, ShowsTheChainOfBothEnds) {
  Measured lab(test::pair_fleet());
  lab.facts[1].bridges = {{"bridge0", {"en5"}}};
  lab.facts[0].sudo = platform::SudoState::passwordless;
  const auto links = verify::all_links_status(lab.fleet, lab.all, lab.evidence, lab.judge_all());
  const auto text = text_status(lab.fleet, links, {});
  test::expect_golden("report/status.txt", text);
  expect_within(text, 80);
  const auto document = json::parse(json_status(lab.fleet, links));
  EXPECT_EQ(test::misfit(schema("status-1.json"), document), "");
  EXPECT_EQ(document["links"][0]["first_broken"]["id"], "bridge-member");
  EXPECT_EQ(document["links"][0]["ends"][1]["layers"].size(), 15U);
}

}  // namespace
}  // namespace bringup::report
