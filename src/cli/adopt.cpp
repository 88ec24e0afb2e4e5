// plan --adopt: the inventory's link ends become what is plugged.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "bringup/cli/session.hpp"
#include "bringup/model/rewrite.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/topology/cable_check.hpp"
#include "bringup/util/diff.hpp"
#include "bringup/util/text.hpp"

namespace bringup::cli {
namespace {

// Beside the file and renamed over it, so that nobody sees half of it. A link stays a link.
void replace_file(const std::string& path, const std::string& text) {
  std::error_code problem;
  const auto target = std::filesystem::canonical(path, problem);
  const std::string fresh = target.string() + ".adopt";
  std::ofstream file(fresh, std::ios::trunc | std::ios::binary);
  file << text << std::flush;
  file.close();
  if (problem || !file) throw Exit{1, "cannot write " + fresh + "\n"};
  std::filesystem::permissions(fresh, std::filesystem::status(target).permissions(), problem);
  std::filesystem::rename(fresh, target, problem);
  if (problem) throw Exit{1, "cannot replace " + path + ": " + problem.message() + "\n"};
}

std::vector<model::EndEdit> edits_of(const model::Fleet& fleet,
                                     const topology::CableReport& report) {
  std::vector<model::EndEdit> edits;
  for (const auto& one : topology::adopted_ends(fleet, report)) {
    model::EndEdit edit{fleet.links.at(one.link).position, {}};
    for (std::size_t side = 0; side < 2; ++side) {
      edit.ends[side] = fleet.nodes[one.ends[side].node].name + ":" + one.ends[side].interface;
    }
    edits.push_back(std::move(edit));
  }
  return edits;
}

}  // namespace

int adopt_cables(const Options& options) {
  if (!options.adhoc.nodes.empty()) {
    throw Exit{2,
               "--adopt changes an inventory, and there is none\n  cure: name it with -i FILE\n"};
  }
  const std::string path = inventory_path(options);
  const std::string text = inventory_text(options);
  Session session(options, "plan");
  run::gather(session.crew(), run::Profiler::read);
  session.settle();
  report::RunSummary summary;
  summary.interrupted = session.interrupted();
  std::vector<const facts::NodeFacts*> facts(session.fleet().nodes.size(), nullptr);
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (node.error) report::add(summary, *node.error);
    if (!node.error && node.facts) facts[node.index] = &*node.facts;
  }
  const auto report = topology::check_cables(session.fleet(), facts);
  const auto edits = edits_of(session.fleet(), report);
  for (std::size_t link = 0; link < report.links.size(); ++link) {
    const bool adopted = std::any_of(edits.begin(), edits.end(),
                                     [&](const auto& edit) { return edit.link == link; });
    if (const auto* why = report.miswired(link); why != nullptr && !adopted) {
      session.warn(session.fleet().link_name(session.fleet().links[link]) +
                   " stays as it is: " + why->seen);
    }
  }
  if (edits.empty()) {
    session.say("Nothing to adopt: no link's ends are plugged elsewhere.");
    return session.ended(report::exit_status(summary));
  }
  const auto changed = model::rewrite_link_ends(text, edits);
  if (!changed) {
    throw Exit{2, changed.error().message + "\n  cure: " + changed.error().hint + "\n"};
  }
  const std::string diff = unified_diff(text, *changed, path, path + " (as plugged)");
  if (const auto sound = model::load_inventory(*changed, path); !sound) {
    throw Exit{2, diff + "\nNothing was changed, as this would not be a sound inventory:\n" +
                      model::render(sound.error())};
  }
  write_result(options, diff);
  if (options.dry_run == Toggle::on) return report::exit_status(summary);
  if (options.yes != Toggle::on) {
    if (!can_ask()) {
      throw Exit{2, path +
                        " was not changed: there is no terminal to confirm on\n  cure: add "
                        "--yes\n"};
    }
    const auto answer = ask_line("Write this to " + path + "? [y/N] ");
    if (!answer) throw Exit{130, "Interrupted. Nothing was changed.\n"};
    if (*answer != "y" && *answer != "Y" && *answer != "yes") {
      std::cerr << "Nothing was changed.\n";
      return session.ended(report::exit_status(summary));
    }
  }
  replace_file(path, *changed);
  session.say(path + " was changed; see: bringup plan");
  return session.ended(report::exit_status(summary));
}

}  // namespace bringup::cli
