#include "bringup/verify/baseline.hpp"

#include <gtest/gtest.h>

#include "support/golden.hpp"
#include "support/measured_values.hpp"

namespace bringup::verify {
namespace {

using test::Measured;
using test::pair_fleet;

BaselineCell before(const std::string& from, const std::string& to) {
  return {from,
          to,
          "hwstudio1:en5 - hwstudio2:en5",
          {{Metric::rtt, 0.12},
           {Metric::iperf, 62},
           {Metric::rdma_bandwidth, 73},
           {Metric::rdma_latency, 6.5}},
          1500};
}

struct Former : testing::Test {
  Measured lab{pair_fleet()};
  Baseline then{"lab", true, {before("hwstudio1", "hwstudio2"), before("hwstudio2", "hwstudio1")}};
  Matrix matrix;
  void compare() {
    matrix = lab.judge_all();
    compare_with_baseline(lab.fleet, then, "the last good run", matrix);
  }
};

TEST_F(Former, FindsNothingWhereNothingChanged) {
  compare();
  EXPECT_TRUE(matrix.green());
  std::size_t judged = 0;
  for (const auto& one : matrix.cells[0].verdicts) {
    judged += one.source == VerdictSource::baseline ? 1 : 0;
  }
  EXPECT_EQ(judged, 5U);
}

TEST_F(Former, SaysBothFiguresOfADrop) {
  lab.of(0, 0).iperf = test::iperf(46);  // 26 % less, and still as declared
  compare();
  EXPECT_EQ(matrix.cells[0].status, CellStatus::slow);
  EXPECT_EQ(matrix.cells[0].diagnosis->id, "baseline-slow");
  EXPECT_EQ(matrix.cells[0].diagnosis->seen, "iperf 46 Gb/s");
  EXPECT_EQ(matrix.cells[0].diagnosis->expected, "about 62 Gb/s as in the last good run");
  EXPECT_EQ(matrix.cells[1].status, CellStatus::pass);
  lab.of(0, 0).iperf = test::iperf(47);  // 24 %
  compare();
  EXPECT_TRUE(matrix.green());
}

TEST_F(Former, FlagsADoubledRoundTripAboveTheNoise) {
  lab.evidence[0].frames[1] = test::ping_frame(0, 3, "0.300");  // more than doubled, 0.18 ms
  compare();
  EXPECT_TRUE(matrix.green());
  lab.evidence[0].frames[1] = test::ping_frame(0, 3, "0.330");
  compare();
  EXPECT_EQ(matrix.cells[0].status, CellStatus::slow);
  lab.of(0, 1).rdma = test::rdma(73, 13.5);
  compare();
  EXPECT_EQ(matrix.cells[1].status, CellStatus::slow);
}

TEST_F(Former, FlagsASmallerPacketThatIsStillWhole) {
  then.cells[0].largest_packet = 9000;
  compare();
  EXPECT_EQ(matrix.cells[0].status, CellStatus::slow);
  EXPECT_EQ(matrix.cells[0].diagnosis->seen, "packet 1500 bytes");
}

TEST_F(Former, PassesOverWhatOnlyOneOfThemHas) {
  then.cells.erase(then.cells.begin());
  then.cells[0].figures.erase(Metric::iperf);
  lab.of(0, 1).rdma.reset();
  compare();
  for (const auto& one : matrix.cells[0].verdicts) {
    EXPECT_EQ(one.source, VerdictSource::expectation);
  }
  then.cells[0].link = "other:en1 - cable:en2";
  compare();
  for (const auto& one : matrix.cells[1].verdicts) {
    EXPECT_EQ(one.source, VerdictSource::expectation);
  }
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  if (at == std::string::npos) throw std::invalid_argument("not there: " + what);
  return text.replace(at, what.size(), by);
}

std::string report() {
  return test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/tests/output/report/verify-all.json");
}

TEST(Baselines, AreReadFromAReport) {
  const auto parsed = parse_baseline(report());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->fleet, "lab");
  ASSERT_EQ(parsed->cells.size(), 2U);
  const auto& one = parsed->cells[0];
  EXPECT_EQ(one.from, "hwstudio1");
  EXPECT_EQ(one.link, "hwstudio1:en5 - hwstudio2:en5");
  EXPECT_DOUBLE_EQ(one.figures.at(Metric::rtt), 0.12);
  EXPECT_DOUBLE_EQ(one.figures.at(Metric::iperf), 21.3);
  EXPECT_DOUBLE_EQ(one.figures.at(Metric::rdma_bandwidth), 73);
  EXPECT_DOUBLE_EQ(one.figures.at(Metric::rdma_latency), 6.5);
  EXPECT_EQ(one.largest_packet, 1500U);
  // What failed has no figure.
  EXPECT_FALSE(parsed->cells[1].figures.contains(Metric::iperf));
  EXPECT_FALSE(parsed->cells[1].figures.contains(Metric::rdma_bandwidth));
}

TEST(Baselines, OfAnOlderVersionDoWithoutTheNewerMembers) {
  const auto old = parse_baseline(R"({"schema":"bringup.verify/1","fleet":"f","nodes":[],
    "summary":{"green":true},"cells":[{"from":"a","to":"b","link":"l","status":"pass",
    "ping":{"avg_ms":0.5}}],"findings":[]})");
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_TRUE(old->green);
  EXPECT_DOUBLE_EQ(old->cells[0].figures.at(Metric::rtt), 0.5);
}

TEST(Baselines, TakeNoFigureOfAnExchangeThatFailed) {
  const auto told = [](const std::string& failure) {
    return parse_baseline(R"({"schema":"bringup.verify/1","fleet":"f","nodes":[],
      "summary":{"green":true},"cells":[{"from":"a","to":"b","link":"l","status":"fail",
      "rdma":{"latency":[],"bandwidth":[{"bytes":1,"gbps":7}],"failure":)" +
                          failure + "}}],\"findings\":[]}")
        ->cells[0]
        .figures;
  };
  EXPECT_TRUE(told("{}").empty());
  EXPECT_DOUBLE_EQ(told("null").at(Metric::rdma_bandwidth), 7);
}

TEST(Baselines, AreRefusedWithThePlaceWhenTheyAreNoReports) {
  const auto refusal = [](const std::string& text) {
    const auto parsed = parse_baseline(text);
    EXPECT_FALSE(parsed) << text.substr(0, 200);
    if (parsed) return std::string();
    EXPECT_EQ(parsed.error().code, ErrorCode::parse);
    return parsed.error().message;
  };
  for (const auto* text : {"", "{", "[]", "null", "{}", "{\"schema\":1}"}) refusal(text);
  EXPECT_NE(refusal(replaced(report(), "verify/1", "plan/1")).find("bringup.plan/1"),
            std::string::npos);
  EXPECT_NE(refusal(replaced(report(), "\"avg_ms\": 0.12", "\"avg_ms\": \"0.12\""))
                .find("/cells/0/ping/avg_ms"),
            std::string::npos);
  EXPECT_NE(refusal(replaced(report(), "\"gbps\": 21.3", "\"gbps\": -1")).find("out of range"),
            std::string::npos);
  refusal(replaced(report(), "\"latency\": [", "\"latency\": 3, \"x\": ["));
  refusal(replaced(report(), "\"cells\": [", "\"cells\": {}, \"x\": ["));
  refusal(std::string(200'000, '['));
  std::string deep;
  for (int i = 0; i < 50'000; ++i) deep += "{\"a\":";
  refusal(deep);
  refusal(std::string(kMaxBaseline + 1, ' '));
}

}  // namespace
}  // namespace bringup::verify
