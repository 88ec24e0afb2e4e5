#pragma once
// A folder with stand-ins for ifconfig, sudo, id and uname, in which an apply script really runs
// under a real shell. State and faults are files; see the stand-ins in fake_node.cpp.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/script.hpp"

namespace bringup::plan::testing {

class FakeNode {
 public:
  explicit FakeNode(std::string shell);  // "dash" or "bash"
  ~FakeNode();
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;

  [[nodiscard]] std::filesystem::path path(std::string_view name) const { return root_ / name; }
  void put(std::string_view name, std::string_view content) const;
  [[nodiscard]] std::string get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  // The file's words, e.g. the members of a bridge.
  [[nodiscard]] std::vector<std::string> names(std::string_view folder) const;

  // Runs `input` on the stdin of the remote command, as sshd would; returns stdout and stderr.
  std::string run(const std::string& input, const std::string& command = "sh -s") const;
  [[nodiscard]] int status() const { return status_; }
  std::vector<facts::Frame> frames(const std::string& input,
                                   const std::string& command = "sh -s") const;

 private:
  std::filesystem::path root_;
  mutable int status_ = 0;
};

inline constexpr std::string_view kNonce = "0123456789abcdef0123456789abcdef";

const facts::Frame* find(const std::vector<facts::Frame>& frames, std::string_view name);

}  // namespace bringup::plan::testing
