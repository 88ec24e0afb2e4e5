#pragma once
// The real Transport: libssh over our own sockets.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bringup/ssh/transport.hpp"
#include "bringup/util/secret.hpp"

namespace bringup::ssh {

enum class HostKeyMode {
  strict,      // unknown and changed keys are refused
  accept_new,  // an unknown key is added to known_hosts, with a warning; a changed one is refused
  ask,         // an unknown key is shown to the user; a changed one is refused
};

enum class PasswordAuth {
  off,
  on
};  // on: password and keyboard-interactive are tried with `prompt`

// What only a person can answer. Called from worker threads, one call at a time; never again for an
// answer that was given. nullopt: no terminal, or the user declined.
struct Prompts {
  std::function<std::optional<Secret>(const std::string& question)> secret;
  std::function<bool(const std::string& question)> confirm;
};

struct ClientOptions {
  HostKeyMode host_keys = HostKeyMode::strict;
  std::string
      replace_key_of;  // endpoint whose unknown or changed key is shown and, confirmed, kept
  PasswordAuth password = PasswordAuth::off;
  std::vector<std::string> key_alone;  // endpoints that never get a password, whatever it says
  std::string config_file;             // empty: ~/.ssh/config and the system's; "none": neither
  std::vector<std::string>
      known_hosts_files;  // empty: ~/.ssh/known_hosts, known_hosts2, the system's
  std::chrono::milliseconds connect_timeout{15000};  // per hop: connect, handshake, authentication
  int handshakes_per_server = 8;       // unauthenticated connections at once to one sshd
  std::chrono::seconds keepalive{15};  // dead after three unanswered
  std::string agent_socket;            // empty: $SSH_AUTH_SOCK; "none": no agent
  Prompts prompts;
  // Both are called one line at a time, from worker threads.
  std::function<void(const std::string&)>
      warn;  // "@cert-authority line skipped", "key added for x"
  std::function<void(const std::string&)> debug;  // who read the SSH configuration of a host
};

// The agent's socket; empty: none.
std::string agent_path(const ClientOptions& options);

// Thread-safe; owns hop sessions, the host-key store, the agent multiplexer and the watchdog.
std::unique_ptr<Transport> make_client(ClientOptions options);

}  // namespace bringup::ssh
