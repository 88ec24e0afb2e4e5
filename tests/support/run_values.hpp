#pragma once
// What the tests of the run room share: a sink that watches its callers, a fleet on fakes, folders
// that go away.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "bringup/plan/event.hpp"
#include "bringup/run/crew.hpp"
#include "bringup/util/clock.hpp"
#include "support/fake_transport.hpp"
#include "support/verify_values.hpp"

namespace bringup::test {

// Keeps every event. Two at the same time are a failure: sinks need no lock of their own.
class WatchfulSink final : public plan::Sink {
 public:
  void emit(const plan::Event& event) override {
    if (inside_.fetch_add(1) != 0) overlapped = true;
    std::this_thread::yield();
    events.push_back(event);
    inside_.fetch_sub(1);
  }

  [[nodiscard]] std::vector<plan::Event> of(plan::EventKind kind,
                                            const std::string& node = "") const {
    std::vector<plan::Event> out;
    for (const auto& event : events) {
      if (event.kind == kind && (node.empty() || event.node == node)) out.push_back(event);
    }
    return out;
  }

  std::vector<plan::Event> events;
  std::atomic<bool> overlapped = false;

 private:
  std::atomic<int> inside_ = 0;
};

class FixedClock final : public Clock {
 public:
  [[nodiscard]] std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(1795237475123));
  }
};

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bringup-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Three Macs, each with a cable to each.
inline model::Fleet triangle_fleet() {
  return fleet_of({"studio1", "studio2", "studio3"}, {cable(0, "en3", 1, "en3", "10.254.0.0/30"),
                                                      cable(0, "en4", 2, "en3", "10.254.0.4/30"),
                                                      cable(1, "en4", 2, "en4", "10.254.0.8/30")});
}

// A fleet of re-initialised fake Macs and a crew on all or some of its nodes.
struct FakeFleet {
  explicit FakeFleet(model::Fleet declared) : fleet(std::move(declared)), transport(fleet) {}
  FakeFleet(const FakeFleet&) = delete;
  FakeFleet& operator=(const FakeFleet&) = delete;

  run::Crew crew(std::vector<std::size_t> nodes = {}) {
    if (nodes.empty()) {
      for (std::size_t i = 0; i < fleet.nodes.size(); ++i) nodes.push_back(i);
    }
    options.cancel = source.get_token();
    return {fleet, nodes, transport, sink, options};
  }
  FakeNode& node(const std::string& name) { return transport.at(name); }

  model::Fleet fleet;
  FakeTransport transport;
  WatchfulSink sink;
  CancelSource source;
  run::CrewOptions options;
};

}  // namespace bringup::test
