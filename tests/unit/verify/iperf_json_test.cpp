#include "bringup/verify/iperf_json.hpp"

#include <gtest/gtest.h>

#include "support/data.hpp"

namespace bringup::verify {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  if (at == std::string::npos) throw std::invalid_argument("not there: " + what);
  return text.replace(at, what.size(), by);
}

// iperf 3.12 between two loopback addresses, -P 2 -t 2.
std::string forward() {
  return support::read_data("iperf3/fwd.json");
}

TEST(IperfJson, TakesWhatTheReceiverCounted) {
  const auto parsed = parse_iperf_json(forward());
  ASSERT_TRUE(parsed);
  EXPECT_DOUBLE_EQ(parsed->bits_per_second.value(), 17123714467.036783);
  EXPECT_EQ(parsed->source, IperfJson::Source::received);
  EXPECT_DOUBLE_EQ(parsed->seconds.value(), 2.00117);
  EXPECT_EQ(parsed->retransmits, 2U);
  EXPECT_EQ(parsed->streams, 2);
  EXPECT_EQ(parsed->error, "");
  EXPECT_FALSE(parsed->truncated);
}

TEST(IperfJson, TakesTheReverseDirectionLikewise) {
  const auto parsed = parse_iperf_json(support::read_data("iperf3/rev.json"));
  ASSERT_TRUE(parsed);
  EXPECT_DOUBLE_EQ(parsed->bits_per_second.value(), 12597782854.230225);
  EXPECT_EQ(parsed->retransmits, 43U);
}

TEST(IperfJson, KeepsTheErrorsOfRealRuns) {
  const auto refused = parse_iperf_json(support::read_data("iperf3/refused.json"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error, "unable to connect to server: Connection refused");
  EXPECT_FALSE(refused->bits_per_second);
  const auto busy = parse_iperf_json(support::read_data("iperf3/serverbusy.json"));
  ASSERT_TRUE(busy);
  EXPECT_NE(busy->error.find("server is busy"), std::string::npos);
}

TEST(IperfJson, SurvivesNanAndInf) {
  for (const auto* word : {"nan", "-nan", "inf", "-inf", "NaN", "-nan(ind)"}) {
    // Where it matters not …
    auto parsed = parse_iperf_json(
        replaced(forward(), "\"timesecs\":\t", std::string("\"timesecs\":\t") + word + ",\"x\":"));
    ASSERT_TRUE(parsed) << word;
    EXPECT_TRUE(parsed->bits_per_second);
    // … and where it does: the sender's figure stands in.
    parsed = parse_iperf_json(replaced(forward(), "\"bits_per_second\":\t17123714467.036783",
                                       std::string("\"bits_per_second\":\t") + word));
    ASSERT_TRUE(parsed) << word;
    EXPECT_EQ(parsed->source, IperfJson::Source::sent) << word;
    EXPECT_DOUBLE_EQ(parsed->bits_per_second.value(), 17129637856.552282);
  }
  // A name that holds the word is a name.
  EXPECT_EQ(parse_iperf_json(R"({"error":"nan \"inf\" -nan"})")->error, R"(nan "inf" -nan)");
}

TEST(IperfJson, SurvivesMembersThatComeTwice) {
  const auto parsed = parse_iperf_json(
      R"({"start":{},"start":{},"end":{"sum_received":{"bits_per_second":1e9,"bits_per_second":2e9},
          "sum_received":{"seconds":3}},"end":{"sum_sent":{"retransmits":4,"retransmits":5}}})");
  ASSERT_TRUE(parsed);
  EXPECT_DOUBLE_EQ(parsed->bits_per_second.value(), 2e9);
  EXPECT_DOUBLE_EQ(parsed->seconds.value(), 3);
  EXPECT_EQ(parsed->retransmits, 5U);
}

TEST(IperfJson, OfACutDocumentTakesTheEndOrElseTheIntervals) {
  const auto whole = forward();
  // Cut behind the receiver's sum: nothing is missing.
  const auto end = whole.find("\"cpu_utilization_percent\"");
  auto parsed = parse_iperf_json(whole.substr(0, end));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->source, IperfJson::Source::received);
  EXPECT_FALSE(parsed->truncated);
  // Cut before the end: the mean of what was seen.
  parsed = parse_iperf_json(whole.substr(0, whole.find("\"end\":\t{")));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->source, IperfJson::Source::intervals);
  EXPECT_TRUE(parsed->truncated);
  EXPECT_NEAR(parsed->bits_per_second.value(), 1.71e10, 1e8);
  EXPECT_NEAR(parsed->seconds.value(), 2, 0.1);
  // At no place does a cut throw, and a figure is never made up.
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto cut = parse_iperf_json(whole.substr(0, n));
    EXPECT_TRUE(!cut || cut->bits_per_second.has_value()) << n;
  }
}

TEST(IperfJson, RefusesWhatIsNoReport) {
  for (const auto* text : {"", "iperf3: error", "[]", "{}", "{\"end\":{}}", "{\"error\":1}",
                           "{\"end\":{\"sum_received\":{\"bits_per_second\":-1}}}",
                           "{\"end\":{\"sum_received\":{\"bits_per_second\":1e300}}}",
                           "{\"end\":{\"sum_received\":{\"bits_per_second\":1e999}}}"}) {
    const auto parsed = parse_iperf_json(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::parse);
  }
  EXPECT_FALSE(parse_iperf_json(std::string(kMaxIperfJson + 1, '{')));
  const std::string said = R"({"error":"no"})";
  EXPECT_TRUE(parse_iperf_json(said + std::string(kMaxIperfJson - said.size(), ' ')));
  EXPECT_FALSE(parse_iperf_json(said + std::string(kMaxIperfJson - said.size() + 1, ' ')));
}

TEST(IperfJson, IsNotLedAstrayByDepthOrWords) {
  EXPECT_FALSE(parse_iperf_json(std::string(1'000'000, '{')));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":[";
  EXPECT_FALSE(parse_iperf_json(deep));
  EXPECT_EQ(parse_iperf_json("warning: odd\n{\"error\":\"x\\u001b[2J\"} trailing")->error,
            "x\\x1b[2J");
  // An intervals' "error" or a sum elsewhere is not the document's.
  EXPECT_FALSE(
      parse_iperf_json(R"({"start":{"error":"no"},"x":{"sum_received":{"bits_per_second":1}}})"));
}

}  // namespace
}  // namespace bringup::verify
