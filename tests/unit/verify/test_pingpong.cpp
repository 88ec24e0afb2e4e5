#include <gtest/gtest.h>

#include <stdexcept>

#include "bringup/verify/pingpong.hpp"
#include "support/shell_run.hpp"

namespace bringup::verify {
namespace {

constexpr const char* kNonce = "abcdEF01";

constexpr const char* kOutput =
    "  local address:  LID 0x0001, QPN 0x000900, PSN 0xc0c475, GID ::ffff:10.254.0.1\n"
    "  remote address: LID 0x0001, QPN 0x000900, PSN 0xc0c476, GID ::ffff:10.254.0.2\n"
    "8192000 bytes in 0.50 seconds = 131.07 Mbit/sec\n"
    "1000 iters in 0.50 seconds = 500.00 usec/iter\n";

PingpongSpec spec() {
  PingpongSpec spec;
  spec.address = "10.254.0.1";
  spec.peer = "10.254.0.2";
  return spec;
}

TEST(Pingpong, ReadsFigures) {
  const auto figures = parse_pingpong(kOutput);
  ASSERT_TRUE(figures) << figures.error().message;
  EXPECT_EQ(figures->bytes, 8192000U);
  EXPECT_EQ(figures->iterations, 1000U);
  EXPECT_DOUBLE_EQ(figures->seconds, 0.5);
  EXPECT_DOUBLE_EQ(figures->usec_per_iteration, 500);
  EXPECT_DOUBLE_EQ(figures->mbit_per_second, 131.07);
}

TEST(Pingpong, RefusesWhatIsNoFigure) {
  for (const char* text :
       {"", "8192000 bytes in 0.50 seconds = 131.07 Mbit/sec\n",
        "8192000 bytes in 0.50 seconds = nan Mbit/sec\n1000 iters in 0.50 seconds = 5 usec/iter\n",
        "8192000 bytes in 0.50 seconds = 1e9 Mbit/sec\n1000 iters in 0.50 seconds = 5 usec/iter\n",
        "-8 bytes in 0.50 seconds = 131.07 Mbit/sec\n1000 iters in 0.50 seconds = 5 usec/iter\n",
        "0 bytes in 0.50 seconds = 131.07 Mbit/sec\n1000 iters in 0.50 seconds = 5 usec/iter\n",
        "81 bytes in 0.50 seconds = 131.07 Mbit/sec\n1000 iters in 9.50 seconds = 5 usec/iter\n"})
    EXPECT_FALSE(parse_pingpong(text)) << text;
  EXPECT_FALSE(parse_pingpong(std::string(kOutput) + kOutput));
}

TEST(Pingpong, ResultNamesItsMeansAndPlaces) {
  const PingpongEnd client{
      "one", {{"place", 0, false, "rdma_en5 1"}, {"ibv_uc_pingpong", 0, false, kOutput}}};
  const PingpongEnd server{"two", {{"place", 0, false, "rdma_en2 2"}}};
  const RdmaResult result = read_pingpong(spec(), client, server);
  EXPECT_EQ(result.means, RdmaMeans::ibv_uc_pingpong);
  EXPECT_EQ(result.from_device, "rdma_en5");
  EXPECT_EQ(result.to_gid_index, 2U);
  EXPECT_FALSE(result.failure);
  ASSERT_EQ(result.latency.size(), 1U);
  EXPECT_DOUBLE_EQ(result.latency[0].mean_us.value_or(0), 250);
  EXPECT_EQ(result.latency[0].p50_us, 0);  // never told
  ASSERT_EQ(result.bandwidth.size(), 1U);
  EXPECT_DOUBLE_EQ(result.bandwidth[0].gbps, 0.13107);
}

TEST(Pingpong, FailureNamesTheEndAndItsLayer) {
  const facts::Frame place{"place", 0, false, "d 1"};
  const facts::Frame hung{"ibv_uc_pingpong", 142, false, ""};
  const PingpongEnd good{"one", {place, hung}};
  const RdmaResult gid = read_pingpong(spec(), good, {"two", {{"place", 0, false, ""}}});
  ASSERT_TRUE(gid.failure);
  EXPECT_EQ(gid.failure->layer, "gid");
  EXPECT_EQ(gid.failure->node, "two");
  const RdmaResult absent =
      read_pingpong(spec(), good, {"two", {place, {"ibv_uc_pingpong", 127, false, ""}}});
  EXPECT_EQ(absent.failure->seen, "no ibv_uc_pingpong on the node");
  const RdmaResult stuck = read_pingpong(spec(), good, {"two", {place, hung}});
  EXPECT_EQ(stuck.failure->layer, "rdma");
  EXPECT_EQ(stuck.failure->seen, "ibv_uc_pingpong did not end in 20 s");
  EXPECT_TRUE(stuck.latency.empty());
}

// rdma-core's examples print no errno.
TEST(Pingpong, ReadsItsComplaints) {
  const facts::Frame place{"place", 0, false, "d 1"};
  const PingpongEnd fine{"one", {place, {"ibv_uc_pingpong", 142, false, ""}}};
  const auto complains = [&](const std::string& words, int status = 1) {
    return read_pingpong(
               spec(), fine,
               {"two", {place, {"ibv_uc_pingpong", status, false, "remote address: x\n" + words}}})
        .failure.value();
  };
  const auto rtr = complains("Failed to modify QP to RTR\n");
  EXPECT_EQ(rtr.error_number, 22);
  EXPECT_EQ(rtr.verb, "ibv_modify_qp(RTR)");
  EXPECT_EQ(rtr.layer, "rdma");
  EXPECT_EQ(rtr.node, "two");
  EXPECT_EQ(rtr.seen, "ibv_uc_pingpong: Failed to modify QP to RTR");
  EXPECT_NE(rtr.cure, complains("nonsense").cure);
  EXPECT_EQ(complains("Couldn't register MR\n").error_number, 12);
  EXPECT_EQ(complains("Couldn't allocate PD\n").error_number, 16);
  EXPECT_EQ(complains("Couldn't create QP\n").verb, "ibv_create_qp");
  EXPECT_EQ(complains("Couldn't get context for rdma_en5\n").verb, "ibv_open_device");
  // Of both ends the server's, from which the client's follows; of a run that went well nothing.
  const facts::Frame client{"ibv_uc_pingpong", 1, false, "Couldn't register MR\n"};
  EXPECT_EQ(read_pingpong(spec(), {"one", {place, client}}, {"two", {place}}).failure->node, "one");
  EXPECT_EQ(complains("Failed to modify QP to RTR\n", 0).error_number, 0);
}

TEST(Pingpong, RefusesNamesThatCouldBeCommands) {
  PingpongSpec bad = spec();
  bad.device = "x;reboot";
  EXPECT_THROW(pingpong_script(PingpongRole::server, bad, kNonce), std::invalid_argument);
  bad = spec();
  bad.peer = "$(reboot)";
  EXPECT_THROW(pingpong_script(PingpongRole::client, bad, kNonce), std::invalid_argument);
}

class PingpongScript : public ::testing::TestWithParam<const char*> {
 protected:
  std::vector<facts::Frame> run(PingpongRole role, const PingpongSpec& spec) {
    const auto ran = support::run_script({GetParam(), "-s"}, pingpong_script(role, spec, kNonce),
                                         folder_.path(), {"COUNT=" + folder_.path("count")});
    seconds_ = ran.seconds;
    const auto frames = facts::parse_frames(ran.out, kNonce);
    EXPECT_TRUE(frames) << ran.out;
    return frames ? *frames : std::vector<facts::Frame>{};
  }
  void devinfo(const std::string& text) {
    folder_.program("ibv_devinfo", "cat <<'X'\n" + text + "X");
  }

  support::Folder folder_;
  double seconds_ = 0;
};

constexpr const char* kDevices =
    "hca_id:\trdma_en2\n\t\t\tGID[  0]:\t\tfe80::1\n\t\t\tGID[  1]:\t\t::ffff:10.254.0.13\n"
    "hca_id:\trdma_en5\n\t\t\tGID[  0]:\t\tfe80::2\n\t\t\tGID[  2]:\t\t::ffff:10.254.0.1\n";

TEST_P(PingpongScript, FindsTheAddressAtItsIndexAndRunsTheTool) {
  devinfo(kDevices);
  folder_.program("ibv_uc_pingpong", "echo \"$@\"; echo 'remote address:'");
  const auto frames = run(PingpongRole::client, spec());
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].payload, "rdma_en5 2");
  EXPECT_EQ(frames[1].name, "ibv_uc_pingpong");
  EXPECT_EQ(frames[1].exit_status, 0);
  EXPECT_EQ(frames[1].payload,
            "-d rdma_en5 -g 2 -p 18515 -n 1000 -s 4096 10.254.0.2\nremote address:\n");
  EXPECT_EQ(frames[2].name, "end");
}

TEST_P(PingpongScript, TakesVersionTwoOfAnAddressThatStandsTwice) {
  devinfo(
      "hca_id:\tmlx5_0\n\tGID[  2]:\t::ffff:10.254.0.1, RoCE v1\n"
      "\tGID[  3]:\t::ffff:10.254.0.1, RoCE v2\n\tGID[  4]:\t::ffff:10.254.0.1, RoCE v1\n");
  folder_.program("ibv_uc_pingpong", "echo \"$@\"");
  EXPECT_EQ(run(PingpongRole::server, spec()).at(0).payload, "mlx5_0 3");
}

TEST_P(PingpongScript, WithoutTheAddressNothingIsRun) {
  devinfo("hca_id:\trdma_en5\n\tGID[  1]:\t::ffff:10.254.0.12\n");
  folder_.program("ibv_uc_pingpong", "echo ran");
  const auto frames = run(PingpongRole::client, spec());
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].payload, "");
}

TEST_P(PingpongScript, AlarmEndsAToolThatWaitsForEver) {
  devinfo(kDevices);
  folder_.program("ibv_rc_pingpong", "exec sleep 30");
  PingpongSpec one = spec();
  one.qp = QpType::rc;
  one.seconds = 1;
  const auto frames = run(PingpongRole::client, one);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[1].exit_status, 142);
  EXPECT_LT(seconds_, 8);
}

TEST_P(PingpongScript, ClientTriesUntilTheServerListens) {
  devinfo(kDevices);
  folder_.program("ibv_uc_pingpong",
                  "echo x >>\"$COUNT\"\n"
                  "[ $(wc -l <\"$COUNT\") -ge 3 ] || { echo \"Couldn't connect\"; exit 1; }\n"
                  "echo 'remote address: x'; echo figures");
  const auto frames = run(PingpongRole::client, spec());
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[1].exit_status, 0);
  EXPECT_EQ(frames[1].payload, "remote address: x\nfigures\n");
}

TEST_P(PingpongScript, AQueuePairThatFailedIsNotTriedAgain) {
  devinfo(kDevices);
  folder_.program("ibv_uc_pingpong",
                  "echo x >>\"$COUNT\"; wc -l <\"$COUNT\"\n"
                  "echo 'remote address: x'; exit 1");
  const auto frames = run(PingpongRole::client, spec());
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[1].exit_status, 1);
  EXPECT_EQ(frames[1].payload, "1\nremote address: x\n");
}

INSTANTIATE_TEST_SUITE_P(Shells, PingpongScript, ::testing::Values("/bin/dash", "/bin/bash"));

}  // namespace
}  // namespace bringup::verify
