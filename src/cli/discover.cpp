#include <algorithm>

#include "bringup/cli/session.hpp"
#include "bringup/report/outcome.hpp"
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

}  // namespace

int discover_verb(const Options& options) {
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
    topology::name_by_hostname(found);
    const std::string text = topology::discovered_inventory(found);
    session.keep("fleet.toml", text);
    if (const auto sound = model::load_inventory(text, "discovered"); !sound) {
      throw Exit{1, "the inventory that was made is not sound; please report this\n" +
                        rendered(sound.error())};
    }
    write_result(options, options.dot == Toggle::on ? topology::discovered_dot(found) : text);
  }
  return report::exit_status(summary);
}

}  // namespace bringup::cli
