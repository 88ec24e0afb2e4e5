#include "bringup/report/runs.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bringup/util/table.hpp"
#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

using nlohmann::ordered_json;

std::string result_words(const ShownRun& run) {
  if (run.state != "ended") return run.state;
  switch (run.exit_status.value_or(1)) {
    case 0:
      return "done";
    case 3:
      return "differences";
    case 4:
      return "some node unreachable";
    case 5:
      return "a change failed or was refused";
    case 6:
      return "below expectation";
    case 130:
      return "interrupted";
    default:
      return fmt::format("exit status {}", *run.exit_status);
  }
}

// "2026-11-21T05:04:35.123Z" to "2026-11-21 05:04:35 UTC".
std::string when(const std::string& time) {
  const std::string shown = printable(time, 40);
  if (shown.size() < 20) return shown;
  return shown.substr(0, 10) + " " + shown.substr(11, 8) + " UTC";
}

ordered_json or_null(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(printable(text));
}

}  // namespace

std::string text_runs(const std::vector<ShownRun>& runs, const Style& /*style*/) {
  if (runs.empty()) return "No runs yet.\n";
  Table table;
  for (const auto& run : runs) {  // the name tells when (UTC) and which verb
    std::string result = result_words(run);
    if (!run.undoes.empty()) result += ", undoes " + printable(run.undoes, 80);
    table.add({printable(run.id, 80), printable(run.fleet, 60), std::move(result)});
  }
  return table.render();
}

std::string text_run(const ShownRun& run, const Style& style) {
  Table table;
  table.add({"verb", printable(run.verb, 20)});
  table.add({"fleet", printable(run.fleet, 60)});
  table.add({"by", printable(run.who, 140)});
  table.add({"started", when(run.started)});
  if (!run.ended.empty()) table.add({"ended", when(run.ended)});
  table.add({"result", result_words(run)});
  if (!run.undoes.empty()) table.add({"undoes", printable(run.undoes, 80)});
  table.add({"folder", printable(run.folder)});
  std::string text = printable(run.id, 80) + "\n" + table.render(2);
  std::string node;
  for (const auto& step : run.steps.value_or(std::vector<RunStep>{})) {
    if (step.node != node) text += printable(node = step.node, 80) + "\n";
    Mark mark = Mark::none;
    if (step.status == "done" || step.status == "ok") mark = Mark::good;
    if (step.status == "failed") mark = Mark::bad;
    if (step.status == "warning" || step.status == "planned") mark = Mark::warn;
    const std::string open = step.status == "planned" ? "sent, and nothing heard of it: " : "";
    const std::string words = step.text.empty() ? step.step : step.text;
    text += wrap(bullet(mark, style), open + printable(words), 4, style);
  }
  return text;
}

std::string json_runs(const std::vector<ShownRun>& runs) {
  ordered_json list = ordered_json::array();
  for (const auto& run : runs) {
    ordered_json one{{"id", printable(run.id)},
                     {"verb", printable(run.verb)},
                     {"fleet", printable(run.fleet)},
                     {"started", printable(run.started)},
                     {"ended", or_null(run.ended)},
                     {"who", printable(run.who)},
                     {"state", run.state},
                     {"exit_status", nullptr},
                     {"undoes", or_null(run.undoes)},
                     {"folder", printable(run.folder)}};
    if (run.exit_status) one["exit_status"] = *run.exit_status;
    if (run.steps) {
      one["steps"] = ordered_json::array();
      for (const auto& step : *run.steps) {
        one["steps"].push_back({{"node", printable(step.node)},
                                {"step", printable(step.step)},
                                {"status", printable(step.status)},
                                {"text", printable(step.text)}});
      }
    }
    list.push_back(std::move(one));
  }
  const ordered_json document{{"schema", "bringup.runs/1"}, {"runs", std::move(list)}};
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace bringup::report
