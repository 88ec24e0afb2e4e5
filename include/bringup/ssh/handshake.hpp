#pragma once
// From a connected socket to an authenticated session: versions, key exchange, host key, login.
#include <libssh/libssh.h>

#include <memory>
#include <string>
#include <vector>

#include "bringup/ssh/agent_mux.hpp"
#include "bringup/ssh/client.hpp"
#include "bringup/ssh/identities.hpp"
#include "bringup/ssh/known_hosts.hpp"
#include "bringup/ssh/prompter.hpp"
#include "bringup/ssh/watchdog.hpp"

namespace bringup::ssh {

struct SessionDeleter {
  // Without ssh_disconnect(): ssh_free() then closes the descriptor it was given, exactly once.
  // After ssh_disconnect() libssh 0.10 leaves it open, and after a socket error it has closed it
  // already.
  void operator()(ssh_session session) const { ssh_free(session); }
};
using SessionPtr = std::unique_ptr<std::remove_pointer_t<ssh_session>, SessionDeleter>;

// An endpoint with everything filled in.
struct ResolvedEndpoint {
  std::string name;
  std::string host;
  std::uint16_t port = 22;
  std::string user;
  std::vector<std::string> identity_files;
  bool identities_only = false;    // offer nothing but identity_files
  bool default_identities = true;  // identity_files are the usual ones, which need not exist
  std::string host_key;            // pinned fingerprint
  std::string host_key_alias;
  std::string peer;  // the address it was reached at
};

// What all handshakes of a client share.
struct HandshakeContext {
  HostKeyMode host_keys = HostKeyMode::strict;
  std::string replace_key_of;
  PasswordAuth password = PasswordAuth::off;
  Prompter* prompter = nullptr;
  IdentityStore* identities = nullptr;
  AgentMux* agent = nullptr;
  KnownHosts* known_hosts = nullptr;  // of this endpoint
  Warn warn;
};

enum class HandshakeFailure {
  final,          // not to be tried again
  before_banner,  // closed by the server before it said who it is: MaxStartups, a restart
  other_key,      // the key does not match the pinned fingerprint; another type may
};

struct HandshakeError {
  Error error;
  HandshakeFailure kind = HandshakeFailure::final;
};

// `fd` stays the caller's; libssh gets a duplicate. `watch` bounds every step and is suspended
// while a person is asked. `key_types`: host key algorithms to offer; empty: chosen by what is on
// file.
tl::expected<SessionPtr, HandshakeError> shake_hands(int fd, const ResolvedEndpoint& endpoint,
                                                     const HandshakeContext& context,
                                                     Watchdog::Watch& watch, Deadline deadline,
                                                     const std::string& key_types);

// Host key algorithms, those of the types on file first; all of them when none is.
std::string host_key_algorithms(const std::vector<std::string>& types_on_file);

}  // namespace bringup::ssh
