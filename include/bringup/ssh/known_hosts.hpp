#pragma once
// known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), parsed once for all sessions.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bringup/util/error.hpp"

namespace bringup::ssh {

struct KnownKey {
  std::string type;  // "ssh-ed25519"
  std::string key;   // base64 of the public key's blob
  std::string file;
  int line = 0;
};

enum class HostKeyVerdict {
  known,
  unknown,  // the host has no key in the files
  changed,  // the host has keys, and this is none of them
  revoked,
};

struct HostKeyDecision {
  HostKeyVerdict verdict = HostKeyVerdict::unknown;
  std::vector<KnownKey> on_file;  // changed: what was expected; revoked: the line that says so
};

using Warn = std::function<void(const std::string&)>;

// Thread-safe.
class KnownHosts {
 public:
  // Files that do not exist are empty. add() writes to the first one.
  KnownHosts(std::vector<std::string> files, const Warn& warn);

  // The text of one file; for the constructor and tests.
  void parse(std::string_view text, const std::string& file, const Warn& warn);

  // `name` as known_hosts has it: "host", or "[host]:port" for a port other than 22. A host on
  // another port that has no lines of its own falls back to the lines without a port.
  [[nodiscard]] HostKeyDecision decide(const std::string& name, const std::string& type,
                                       const std::string& key) const;

  // Key types on file for the host, in the files' order, without repetition.
  [[nodiscard]] std::vector<std::string> types_for(const std::string& name) const;

  // Appends one line in one write(2) and remembers it; false when another session did so already.
  // Errors: unauthorized (that session was shown another key), internal (cannot write).
  Expected<bool> add(const std::string& name, const std::string& type, const std::string& key);

  // On purpose: takes every line of this host out of the files, then adds the key. Where a line
  // names other hosts as well, only this name goes; a pattern that covers others is an error
  // (usage), since it would go on vouching for the old key.
  Expected<void> replace(const std::string& name, const std::string& type, const std::string& key);

 private:
  struct Entry {
    KnownKey key;
    bool revoked = false;
  };
  struct Pattern {
    std::vector<std::string> patterns;  // with "*", "?", "!": the list of one line
    std::size_t entry;
  };
  struct Hashed {
    std::string salt;
    std::string hash;
    std::size_t entry;
  };

  // Both with the mutex held.
  [[nodiscard]] std::vector<std::size_t> matching(const std::string& name) const;
  [[nodiscard]] HostKeyDecision judge_any(const std::string& name, const std::string& type,
                                          const std::string& key) const;

  std::vector<std::string> files_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::unordered_multimap<std::string, std::size_t> plain_;
  std::vector<Pattern> patterns_;
  std::vector<Hashed> hashed_;
  mutable std::unordered_map<std::string, std::vector<std::size_t>> found_;  // of hashed_, by name
};

// known_hosts' name of a host: without brackets for port 22.
std::string known_hosts_name(const std::string& host, std::uint16_t port);

// "*" and "?" as ssh_config(5) PATTERNS has them; case-insensitive.
bool match_pattern(std::string_view pattern, std::string_view text);

// A list of patterns: true when one matches and no "!" pattern does.
bool match_pattern_list(const std::vector<std::string>& patterns, std::string_view text);

// "SHA256:…" of a base64 public key blob; empty when it is not one.
std::string fingerprint(const std::string& key);

}  // namespace bringup::ssh
