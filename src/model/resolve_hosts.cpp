// Nodes, proxies, the ways to them, ranks and groups.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "bringup/util/text.hpp"
#include "declared.hpp"
#include "names.hpp"

namespace bringup::model {
namespace {

constexpr std::size_t most_hops = 16;

// A node or a proxy, as far as the ways to it are concerned.
struct Host {
  std::string name;
  Spot spot;
  const DeclaredReach* reach = nullptr;
};

class Ways {
 public:
  Ways(const Declared& declared, Collector& problems) : problems_(problems) {
    for (const DeclaredProxy& proxy : declared.proxies) {
      add("proxy", proxy.name, proxy.reach);
    }
    for (const DeclaredNode& node : declared.nodes) {
      add("node", node.name, node.reach);
    }
    edges_.resize(hosts_.size());
    for (std::size_t index = 0; index < hosts_.size(); ++index) {
      link_up(index);
    }
    find_cycles();
  }

  // The whole chain to a host, outermost hop first; empty when it is reached directly or wrongly.
  [[nodiscard]] std::vector<std::string> chain_to(std::string_view name) {
    std::vector<std::string> inner_first;
    std::size_t current = index_.at(std::string(name));
    const Spot& spot = via_spot(current);
    while (sound_[current] && inner_first.size() <= most_hops) {
      const std::vector<std::size_t>& hops = edges_[current];
      for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
        inner_first.push_back(hosts_[*hop].name);
      }
      if (hops.empty() || hosts_[current].reach->via->form == ViaForm::exact) {
        break;
      }
      current = hops.front();
    }
    if (inner_first.size() > most_hops) {
      problems_.add(spot,
                    fmt::format("the way to {} has more than {} hops", quoted(name), most_hops),
                    "a shorter chain of proxies");
      return {};
    }
    std::reverse(inner_first.begin(), inner_first.end());
    return inner_first;
  }

 private:
  void add(std::string_view what, const Located<std::string>& name, const DeclaredReach& reach) {
    const auto [at, fresh] = index_.emplace(name.value, hosts_.size());
    if (!fresh) {
      problems_.add(name.spot,
                    fmt::format("{} {} has the name of a proxy ({})", what, quoted(name.value),
                                Collector::place(hosts_[at->second].spot)),
                    "via could mean either: rename one; a node can itself be named in via");
      return;
    }
    names_.push_back(name.value);
    hosts_.push_back(Host{name.value, name.spot, &reach});
  }

  void link_up(std::size_t index) {
    sound_.push_back(true);
    const Host& host = hosts_[index];
    if (!host.reach->via) {
      return;
    }
    for (const Located<std::string>& hop : host.reach->via->hops) {
      const auto found = index_.find(hop.value);
      if (found == index_.end()) {
        problems_.add(hop.spot,
                      fmt::format("unknown proxy or node {} in via of {}", quoted(hop.value),
                                  quoted(host.name)),
                      problems_.suggest(hop.value, names_));
        sound_[index] = false;
      } else if (found->second == index) {
        problems_.add(hop.spot, fmt::format("{} is its own proxy", quoted(host.name)),
                      "leave it out; via = [] where [defaults] has a via that must not apply");
        sound_[index] = false;
      } else if (std::count(edges_[index].begin(), edges_[index].end(), found->second) > 0) {
        problems_.add(
            hop.spot,
            fmt::format("{} is named twice in via of {}", quoted(hop.value), quoted(host.name)),
            "name each hop once, the outermost first");
        sound_[index] = false;
      } else {
        edges_[index].push_back(found->second);
      }
    }
  }

  // Depth first without recursion: the chain may be as long as the file.
  void find_cycles() {
    enum class Seen { no, open, done };
    std::vector<Seen> seen(hosts_.size(), Seen::no);
    std::vector<std::pair<std::size_t, std::size_t>> path;  // host, next edge to look at
    for (std::size_t start = 0; start < hosts_.size(); ++start) {
      if (seen[start] != Seen::no) {
        continue;
      }
      seen[start] = Seen::open;
      path.emplace_back(start, 0);
      while (!path.empty()) {
        auto& [host, edge] = path.back();
        if (edge == edges_[host].size()) {
          seen[host] = Seen::done;
          path.pop_back();
          continue;
        }
        const std::size_t next = edges_[host][edge++];
        if (seen[next] == Seen::open) {
          refuse_cycle(path, next);
        } else if (seen[next] == Seen::no) {
          seen[next] = Seen::open;
          path.emplace_back(next, 0);
        }
      }
    }
  }

  void refuse_cycle(const std::vector<std::pair<std::size_t, std::size_t>>& path,
                    std::size_t closing) {
    std::vector<std::string> names;
    auto from = std::find_if(path.begin(), path.end(),
                             [&](const auto& step) { return step.first == closing; });
    const std::size_t first = from->first;
    for (; from != path.end(); ++from) {
      names.push_back(hosts_[from->first].name);
      sound_[from->first] = false;
    }
    names.push_back(hosts_[first].name);
    problems_.add(via_spot(path.back().first),
                  fmt::format("proxy cycle: {}", printable(join(names, " → "))),
                  "each is reached through the next; let one of them be reached directly");
  }

  [[nodiscard]] const Spot& via_spot(std::size_t index) const {
    const Host& host = hosts_[index];
    return host.reach->via && !host.reach->via->hops.empty() ? host.reach->via->hops.front().spot
                                                             : host.spot;
  }

  Collector& problems_;
  std::vector<Host> hosts_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::vector<std::size_t>> edges_;
  std::vector<bool> sound_;
};

SshSettings ssh_of(const DeclaredReach& reach, const std::string& name) {
  SshSettings ssh = reach.ssh;
  if (ssh.host.empty()) {
    ssh.host = name;
  }
  return ssh;
}

// Two nodes that are one machine would undo each other's addresses. The same address behind
// different proxies is another machine.
void refuse_same_hosts(const Declared& declared, const Fleet& fleet, Collector& problems) {
  std::map<std::tuple<std::string, std::optional<std::uint16_t>, std::vector<std::string>>,
           std::size_t>
      seen;
  for (std::size_t index = 0; index < fleet.nodes.size(); ++index) {
    const Node& node = fleet.nodes[index];
    const auto [same, fresh] =
        seen.emplace(std::tuple(node.ssh.host, node.ssh.port, node.via), index);
    if (!fresh) {
      const DeclaredNode& other = declared.nodes[same->second];
      problems.add(declared.nodes[index].name.spot,
                   fmt::format("{} and {} ({}) are the same host, {}", quoted(node.name),
                               quoted(other.name.value), Collector::place(other.name.spot),
                               quoted(node.ssh.host)),
                   "one node for each machine: its interfaces are named by the links");
    }
  }
}

void assign_ranks(const Declared& declared, Fleet& fleet, Collector& problems) {
  const std::size_t count = declared.nodes.size();
  std::vector<const DeclaredNode*> holder(count, nullptr);
  for (const DeclaredNode& node : declared.nodes) {
    if (!node.rank) {
      continue;
    }
    const std::int64_t rank = node.rank->value;
    if (rank < 0 || static_cast<std::uint64_t>(rank) >= count) {
      problems.add(node.rank->spot,
                   fmt::format("rank {} of {} is out of range", rank, quoted(node.name.value)),
                   count == 1 ? "the only node has rank 0"
                              : fmt::format("{} nodes have the ranks 0 to {}, without gaps", count,
                                            count - 1));
      continue;
    }
    const DeclaredNode*& held = holder[static_cast<std::size_t>(rank)];
    if (held != nullptr) {
      problems.add(
          node.rank->spot,
          fmt::format("rank {} of {} is already that of {} ({})", rank, quoted(node.name.value),
                      quoted(held->name.value), Collector::place(held->rank->spot)),
          "each node has a rank of its own; without the key it gets the next free one");
      continue;
    }
    held = &node;
  }
  // Nodes without a rank fill what is left, in order of appearance.
  std::size_t next = 0;
  for (std::size_t index = 0; index < count; ++index) {
    const DeclaredNode& node = declared.nodes[index];
    if (node.rank) {
      fleet.nodes[index].rank = static_cast<std::size_t>(node.rank->value);
      continue;
    }
    while (next < count && holder[next] != nullptr) {
      ++next;
    }
    fleet.nodes[index].rank = next++;
  }
}

void resolve_groups(const Declared& declared, Fleet& fleet, Collector& problems) {
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> index_of;
  for (const DeclaredNode& node : declared.nodes) {
    index_of.emplace(node.name.value, names.size());
    names.push_back(node.name.value);
  }
  std::map<std::string, std::set<std::size_t>> members;
  for (std::size_t index = 0; index < declared.nodes.size(); ++index) {
    for (const std::string& group : declared.nodes[index].groups) {
      members[group].insert(index);
    }
  }
  for (const DeclaredGroup& group : declared.groups) {
    std::set<std::size_t>& into = members[group.name.value];
    for (const Located<std::string>& member : group.members) {
      const auto found = index_of.find(member.value);
      if (found == index_of.end()) {
        problems.add(member.spot,
                     fmt::format("unknown node {} in group {}", quoted(member.value),
                                 quoted(group.name.value)),
                     problems.suggest(member.value, names));
      } else {
        into.insert(found->second);
      }
    }
  }
  for (const auto& [group, indices] : members) {
    fleet.groups[group].assign(indices.begin(), indices.end());
    for (const std::size_t index : indices) {
      fleet.nodes[index].groups.push_back(group);
    }
  }
}

}  // namespace

void resolve_hosts(const Declared& declared, Fleet& fleet, Collector& problems) {
  if (declared.nodes.empty() && !declared.nodes_are_bad) {
    problems.add(Spot{1, 1, 1, nullptr}, "the fleet has no nodes",
                 "name at least one: [nodes.studio1]");
  }
  Ways ways(declared, problems);
  for (const DeclaredProxy& declared_proxy : declared.proxies) {
    const std::string& name = declared_proxy.name.value;
    Proxy proxy;
    proxy.name = name;
    proxy.ssh = ssh_of(declared_proxy.reach, name);
    proxy.via = ways.chain_to(name);
    proxy.where = problems.where(declared_proxy.name.spot);
    fleet.proxies.push_back(std::move(proxy));
  }
  for (const DeclaredNode& declared_node : declared.nodes) {
    const std::string& name = declared_node.name.value;
    Node node;
    node.name = name;
    node.ssh = ssh_of(declared_node.reach, name);
    node.via = ways.chain_to(name);
    node.become = declared_node.become.value_or(Become::sudo);
    node.where = problems.where(declared_node.name.spot);
    fleet.nodes.push_back(std::move(node));
  }
  refuse_same_hosts(declared, fleet, problems);
  assign_ranks(declared, fleet, problems);
  resolve_groups(declared, fleet, problems);
}

}  // namespace bringup::model
