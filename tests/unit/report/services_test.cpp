// Services and discovery in text and JSON.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/report/json.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/text.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"
#include "support/verify_values.hpp"

namespace bringup::report {
namespace {

using nlohmann::json;
using verify::CellStatus;
using verify::CheckKind;
using verify::ServiceAnswer;

struct Lab {
  Lab() {
    for (const auto& [name, kind, port] :
         {std::tuple("web", model::ServiceKind::http, 8080),
          std::tuple("api", model::ServiceKind::grpc, 50051),
          std::tuple("hwstudio1:5000", model::ServiceKind::tcp, 5000)}) {
      model::Service service;
      service.name = name;
      service.kind = kind;
      service.port = static_cast<std::uint16_t>(port);
      service.from = {1};
      fleet.services.push_back(service);
    }
    fleet.services[1].message_bytes = 16 << 20;
    matrix.fleet = fleet.name;
    matrix.nodes = {"hwstudio1", "hwstudio2"};
    matrix.checks = {CheckKind::services, CheckKind::discovery};
    cell(0, ServiceAnswer::answered, CellStatus::pass, "HTTP status 200 OK").attempt.http_status =
        200;
    matrix.services.back().attempt.ms = 1.24;
    auto& large = cell(1, ServiceAnswer::answered, CellStatus::pass, "SERVING").attempt;
    large.ms = 3.1;
    large.large_ms = 412;
    fail(cell(2, ServiceAnswer::refused, CellStatus::fail, "Connection refused\x1b[1m"),
         "service-wrong-address",
         {{"service", "hwstudio1:5000 (tcp)"},
          {"port", "5000"},
          {"have", "127.0.0.1"},
          {"address", "10.254.0.5"}});
    cell(1, ServiceAnswer::not_tried, CellStatus::untested, "built without gRPC");
    cell(1, ServiceAnswer::no_session, CellStatus::unreachable, "");
    verify::DiscoveryCell heard;
    heard.from = 0;
    heard.to = 1;
    heard.from_interface = heard.to_interface = "en5";
    heard.link = 0;
    heard.heard = {6, 6, 6};
    heard.status = CellStatus::pass;
    matrix.discovery.push_back(heard);
    std::swap(heard.from, heard.to);
    heard.heard = {0, 6, std::nullopt};
    heard.elsewhere = {"bridge0"};
    heard.status = CellStatus::fail;
    heard.diagnosis = verify::diagnose("discovery-wrong-broadcast", "hwstudio2", "en5",
                                       {{"have", "10.254.0.255"},
                                        {"expected", "10.254.0.7"},
                                        {"command", "sudo ip addr change …"}});
    matrix.discovery.push_back(heard);
    heard = {};
    heard.from_interface = heard.to_interface = "en5";
    heard.to = 1;
    heard.link = 0;
    heard.text = "no bringup-probe on hwstudio2";
    matrix.discovery.push_back(heard);
  }
  verify::ServiceCell& cell(std::size_t service, ServiceAnswer answer, CellStatus status,
                            const std::string& text) {
    verify::ServiceCell one;
    one.attempt.service = service;
    one.attempt.from = 1;
    one.attempt.address = "10.254.0.5";
    one.attempt.answer = answer;
    one.attempt.text = text;
    one.status = status;
    matrix.services.push_back(one);
    return matrix.services.back();
  }
  void fail(verify::ServiceCell& one, std::string_view id, const verify::Words& words) {
    one.diagnosis = verify::diagnose(id, "hwstudio1", "", words);
    verify::add_finding(matrix, {plan::Severity::error, one.diagnosis->layer, one.diagnosis->node,
                                 one.diagnosis->seen, one.diagnosis->expected, one.diagnosis->cure,
                                 one.diagnosis->meaning, one.diagnosis->id});
  }
  model::Fleet fleet = test::pair_fleet();
  verify::Matrix matrix;
};

TEST(TextServices, AreListsWithTheirReasons) {
  const Lab lab;
  for (const std::size_t width : {80U, 40U}) {
    const auto text = text_verify(lab.fleet, lab.matrix, Style{Colour::off, width});
    if (width == 80) test::expect_golden("report/verify-services.txt", text);
    for (const auto line : split_lines(text)) EXPECT_LE(display_width(line), width) << line;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
  }
}

TEST(TextServices, SayThatThereAreNone) {
  Lab lab;
  lab.matrix.services.clear();
  lab.matrix.discovery.clear();
  lab.matrix.findings.clear();
  const auto text = text_verify(lab.fleet, lab.matrix, Style{Colour::off, 80});
  EXPECT_NE(text.find("none declared"), std::string::npos) << text;
  EXPECT_NE(text.find("0 of 0 pass"), std::string::npos) << text;
}

TEST(JsonServices, FitTheirSchema) {
  const Lab lab;
  const auto text = json_verify(lab.fleet, lab.matrix);
  const auto schema =
      json::parse(test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/verify-1.json"));
  EXPECT_EQ(test::misfit(schema, json::parse(text)), "");
  test::expect_golden("report/verify-services.json", text);
}

TEST(ExitStatus, CountsServicesAndDiscovery) {
  const Lab lab;
  RunSummary summary;
  add(summary, lab.matrix);
  EXPECT_EQ(summary.below_expectation, 4U);  // two failed, two untested
  EXPECT_EQ(summary.unreachable, 1U);
}

}  // namespace
}  // namespace bringup::report
