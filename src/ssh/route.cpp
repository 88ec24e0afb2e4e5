#include "bringup/ssh/route.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "bringup/ssh/socket.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

constexpr int kMaxJumps = 16;

std::string local_user() {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return found->pw_name;
  }
  const char* user = std::getenv("USER");
  return user != nullptr ? user : "root";
}

}  // namespace

Router::Router(const ClientOptions& options)
    : config_(options.config_file),
      known_hosts_files_(options.known_hosts_files),
      user_(local_user()),
      warn_(options.warn),
      debug_(options.debug) {
  for (std::string& file : known_hosts_files_) file = expand_home(file, config_.home());
}

KnownHosts* Router::store(const std::vector<std::string>& files) {
  const std::lock_guard lock(mutex_);
  auto& place = stores_[files];
  if (!place) place = std::make_unique<KnownHosts>(files, warn_);
  return place.get();
}

Expected<Router::Filled> Router::fill(const Endpoint& endpoint) {
  const std::string& alias = endpoint.name.empty() ? endpoint.host : endpoint.name;
  if (alias.empty()) return fail(ErrorCode::usage, "a host without a name and an address");
  auto config = config_.look_up(alias);
  if (!config) return tl::unexpected(config.error());

  if (config->source != ConfigSource::defaults) {
    debug_(fmt::format("SSH configuration of {} read by {}", alias,
                       config->source == ConfigSource::ssh_program ? "ssh -G" : "our own parser"));
  }
  Filled filled;
  ResolvedEndpoint& to = filled.step.endpoint;
  const std::string& home = config_.home();
  to.name = alias;
  to.host = !endpoint.host.empty()       ? endpoint.host
            : !config->host_name.empty() ? config->host_name
                                         : alias;
  to.port = endpoint.port.value_or(config->port.value_or(std::uint16_t{22}));
  to.user = !endpoint.user.empty() ? endpoint.user : !config->user.empty() ? config->user : user_;
  to.host_key = endpoint.host_key;
  to.host_key_alias = config->host_key_alias;
  if (!endpoint.address.empty()) {
    if (to.host_key_alias.empty()) to.host_key_alias = known_hosts_name(to.host, to.port);
    to.host = endpoint.address;
  }
  if (!endpoint.identity_files.empty()) {
    to.identity_files = endpoint.identity_files;
    to.identities_only = true;
    to.default_identities = false;
  } else if (!config->identity_files.empty()) {
    to.identity_files = config->identity_files;
    to.identities_only = config->identities_only;
    to.default_identities = false;
  } else {
    to.identity_files = {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
    to.identities_only = config->identities_only;
  }
  for (std::string& file : to.identity_files) file = expand_home(file, home);

  std::vector<std::string> files = known_hosts_files_;
  if (files.empty()) {
    files = config->known_hosts_files;
    if (files.empty()) files = {home + "/.ssh/known_hosts", home + "/.ssh/known_hosts2"};
    files.insert(files.end(), {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"});
  }
  filled.step.known_hosts = store(files);
  filled.config = *std::move(config);
  return filled;
}

// The hops that a ProxyJump value names, each with the ProxyJump of the first before it, as ssh has
// it.
Expected<void> Router::prepend_jumps(const std::string& jumps, int depth,
                                     std::vector<RouteStep>* out) {
  if (depth > kMaxJumps) {
    return fail(ErrorCode::usage, "ProxyJump goes in a circle, or over more than 16 hosts");
  }
  std::vector<RouteStep> steps;
  std::string before;
  for (const std::string_view name : split(jumps, ',')) {
    const auto jump = parse_jump(trim(name));
    if (!jump) {
      return fail(ErrorCode::usage, fmt::format("\"{}\" in ProxyJump is not [user@]host[:port]",
                                                printable(name, 80)));
    }
    Endpoint hop;
    hop.name = jump->host;
    hop.user = jump->user;
    hop.port = jump->port;
    auto filled = fill(hop);
    if (!filled) return tl::unexpected(filled.error());
    if (steps.empty()) before = filled->config.proxy_jump;
    steps.push_back(std::move(filled->step));
  }
  if (!before.empty()) {
    if (auto added = prepend_jumps(before, depth + 1, out); !added) return added;
  }
  for (RouteStep& step : steps) out->push_back(std::move(step));
  return {};
}

Expected<std::vector<RouteStep>> Router::route(const Target& target) {
  auto last = fill(target.endpoint);
  if (!last) return tl::unexpected(last.error());
  std::vector<RouteStep> steps;
  const HostConfig* first = &last->config;
  std::vector<Filled> hops;
  for (const Endpoint& hop : target.hops) {
    auto filled = fill(hop);
    if (!filled) return tl::unexpected(filled.error());
    hops.push_back(*std::move(filled));
  }
  if (!hops.empty()) first = &hops.front().config;
  if (!first->proxy_jump.empty()) {
    if (auto added = prepend_jumps(first->proxy_jump, 1, &steps); !added) {
      return tl::unexpected(added.error());
    }
  } else if (!first->proxy_command.empty()) {
    return fail(
        ErrorCode::usage,
        fmt::format("{}: the SSH configuration has a ProxyCommand, which is not run here",
                    hops.empty() ? last->step.endpoint.name : hops.front().step.endpoint.name),
        "use ProxyJump there, or name the proxy in the inventory");
  }
  for (Filled& hop : hops) steps.push_back(std::move(hop.step));
  steps.push_back(std::move(last->step));

  std::string key;
  for (RouteStep& step : steps) {
    const ResolvedEndpoint& to = step.endpoint;
    key += fmt::format("{}@{} {} {} {}\n", to.user, host_port(to.host, to.port), to.host_key,
                       to.host_key_alias, join(to.identity_files, " "));
    step.key = key;
  }
  return steps;
}

}  // namespace bringup::ssh
