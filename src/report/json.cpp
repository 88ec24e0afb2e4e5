#include "bringup/report/json.hpp"

#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"

namespace bringup::report {
namespace {

using Json = nlohmann::ordered_json;

std::string clean(std::string_view text) {
  return printable(text, 2000);
}

Json nullable(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::string_view word(plan::Severity severity) {
  switch (severity) {
    case plan::Severity::note:
      return "note";
    case plan::Severity::warning:
      return "warning";
    case plan::Severity::error:
      return "error";
  }
  return "error";
}

std::string_view word(plan::NodeState state) {
  switch (state) {
    case plan::NodeState::ready:
      return "ready";
    case plan::NodeState::refused:
      return "refused";
    case plan::NodeState::unreachable:
      return "unreachable";
  }
  return "unreachable";
}

std::string_view word(ErrorCode code) {
  switch (code) {
    case ErrorCode::internal:
      return "internal";
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::unreachable:
      return "unreachable";
    case ErrorCode::unauthorized:
      return "unauthorized";
    case ErrorCode::remote:
      return "remote";
    case ErrorCode::parse:
      return "parse";
    case ErrorCode::cancelled:
      return "cancelled";
  }
  return "internal";
}

std::string_view word(const std::optional<facts::NodeFacts>& facts) {
  if (!facts) return "unknown";
  switch (facts->rdma) {
    case platform::RdmaState::enabled:
      return "enabled";
    case platform::RdmaState::disabled:
      return "disabled";
    case platform::RdmaState::no_tool:
      return "no-tool";
    case platform::RdmaState::unknown:
      return "unknown";
  }
  return "unknown";
}

Json json_of(const std::optional<Error>& error) {
  if (!error) return nullptr;
  return {{"code", word(error->code)},
          {"message", clean(error->message)},
          {"hint", clean(error->hint)}};
}

template <class Finding>
Json json_of(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const auto& found : findings) {
    list.push_back({{"severity", word(found.severity)},
                    {"layer", clean(found.layer)},
                    {"target", clean(found.target)},
                    {"seen", clean(found.seen)},
                    {"expected", clean(found.expected)},
                    {"cure", clean(found.cure)}});
  }
  return list;
}

Json json_of(const std::optional<platform::PingResult>& ping) {
  if (!ping) return nullptr;
  return {{"transmitted", ping->transmitted},      {"received", ping->received},
          {"loss_percent", ping->loss_percent},    {"min_ms", nullable(ping->min_ms)},
          {"avg_ms", nullable(ping->avg_ms)},      {"max_ms", nullable(ping->max_ms)},
          {"stddev_ms", nullable(ping->stddev_ms)}};
}

Json json_of(const std::optional<verify::Diagnosis>& diagnosis) {
  if (!diagnosis) return nullptr;
  return {{"layer", clean(diagnosis->layer)},       {"node", clean(diagnosis->node)},
          {"target", clean(diagnosis->target)},     {"seen", clean(diagnosis->seen)},
          {"expected", clean(diagnosis->expected)}, {"cure", clean(diagnosis->cure)}};
}

Json json_of(const model::Fleet& fleet, const verify::Cell& cell) {
  Json json = {{"from", clean(fleet.nodes[cell.from].name)},
               {"to", clean(fleet.nodes[cell.to].name)},
               {"link", nullptr},
               {"from_interface", nullptr},
               {"to_interface", nullptr},
               {"from_address", nullptr},
               {"to_address", nullptr}};
  if (cell.link) {
    const auto& link = fleet.links[*cell.link];
    const std::size_t side = link.ends[0].node == cell.from ? 0 : 1;
    json["link"] = clean(fleet.link_name(link));
    json["from_interface"] = clean(link.ends[side].interface);
    json["to_interface"] = clean(link.ends[1 - side].interface);
    json["from_address"] = link.ends[side].address.to_string();
    json["to_address"] = link.ends[1 - side].address.to_string();
  }
  json["status"] = verify::to_string(cell.status);
  json["route"] = nullptr;
  if (cell.route_ok) {
    json["route"] = {{"ok", *cell.route_ok}, {"interface", clean(cell.route_interface)}};
  }
  json["ping"] = json_of(cell.ping);
  json["diagnosis"] = json_of(cell.diagnosis);
  return json;
}

Json json_of(const model::Fleet& fleet, const verify::Matrix& matrix) {
  using verify::CellStatus;
  Json json = {{"schema", "bringup.verify/1"}, {"fleet", clean(matrix.fleet)}};
  json["nodes"] = Json::array();
  for (const auto& name : matrix.nodes) json["nodes"].push_back(clean(name));
  Json summary = {{"green", matrix.green()}};
  for (const auto status :
       {CellStatus::pass, CellStatus::slow, CellStatus::fail, CellStatus::unlinked,
        CellStatus::untested, CellStatus::unreachable, CellStatus::error}) {
    summary[std::string(verify::to_string(status))] = matrix.count(status);
  }
  json["summary"] = std::move(summary);
  json["cells"] = Json::array();
  for (const auto& cell : matrix.cells) json["cells"].push_back(json_of(fleet, cell));
  json["findings"] = json_of(matrix.findings);
  return json;
}

Json json_of(const AppliedNode& node) {
  Json json = {{"node", clean(node.plan.node)},
               {"state", word(node.plan.state)},
               {"rdma", word(node.facts)},
               {"error", json_of(node.outcome.error ? node.outcome.error : node.plan.error)}};
  json["steps"] = Json::array();
  for (const auto& step : node.outcome.steps) {
    json["steps"].push_back({{"task", plan::to_string(step.task)},
                             {"target", clean(step.target)},
                             {"status", plan::to_string(step.status)},
                             {"text", clean(step.text)},
                             {"seen", clean(step.seen)},
                             {"expected", clean(step.expected)},
                             {"cure", clean(step.cure)}});
  }
  json["findings"] = json_of(node.plan.findings);
  return json;
}

}  // namespace

std::string json_verify(const model::Fleet& fleet, const verify::Matrix& matrix) {
  return json_of(fleet, matrix).dump(2) + "\n";
}

std::string json_apply(const model::Fleet& fleet, const ApplyReport& report) {
  const ApplyTotals totals = totals_of(report);
  Json json = {{"schema", "bringup.apply/1"},
               {"fleet", clean(fleet.name)},
               {"run", report.run.empty() ? Json(nullptr) : Json(clean(report.run))},
               {"summary",
                {{"nodes", report.nodes.size()},
                 {"changed", totals.changed},
                 {"failed", totals.failed},
                 {"warnings", totals.warnings},
                 {"nodes_not_done", totals.not_done}}}};
  json["nodes"] = Json::array();
  for (const auto& node : report.nodes) json["nodes"].push_back(json_of(node));
  json["verify"] = report.matrix ? json_of(fleet, *report.matrix) : Json(nullptr);
  return json.dump(2) + "\n";
}

std::string json_event(const plan::Event& event) {
  Json json = {{"schema", "bringup.event/1"}, {"event", plan::to_string(event.kind)}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) json[name] = clean(value);
  };
  add("phase", event.phase);
  add("node", event.node);
  add("subject", event.subject);
  add("status", event.status);
  add("text", event.text);
  add("hint", event.hint);
  return json.dump() + "\n";
}

}  // namespace bringup::report
