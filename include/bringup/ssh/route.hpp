#pragma once
// From a Target to the chain of machines that lead to it, each with everything filled in.
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bringup/ssh/config.hpp"
#include "bringup/ssh/handshake.hpp"
#include "bringup/ssh/transport.hpp"

namespace bringup::ssh {

struct RouteStep {
  ResolvedEndpoint endpoint;
  KnownHosts* known_hosts = nullptr;
  std::string key;  // of the way up to here: the same for two targets behind the same hop
};

// Thread-safe.
class Router {
 public:
  explicit Router(const ClientOptions& options);

  // From the controller outwards; the target is the last. Errors: usage, parse (configuration).
  Expected<std::vector<RouteStep>> route(const Target& target);

 private:
  struct Filled {
    RouteStep step;
    HostConfig config;
  };
  Expected<Filled> fill(const Endpoint& endpoint);
  Expected<void> prepend_jumps(const std::string& jumps, int depth, std::vector<RouteStep>* out);
  KnownHosts* store(const std::vector<std::string>& files);

  ConfigResolver config_;
  std::vector<std::string> known_hosts_files_;
  std::string user_;
  Warn warn_;
  Warn debug_;
  std::mutex mutex_;
  std::map<std::vector<std::string>, std::unique_ptr<KnownHosts>> stores_;
};

}  // namespace bringup::ssh
