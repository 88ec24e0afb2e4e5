#pragma once
// Two RDMA devices on one wire, in memory.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bringup/probe/session.hpp"
#include "bringup/probe/verbs.hpp"

namespace bringup::probe {

class FakeVerbs;

// What both ends share. `lose` is asked for every message, with its number on the wire.
struct FakeWire {
  std::mutex mutex;
  FakeVerbs* ends[2] = {};
  std::function<bool(int from, std::uint64_t number)> lose;
  std::uint64_t carried = 0;
  std::chrono::milliseconds travel{0};  // of a message
};

class FakeVerbs final : public Verbs {
 public:
  FakeVerbs(FakeWire& wire, int end, const std::string& device, std::vector<Gid> table)
      : gids(std::move(table)), wire_(wire), end_(end), device_(device) {
    wire.ends[end] = this;
  }

  // What the test chooses.
  std::map<std::string, int> errors;  // verb → errno
  std::vector<Gid> gids;
  PortState state = PortState::active;
  std::uint32_t mtu = 4096;
  bool no_devices = false;
  int polls_before_send_completes = 0;  // -1: never
  int status_of_next_send = 0;

  // What it sees.
  RemoteEnd remote;
  unsigned gid_index = 0;
  int ready_to_receive_calls = 0;
  std::size_t registered = 0;
  std::size_t most_receives = 0;
  bool aligned = false;
  bool open = false;
  std::uint64_t overruns = 0;  // messages for which no receive was posted

  Verdict<std::vector<std::string>> list_devices() override {
    if (auto error = fails("ibv_get_device_list")) return tl::unexpected(*error);
    return no_devices ? std::vector<std::string>{} : std::vector<std::string>{device_};
  }
  Verdict<DeviceInfo> open_device(const std::string& name) override {
    if (auto error = fails("ibv_open_device")) return tl::unexpected(*error);
    if (name != device_) return tl::unexpected(VerbsError{"ibv_open_device", 19});
    open = true;
    return DeviceInfo{1, 0};
  }
  Verdict<PortInfo> query_port(unsigned) override {
    if (auto error = fails("ibv_query_port")) return tl::unexpected(*error);
    return PortInfo{state, mtu, 1U << 30, 0, static_cast<unsigned>(gids.size()), "ethernet"};
  }
  Verdict<GidEntry> query_gid(unsigned, unsigned index) override {
    if (auto error = fails("ibv_query_gid")) return tl::unexpected(*error);
    return GidEntry{gids.at(index), GidType::unknown};
  }
  Verdict<void> set_up(const QueuePairOptions&, void* memory, std::size_t size) override {
    for (const char* verb : {"ibv_alloc_pd", "ibv_create_cq", "ibv_reg_mr"})
      if (auto error = fails(verb)) return tl::unexpected(*error);
    registered = size;
    aligned = reinterpret_cast<std::uintptr_t>(memory) % 4096 == 0;
    return {};
  }
  Verdict<std::uint32_t> create_queue_pair(const QueuePairOptions&) override {
    if (auto error = fails("ibv_create_qp")) return tl::unexpected(*error);
    return 17U;
  }
  Verdict<void> to_init(unsigned) override { return step("ibv_modify_qp(INIT)"); }
  Verdict<void> to_ready_to_receive(const RemoteEnd& to, unsigned, unsigned index) override {
    ++ready_to_receive_calls;
    remote = to;
    gid_index = index;
    return step("ibv_modify_qp(RTR)");
  }
  Verdict<void> to_ready_to_send(std::uint32_t) override {
    auto done = step("ibv_modify_qp(RTS)");
    const std::lock_guard lock(wire_.mutex);
    ready_ = done.has_value();
    return done;
  }
  Verdict<void> post_receive(std::uint64_t id, void* address, std::uint32_t size) override {
    if (auto error = fails("ibv_post_recv")) return tl::unexpected(*error);
    const std::lock_guard lock(wire_.mutex);
    receives_.push_back({id, static_cast<std::byte*>(address), size});
    most_receives = std::max(most_receives, receives_.size());
    return {};
  }
  Verdict<void> post_send(std::uint64_t id, const void* address, std::uint32_t size) override {
    if (auto error = fails("ibv_post_send")) return tl::unexpected(*error);
    const std::lock_guard lock(wire_.mutex);
    sends_.push_back({id, status_of_next_send, size});
    polls_ = 0;
    FakeVerbs* peer = wire_.ends[1 - end_];
    const bool lost = wire_.lose && wire_.lose(end_, wire_.carried);
    ++wire_.carried;
    if (lost || peer == nullptr || !peer->ready_) return {};
    if (peer->receives_.empty()) {
      ++peer->overruns;
      return {};
    }
    const Posted into = peer->receives_.front();
    peer->receives_.pop_front();
    if (size > into.size) throw std::logic_error("message longer than its receive");
    std::memcpy(into.address, address, size);
    peer->arriving_.push_back({Clock::now() + wire_.travel, {into.id, 0, size}});
    return {};
  }
  Verdict<void> poll(std::vector<Completion>& completions) override {
    if (auto error = fails("ibv_poll_cq")) return tl::unexpected(*error);
    const std::lock_guard lock(wire_.mutex);
    while (!arriving_.empty() && arriving_.front().at <= Clock::now()) {
      completions.push_back(arriving_.front().message);
      arriving_.pop_front();
    }
    if (polls_before_send_completes >= 0 && ++polls_ > polls_before_send_completes) {
      completions.insert(completions.end(), sends_.begin(), sends_.end());
      sends_.clear();
    }
    return {};
  }
  void close() override {
    const std::lock_guard lock(wire_.mutex);
    open = ready_ = false;
    receives_.clear();
    arriving_.clear();
    sends_.clear();
  }

 private:
  struct Posted {
    std::uint64_t id;
    std::byte* address;
    std::uint32_t size;
  };
  using Clock = std::chrono::steady_clock;
  struct Arrival {
    Clock::time_point at;
    Completion message;
  };

  std::optional<VerbsError> fails(const std::string& verb) const {
    const auto at = errors.find(verb);
    if (at == errors.end()) return std::nullopt;
    return VerbsError{verb, at->second};
  }
  Verdict<void> step(const std::string& verb) {
    if (auto error = fails(verb)) return tl::unexpected(*error);
    return {};
  }

  FakeWire& wire_;
  int end_;
  std::string device_;
  bool ready_ = false;
  int polls_ = 0;
  std::deque<Posted> receives_;
  std::deque<Arrival> arriving_;
  std::vector<Completion> sends_;
};

// The two streams of a probe, as its controller holds them.
class FakeHost final : public Host {
 public:
  std::optional<std::string> next_line() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !in_.empty() || closed_; });
    if (in_.empty()) return std::nullopt;
    std::string line = in_.front();
    in_.pop_front();
    return line;
  }
  bool input_waiting() override {
    const std::lock_guard lock(mutex_);
    return !in_.empty() || closed_;
  }
  void send(const std::string& line) override {
    const std::lock_guard lock(mutex_);
    out_.push_back(line);
    changed_.notify_all();
  }
  std::chrono::nanoseconds now() override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
  void relax() override { std::this_thread::yield(); }
  std::uint32_t random_bits() override { return 0xabcdef01; }

  void give(const std::string& line) {
    const std::lock_guard lock(mutex_);
    in_.push_back(line);
    changed_.notify_all();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  // Empty when nothing came within 20 s.
  std::string take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !out_.empty(); }))
      return "";
    std::string line = out_.front();
    out_.pop_front();
    return line;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> in_, out_;
  bool closed_ = false;
};

}  // namespace bringup::probe
