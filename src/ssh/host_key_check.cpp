#include "handshake_steps.hpp"

#include <fmt/format.h>

#include "bringup/util/text.hpp"

namespace bringup::ssh {

tl::expected<void, HandshakeError> Handshake::check_host_key() {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session_.get(), &raw) != SSH_OK) return lost();
  const KeyPtr key(raw);
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &base64) != SSH_OK) {
    return refuse(ErrorCode::unauthorized, "the server's host key cannot be read");
  }
  const std::string text(base64);
  ssh_string_free_char(base64);
  return judge_host_key(ssh_key_type_to_char(ssh_key_type(key.get())), text);
}

tl::expected<void, HandshakeError> Handshake::judge_host_key(const std::string& type,
                                                             const std::string& key) {
  const std::string name = endpoint_.host_key_alias.empty()
                               ? known_hosts_name(endpoint_.host, endpoint_.port)
                               : known_hosts_name(endpoint_.host_key_alias, 22);
  const bool pinned = !endpoint_.host_key.empty();
  if (pinned && fingerprint(key) == endpoint_.host_key) return {};
  const HostKeyDecision decision =
      pinned ? HostKeyDecision{} : context_.known_hosts->decide(name, type, key);
  if (!pinned && decision.verdict == HostKeyVerdict::known) return {};

  const std::string shown = fmt::format("{} {}", type, fingerprint(key));
  const std::string trust = fmt::format("bringup trust {}", endpoint_.name);
  if (pinned) {
    return refuse(ErrorCode::unauthorized,
                  fmt::format("the host key has changed: the inventory has {}, the server at {} "
                              "shows {}",
                              printable(endpoint_.host_key, 80), endpoint_.peer, shown),
                  "if the node was installed anew, check the fingerprint there, then: " + trust,
                  HandshakeFailure::other_key);
  }
  switch (decision.verdict) {
    case HostKeyVerdict::known:
    case HostKeyVerdict::unknown:
      break;
    case HostKeyVerdict::revoked:
      return refuse(
          ErrorCode::unauthorized,
          fmt::format("the server at {} shows {}, which {}:{} marks as revoked", endpoint_.peer,
                      shown, decision.on_file[0].file, decision.on_file[0].line));
    case HostKeyVerdict::changed: {
      if (endpoint_.name == context_.replace_key_of) {
        return replace_host_key(decision.on_file, name, type, key);
      }
      // The line of the same type says most; there need not be one.
      const KnownKey* expected = &decision.on_file[0];
      for (const KnownKey& candidate : decision.on_file) {
        if (candidate.type == type) expected = &candidate;
      }
      return refuse(ErrorCode::unauthorized,
                    fmt::format("the host key has changed: {}:{} has {} {}, the server at {} shows "
                                "{}",
                                expected->file, expected->line, printable(expected->type, 40),
                                fingerprint(expected->key), endpoint_.peer, shown),
                    "someone may be listening in; if the node was installed anew, check the "
                    "fingerprint there, then: " +
                        trust);
    }
  }
  if (endpoint_.name == context_.replace_key_of) return replace_host_key({}, name, type, key);
  if (context_.host_keys == HostKeyMode::strict) {
    return refuse(ErrorCode::unauthorized,
                  fmt::format("no host key on file for {}; the server at {} shows {}", name,
                              endpoint_.peer, shown),
                  "check the fingerprint on the node, then: " + trust);
  }
  if (context_.host_keys == HostKeyMode::ask) {
    const Pause pause(*this);
    if (!context_.prompter->confirm(
            "host key " + name + " " + key,
            fmt::format("{} ({}) is not known. Its host key is {}. Trust it? ",
                        printable(endpoint_.name, 80), endpoint_.peer, shown))) {
      return refuse(ErrorCode::unauthorized,
                    fmt::format("the host key {} of {} was not accepted", shown, name),
                    "check the fingerprint on the node, then: " + trust);
    }
  }
  const auto added = context_.known_hosts->add(name, type, key);
  if (!added && added.error().code == ErrorCode::unauthorized) {
    return HandshakeRefusal(HandshakeError{added.error(), HandshakeFailure::final});
  }
  if (!added) {
    context_.warn(added.error().message);
  } else if (*added && context_.host_keys == HostKeyMode::accept_new) {
    context_.warn(fmt::format("host key of {} added: {}", name, shown));
  }
  return {};
}

tl::expected<void, HandshakeError> Handshake::replace_host_key(const std::vector<KnownKey>& old,
                                                               const std::string& name,
                                                               const std::string& type,
                                                               const std::string& key) {
  std::string question = fmt::format("{} ({})\n", printable(endpoint_.name, 80), endpoint_.peer);
  for (const KnownKey& known : old) {
    question += fmt::format("  on file:  {} {}  ({}:{})\n", printable(known.type, 40),
                            fingerprint(known.key), known.file, known.line);
  }
  question +=
      fmt::format("  it shows: {} {}\nTrust the key that it shows?", type, fingerprint(key));
  {
    const Pause pause(*this);
    if (!context_.prompter->confirm("trust " + name + " " + key, question)) {
      return refuse(ErrorCode::unauthorized,
                    fmt::format("the host key {} of {} was not accepted", fingerprint(key), name),
                    "compare it with what the node itself prints: ssh-keygen -lf "
                    "/etc/ssh/ssh_host_ed25519_key.pub");
    }
  }
  if (auto replaced = context_.known_hosts->replace(name, type, key); !replaced) {
    return refuse(replaced.error().code, replaced.error().message, replaced.error().hint);
  }
  return {};
}

}  // namespace bringup::ssh
