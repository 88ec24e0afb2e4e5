#pragma once
// What the tests of this folder stand on: a folder that goes, keys, and short ways to connect.
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bringup/ssh/client.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::ssh::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& text);
std::string read_file(const std::string& path);

// Runs a program to its end and throws unless it exits with 0; returns its output.
std::string must_run(const std::vector<std::string>& argv);

// ssh-keygen; `path`.pub holds the public key.
void make_key(const std::string& path, const std::string& type = "ed25519",
              const std::string& passphrase = "");

// "SHA256:…" of a public key file, as ssh-keygen says it.
std::string fingerprint_of(const std::string& pub_file);

std::uint16_t free_port();
std::string current_user();

// Waits up to `limit` for `condition`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(5));

// Whether a process exists and is no zombie.
bool process_lives(long pid);

// Collects what a client warns of.
class Warnings {
 public:
  std::function<void(const std::string&)> sink();
  [[nodiscard]] std::string text() const;

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

inline Deadline soon(std::chrono::milliseconds span = std::chrono::seconds(20)) {
  return Deadline::after(span);
}

ExecRequest command(std::string line);

}  // namespace bringup::ssh::testing
