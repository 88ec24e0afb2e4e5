#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "bringup/ssh/gate.hpp"
#include "bringup/ssh/socket.hpp"
#include "bringup/ssh/watchdog.hpp"

namespace bringup::ssh {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Outcome = Watchdog::Outcome;

class WatchedPair : public ::testing::Test {
 protected:
  // How long a blocking read takes to end.
  milliseconds read_for() const {
    const auto began = Deadline::Clock::now();
    pollfd one{pair_.first.get(), POLLIN, 0};
    ::poll(&one, 1, 3000);
    return std::chrono::duration_cast<milliseconds>(Deadline::Clock::now() - began);
  }
  std::shared_ptr<Watchdog> dog_ = std::make_shared<Watchdog>();
  std::pair<Fd, Fd> pair_ = stream_pair().value();
};

TEST_F(WatchedPair, ShutsDownWhenTimeIsUp) {
  const auto watch = dog_->guard(pair_.first.get(), Deadline::after(milliseconds(100)));
  const milliseconds took = read_for();
  EXPECT_GE(took, milliseconds(90));
  EXPECT_LT(took, seconds(2));
  EXPECT_EQ(watch->outcome(), Outcome::expired);
}

TEST_F(WatchedPair, ALaterDeadlineCounts) {
  const auto watch = dog_->guard(pair_.first.get(), Deadline::after(milliseconds(50)));
  watch->set_deadline(Deadline::after(milliseconds(400)));
  EXPECT_GE(read_for(), milliseconds(390));
}

TEST_F(WatchedPair, AnEarlierDeadlineCounts) {
  const auto watch = dog_->guard(pair_.first.get(), Deadline::never());
  watch->set_deadline(Deadline::after(milliseconds(100)));
  EXPECT_LT(read_for(), seconds(2));
}

TEST_F(WatchedPair, CancelIsImmediate) {
  const auto watch = dog_->guard(pair_.first.get(), Deadline::never());
  watch->cancel();
  EXPECT_LT(read_for(), seconds(1));
  EXPECT_EQ(watch->outcome(), Outcome::cancelled);
}

TEST_F(WatchedPair, AWatchThatIsGoneDoesNothing) {
  dog_->guard(pair_.first.get(), Deadline::after(milliseconds(50))).reset();
  std::this_thread::sleep_for(milliseconds(150));
  const char byte = 'x';
  EXPECT_EQ(::send(pair_.second.get(), &byte, 1, 0), 1);
  EXPECT_LT(read_for(), seconds(1));
}

TEST_F(WatchedPair, TheSecondDescriptorGoesWithTheFirst) {
  auto other = stream_pair().value();
  const auto watch = dog_->guard(pair_.first.get(), Deadline::never());
  watch->guard_also(other.first.get());
  watch->cancel();
  pollfd one{other.second.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&one, 1, 1000), 1);
}

TEST(HandshakeGate, HoldsBackAndLetsIn) {
  HandshakeGate gate(2);
  auto one = gate.enter("a", Deadline::never(), {});
  auto two = gate.enter("a", Deadline::never(), {});
  EXPECT_TRUE(gate.enter("b", Deadline::never(), {}));
  const auto full = gate.enter("a", Deadline::after(milliseconds(50)), {});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::unreachable);
  CancelSource source;
  source.request_stop();
  EXPECT_EQ(gate.enter("a", Deadline::never(), source.get_token()).error().code,
            ErrorCode::cancelled);
  { const auto gone = *std::move(one); }
  EXPECT_TRUE(gate.enter("a", Deadline::after(milliseconds(50)), {}));
}

TEST(Resolve, NumericAddressesAndPorts) {
  const auto v4 = resolve("10.1.2.3", 2222, Deadline::after(seconds(1)), {});
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->at(0).text, "10.1.2.3:2222");
  EXPECT_EQ(resolve("::1", 22, Deadline::after(seconds(1)), {})->at(0).text, "[::1]:22");
}

TEST(SecondsText, WholeAndTenths) {
  EXPECT_EQ(seconds_text(seconds(15)), "15 s");
  EXPECT_EQ(seconds_text(milliseconds(1500)), "1.5 s");
}

}  // namespace
}  // namespace bringup::ssh
