#include "bringup/ssh/own_keys.hpp"

#include <algorithm>
#include <fstream>

#include "bringup/ssh/agent_mux.hpp"
#include "bringup/ssh/identities.hpp"
#include "bringup/ssh/known_hosts.hpp"
#include "bringup/ssh/route.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

constexpr std::size_t kMaxLine = 32 * 1024;
constexpr std::size_t kMaxOffers = 5;  // as at the login: sshd's MaxAuthTries is 6

// The first string of the key's wire form (RFC 4253, 6.6).
std::string type_of(std::string_view blob) {
  if (blob.size() < 4) return {};
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = (size << 8U) | static_cast<unsigned char>(blob[i]);
  if (size == 0 || size > 64 || size > blob.size() - 4) return {};
  return std::string(blob.substr(4, size));
}

bool is_type(std::string_view type) {
  return !type.empty() && type.find("-cert-") == std::string_view::npos &&
         std::ranges::all_of(type, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '@';
         });
}

std::optional<OwnKey> key_of(const std::string& blob, std::string_view comment) {
  OwnKey key;
  key.type = type_of(blob);
  if (!is_type(key.type)) return std::nullopt;
  key.base64 = base64_encode(blob);
  key.comment = printable(trim(comment), 200);
  key.fingerprint = fingerprint(key.base64);
  return key;
}

std::optional<OwnKey> first_line(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!file || !std::getline(file, line) || line.size() > kMaxLine) return std::nullopt;
  return parse_public_key(line);
}

// IdentityFile may name the public key alone, of a private one that an agent holds.
std::optional<OwnKey> key_of_file(const std::string& path, IdentityStore& identities) {
  if (auto key = first_line(path + ".pub")) return key;
  if (auto key = first_line(path)) return key;
  return key_of(identities.find(path).blob, "");
}

void add(std::vector<OwnKey>& keys, std::optional<OwnKey> key, const std::string& from) {
  if (!key) return;
  const bool known =
      std::ranges::any_of(keys, [&](const OwnKey& one) { return one.base64 == key->base64; });
  if (known) return;
  key->from = from;
  keys.push_back(*std::move(key));
}

}  // namespace

std::optional<OwnKey> parse_public_key(std::string_view line) {
  const auto words = split_blank(trim(line));
  if (words.size() < 2) return std::nullopt;
  const std::string blob = base64_decode(words[1]);
  if (blob.empty() || type_of(blob) != words[0]) return std::nullopt;
  std::vector<std::string> comment;
  for (std::size_t i = 2; i < words.size(); ++i) comment.emplace_back(words[i]);
  return key_of(blob, join(comment, " "));
}

Expected<std::vector<OwnKey>> own_keys(const ClientOptions& options, const Endpoint& endpoint) {
  ClientOptions quiet = options;
  if (!quiet.warn) quiet.warn = [](const std::string&) {};
  if (!quiet.debug) quiet.debug = [](const std::string&) {};
  Router router(quiet);
  Target target;
  target.endpoint = endpoint;
  auto steps = router.route(target);
  if (!steps) return tl::unexpected(steps.error());
  const ResolvedEndpoint& to = steps->back().endpoint;

  Prompter nobody(Prompts{});
  IdentityStore identities(&nobody);
  std::vector<OwnKey> keys;
  if (!to.default_identities) {
    for (const std::string& file : to.identity_files)
      add(keys, key_of_file(file, identities), file);
    if (!keys.empty()) return keys;
  }
  if (!to.identities_only) {
    AgentMux agent(agent_path(options));
    for (const AgentKey& held : agent.keys()) {
      if (keys.size() < kMaxOffers) add(keys, key_of(held.blob, held.comment), "agent");
    }
    if (!keys.empty()) return keys;
  }
  if (!to.default_identities) return keys;
  for (const std::string& file : to.identity_files) {
    if (identities.find(file).exists) add(keys, key_of_file(file, identities), file);
  }
  return keys;
}

}  // namespace bringup::ssh
