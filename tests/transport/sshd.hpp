#pragma once
#include <sys/types.h>

#include <string>

#include "transport/support.hpp"

namespace bringup::ssh::testing {

// A real sshd on loopback, run as the current user, with host keys of its own and its log kept.
class Sshd {
 public:
  struct Options {
    std::string extra;  // sshd_config lines
    std::vector<std::string> host_key_types = {"ed25519"};
  };
  // `authorized` are public key files.
  explicit Sshd(const std::vector<std::string>& authorized) : Sshd(authorized, Options()) {}
  Sshd(const std::vector<std::string>& authorized, const Options& options);
  ~Sshd();
  Sshd(const Sshd&) = delete;
  Sshd& operator=(const Sshd&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string log() const { return read_file(dir_ / "log"); }
  [[nodiscard]] int accepted() const;  // logins so far
  // The known_hosts line of its key of that type.
  [[nodiscard]] std::string known_hosts_line(const std::string& type = "ed25519") const;
  [[nodiscard]] std::string host_key_file(const std::string& type = "ed25519") const {
    return dir_ / ("host_" + type);
  }

 private:
  TempDir dir_;
  std::uint16_t port_;
  pid_t pid_ = -1;
};

}  // namespace bringup::ssh::testing
