// The fleet of the flags: the same Declared as from a file, with flags for positions.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "bringup/model/inventory.hpp"
#include "bringup/util/text.hpp"
#include "declared.hpp"
#include "names.hpp"

namespace bringup::model {
namespace {

constexpr Spot node_spot{0, 0, 1, "--node"};
constexpr Spot proxy_spot{0, 0, 1, "--proxy"};
constexpr Spot netmask_spot{0, 0, 1, "--netmask"};

// "admin@studio1" → user and host; the host is the name.
struct Account {
  std::string user;
  std::string host;
};

Account account_of(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) {
    return {"", std::string(text)};
  }
  return {std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

class Flags {
 public:
  Flags(const AdhocFlags& flags, Collector& problems) : flags_(flags), problems_(problems) {
    declared_.source = "command line";
  }

  Declared read() {
    if (flags_.netmask < 1 || flags_.netmask > 30) {
      problems_.add(netmask_spot,
                    fmt::format("Invalid --netmask: {} (expected 1 to 30)", flags_.netmask),
                    "a prefix length that leaves two hosts; 30 for a cable");
    } else {
      for (const std::string& flag : flags_.nodes) {
        read_node(flag);
      }
    }
    // What a malformed --node would have named cannot be missed as a partner or a target.
    const bool nodes_are_whole = problems_.empty();
    const auto pairs = read_proxies();
    if (nodes_are_whole) {
      for (const auto& [proxy, target] : pairs) {
        route(proxy.host, target.host);
      }
      pair_ends();
    }
    return std::move(declared_);
  }

 private:
  struct End {
    DeclaredEnd end;
    std::string flag;
  };

  void refuse(const Spot& spot, Refusal refusal) {
    problems_.add(spot, std::move(refusal.message), std::move(refusal.cure));
  }

  void read_node(const std::string& flag) {
    const std::vector<std::string_view> parts = split(flag, ':');
    if (parts.size() != 3 || parts[0].empty() || parts[1].empty() || parts[2].empty()) {
      problems_.add(node_spot,
                    fmt::format("Invalid --node format: {} (expected ssh_host:interface:rdma_ip)",
                                quoted(flag)),
                    "like --node hwstudio1:en5:10.254.0.5");
      return;
    }
    if (!host(parts[0])) {
      return;
    }
    if (auto refusal = check_interface(parts[1])) {
      refuse(node_spot, std::move(*refusal));
      return;
    }
    const auto address = Ipv4::parse(parts[2]);
    if (!address) {
      problems_.add(node_spot, address.error().message, address.error().hint);
      return;
    }
    DeclaredEnd end;
    end.spot = node_spot;
    end.node = account_of(parts[0]).host;
    end.interface = std::string(parts[1]);
    end.address = Located<Ipv4>{*address, node_spot};
    const Subnet subnet = Subnet::containing(*address, flags_.netmask);
    const auto [group, fresh] = index_of_subnet_.emplace(subnet, groups_.size());
    if (fresh) {
      groups_.emplace_back(subnet, std::vector<End>{});
    }
    groups_[group->second].second.push_back({std::move(end), flag});
  }

  // The node of a --node flag, made or found.
  bool host(std::string_view text) {
    const Account account = account_of(text);
    const auto found = nodes_.find(account.host);
    if (found != nodes_.end()) {
      std::string& user = declared_.nodes[found->second].reach.ssh.user;
      if (!account.user.empty() && !user.empty() && user != account.user) {
        problems_.add(node_spot,
                      fmt::format("{} is given with two users, {} and {}", quoted(account.host),
                                  quoted(user), quoted(account.user)),
                      "one account for each host");
        return false;
      }
      user = user.empty() ? account.user : user;
      return true;
    }
    if (!check_account(node_spot, text, account, "node")) {
      return false;
    }
    DeclaredNode node;
    node.name = {account.host, node_spot};
    node.reach.ssh.user = account.user;
    nodes_.emplace(account.host, declared_.nodes.size());
    declared_.nodes.push_back(std::move(node));
    return true;
  }

  bool check_account(const Spot& spot, std::string_view text, const Account& account,
                     std::string_view what) {
    if (text.find('@') != std::string_view::npos) {
      if (auto refusal = check_user(account.user)) {
        refuse(spot, std::move(*refusal));
        return false;
      }
    }
    if (auto refusal = check_name(what, account.host)) {
      refuse(spot, std::move(*refusal));
      return false;
    }
    return true;
  }

  std::vector<std::pair<Account, Account>> read_proxies() {
    std::vector<std::pair<Account, Account>> pairs;
    for (const std::string& flag : flags_.proxies) {
      const std::vector<std::string_view> parts = split(flag, ':');
      if (parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
        problems_.add(proxy_spot,
                      fmt::format("Invalid --proxy format: {} (expected proxy_host:target_host)",
                                  quoted(flag)),
                      "a colon between the two: --proxy hwstudio1:hwstudio2");
        continue;
      }
      const Account proxy = account_of(parts[0]);
      if (nodes_.count(proxy.host) == 0 && proxies_.count(proxy.host) == 0) {
        if (!check_account(proxy_spot, parts[0], proxy, "proxy")) {
          continue;
        }
        DeclaredProxy declared;
        declared.name = {proxy.host, proxy_spot};
        proxies_.emplace(proxy.host, declared_.proxies.size());
        declared_.proxies.push_back(std::move(declared));
      }
      if (!proxy.user.empty()) {
        reach_of(proxy.host)->ssh.user = proxy.user;
      }
      pairs.emplace_back(proxy, account_of(parts[1]));
    }
    return pairs;
  }

  // The node or proxy of that name.
  DeclaredReach* reach_of(const std::string& name) {
    if (const auto node = nodes_.find(name); node != nodes_.end()) {
      return &declared_.nodes[node->second].reach;
    }
    if (const auto proxy = proxies_.find(name); proxy != proxies_.end()) {
      return &declared_.proxies[proxy->second].reach;
    }
    return nullptr;
  }

  void route(const std::string& proxy, const std::string& target) {
    DeclaredReach* reach = reach_of(target);
    if (reach == nullptr) {
      std::vector<std::string> names;
      for (const DeclaredNode& node : declared_.nodes) {
        names.push_back(node.name.value);
      }
      problems_.add(proxy_spot,
                    fmt::format("--proxy {} leads to {}, which no --node names",
                                quoted(proxy + ":" + target), quoted(target)),
                    names.empty() ? "give it with --node" : problems_.suggest(target, names));
      return;
    }
    if (reach->via && reach->via->hops.front().value != proxy) {
      problems_.add(proxy_spot,
                    fmt::format("{} has two proxies, {} and {}", quoted(target),
                                quoted(reach->via->hops.front().value), quoted(proxy)),
                    "one --proxy for each target; chains come from a proxy's own --proxy");
      return;
    }
    reach->via = DeclaredVia{ViaForm::follow, {{proxy, proxy_spot}}};
  }

  void pair_ends() {
    for (auto& [subnet, ends] : groups_) {
      if (ends.size() == 1) {
        problems_.add(
            node_spot,
            fmt::format("--node {} has no partner in {}", quoted(ends[0].flag), subnet.to_string()),
            partner_cure(subnet));
        continue;
      }
      if (ends.size() > 2) {
        std::vector<std::string> names;
        for (const End& end : ends) {
          names.push_back(quoted(end.flag));
        }
        problems_.add(node_spot,
                      fmt::format("{} ends in {}: {}", ends.size(), subnet.to_string(),
                                  printable(join(names, ", "), 300)),
                      "a cable has two ends: give each link a subnet of its own");
        continue;
      }
      DeclaredLink link;
      link.spot = node_spot;
      link.subnet = Located<Subnet>{subnet, node_spot};
      link.ends[0] = std::move(ends[0].end);
      link.ends[1] = std::move(ends[1].end);
      declared_.links.push_back(std::move(link));
    }
  }

  [[nodiscard]] std::string partner_cure(const Subnet& subnet) const {
    return fmt::format("give the other end of the cable with an address from {} to {}{}",
                       Ipv4(subnet.network().value() + 1).to_string(),
                       Ipv4(subnet.broadcast().value() - 1).to_string(),
                       groups_.size() > 1 ? ", or correct this one" : "");
  }

  const AdhocFlags& flags_;
  Collector& problems_;
  Declared declared_;
  std::unordered_map<std::string, std::size_t> nodes_;
  std::unordered_map<std::string, std::size_t> proxies_;
  std::map<Subnet, std::size_t> index_of_subnet_;
  std::vector<std::pair<Subnet, std::vector<End>>> groups_;  // in order of appearance
};

}  // namespace

Checked<Fleet> load_adhoc(const AdhocFlags& flags) {
  Collector problems({}, "--node");
  if (flags.nodes.empty()) {
    problems.add(node_spot, "no --node given", "one for each end: --node hwstudio1:en5:10.254.0.5");
    return tl::unexpected(problems.take());
  }
  const Declared declared = Flags(flags, problems).read();
  if (!problems.empty()) {
    return tl::unexpected(problems.take());  // what does not parse cannot be resolved either
  }
  Fleet fleet = resolve(declared, problems);
  if (!problems.empty()) {
    return tl::unexpected(problems.take());
  }
  return fleet;
}

}  // namespace bringup::model
