#pragma once
// Giving a login its key and its right to sudo back, after a re-initialisation took both: one
// script that looks, one that changes what is missing.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/plan/sudoers.hpp"
#include "bringup/util/error.hpp"

namespace bringup::plan {

// A public key of the operator's as it stands in authorized_keys: "TYPE BASE64", and a comment.
struct LoginKey {
  std::string type;
  std::string base64;
  std::string comment;
  std::string fingerprint;  // "SHA256:…"
  std::string from;         // the file, or "agent"; for people
};

// What a node said of itself.
struct BootstrapLook {
  facts::Os os = facts::Os::other;
  std::string user;
  bool is_root = false;
  std::string home_problem;   // why ~/.ssh/authorized_keys is not to be touched; empty: it is
  std::vector<bool> has_key;  // in the order of the keys
  platform::SudoState sudo = platform::SudoState::unknown;  // of `sudo -n true`
  enum class Dropin { unknown, absent, present } dropin = Dropin::unknown;
  std::string dropin_text;  // when present
};

enum class BootstrapPart {
  key,      // in authorized_keys
  sudoers,  // the file
  login,    // a new connection with the key alone
  sudo,     // `sudo -n true` over it
};
std::string_view to_string(BootstrapPart part);

enum class BootstrapStatus { ok, change, done, failed, not_done };
// "ok": it was right before; "change": it would be made; "changed", "failed", "not-done".
std::string_view to_string(BootstrapStatus status);

// One line of what is, is to be, or was done.
struct BootstrapItem {
  BootstrapPart part = BootstrapPart::key;
  BootstrapStatus status = BootstrapStatus::ok;
  std::string text;
  std::string cure;  // of failed and not-done
};

struct BootstrapPlan {
  std::vector<BootstrapItem> items;
  std::vector<std::size_t> keys;       // to be added
  std::optional<std::string> sudoers;  // the file's content, to be written
  [[nodiscard]] std::size_t changes() const { return keys.size() + (sudoers ? 1 : 0); }
};

// POSIX sh for `sh -s`. Reads only; asks sudo without a password, ignoring what it remembers.
std::string bootstrap_look_script(const std::vector<LoginKey>& keys, const std::string& nonce);
// Fails (remote) when frames are missing.
Expected<BootstrapLook> read_bootstrap_look(const std::vector<facts::Frame>& frames,
                                            std::size_t keys);

// What is missing. `keys` as for the look. A node with become = "none" gets no file for sudo.
BootstrapPlan plan_bootstrap(const model::Fleet& fleet, std::size_t node,
                             const std::vector<LoginKey>& keys, const BootstrapLook& look,
                             SudoScope scope);

// For become_wrapper(): sudo's password on the first line of its stdin. authorized_keys is written
// beside the old one and renamed; the file for sudo is made as root, asked of visudo, and renamed.
std::string bootstrap_change_script(const BootstrapPlan& plan, const std::vector<LoginKey>& keys,
                                    const std::string& nonce);
// The plan's items with what came of them. `lost`: why the script did not come to its end.
std::vector<BootstrapItem> judge_bootstrap(const BootstrapPlan& plan,
                                           const std::vector<facts::Frame>& frames,
                                           const std::optional<Error>& lost);

// Over a session that was opened with the key alone: does sudo do without a password?
std::string bootstrap_check_script(const std::string& nonce);
BootstrapItem judge_sudo_check(const std::vector<facts::Frame>& frames);

}  // namespace bringup::plan
