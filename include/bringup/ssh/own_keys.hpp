#pragma once
// The operator's public keys, for who puts them into authorized_keys.
#include <string>
#include <vector>

#include "bringup/ssh/client.hpp"

namespace bringup::ssh {

struct OwnKey {
  std::string type;  // "ssh-ed25519"
  std::string base64;
  std::string comment;      // printable, without line breaks; may be empty
  std::string fingerprint;  // "SHA256:…"
  std::string from;         // the file, or "agent"
};

// Those of the identity files that the endpoint or the SSH configuration names (FILE.pub, else what
// the private key tells without a passphrase); where none is named, those that the agent offers;
// without an agent, those of the usual files. Certificates are left out. None: an empty list.
// Errors: usage, parse (configuration).
Expected<std::vector<OwnKey>> own_keys(const ClientOptions& options, const Endpoint& endpoint);

// One line of a .pub file; nothing when it is not a plain public key.
std::optional<OwnKey> parse_public_key(std::string_view line);

}  // namespace bringup::ssh
