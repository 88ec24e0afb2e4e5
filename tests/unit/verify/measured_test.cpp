// MTU, TCP, iperf and RDMA, judged by what the inventory expects.
#include <gtest/gtest.h>

#include "support/measured_values.hpp"

namespace bringup::verify {
namespace {

using test::Measured;
using test::mesh_fleet;
using test::pair_fleet;

struct Expect : testing::Test {
  Measured lab{pair_fleet()};
  Matrix matrix;
  const Cell& cell(std::size_t from = 0) {
    matrix = lab.judge_all();
    return matrix.cells[from];
  }
  std::string diagnosis(std::size_t from = 0) {
    const auto& one = cell(from);
    return one.diagnosis ? one.diagnosis->id : "none";
  }
};

TEST_F(Expect, AllIsWell) {
  const Cell& one = cell();
  EXPECT_EQ(one.status, CellStatus::pass);
  EXPECT_TRUE(matrix.green());
  EXPECT_TRUE(matrix.findings.empty());
  EXPECT_EQ(one.mtu->largest_packet, 1500U);
  EXPECT_EQ(one.mtu->mtu_from, 1500U);
  EXPECT_EQ(one.mtu->mtu_to, 1500U);
  std::vector<std::string> what;
  for (const auto& verdict : one.verdicts) {
    EXPECT_EQ(verdict.source, VerdictSource::expectation);
    EXPECT_EQ(verdict.status, CellStatus::pass) << verdict.what;
    what.push_back(verdict.what);
  }
  EXPECT_EQ(what, (std::vector<std::string>{"loss", "rtt", "route", "packet", "tcp 22", "iperf",
                                            "rdma loss", "rdma bandwidth"}));
  EXPECT_EQ(matrix.checks.size(), 6U);
}

TEST_F(Expect, BlamesTheEndWhoseMtuDiffers) {
  lab.mtu(0, 0, 9000, 1500);
  EXPECT_EQ(diagnosis(), "mtu-differs");
  EXPECT_EQ(cell().status, CellStatus::fail);
  // Two ends only: the one that takes less.
  EXPECT_EQ(cell().diagnosis->node, "hwstudio2");
  EXPECT_EQ(cell().diagnosis->seen, "hwstudio2:en5 has MTU 1500, hwstudio1:en5 has 9000");
  EXPECT_NE(cell().diagnosis->cure.find("ifconfig en5 mtu 9000"), std::string::npos);
  EXPECT_EQ(cell(1).diagnosis->node, "hwstudio2");
  EXPECT_EQ(matrix.findings.size(), 1U);
  // Others of the kind tell who is odd.
  Measured mesh(mesh_fleet());
  mesh.mtu(0, 0, 9000, 1500);
  const auto judged = mesh.judge_all();
  ASSERT_EQ(judged.findings.size(), 1U);
  EXPECT_EQ(judged.findings[0].target, "a:en1");
  EXPECT_EQ(judged.findings[0].expected, "MTU 1500 at both ends");
}

TEST_F(Expect, HoldsTheMtuAgainstTheDeclaredOne) {
  lab.fleet.links[0].mtu = 9000;
  lab.mtu(0, 0, 9000, 1500);
  EXPECT_EQ(diagnosis(), "mtu-declared");
  EXPECT_EQ(cell().diagnosis->node, "hwstudio2");
  EXPECT_EQ(cell().diagnosis->seen, "hwstudio2:en5 has MTU 1500");
  lab.mtu(0, 1, 9000, 9000);
  lab.mtu(0, 0, 9000, 9000);
  EXPECT_EQ(diagnosis(), "none");
}

TEST_F(Expect, FindsPacketsThatVanishBetweenEqualEnds) {
  lab.mtu(0, 0, 9000, 1500);
  lab.mtu(0, 1, 9000, 9000);
  EXPECT_EQ(diagnosis(), "mtu-path");
  EXPECT_EQ(cell().diagnosis->seen, "packets above 1500 bytes from hwstudio1:en5 do not arrive");
  EXPECT_EQ(cell(1).status, CellStatus::pass);
  // Above what an echo can carry there is nothing to see.
  lab.mtu(0, 0, 65536, 65535);
  lab.mtu(0, 1, 65536, 65535);
  EXPECT_EQ(diagnosis(), "none");
}

// A Mac sends no echo above 8,184 bytes with its header: 8,212 in all.
TEST_F(Expect, TakesAMacsLargestPingForProof) {
  for (const std::size_t node : {0U, 1U}) lab.mtu(0, node, 9000, 8212);
  EXPECT_EQ(diagnosis(), "none");
  EXPECT_EQ(cell().mtu->largest_packet, 8212U);
  lab.mtu(0, 0, 9000, 8211);
  EXPECT_EQ(diagnosis(), "mtu-path");
  EXPECT_EQ(cell().diagnosis->expected, "9000 bytes (the MTU)");
  // Linux has no such limit.
  lab.mtu(0, 0, 9000, 8212);
  lab.facts[0].os = facts::Os::linux_kernel;
  lab.evidence[0].frames[0] = test::frame("route.0", "10.254.0.6 dev en5 src 10.254.0.5\n");
  lab.evidence[0].frames[1] = test::frame("ping.0",
                                          "3 packets transmitted, 3 received, 0% packet loss\n"
                                          "rtt min/avg/max/mdev = 0.1/0.1/0.1/0.0 ms\n");
  EXPECT_EQ(diagnosis(), "mtu-path");
}

TEST_F(Expect, InventsNoPacketSize) {
  for (auto& frame : lab.evidence[0].frames) {
    if (frame.name == "mtu.0") frame = test::frame("mtu.0", "interface 1500\n", 2);
  }
  EXPECT_FALSE(cell().mtu->largest_packet.has_value());
  EXPECT_EQ(cell().mtu->error, "no reply");
  EXPECT_EQ(cell().status, CellStatus::fail);
  for (auto& frame : lab.evidence[0].frames) {
    if (frame.name == "mtu.0") frame = test::frame("mtu.0", "no MTU of en5\n", 1);
  }
  EXPECT_EQ(cell().status, CellStatus::error);
  EXPECT_EQ(cell().diagnosis->layer, "mtu");
  for (const std::string text : {"interface x\n", "interface -3\n", "interface 99999999999\n",
                                 "largest 1472\n", "\x1b[2J"}) {
    for (auto& frame : lab.evidence[0].frames) {
      if (frame.name == "mtu.0") frame = test::frame("mtu.0", text);
    }
    EXPECT_EQ(cell().status, CellStatus::error) << text;
    EXPECT_FALSE(cell().mtu->mtu_from.has_value());
  }
}

TEST_F(Expect, TellsARefusedPortFromASilentOne) {
  lab.of(0, 0).tcp = {{22, true, TcpMeans::forward, ""},
                      {8080, false, TcpMeans::nc, "Connection refused"}};
  EXPECT_EQ(diagnosis(), "tcp-refused");
  EXPECT_EQ(cell().diagnosis->seen, "10.254.0.6 port 8080 refuses: Connection refused");
  lab.of(0, 0).tcp = {{22, false, TcpMeans::forward, "Operation timed out"}};
  EXPECT_EQ(diagnosis(), "tcp-silent");
  EXPECT_NE(cell().diagnosis->cure.find("Local Network"), std::string::npos);
  EXPECT_EQ(cell(1).status, CellStatus::pass);
}

TEST_F(Expect, CallsAThroughputBelowTheFloorSlow) {
  lab.of(0, 0).iperf = test::iperf(21.34);
  EXPECT_EQ(cell().status, CellStatus::slow);
  EXPECT_EQ(diagnosis(), "iperf-slow");
  EXPECT_EQ(cell().diagnosis->expected, "at least 40 Gb/s");
  EXPECT_NE(cell().diagnosis->seen.find("21.3 Gb/s"), std::string::npos);
  EXPECT_EQ(matrix.findings[0].severity, plan::Severity::warning);
  EXPECT_EQ(cell(1).status, CellStatus::pass);
  lab.fleet.links[0].expect.iperf_gbps = 20;
  EXPECT_EQ(cell().status, CellStatus::pass);
  lab.fleet.links[0].expect = {};
  lab.of(0, 0).iperf = test::iperf(0.1);
  EXPECT_EQ(cell().status, CellStatus::pass);
}

TEST_F(Expect, TakesAFigureAtItsLimit) {
  lab.of(0, 0).iperf = test::iperf(40);
  lab.of(0, 0).rdma = test::rdma(40);
  lab.evidence[0].frames[1] = test::ping_frame(0, 3, "1.000");
  EXPECT_EQ(diagnosis(), "none");
  lab.evidence[0].frames[1] = test::ping_frame(0, 3, "1.001");
  EXPECT_EQ(diagnosis(), "ping-slow");
}

TEST_F(Expect, NamesEveryWayIperfCanFail) {
  const auto told = [&](IperfFailure failure, const std::string& node) {
    lab.of(0, 0).iperf = test::iperf_failure(failure, node, "its own words\x1b");
    const auto found = *cell().diagnosis;
    EXPECT_EQ(found.node, node);
    EXPECT_FALSE(found.cure.empty());
    EXPECT_EQ(found.seen.find('\x1b'), std::string::npos);
    EXPECT_FALSE(cell().iperf->gbps.has_value());
    EXPECT_FALSE(matrix.green());
    return found.id;
  };
  EXPECT_EQ(told(IperfFailure::missing, "hwstudio2"), "iperf-missing");
  EXPECT_EQ(told(IperfFailure::port_busy, "hwstudio2"), "iperf-busy");
  EXPECT_EQ(told(IperfFailure::refused, "hwstudio2"), "iperf-refused");
  EXPECT_EQ(told(IperfFailure::timed_out, "hwstudio1"), "iperf-timeout");
  EXPECT_EQ(told(IperfFailure::unreadable, "hwstudio1"), "iperf-failed");
  EXPECT_EQ(told(IperfFailure::other, "hwstudio1"), "iperf-failed");
  // A layer below explains more than iperf3 can.
  lab.facts[1].interfaces[0].active = false;
  EXPECT_EQ(told(IperfFailure::timed_out, "hwstudio2"), "cable-no-carrier");
}

TEST_F(Expect, TakesNoRdmaLossForGranted) {
  lab.of(0, 0).rdma = test::rdma(73, 6.5, 1);
  EXPECT_EQ(cell().status, CellStatus::fail);
  EXPECT_EQ(diagnosis(), "rdma-loss");
  EXPECT_EQ(cell().diagnosis->seen,
            "1 of 4000 RDMA messages lost from hwstudio1:en5 to hwstudio2:en5");
  lab.of(0, 0).rdma = test::rdma(12);
  EXPECT_EQ(diagnosis(), "rdma-slow");
  EXPECT_EQ(cell().status, CellStatus::slow);
}

TEST_F(Expect, SaysWhatAVerbsErrorMeans) {
  const auto told = [&](int number) {
    auto result = RdmaResult{};
    result.failure = RdmaFailure{"rdma", "ibv_modify_qp(RTR)", number, "hwstudio2", "seen", "", ""};
    lab.of(0, 0).rdma = result;
    EXPECT_EQ(cell().status, CellStatus::fail);
    EXPECT_EQ(cell().diagnosis->node, "hwstudio2");
    return diagnosis();
  };
  EXPECT_EQ(told(22), "rdma-errno-22");
  EXPECT_EQ(told(16), "rdma-errno-16");
  EXPECT_EQ(told(96), "rdma-errno-96");
  EXPECT_EQ(told(60), "rdma-errno-60");
  EXPECT_EQ(told(110), "rdma-errno-60");  // Linux' ETIMEDOUT
  EXPECT_EQ(told(12), "rdma-errno-12");
  EXPECT_EQ(told(5), "rdma-failed");
  EXPECT_EQ(told(0), "rdma-failed");
  // The exchange's own words go before the table's.
  lab.of(0, 0).rdma->failure = RdmaFailure{"gid", "", 22, "hwstudio1", "s", "m", "c"};
  EXPECT_EQ(cell().diagnosis->layer, "gid");
  EXPECT_EQ(cell().diagnosis->meaning, "m");
  EXPECT_EQ(cell().diagnosis->cure, "c");
}

TEST_F(Expect, NamesWhatBreaksRdmaBelowIt) {
  auto result = RdmaResult{};
  result.failure = RdmaFailure{"rdma", "ibv_modify_qp(RTR)", 22, "hwstudio1", "seen", "", ""};
  lab.of(0, 0).rdma = result;
  lab.facts[1].rdma = platform::RdmaState::disabled;
  EXPECT_EQ(diagnosis(), "rdma-disabled");
  EXPECT_EQ(cell().diagnosis->node, "hwstudio2");
  // A cable that is out explains both.
  lab.facts[1].interfaces[0].active = false;
  EXPECT_EQ(diagnosis(), "cable-no-carrier");
}

TEST_F(Expect, LeavesUntestedWhatWasNotMeasured) {
  lab.of(0, 0).iperf.reset();
  EXPECT_EQ(cell().status, CellStatus::untested);
  EXPECT_FALSE(matrix.green());
  EXPECT_EQ(cell(1).status, CellStatus::pass);
  lab.measured.clear();
  EXPECT_EQ(cell(1).status, CellStatus::untested);
  lab.evidence[1].error = Error{ErrorCode::unreachable, "gone", ""};
  EXPECT_EQ(cell().status, CellStatus::unreachable);
  EXPECT_EQ(cell().diagnosis->node, "hwstudio2");
}

TEST_F(Expect, AsksNoRdmaOfLinksThatHaveNone) {
  lab.fleet.links[0].kind = model::LinkKind::thunderbolt4;
  lab.fleet.links[0].rdma = false;
  lab.fleet.links[0].expect = model::default_expectation(model::LinkKind::thunderbolt4);
  for (auto& one : lab.measured) one.rdma.reset();
  EXPECT_EQ(cell().status, CellStatus::pass);
  lab.options.only = {CheckKind::rdma};
  EXPECT_EQ(cell().status, CellStatus::skipped);
  EXPECT_TRUE(matrix.green());
  EXPECT_TRUE(matrix.findings.empty());
}

TEST_F(Expect, MergesMeasurementsOfOneDirection) {
  auto whole = lab.measured;
  lab.measured.clear();
  for (const auto& one : whole) {
    lab.measured.push_back({one.link, one.from, one.tcp, {}, {}});
    lab.measured.push_back({one.link, one.from, {}, one.iperf, {}});
    lab.measured.push_back({one.link, one.from, {}, {}, one.rdma});
  }
  EXPECT_EQ(cell().status, CellStatus::pass);
  EXPECT_TRUE(cell().iperf && cell().rdma && !cell().tcp.empty());
}

TEST(Checks, HaveTheirWords) {
  EXPECT_EQ(check_kind_words(),
            (std::vector<std::string>{"cable", "route", "ping", "mtu", "tcp", "reach", "iperf",
                                      "rdma", "services", "discovery"}));
  for (const auto& word : check_kind_words()) EXPECT_EQ(to_string(*parse_check_kind(word)), word);
  EXPECT_FALSE(parse_check_kind("pings").has_value());
  EXPECT_TRUE(is_exclusive(CheckKind::rdma));
  EXPECT_FALSE(is_exclusive(CheckKind::mtu));
  EXPECT_TRUE(is_of_links(CheckKind::rdma));
  EXPECT_FALSE(is_of_links(CheckKind::services));
  EXPECT_FALSE(is_of_links(CheckKind::discovery));
}

}  // namespace
}  // namespace bringup::verify
