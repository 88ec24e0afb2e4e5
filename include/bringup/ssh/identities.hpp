#pragma once
// Private keys from files: each parsed once and shared by all sessions.
#include <libssh/libssh.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "bringup/ssh/prompter.hpp"

namespace bringup::ssh {

struct KeyDeleter {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using KeyPtr = std::unique_ptr<std::remove_pointer_t<ssh_key>, KeyDeleter>;

class IdentityStore {
 public:
  explicit IdentityStore(Prompter* prompter) : prompter_(prompter) {}

  struct Identity {
    std::string path;
    bool exists = false;
    bool encrypted = false;
    std::string
        blob;  // public key in wire form; empty when it cannot be known without a passphrase
    std::string problem;  // why there is no key, once that is known
    KeyPtr key;           // set by unlock()
  };

  // Reads the file without asking anything. The result lives as long as the store; `exists`,
  // `encrypted` and `blob` do not change.
  const Identity& find(const std::string& path);

  // The private key, decrypted with the user's passphrase if need be; null with `problem` set when
  // there is none. One passphrase question per file, three when the answers are wrong.
  ssh_key unlock(const std::string& path, std::string* problem);

  // Whether unlock() would have to ask.
  bool locked(const std::string& path);

 private:
  struct Slot {
    std::mutex mutex;
    bool read = false;
    bool tried = false;
    Identity identity;
  };
  Slot& slot(const std::string& path);
  void read(Slot& slot, const std::string& path);

  Prompter* prompter_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Slot>> slots_;
};

// The public key that a private key file in OpenSSH's format carries in clear ("openssh-key-v1",
// PROTOCOL.key), and whether the rest is encrypted. False: not that format.
bool peek_openssh_key(std::string_view text, std::string* blob, bool* encrypted);

}  // namespace bringup::ssh
