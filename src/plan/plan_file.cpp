#include "bringup/plan/plan_file.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bringup/plan/commands.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

using nlohmann::json;

constexpr std::string_view kSchema = "bringup.plan/1";
constexpr std::size_t kMaxText = std::size_t{16} << 20;

json write(const Action& action) {
  return {{"task", to_string(action.task)},
          {"target", action.target},
          {"nature", nature(action) == Nature::change ? "change" : "check"},
          {"command", action.command},
          {"shown", action.shown},
          {"why", action.why},
          {"root", action.root},
          {"undo", action.undo},
          {"content", action.content},
          {"expected", action.expected}};
}

json write(const Finding& finding) {
  return {{"severity", to_string(finding.severity)},
          {"layer", finding.layer},
          {"target", finding.target},
          {"seen", finding.seen},
          {"expected", finding.expected},
          {"cure", finding.cure}};
}

json write(const NodePlan& node) {
  json actions = json::array();
  for (const auto& action : node.actions) actions.push_back(write(action));
  json findings = json::array();
  for (const auto& finding : node.findings) findings.push_back(write(finding));
  json error = nullptr;
  if (node.error) {
    error = {{"code", to_string(node.error->code)},
             {"message", node.error->message},
             {"hint", node.error->hint}};
  }
  return {{"node", node.node},
          {"state", to_string(node.state)},
          {"facts_digest", node.facts_digest},
          {"actions", std::move(actions)},
          {"findings", std::move(findings)},
          {"error", std::move(error)}};
}

// Reads members of one object. The first thing wrong ends the reading: it is thrown within this
// file only, and parse_plan turns it into an Error.
struct Wrong {
  std::string message;
};

class Object {
 public:
  Object(const json& value, std::string path, std::initializer_list<std::string_view> known)
      : value_(value), path_(std::move(path)) {
    if (!value.is_object()) throw Wrong{path_ + " must be an object"};
    for (const auto& item : value.items()) {
      bool found = false;
      for (const auto name : known) found = found || item.key() == name;
      if (!found) {
        throw Wrong{
            fmt::format("{} has an unknown member \"{}\"", path_, printable(item.key(), 60))};
      }
    }
  }

  const json& member(const char* name) const {
    const auto found = value_.find(name);
    if (found == value_.end()) throw Wrong{fmt::format("{} lacks \"{}\"", path_, name)};
    return *found;
  }

  std::string text(const char* name) const {
    const auto& value = member(name);
    if (!value.is_string()) throw Wrong{fmt::format("{} must be a string", at(name))};
    return value.get<std::string>();
  }

  // A string shown on one line of a terminal or run as one line of shell.
  std::string line(const char* name) const {
    std::string value = text(name);
    for (const char c : value) {
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
        throw Wrong{fmt::format("{} must be one line without control characters", at(name))};
      }
    }
    return value;
  }

  bool flag(const char* name) const {
    const auto& value = member(name);
    if (!value.is_boolean()) throw Wrong{fmt::format("{} must be true or false", at(name))};
    return value.get<bool>();
  }

  const json& list(const char* name) const {
    const auto& value = member(name);
    if (!value.is_array()) throw Wrong{fmt::format("{} must be an array", at(name))};
    return value;
  }

  [[nodiscard]] std::string at(const char* name) const { return path_ + "." + name; }

 private:
  const json& value_;
  std::string path_;
};

void check_digest(const std::string& digest, const std::string& where) {
  if (digest.empty()) return;
  if (digest.size() != 64 || digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw Wrong{where + " must be 64 hex digits, or empty"};
  }
}

Action read_action(const json& value, const std::string& path) {
  const Object object(value, path,
                      {"task", "target", "nature", "command", "shown", "why", "root", "undo",
                       "content", "expected"});
  Action action;
  const auto task = parse_task(object.text("task"));
  if (!task) throw Wrong{object.at("task") + " is no task of bringup"};
  action.task = *task;
  action.target = object.line("target");
  action.command = object.line("command");
  action.shown = object.line("shown");
  action.why = object.line("why");
  action.root = object.flag("root");
  action.undo = object.line("undo");
  action.content = object.text("content");
  action.expected = object.line("expected");
  if (object.text("nature") != (nature(action) == Nature::change ? "change" : "check")) {
    throw Wrong{object.at("nature") + " does not fit the task"};
  }
  if (!parse_command(action)) {
    throw Wrong{fmt::format("{} is not the command of {} on {}", object.at("command"),
                            to_string(action.task), printable(action.target, 60))};
  }
  return action;
}

Finding read_finding(const json& value, const std::string& path) {
  const Object object(value, path, {"severity", "layer", "target", "seen", "expected", "cure"});
  Finding finding;
  const std::string severity = object.text("severity");
  if (severity == to_string(Severity::note)) {
    finding.severity = Severity::note;
  } else if (severity == to_string(Severity::warning)) {
    finding.severity = Severity::warning;
  } else if (severity == to_string(Severity::error)) {
    finding.severity = Severity::error;
  } else {
    throw Wrong{object.at("severity") + " must be note, warning or error"};
  }
  finding.layer = object.line("layer");
  finding.target = object.line("target");
  finding.seen = object.line("seen");
  finding.expected = object.line("expected");
  finding.cure = object.line("cure");
  return finding;
}

std::optional<Error> read_error(const json& value, const std::string& path) {
  if (value.is_null()) return std::nullopt;
  const Object object(value, path, {"code", "message", "hint"});
  const auto code = parse_error_code(object.text("code"));
  if (!code) throw Wrong{object.at("code") + " is no error code of bringup"};
  return Error{*code, object.text("message"), object.text("hint")};
}

NodePlan read_node(const json& value, const std::string& path) {
  const Object object(value, path,
                      {"node", "state", "facts_digest", "actions", "findings", "error"});
  NodePlan node;
  node.node = object.line("node");
  const std::string state = object.text("state");
  bool known = false;
  for (const auto candidate : {NodeState::ready, NodeState::refused, NodeState::unreachable}) {
    if (state != to_string(candidate)) continue;
    node.state = candidate;
    known = true;
  }
  if (!known) throw Wrong{object.at("state") + " must be ready, refused or unreachable"};
  node.facts_digest = object.text("facts_digest");
  check_digest(node.facts_digest, object.at("facts_digest"));
  const auto& actions = object.list("actions");
  for (std::size_t i = 0; i < actions.size(); ++i) {
    node.actions.push_back(read_action(actions[i], fmt::format("{}.actions[{}]", path, i)));
  }
  if (node.state != NodeState::ready && !node.actions.empty()) {
    throw Wrong{object.at("actions") + " must be empty: the node is " + state};
  }
  const auto& findings = object.list("findings");
  for (std::size_t i = 0; i < findings.size(); ++i) {
    node.findings.push_back(read_finding(findings[i], fmt::format("{}.findings[{}]", path, i)));
  }
  node.error = read_error(object.member("error"), path + ".error");
  return node;
}

Plan read_plan(const json& value) {
  // The schema is looked at first: a later version may well have other members.
  if (value.is_object()) {
    const auto schema = value.find("schema");
    if (schema == value.end() || *schema != kSchema) {
      throw Wrong{fmt::format("\"schema\" must be \"{}\"", kSchema)};
    }
  }
  const Object object(value, "plan", {"schema", "fleet", "inventory_digest", "offline", "nodes"});
  Plan plan;
  plan.fleet = object.line("fleet");
  plan.inventory_digest = object.text("inventory_digest");
  check_digest(plan.inventory_digest, "plan.inventory_digest");
  plan.offline = object.flag("offline");
  const auto& nodes = object.list("nodes");
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    plan.nodes.push_back(read_node(nodes[i], fmt::format("plan.nodes[{}]", i)));
    for (std::size_t j = 0; j < i; ++j) {
      if (plan.nodes[j].node == plan.nodes[i].node) {
        throw Wrong{
            fmt::format("plan.nodes[{}] names {} again", i, printable(plan.nodes[i].node, 60))};
      }
    }
  }
  return plan;
}

tl::unexpected<Error> wrong(const std::string& message) {
  return fail(ErrorCode::usage, "plan file: " + message,
              "write it again with bringup plan --out FILE");
}

}  // namespace

std::string to_json(const Plan& plan) {
  json nodes = json::array();
  for (const auto& node : plan.nodes) nodes.push_back(write(node));
  const json document = {{"schema", kSchema},
                         {"fleet", plan.fleet},
                         {"inventory_digest", plan.inventory_digest},
                         {"offline", plan.offline},
                         {"nodes", std::move(nodes)}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Expected<Plan> parse_plan(std::string_view text) {
  if (text.size() > kMaxText) return wrong("over 16 MiB of text");
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (document.is_discarded()) return wrong("not JSON");
  try {
    return read_plan(document);
  } catch (const Wrong& problem) {
    return wrong(problem.message);
  }
}

}  // namespace bringup::plan
