#include "bringup/verify/services.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(StatusLine, IsReadStrictly) {
  EXPECT_EQ(parse_status_line("HTTP/1.1 200 OK"), 200);
  EXPECT_EQ(parse_status_line("HTTP/1.0 404"), 404);
  EXPECT_EQ(parse_status_line("HTTP/1.1 503 "), 503);
  for (const auto* line :
       {"", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/2 200", "HTTP/1.1  200 OK",
        "http/1.1 200 OK", "HTTP/1.1 099 x", "HTTP/1.1 600 x", "SSH-2.0-OpenSSH_9.2",
        " HTTP/1.1 200 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 200OK"}) {
    EXPECT_EQ(parse_status_line(line), std::nullopt) << line;
  }
  EXPECT_TRUE(may_be_status_line(""));
  EXPECT_TRUE(may_be_status_line("HTT"));
  EXPECT_TRUE(may_be_status_line("HTTP/1.1 20"));
  EXPECT_FALSE(may_be_status_line("SSH"));
  EXPECT_FALSE(may_be_status_line("HTTP/1.1 x"));
}

TEST(HealthMessages, AreThoseOfTheStandardService) {
  EXPECT_EQ(health_request_head(3), "\x0a\x03");
  EXPECT_EQ(health_request_head(300), "\x0a\xac\x02");
  const auto read = [](std::string_view bytes) { return parse_health_response(bytes); };
  EXPECT_EQ(read(std::string("\x08\x01", 2)), ServingStatus::serving);
  EXPECT_EQ(read(std::string("\x08\x02", 2)), ServingStatus::not_serving);
  EXPECT_EQ(read(std::string("\x08\x03", 2)), ServingStatus::service_unknown);
  EXPECT_EQ(read(""), ServingStatus::unknown);
  // Other fields are passed over: 2 (bytes), 3 (fixed32), 4 (fixed64).
  EXPECT_EQ(read(std::string("\x12\x02xy\x1d"
                             "abcd\x21"
                             "abcdefgh\x08\x01",
                             4 + 5 + 9 + 2)),
            ServingStatus::serving);
  for (const auto& bytes :
       {std::string("\x08", 1), std::string("\x08\x07", 2), std::string("\x0a\x01x", 3),
        std::string("\x12\x7fx", 3), std::string("\x00\x01", 2), std::string("\x0b\x01", 2),
        std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11)}) {
    EXPECT_FALSE(read(bytes)) << ::testing::PrintToString(bytes);
  }
}

TEST(Listeners, OfEveryToolAreRead) {
  const auto found = parse_listeners(
      "LISTEN 0      128          0.0.0.0:22        0.0.0.0:*\n"
      "LISTEN 0      128             [::]:22           [::]:*\n"
      "LISTEN 0      4096   127.0.0.53%lo:53        0.0.0.0:*\n"
      "LISTEN 0      5                  *:8080             *:*\n"
      "tcp        0      0 127.0.0.1:631           0.0.0.0:*               LISTEN\n"
      "tcp6       0      0 :::50051                :::*                    LISTEN\n"
      "tcp4       0      0  127.0.0.1.5000         *.*                    LISTEN\n"
      "tcp46      0      0  *.50051                *.*                    LISTEN\n"
      "tcp6       0      0  fe80::1%lo0.7000       *.*                    LISTEN\n"
      "Active Internet connections (only servers)\n"
      "tcp        0      0 10.0.0.1:22  10.0.0.9:99  ESTABLISHED\n"
      "LISTEN 0 128 nonsense 0.0.0.0:*\nLISTEN 0 1 1.2.3.4:99999 *:*\nLISTEN 0 1 \x1b[1m:5 *:*\n");
  std::vector<std::string> seen;
  for (const auto& one : found) seen.push_back(fmt::format("{} {}", one.address, one.port));
  EXPECT_THAT(seen,
              ElementsAre("0.0.0.0 22", ":: 22", "127.0.0.53%lo 53", "* 8080", "127.0.0.1 631",
                          ":: 50051", "127.0.0.1 5000", "* 50051", "fe80::1%lo0 7000"));
}

// api on hwstudio1, port 8080, from hwstudio2.
struct Lab {
  explicit Lab(model::ServiceKind kind = model::ServiceKind::http) {
    model::Service service;
    service.name = "api";
    service.node = 0;
    service.port = 8080;
    service.kind = kind;
    service.from = {1};
    fleet.services = {service};
    tries = planned_tries(fleet, {0, 1});
  }
  const ServiceCell& judged(ServiceAnswer answer) {
    matrix = {};
    tries.at(0).answer = answer;
    judge_services(fleet, tries, servers, matrix);
    return matrix.services.at(0);
  }
  std::string id(ServiceAnswer answer) {
    const auto& cell = judged(answer);
    return cell.diagnosis ? cell.diagnosis->id : "";
  }
  void listens(const std::vector<std::string>& addresses) {
    servers[0].listeners.emplace();
    for (const auto& one : addresses) servers[0].listeners->push_back({one, 8080});
  }
  model::Fleet fleet = test::pair_fleet();
  std::vector<ServiceTry> tries;
  std::map<std::size_t, ServerSide> servers;
  Matrix matrix;
};

TEST(Services, AreTriedAtTheAddressThatJoinsTheNodes) {
  Lab lab;
  ASSERT_EQ(lab.tries.size(), 1U);
  EXPECT_EQ(lab.tries[0].address, "10.254.0.5");
  EXPECT_EQ(lab.tries[0].from, 1U);
  lab.fleet.services[0].address = "fe80::1%en5";
  EXPECT_EQ(planned_tries(lab.fleet, {0, 1})[0].address, "fe80::1%en5");
  EXPECT_TRUE(planned_tries(lab.fleet, {0}).empty());
  EXPECT_TRUE(planned_tries(lab.fleet, {1}).empty());
  lab.fleet.services[0].address.clear();
  lab.fleet.links.clear();
  lab.tries = planned_tries(lab.fleet, {0, 1});
  EXPECT_EQ(lab.tries[0].address, "");
  EXPECT_EQ(lab.id(ServiceAnswer::no_route), "service-no-address");
}

TEST(Services, PassAndFailAsTheyAnswered) {
  Lab lab;
  EXPECT_EQ(lab.judged(ServiceAnswer::answered).status, CellStatus::pass);
  EXPECT_TRUE(lab.matrix.green());
  EXPECT_TRUE(lab.matrix.findings.empty());
  EXPECT_EQ(lab.judged(ServiceAnswer::not_tried).status, CellStatus::untested);
  EXPECT_FALSE(lab.matrix.green());
  EXPECT_EQ(lab.judged(ServiceAnswer::no_session).status, CellStatus::unreachable);
  EXPECT_EQ(lab.judged(ServiceAnswer::hung).status, CellStatus::fail);
  EXPECT_EQ(lab.matrix.findings.size(), 1U);
  EXPECT_EQ(lab.matrix.findings[0].target, "hwstudio1");
  EXPECT_EQ(lab.id(ServiceAnswer::no_route), "service-no-route");
  EXPECT_EQ(lab.id(ServiceAnswer::hung), "service-hung");
  EXPECT_EQ(lab.id(ServiceAnswer::wrong_protocol), "service-wrong-protocol");
  EXPECT_EQ(lab.id(ServiceAnswer::unhealthy), "service-unhealthy");
  EXPECT_EQ(lab.id(ServiceAnswer::no_health), "service-no-health");
  EXPECT_EQ(lab.id(ServiceAnswer::stalled), "grpc-large-stalls");
}

TEST(Services, WithoutAConnectionAreJudgedByTheServersOwnListeners) {
  Lab lab;
  EXPECT_EQ(lab.id(ServiceAnswer::refused), "service-refused");
  EXPECT_EQ(lab.id(ServiceAnswer::silent), "service-silent");
  lab.listens({});
  EXPECT_EQ(lab.id(ServiceAnswer::refused), "service-not-running");
  EXPECT_EQ(lab.id(ServiceAnswer::silent), "service-not-running");
  lab.listens({"127.0.0.1", "::1"});
  EXPECT_EQ(lab.id(ServiceAnswer::refused), "service-wrong-address");
  const auto& found = *lab.matrix.services[0].diagnosis;
  EXPECT_THAT(found.seen, HasSubstr("127.0.0.1, ::1"));
  EXPECT_THAT(found.cure, HasSubstr("10.254.0.5"));
  for (const auto* right : {"0.0.0.0", "*", "::", "10.254.0.5"}) {
    lab.listens({"127.0.0.1", right});
    EXPECT_EQ(lab.id(ServiceAnswer::refused), "service-refused") << right;
    lab.servers[0].firewall = {true, "ufw is active"};
    EXPECT_EQ(lab.id(ServiceAnswer::silent), "service-filtered") << right;
    EXPECT_THAT(lab.matrix.services[0].diagnosis->seen, HasSubstr("ufw is active"));
  }
}

TEST(Services, ByNcProveConnectionsOnly) {
  Lab lab(model::ServiceKind::grpc);
  read_service_nc(lab.fleet, {test::frame("nc.0", "succeeded")}, 1, lab.tries);
  EXPECT_EQ(lab.tries[0].answer, ServiceAnswer::not_tried);
  EXPECT_EQ(lab.tries[0].by, ServiceMeans::nc);
  EXPECT_THAT(lab.tries[0].text, HasSubstr("grpc was not tried"));
  lab.fleet.services[0].kind = model::ServiceKind::tcp;
  read_service_nc(lab.fleet, {test::frame("nc.0", "succeeded")}, 1, lab.tries);
  EXPECT_EQ(lab.tries[0].answer, ServiceAnswer::answered);
  read_service_nc(lab.fleet, {test::frame("nc.0", "nc: connect: Connection refused", 1)}, 1,
                  lab.tries);
  EXPECT_EQ(lab.tries[0].answer, ServiceAnswer::refused);
  read_service_nc(lab.fleet, {test::frame("nc.0", "nc: timed out", 1)}, 1, lab.tries);
  EXPECT_EQ(lab.tries[0].answer, ServiceAnswer::silent);
  read_service_nc(lab.fleet, {test::frame("nc.0", "", facts::kStatusNotFound)}, 1, lab.tries);
  EXPECT_EQ(lab.tries[0].answer, ServiceAnswer::not_tried);
  read_service_nc(lab.fleet, {}, 1, lab.tries);
  EXPECT_EQ(lab.tries[0].answer, ServiceAnswer::not_tried);
}

TEST(Services, TellFailedConnectionsApartByTheirWords) {
  const auto answer = [](ErrorCode code, const std::string& text) {
    return answer_of({code, text, {}});
  };
  const auto unreachable = ErrorCode::unreachable;
  EXPECT_EQ(answer(unreachable, "cannot reach x from there: Connection refused"),
            ServiceAnswer::refused);
  EXPECT_EQ(answer(unreachable, "no answer from 10.0.0.1:80 in time"), ServiceAnswer::silent);
  EXPECT_EQ(answer(unreachable, "cannot reach x from there: No route to host"),
            ServiceAnswer::no_route);
  EXPECT_EQ(answer(unreachable, "Network is unreachable"), ServiceAnswer::no_route);
  EXPECT_EQ(answer(unreachable, "b: the connection to 10.0.0.9:22 was lost"),
            ServiceAnswer::no_session);
  EXPECT_EQ(answer(ErrorCode::remote, "forwarding is prohibited there"), std::nullopt);
  EXPECT_EQ(answer(ErrorCode::cancelled, "cancelled"), std::nullopt);
}

TEST(Firewalls, AreReadAsTheirToolsSayThem) {
  const auto mac = [](const std::string& text) {
    return read_firewall({test::frame("firewall.app", text)});
  };
  EXPECT_EQ(mac("Firewall is enabled. (State = 1)").active, true);
  EXPECT_EQ(mac("Firewall is disabled. (State = 0)").active, false);
  EXPECT_THAT(mac("Firewall is blocking all non-essential incoming connections. (State = 2)").text,
              HasSubstr("blocks all"));
  EXPECT_EQ(mac("garbage").active, std::nullopt);
  EXPECT_EQ(mac("garbage").text, "its firewall could not be read");
  EXPECT_EQ(mac("garbage").rules, "System Settings > Network > Firewall > Options");
  const auto nft = [](const std::string& text, int status = 0) {
    return read_firewall(
        {test::frame("firewall.ufw", "", 127), test::frame("firewall.nft", text, status)});
  };
  EXPECT_EQ(nft("none").active, false);
  EXPECT_EQ(nft("    udp dport 1-65535 drop\n  reject").active, true);
  EXPECT_THAT(nft("    udp dport 1-65535 drop\n  reject").text,
              HasSubstr("udp dport 1-65535 drop"));
  EXPECT_EQ(nft("sudo: a password is required", 1).active, std::nullopt);
  EXPECT_EQ(nft("sudo: a password is required", 1).rules, "`sudo nft list ruleset`");
  EXPECT_EQ(read_firewall({test::frame("firewall.ufw", "Status: active")}).active, true);
  EXPECT_EQ(read_firewall({test::frame("firewall.ufw", "Status: active")}).rules,
            "`sudo ufw status`");
  EXPECT_EQ(read_firewall({}).active, std::nullopt);
}

}  // namespace
}  // namespace bringup::verify
