#include <algorithm>

#include "bringup/cli/session.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/run/collect.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/topology/discover.hpp"

namespace bringup::cli {
namespace {

// A hop that is among the hosts is that node, and the node itself needs no such hop.
topology::Discovery hosts_of(const Options& options) {
  topology::Discovery found;
  std::vector<std::string> taken;
  for (const auto& word : options.hosts) found.hosts.push_back(topology::host_named(word, taken));
  std::vector<std::string> chain;
  for (const auto& word : options.via) {
    const auto same = std::find(options.hosts.begin(), options.hosts.end(), word);
    if (same != options.hosts.end()) {
      chain.push_back(found.hosts[static_cast<std::size_t>(same - options.hosts.begin())].name);
      continue;
    }
    found.proxies.push_back(topology::host_named(word, taken));
    chain.push_back(found.proxies.back().name);
  }
  for (auto& host : found.hosts) {
    const auto self = std::find(chain.begin(), chain.end(), host.name);
    host.via.assign(chain.begin(), self);
  }
  return found;
}

std::string rendered(const model::Problems& problems) {
  std::string text;
  for (const auto& problem : problems.items) text += model::render(problem) + "\n";
  return text;
}

// What is to be shown: the inventory, or its graph. Throws Exit(1) when it is not sound.
std::string made_of(topology::Discovery& found, const Options& options, std::string& inventory) {
  topology::name_by_hostname(found);
  inventory = topology::discovered_inventory(found);
  if (const auto sound = model::load_inventory(inventory, "discovered"); !sound) {
    throw Exit{1, "the inventory that was made is not sound; please report this\n" +
                      rendered(sound.error())};
  }
  return options.dot == Toggle::on ? topology::discovered_dot(found) : inventory;
}

template <typename Host>
topology::DiscoveredHost reached_as(const Host& host) {
  topology::DiscoveredHost out;
  out.name = host.name;
  out.host = host.ssh.host;
  out.user = host.ssh.user;
  out.port = host.ssh.port;
  out.via = host.via;
  return out;
}

// The hosts are those of the inventory that the collection carries.
int discover_from(const Options& options) {
  const auto collected = collected_in(options.from);
  const auto fleet = model::load_inventory(collected.inventory, options.from);
  if (!fleet) throw Exit{2, rendered(fleet.error())};
  topology::Discovery found;
  for (const auto& proxy : fleet->proxies) found.proxies.push_back(reached_as(proxy));
  report::RunSummary summary;
  std::size_t reached = 0;
  for (const auto& node : fleet->nodes) {
    found.hosts.push_back(reached_as(node));
    auto& host = found.hosts.back();
    const auto one = std::find_if(collected.nodes.begin(), collected.nodes.end(),
                                  [&](const auto& other) { return other.node == node.name; });
    if (one == collected.nodes.end()) {
      host.problem = "not in the collection";
    } else if (!one->facts) {
      host.problem = one->facts.error().message;
      report::add(summary, one->facts.error());
    } else {
      host.facts = &*one->facts;
      // The collection's inventory tells no logins; the node said who asked it.
      if (host.user.empty()) host.user = one->facts->login_user;
      ++reached;
    }
  }
  std::string inventory;
  if (reached > 0) write_result(options, made_of(found, options, inventory));
  return report::exit_status(summary);
}

}  // namespace

int discover_verb(const Options& options) {
  if (!options.from.empty()) return discover_from(options);
  topology::Discovery found = hosts_of(options);
  auto fleet = model::load_inventory(topology::hosts_inventory(found), "discover");
  if (!fleet) throw Exit{2, rendered(fleet.error())};
  Session session(options, "discover", std::move(*fleet));
  run::gather(session.crew(), run::Profiler::read);
  session.settle();

  report::RunSummary summary;
  summary.interrupted = session.interrupted();
  std::size_t reached = 0;
  for (const run::NodeRun& node : session.crew().nodes()) {
    auto& host = found.hosts[node.index];
    if (node.error || !node.facts) {
      host.problem = node.error ? node.error->message : "no facts";
      if (node.error) report::add(summary, *node.error);
      continue;
    }
    ++reached;
    host.facts = &*node.facts;
    if (!node.facts->profiler_json.empty()) {
      session.keep("nodes/" + host.name + "/thunderbolt.json", node.facts->profiler_json);
    }
  }
  if (reached > 0) {
    std::string inventory;
    const std::string shown = made_of(found, options, inventory);
    session.keep("fleet.toml", inventory);
    write_result(options, shown);
  }
  return session.ended(report::exit_status(summary));
}

}  // namespace bringup::cli
