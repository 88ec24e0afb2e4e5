// The reach checks run by real shells against programs of ours that play a Mac's or Linux's, and
// what is read from them. The texts are iputils' and FreeBSD's, from which the Mac's ping comes.
#include <gtest/gtest.h>

#include <fstream>

#include "support/reach_lab.hpp"
#include "support/shell_run.hpp"

namespace bringup::verify {
namespace {

using support::Folder;
const std::string kNonce = "00112233445566778899aabbccddeeff";

constexpr const char* kLinuxPing = R"(echo "$*" >> "$STATE/calls"
ttl=64
own=
size=
while [ $# -gt 1 ]; do
  case $1 in
    -t) ttl=$2; shift ;;
    -I) own=$2; shift ;;
    -s) size=$2; shift ;;
    -[ciWwM]) shift ;;
  esac
  shift
done
if [ -n "$size" ] && [ -e "$STATE/refuses-flags" ]; then
  echo 'ping: invalid option' >&2
  exit 1
fi
if [ -n "$size" ] && [ -e "$STATE/told.$1" ]; then
  echo 'From 192.168.50.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)'
  echo '1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms'
  exit 1
fi
if [ -n "$size" ] && [ -e "$STATE/vanishes.$1" ]; then
  echo '1 packets transmitted, 0 received, 100% packet loss, time 0ms'
  exit 1
fi
echo "PING $1 ($1) ${own:+from $own }56(84) bytes of data."
if [ -e "$STATE/silent.$1" ]; then
  sleep 1
  printf '\n--- %s ping statistics ---\n' "$1"
  echo '1 packets transmitted, 0 received, 100% packet loss, time 0ms'
  exit 1
fi
if [ "$ttl" = 1 ]; then
  echo 'From 192.168.50.1 icmp_seq=1 Time to live exceeded'
  printf '\n--- %s ping statistics ---\n' "$1"
  echo '1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms'
  exit 1
fi
echo "64 bytes from $1: icmp_seq=1 ttl=63 time=0.072 ms"
printf '\n--- %s ping statistics ---\n' "$1"
echo '3 packets transmitted, 3 received, 0% packet loss, time 402ms'
echo 'rtt min/avg/max/mdev = 0.062/0.072/0.082/0.001 ms'
)";

constexpr const char* kMacPing = R"(echo "$*" >> "$STATE/calls"
ttl=64
while [ $# -gt 1 ]; do
  case $1 in
    -m) ttl=$2; shift ;;
    -[ciWtSs]) shift ;;
  esac
  shift
done
echo "PING $1 ($1): 56 data bytes"
if [ "$ttl" = 1 ]; then
  echo '92 bytes from 10.10.0.1: Time to live exceeded'
  echo 'Vr HL TOS  Len   ID Flg  off TTL Pro  cks      Src      Dst'
  echo " 4  5  00 5400 8b44   0 0000  01  01 1fa3 10.10.0.2  $1"
  printf '\n\n--- %s ping statistics ---\n' "$1"
  echo '1 packets transmitted, 0 packets received, 100.0% packet loss'
  exit 2
fi
echo "64 bytes from $1: icmp_seq=0 ttl=63 time=0.312 ms"
printf '\n--- %s ping statistics ---\n' "$1"
echo '3 packets transmitted, 3 packets received, 0.0% packet loss'
echo 'round-trip min/avg/max/stddev = 0.212/0.312/0.412/0.050 ms'
)";

class ReachScript : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  void SetUp() override {
    bin.program(
        "ip",
        "if [ $1 = link ]; then echo \"3: $4: <BROADCAST,UP> mtu 1500 qdisc mq\"; exit; fi\n"
        "case $3 in\n"
        "8.8.8.8) echo '8.8.8.8 via 192.168.1.1 dev wlan0 src 192.168.1.7 uid 0' ;;\n"
        "10.*) echo \"$3 via 192.168.50.1 dev eth0 src 192.168.50.2 uid 0\" ;;\n"
        "192.168.50.1) echo \"$3 dev eth0 src 192.168.50.2 uid 0\" ;;\n"
        "*) echo \"$3 via 192.168.1.1 dev wlan0\" ;;\nesac\n");
    bin.program("route",
                "echo \"   route to: $3\"\n"
                "case $3 in 192.168.50.*) echo '    gateway: 10.10.0.1' ;;\n"
                "192.168.51.*) echo '    gateway: 10.10.0.3' ;;\n"
                "*) echo '    gateway: link#7' ;; esac\n"
                "echo '  interface: bridge0'\n");
    bin.program("ifconfig", "echo \"$1: flags=8863<UP,RUNNING> mtu 9000\"\n");
    bin.program("nc", "echo \"nc $*\" >> \"$STATE/calls\"\nexit ${NC:-1}\n");
  }
  // Runs the share of the node, and judges it as the only one selected but for `others`.
  Matrix run(const std::string& node, facts::Os os, const std::vector<std::string>& others) {
    const std::size_t index = lab.at(node);
    const auto script = check_script(lab.fleet, index, kNonce, lab.options, os);
    const auto ran = support::run_script(GetParam(), script, bin.path(), {"STATE=" + bin.path()});
    EXPECT_EQ(ran.status, 0);
    seconds = ran.seconds;
    auto frames = facts::parse_frames(ran.out, kNonce);
    EXPECT_TRUE(frames.has_value()) << ran.out;
    if (frames) lab.evidence[index].frames = *frames;
    std::vector<std::size_t> selected;
    for (const auto& other : others) selected.push_back(lab.at(other));
    selected.push_back(index);
    Matrix matrix = judge(lab.fleet, selected, lab.evidence, lab.options);
    std::erase_if(matrix.reach, [&](const auto& one) { return one.check.from != index; });
    return matrix;
  }
  const ReachCell& to(const Matrix& matrix, const std::string& address) {
    for (const auto& one : matrix.reach) {
      if (one.check.address == test::ip(address)) return one;
    }
    throw std::out_of_range(address);
  }
  std::string calls() {
    std::ifstream file(bin.path("calls"));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool called(const std::string& line) { return calls().find(line + "\n") != std::string::npos; }

  test::ReachLab lab;
  Folder bin;
  double seconds = 0;
};

TEST_P(ReachScript, OfALinuxNode) {
  bin.program("ping", kLinuxPing);
  bin.write("silent.192.168.51.4", "");
  const auto matrix = run("pi5", facts::Os::linux_kernel, {"mini1", "mini2", "mini3", "pi4"});
  EXPECT_EQ(matrix.count_reach(CellStatus::pass), 6U);
  EXPECT_TRUE(called("-n -c 3 -i 0.2 -W 1 -w 3 -I 192.168.50.2 192.168.50.1"));
  EXPECT_TRUE(called("-n -c 3 -i 0.2 -W 1 -w 3 10.10.0.2")) << calls();
  EXPECT_TRUE(called("-n -c 1 -W 1 -t 1 10.10.0.2"));
  EXPECT_TRUE(called("-n -c 1 -W 1 -t 2 10.10.0.2"));
  EXPECT_FALSE(called("-n -c 1 -W 1 -t 3 10.10.0.2"));
  EXPECT_TRUE(called("nc -n -v -z -w 2 192.168.51.4 22"));
  EXPECT_EQ(calls().find("8.8.8.8"), std::string::npos) << "only its route is asked";
  EXPECT_EQ(calls().find("nc -n -v -z -w 2 10."), std::string::npos) << "pings are enough";
  const auto& far = to(matrix, "10.10.0.2");
  EXPECT_EQ(far.route_via, test::ip("192.168.50.1"));
  EXPECT_EQ(far.route_interface, "eth0");
  EXPECT_EQ(far.hops, 1U);
  EXPECT_EQ(far.path.at(0).node, lab.at("mini1"));
  EXPECT_EQ(far.ping->received, 3);
  EXPECT_DOUBLE_EQ(far.ping->avg_ms.value(), 0.072);
  EXPECT_EQ(to(matrix, "192.168.51.4").tcp, false);
  EXPECT_EQ(to(matrix, "8.8.8.8").route_interface, "wlan0");
  EXPECT_LT(seconds, 4);
}

TEST_P(ReachScript, SendsPacketsAsLargeAsTheInterfaceLets) {
  bin.program("ping", kLinuxPing);
  bin.write("silent.192.168.51.4", "");
  bin.write("vanishes.10.10.0.2", "");
  bin.write("told.10.10.0.3", "");
  auto matrix = run("pi5", facts::Os::linux_kernel, {"mini1", "mini2", "mini3", "pi4"});
  EXPECT_TRUE(called("-n -c 1 -W 1 -M do -s 1472 -I 192.168.50.2 192.168.50.1")) << calls();
  const auto answer = [&](const std::string& address) {
    const auto& large = to(matrix, address).large;
    return large && large->bytes == 1500 ? std::optional(large->answer) : std::nullopt;
  };
  EXPECT_EQ(answer("10.10.0.1"), LargePing::Answer::replies);
  EXPECT_EQ(answer("10.10.0.2"), LargePing::Answer::none);
  EXPECT_EQ(answer("10.10.0.3"), LargePing::Answer::told);
  const std::string again = "-M do -s 1472 10.10.0.2\n";
  const std::string all = calls();
  std::size_t times = 0;
  for (auto at = all.find(again); at != std::string::npos; at = all.find(again, at + 1)) ++times;
  EXPECT_EQ(times, 3U) << "one silence proves nothing";
  EXPECT_EQ(to(matrix, "10.10.0.2").diagnosis.value().id, "mtu-vanishes");
  EXPECT_EQ(to(matrix, "10.10.0.3").status, CellStatus::pass);
  bin.write("refuses-flags", "");
  matrix = run("pi5", facts::Os::linux_kernel, {"mini1", "mini2", "mini3", "pi4"});
  EXPECT_FALSE(to(matrix, "10.10.0.2").large.has_value());
  EXPECT_EQ(to(matrix, "10.10.0.2").status, CellStatus::pass);
}

TEST_P(ReachScript, OfAMac) {
  bin.program("ping", kMacPing);
  const auto matrix = run("mini2", facts::Os::darwin, {"mini1", "mini3", "pi5", "pi4", "jetson"});
  EXPECT_TRUE(called("-n -c 3 -i 0.2 -W 1000 -t 3 -S 10.10.0.2 10.10.0.1"));
  EXPECT_TRUE(called("-n -c 1 -W 700 -t 2 -m 1 192.168.50.2"));
  // A Mac's ping sends no more than that.
  EXPECT_TRUE(called("-n -c 1 -W 700 -t 1 -D -s 8184 192.168.50.2")) << calls();
  const auto& far = to(matrix, "192.168.50.2");
  EXPECT_EQ(far.status, CellStatus::pass);
  EXPECT_EQ(far.route_via, test::ip("10.10.0.1"));
  EXPECT_EQ(far.hops, 1U);
  EXPECT_EQ(far.path.at(0).address, test::ip("10.10.0.1"));
  EXPECT_EQ(far.path.at(0).answer, Hop::Answer::exceeded);
  EXPECT_FALSE(to(matrix, "10.10.0.1").route_via.has_value());
  // The same ping plays a wrong gateway there.
  EXPECT_EQ(to(matrix, "192.168.51.4").diagnosis.value().id, "path-differs");
}

TEST_P(ReachScript, TriesAConnectionWherePingsAreSilent) {
  bin.program("ping", kLinuxPing);
  for (const char* address : {"10.10.0.1", "10.10.0.2", "10.10.0.3", "192.168.50.1"}) {
    bin.write(std::string("silent.") + address, "");
  }
  bin.write("silent.192.168.51.4", "");
  bin.program("nc", "case \"$*\" in *10.10.0.2*) exit 0 ;; esac\nsleep 2; exit 1\n");
  const auto matrix = run("pi5", facts::Os::linux_kernel, {"mini1", "mini2", "mini3", "pi4"});
  EXPECT_EQ(to(matrix, "10.10.0.2").tcp, true);
  EXPECT_EQ(to(matrix, "10.10.0.2").diagnosis.value().id, "icmp-filtered");
  EXPECT_EQ(to(matrix, "10.10.0.3").tcp, false);
  EXPECT_EQ(to(matrix, "10.10.0.3").ping->received, 0);
  EXPECT_EQ(to(matrix, "10.10.0.3").diagnosis.value().id, "reach-silent");
  EXPECT_EQ(to(matrix, "192.168.51.4").status, CellStatus::pass);
  EXPECT_LT(seconds, 6.5);
}

TEST_P(ReachScript, FindsTheWayOfAStrayReply) {
  bin.program("ping", kLinuxPing);
  const auto matrix = run("pi5", facts::Os::linux_kernel, {"mini1", "mini2", "mini3", "pi4"});
  const auto& broken = to(matrix, "192.168.51.4");
  EXPECT_EQ(broken.status, CellStatus::fail);
  EXPECT_EQ(broken.diagnosis.value().seen, "192.168.51.4 (pi4) answers pi5 through mini1");
}

TEST_P(ReachScript, SurvivesNodesWithoutTools) {
  bin.program("ping", "exit 127\n");
  bin.program("ip", "exit 127\n");
  const auto matrix = run("pi5", facts::Os::linux_kernel, {"mini1", "mini2", "mini3", "pi4"});
  EXPECT_EQ(matrix.count_reach(CellStatus::error), 6U);
}

TEST_P(ReachScript, CannotBeFooledByForgedLines) {
  bin.program("ping", kLinuxPing);
  for (const char* address : {"10.10.0.2", "192.168.51.4"}) {
    bin.write(std::string("silent.") + address, "");
  }
  bin.program("nc",
              "printf 'x\\nhop 1 64 bytes from 10.10.0.2: ttl=64 bu_rc=0\\ntcp ok bu_rc=0\\n'\n"
              "exit 1\n");
  const auto matrix = run("pi5", facts::Os::linux_kernel, {"mini1", "mini2", "mini3", "pi4"});
  EXPECT_EQ(to(matrix, "10.10.0.2").tcp, false);
  for (const auto& hop : to(matrix, "10.10.0.2").path) EXPECT_EQ(hop.answer, Hop::Answer::silent);
}

TEST_P(ReachScript, IsCleanForShellcheck) {
  ASSERT_EQ(std::system("command -v shellcheck >/dev/null 2>&1"), 0) << "shellcheck is missing";
  for (const auto os : {facts::Os::darwin, facts::Os::linux_kernel}) {
    bin.write("script.sh", check_script(lab.fleet, lab.at("pi5"), kNonce, lab.options, os));
    EXPECT_EQ(std::system(("shellcheck -s sh -S warning " + bin.path("script.sh")).c_str()), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Shells, ReachScript,
                         testing::Values(std::vector<std::string>{"/bin/sh", "-s"},
                                         std::vector<std::string>{"/bin/bash", "--posix", "-s"}),
                         [](const auto& one) { return one.index == 0 ? "sh" : "bash"; });

// A segment of many members: no more than 64 checks at once.
TEST(ReachScriptOfMany, RunsInParts) {
  model::Fleet fleet;
  fleet.segments.resize(1);
  auto& segment = fleet.segments[0];
  segment.name = "lan";
  segment.subnet = model::Subnet::parse("10.0.0.0/24").value();
  for (std::size_t i = 0; i < 100; ++i) {
    model::Node node;
    node.name = "n" + std::to_string(i);
    fleet.nodes.push_back(node);
    segment.members.push_back(
        {i, "eth0", model::Ipv4(0x0a000001U + static_cast<std::uint32_t>(i)), ""});
  }
  CheckOptions options;
  options.only = {CheckKind::reach};
  const auto script = check_script(fleet, 0, kNonce, options, facts::Os::linux_kernel);
  std::size_t pipelines = 0;
  for (auto at = script.find(" </dev/null |\nbu_reach"); at != std::string::npos;
       at = script.find(" </dev/null |\nbu_reach", at + 1)) {
    ++pipelines;
  }
  EXPECT_EQ(pipelines, 2U);
}

}  // namespace
}  // namespace bringup::verify
