#include "bringup/report/json.hpp"

#include "cells.hpp"
#include "json_matrix.hpp"

namespace bringup::report {
namespace {

Json json_of(const std::optional<Error>& error) {
  if (!error) return nullptr;
  return {{"code", to_string(error->code)},
          {"message", clean(error->message)},
          {"hint", clean(error->hint)}};
}

Json json_of(const std::vector<plan::Finding>& findings) {
  Json list = Json::array();
  for (const auto& found : findings) {
    list.push_back({{"severity", to_string(found.severity)},
                    {"layer", clean(found.layer)},
                    {"target", clean(found.target)},
                    {"seen", clean(found.seen)},
                    {"expected", clean(found.expected)},
                    {"cure", clean(found.cure)}});
  }
  return list;
}

Json json_of(const NodeKeeper& keeper) {
  Json json = {{"node", clean(keeper.node)},
               {"state", plan::to_string(keeper.state)},
               {"last_run", nullptr}};
  if (const auto& run = keeper.last_run) {
    json["last_run"] = {{"seconds_ago", run->seconds_ago},
                        {"this_boot", run->this_boot},
                        {"changes", run->changes},
                        {"changes_since_boot", run->total},
                        {"problem", clean(run->problem)}};
  }
  return json;
}

Json json_of(const plan::GuardOutcome& guard) {
  if (guard.state == plan::GuardState::none && guard.why.empty()) return nullptr;
  return {{"state", plan::to_string(guard.state)},
          {"why", clean(guard.why)},
          {"reason", clean(guard.reason)}};
}

Json json_of(const AppliedNode& node) {
  Json json = {{"node", clean(node.plan.node)},
               {"state", to_string(node.plan.state)},
               {"rdma", rdma_word(node.facts)},
               {"error", json_of(node.outcome.error ? node.outcome.error : node.plan.error)},
               {"guard", json_of(node.outcome.guard)}};
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

std::string json_estimate(const model::Fleet& fleet, const verify::Estimate& estimate) {
  const Json json = {{"schema", "bringup.estimate/1"},
                     {"fleet", clean(fleet.name)},
                     {"links", estimate.links},
                     {"rounds", estimate.rounds},
                     {"widest", estimate.widest},
                     {"background_s", estimate.background_s},
                     {"exclusive_s", estimate.exclusive_s},
                     {"total_s", estimate.total_s()}};
  return json.dump(2) + "\n";
}

std::string json_status(const model::Fleet& fleet, const std::vector<verify::LinkStatus>& links,
                        const std::vector<verify::Finding>& findings,
                        const std::vector<NodeKeeper>& keepers) {
  Json json = {{"schema", "bringup.status/1"}, {"fleet", clean(fleet.name)}};
  json["links"] = Json::array();
  for (const auto& status : links) {
    const auto& link = fleet.links[status.link];
    Json one = {{"link", clean(fleet.link_name(link))}, {"kind", model::to_string(link.kind)}};
    one["ends"] = Json::array();
    for (std::size_t side = 0; side < 2; ++side) {
      Json end = {{"node", clean(fleet.nodes[link.ends[side].node].name)},
                  {"interface", clean(link.ends[side].interface)}};
      end["layers"] = Json::array();
      for (const auto& layer : status.ends[side]) {
        end["layers"].push_back({{"layer", verify::to_string(layer.layer)},
                                 {"state", verify::to_string(layer.state)},
                                 {"text", clean(layer.text)}});
      }
      one["ends"].push_back(std::move(end));
    }
    one["first_broken"] = diagnosis_json(status.first_broken);
    json["links"].push_back(std::move(one));
  }
  json["findings"] = findings_json(findings);
  json["persistence"] = Json::array();
  for (const auto& keeper : keepers) json["persistence"].push_back(json_of(keeper));
  return json.dump(2) + "\n";
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
  json["verify"] = report.matrix ? matrix_json(fleet, *report.matrix) : Json(nullptr);
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
