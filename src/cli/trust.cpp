#include <iostream>

#include "bringup/cli/session.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/run/crew.hpp"

namespace bringup::cli {
namespace {

// A proxy has no place in the crew: the way to it is that of any node behind it, cut short.
std::optional<ssh::Target> target_of(const model::Fleet& fleet, const std::string& name) {
  if (const auto index = fleet.node_index(name)) return run::target_of(fleet, *index);
  for (std::size_t i = 0; i < fleet.nodes.size(); ++i) {
    const ssh::Target through = run::target_of(fleet, i);
    for (std::size_t hop = 0; hop < through.hops.size(); ++hop) {
      if (through.hops[hop].name != name) continue;
      ssh::Target target;
      target.endpoint = through.hops[hop];
      target.hops.assign(through.hops.begin(), through.hops.begin() + static_cast<long>(hop));
      return target;
    }
  }
  return std::nullopt;
}

Expected<void> trust(const Options& options, const ssh::Target& target, CancelToken cancel) {
  ssh::ClientOptions client = client_options(options);
  client.replace_key_of = target.endpoint.name;
  client.prompts.confirm = [&](const std::string& question) {
    if (options.yes == Toggle::on) {
      std::cerr << question << " yes (--yes)\n";
      return true;
    }
    const auto answer = ask_line(question + " [y/N] ");
    return answer && (*answer == "y" || *answer == "yes");
  };
  const auto transport = ssh::make_client(std::move(client));
  const auto session =
      transport->connect(target, Deadline::after(options.timeout), std::move(cancel));
  if (!session) return tl::unexpected<Error>(session.error());
  return {};
}

}  // namespace

bool trust_key(const Options& options, const model::Fleet& fleet, const std::string& name) {
  const auto target = target_of(fleet, name);
  return target && target->endpoint.host_key.empty() && trust(options, *target, {}).has_value();
}

int trust_verb(const Options& options) {
  const model::Fleet fleet = load_fleet(options);
  auto target = target_of(fleet, options.trusted);
  if (!target) {
    throw Exit{2, "'" + options.trusted + "' is neither a node nor a proxy on the way to one\n" +
                      "  cure: name one of the inventory\n"};
  }
  if (!target->endpoint.host_key.empty()) {
    throw Exit{2, "the inventory pins the host key of " + options.trusted + "\n" +
                      "  cure: change host_key there to the new fingerprint\n"};
  }
  CancelSource source;
  const InterruptGuard guard(source);
  const auto session = trust(options, *target, source.get_token());
  if (session) {
    write_result(options, "The host key of " + options.trusted + " is trusted.\n");
    return 0;
  }
  report::RunSummary summary;
  summary.interrupted = source.stop_requested();
  report::add(summary, session.error());
  std::cerr << "✗ " << session.error().message << "\n  next: " << session.error().hint << "\n";
  return report::exit_status(summary);
}

}  // namespace bringup::cli
