#pragma once
// The seam of the ssh room without a network: a fleet of FakeMacs, with failures where a test wants
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bringup/plan/execute.hpp"
#include "bringup/ssh/transport.hpp"
#include "support/fake_mac.hpp"

namespace bringup::test {

// What goes wrong with one exec.
struct Fault {
  enum class Kind {
    none,
    cut,        // the connection is lost; the node has run the script all the same
    truncated,  // max_output was reached
    hangs,      // nothing comes until cancellation or the deadline
    refused,    // the server opens no channel
  };
  Kind kind = Kind::none;
  std::size_t after = 0;        // bytes of stdout that still arrive
  std::string in_frame = {};    // or: up to the middle of this frame's header
  std::string before_all = {};  // a chatty login shell: printed before anything else
  std::string on_stderr = {};
};

struct FakeNode {
  FakeMac mac;
  std::optional<Error> refuses;         // connect fails with it
  std::map<std::size_t, Fault> faults;  // by number of the exec on this node, from 0
  std::function<void()> on_exec;        // on the worker's thread, before anything is answered
  std::function<ssh::ExecResult(const std::string&)> answers;  // to plain commands

  // What the node saw.
  struct Heard {
    std::string command, input;
    Deadline deadline = Deadline::never();
  };
  std::vector<Heard> heard;
  std::size_t connects = 0;
  ssh::Target target;  // of the last connect
};

class FakeTransport final : public ssh::Transport {
 public:
  FakeTransport() = default;
  explicit FakeTransport(const model::Fleet& fleet) {
    for (std::size_t i = 0; i < fleet.nodes.size(); ++i) {
      nodes_[fleet.nodes[i].name].mac = FakeMac::reinitialised(fleet, i);
    }
  }

  // For tests between phases, never while one runs.
  FakeNode& at(const std::string& name) { return nodes_.at(name); }

  Expected<std::unique_ptr<ssh::Session>> connect(const ssh::Target& target, Deadline /*deadline*/,
                                                  CancelToken cancel) override {
    const std::lock_guard lock(mutex_);
    FakeNode& node = nodes_.at(target.endpoint.name);
    ++node.connects;
    node.target = target;
    if (cancel.stop_requested()) return fail(ErrorCode::cancelled, "cancelled");
    if (node.refuses) return tl::unexpected<Error>(*node.refuses);
    return std::unique_ptr<ssh::Session>(new FakeSession(*this, node, target.endpoint.name));
  }

 private:
  class FakeSession final : public ssh::Session {
   public:
    FakeSession(FakeTransport& transport, FakeNode& node, std::string name)
        : transport_(transport), node_(node), name_(std::move(name)) {}

    Expected<ssh::ExecResult> exec(const ssh::ExecRequest& request) override {
      return answer(request);
    }
    Expected<void> reach(const std::string& /*host*/, std::uint16_t /*port*/, Deadline /*deadline*/,
                         CancelToken /*cancel*/) override {
      return fail(ErrorCode::remote, name_ + " forwards nothing");
    }
    [[nodiscard]] std::string peer() const override { return name_ + ":22"; }

   private:
    Expected<ssh::ExecResult> answer(const ssh::ExecRequest& request) {
      EXPECT_FALSE(lost_) << "a lost session of " << name_ << " used again";
      if (node_.on_exec) node_.on_exec();
      Fault fault;
      ssh::ExecResult result;
      {
        const std::lock_guard lock(transport_.mutex_);
        const auto scripted = node_.faults.find(node_.heard.size());
        if (scripted != node_.faults.end()) fault = scripted->second;
        node_.heard.push_back({request.command, request.input, request.deadline});
        if (fault.kind == Fault::Kind::refused) {
          return fail(ErrorCode::remote, name_ + " opens no channel");
        }
        if (fault.kind != Fault::Kind::hangs) result = transport_.run(node_, request);
      }
      if (fault.kind == Fault::Kind::hangs) return hang(request);

      result.out = fault.before_all + result.out;
      result.err += fault.on_stderr;
      std::size_t arrives = result.out.size();
      if (!fault.in_frame.empty()) {
        const auto at = result.out.find(" " + fault.in_frame + " ");
        EXPECT_NE(at, std::string::npos) << "no frame " << fault.in_frame;
        arrives = at + 2;
      } else if (fault.kind == Fault::Kind::cut || fault.kind == Fault::Kind::truncated) {
        arrives = std::min(arrives, fault.after);
      }
      result.out.resize(arrives);
      deliver(request, result);
      if (fault.kind == Fault::Kind::truncated) {
        result.truncated = true;
        result.signal = "TERM";
      }
      if (fault.kind == Fault::Kind::cut) {
        lost_ = true;
        return fail(ErrorCode::unreachable, name_ + ": connection lost", "look at its cable");
      }
      return result;
    }

    // In pieces that heed neither lines nor frames.
    static void deliver(const ssh::ExecRequest& request, const ssh::ExecResult& result) {
      if (!request.on_output) return;
      constexpr std::size_t kPiece = 997;
      for (std::size_t at = 0; at < result.out.size(); at += kPiece) {
        request.on_output(ssh::Stream::out, std::string_view(result.out).substr(at, kPiece));
      }
      if (!result.err.empty()) request.on_output(ssh::Stream::err, result.err);
    }

    Expected<ssh::ExecResult> hang(const ssh::ExecRequest& request) {
      std::mutex mutex;
      std::condition_variable_any wake;
      std::unique_lock lock(mutex);
      const auto until =
          std::min(request.deadline.at(), Deadline::after(std::chrono::seconds(30)).at());
      wake.wait_until(lock, request.cancel, until, [] { return false; });
      lost_ = true;
      if (request.cancel.stop_requested()) return fail(ErrorCode::cancelled, "cancelled");
      EXPECT_TRUE(request.deadline.expired()) << name_ << " hung without cancellation or deadline";
      return fail(ErrorCode::unreachable, name_ + ": no answer in time");
    }

    FakeTransport& transport_;
    FakeNode& node_;
    std::string name_;
    bool lost_ = false;
  };

  // With the mutex held: the Macs see each other's state when they ping.
  ssh::ExecResult run(FakeNode& node, const ssh::ExecRequest& request) {
    ssh::ExecResult result;
    result.exit_status = 0;
    std::string script = request.input;
    std::string password;
    if (request.command == plan::become_wrapper()) {
      const auto newline = script.find('\n');
      password = script.substr(0, newline);
      script.erase(0, newline + 1);
    } else if (request.command != "sh -s") {
      return node.answers ? node.answers(request.command) : result;
    }
    const auto reaches = [&](const std::string& own, const std::string& peer) {
      if (node.mac.port_of(own).empty()) return false;
      return std::ranges::any_of(
          nodes_, [&](const auto& other) { return !other.second.mac.port_of(peer).empty(); });
    };
    result.out = FakeShell(node.mac, password, reaches).run(script);
    return result;
  }

  std::mutex mutex_;
  std::map<std::string, FakeNode> nodes_;
};

}  // namespace bringup::test
