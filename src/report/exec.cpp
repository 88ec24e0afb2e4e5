#include "bringup/report/exec.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "bringup/util/nodeset.hpp"
#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

// The command's output is what the user asked for: shown whole, line by line, but harmless.
std::string lines_of(const std::string& text) {
  std::string out;
  for (const std::string_view line : split_lines(text)) {
    out += "  " + printable(line, 4096) + "\n";
  }
  return out;
}

std::string body(const CommandResult& result) {
  std::string text = lines_of(result.out) + lines_of(result.err);
  if (result.error) {
    text += "  ✗ " + printable(result.error->message) + "\n";
    if (!result.error->hint.empty()) text += "    next: " + printable(result.error->hint) + "\n";
  } else if (result.truncated) {  // before the signal, which was ours then
    text += "  ✗ printed too much and was ended\n";
  } else if (!result.signal.empty()) {
    text += "  ✗ ended by signal " + printable(result.signal) + "\n";
  } else if (result.exit_status != 0) {
    text += "  ✗ exit status " + std::to_string(result.exit_status) + "\n";
  }
  return text;
}

// The values themselves: what differs can read alike when it is shown.
bool same_but_node(const CommandResult& a, const CommandResult& b) {
  const auto said = [](const CommandResult& r) {
    return std::tie(r.exit_status, r.signal, r.truncated, r.out, r.err);
  };
  if (a.error.has_value() != b.error.has_value() || said(a) != said(b)) return false;
  return !a.error || (a.error->code == b.error->code && a.error->message == b.error->message &&
                      a.error->hint == b.error->hint);
}

}  // namespace

std::string text_exec(const std::vector<CommandResult>& results, const Style&) {
  std::vector<std::pair<const CommandResult*, std::vector<std::string>>> blocks;
  for (const CommandResult& result : results) {
    const auto same = std::find_if(blocks.begin(), blocks.end(), [&](const auto& block) {
      return same_but_node(*block.first, result);
    });
    if (same != blocks.end()) {
      same->second.push_back(result.node);
    } else {
      blocks.push_back({&result, {result.node}});
    }
  }
  std::string out;
  for (const auto& [first, nodes] : blocks) {
    out += fold_nodeset(nodes) + " (" + std::to_string(nodes.size()) + ")\n" + body(*first);
  }
  return out;
}

std::string json_exec(const std::vector<CommandResult>& results) {
  nlohmann::ordered_json document{{"schema", "bringup.exec/1"},
                                  {"nodes", nlohmann::ordered_json::array()}};
  for (const CommandResult& result : results) {
    nlohmann::ordered_json node{{"node", result.node}};
    if (result.error) {
      node["error"] = {{"message", result.error->message}, {"cure", result.error->hint}};
    } else {
      node["exit_status"] = result.signal.empty() ? nlohmann::ordered_json(result.exit_status)
                                                  : nlohmann::ordered_json(nullptr);
      if (!result.signal.empty()) node["signal"] = result.signal;
      node["truncated"] = result.truncated;
    }
    node["stdout"] = result.out;
    node["stderr"] = result.err;
    document["nodes"].push_back(std::move(node));
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace bringup::report
