#pragma once
// A real sshd, a key that it knows, and a client that knows it.
#include <gtest/gtest.h>

#include <stdexcept>

#include "transport/sshd.hpp"

namespace bringup::ssh::testing {

class RealSshd : public ::testing::Test {
 protected:
  RealSshd() {
    make_key(dir_ / "id");
    options_.config_file = "none";
    options_.agent_socket = "none";
    options_.known_hosts_files = {dir_ / "known_hosts"};
    options_.warn = warnings_.sink();
  }
  Sshd& server() {
    if (!server_) {
      server_ = std::make_unique<Sshd>(std::vector<std::string>{dir_ / "id.pub"});
      write_file(dir_ / "known_hosts", server_->known_hosts_line());
    }
    return *server_;
  }
  Target target() {
    Target to;
    to.endpoint.name = "alpha";
    to.endpoint.host = "127.0.0.1";
    to.endpoint.port = server().port();
    to.endpoint.user = current_user();
    to.endpoint.identity_files = {dir_ / "id"};
    return to;
  }
  Transport& client() {
    if (!client_) client_ = make_client(options_);
    return *client_;
  }
  std::unique_ptr<Session> connect() {
    auto session = client().connect(target(), soon(), {});
    if (!session) throw std::runtime_error(session.error().message);
    return *std::move(session);
  }
  Error connect_error(const Target& to) {
    const auto session = client().connect(to, soon(), {});
    return session ? Error{ErrorCode::internal, "connected", {}} : session.error();
  }

  TempDir dir_;
  Warnings warnings_;
  ClientOptions options_;
  std::unique_ptr<Sshd> server_;
  std::unique_ptr<Transport> client_;
};

}  // namespace bringup::ssh::testing
