#include "bringup/run/history.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "bringup/plan/plan_file.hpp"
#include "bringup/util/fd.hpp"
#include "bringup/util/text.hpp"

namespace bringup::run {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kSchema = "bringup.run/1";
constexpr std::uintmax_t kMaxFile = std::uintmax_t{64} << 20U;
constexpr std::size_t kMaxEvents = 1'000'000;

std::optional<std::string> read_all(const std::string& path) {
  std::error_code unknown;
  const std::uintmax_t size = fs::file_size(path, unknown);
  if (unknown || size > kMaxFile) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return std::nullopt;
  return text;
}

// One line for the terminal, or absent.
std::optional<std::string> line(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool only(const json& object, std::initializer_list<std::string_view> known) {
  return object.is_object() && std::ranges::all_of(object.items(), [&](const auto& item) {
           return std::ranges::find(known, item.key()) != known.end();
         });
}

// The run holds this lock for as long as its process lives, however that ends.
bool is_held(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0;
}

std::optional<PastRun> load(const fs::path& folder) {
  const auto text = read_all((folder / "run.json").string());
  if (!text) return std::nullopt;
  auto note = parse_run_note(*text);
  if (!note || note->id != folder.filename().string()) return std::nullopt;
  PastRun run{std::move(*note), folder.string(), RunState::broken_off};
  if (!run.note.ended.empty()) {
    run.state = RunState::ended;
  } else if (is_held((folder / "lock").string())) {
    run.state = RunState::running;
  }
  return run;
}

tl::unexpected<Error> without(const PastRun& run, const std::string& what) {
  return fail(ErrorCode::usage, "the run " + run.note.id + " kept no " + what,
              "see what it was: bringup runs show " + run.note.id);
}

Expected<facts::Record> record_in(const PastRun& run, const char* file, const char* what) {
  const auto text = read_all(run.folder + "/" + file);
  if (!text) return without(run, what);
  return facts::parse_record(*text);
}

}  // namespace

std::string to_json(const RunNote& note) {
  json document = {{"schema", kSchema},   {"id", note.id},           {"verb", note.verb},
                   {"fleet", note.fleet}, {"started", note.started}, {"ended", nullptr},
                   {"who", note.who},     {"pid", note.pid},         {"exit_status", nullptr},
                   {"undoes", nullptr}};
  if (!note.ended.empty()) document["ended"] = note.ended;
  if (note.exit_status) document["exit_status"] = *note.exit_status;
  if (!note.undoes.empty()) document["undoes"] = note.undoes;
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Expected<RunNote> parse_run_note(std::string_view text) {
  const auto wrong = [](const char* why) {
    return fail(ErrorCode::parse, std::string("run.json: ") + why);
  };
  if (text.size() > 65536) return wrong("over 64 KiB of text");
  const json document = json::parse(text.begin(), text.end(), nullptr, false);
  if (document.is_discarded() ||
      !only(document, {"schema", "id", "verb", "fleet", "started", "ended", "who", "pid",
                       "exit_status", "undoes"})) {
    return wrong("not of its schema");
  }
  const auto id = line(document, "id");
  const auto verb = line(document, "verb");
  const auto fleet = line(document, "fleet");
  const auto started = line(document, "started");
  const auto who = line(document, "who");
  const auto pid = document.find("pid");
  if (line(document, "schema") != kSchema || !id || !verb || !fleet || !started || !who ||
      pid == document.end() || !pid->is_number_integer()) {
    return wrong("a member is missing or of another type");
  }
  RunNote note{*id, *verb, *fleet, *started, {}, *who, pid->get<long>(), {}, {}};
  note.ended = line(document, "ended").value_or("");
  note.undoes = line(document, "undoes").value_or("");
  const auto status = document.find("exit_status");
  if (status != document.end() && status->is_number_integer()) {
    note.exit_status = status->get<int>();
  }
  return note;
}

std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::ended:
      return "ended";
    case RunState::broken_off:
      return "broken off";
  }
  return "broken off";
}

std::vector<PastRun> past_runs(const std::string& state_home) {
  std::vector<PastRun> runs;
  std::error_code unknown;
  for (const auto& entry : fs::directory_iterator(state_home + "/bringup/runs", unknown)) {
    if (auto run = load(entry.path())) runs.push_back(std::move(*run));
  }
  std::ranges::sort(runs, {},
                    [](const PastRun& run) { return std::tie(run.note.started, run.note.id); });
  return runs;
}

Expected<PastRun> find_run(const std::string& state_home, const std::string& id) {
  std::vector<std::string> names;
  for (auto& run : past_runs(state_home)) {
    if (run.note.id == id) return std::move(run);
    names.push_back(run.note.id);
  }
  const std::string near = nearest(id, names);
  return fail(ErrorCode::usage, "there is no run '" + printable(id, 80) + "'",
              near.empty() ? "bringup runs lists them" : "did you mean " + near + "?");
}

Expected<plan::Plan> plan_of(const PastRun& run) {
  const auto text = read_all(run.folder + "/plan.json");
  if (!text) return without(run, "plan");
  return plan::parse_plan(*text);
}

Expected<facts::Record> facts_before(const PastRun& run) {
  return record_in(run, "before.json", "facts from before its changes");
}

Expected<facts::Record> facts_after(const PastRun& run) {
  return record_in(run, "after.json", "facts from after its changes");
}

Expected<std::vector<JournalLine>> parse_events(std::string_view text) {
  std::vector<JournalLine> events;
  const bool cut = !text.empty() && text.back() != '\n';
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto wrong = [&] {
      return fail(ErrorCode::parse, fmt::format("events.jsonl:{}: not of its schema", i + 1));
    };
    if (events.size() == kMaxEvents) return wrong();
    const json one = json::parse(lines[i].begin(), lines[i].end(), nullptr, false);
    const bool fits =
        only(one, {"time", "kind", "phase", "node", "subject", "status", "text", "hint"}) &&
        std::ranges::all_of(one, [](const json& value) { return value.is_string(); });
    if (!fits || !one.contains("time") || !one.contains("kind")) {
      if (cut && i + 1 == lines.size()) break;
      return wrong();
    }
    const auto get = [&](const char* name) { return line(one, name).value_or(""); };
    events.push_back({get("time"), get("kind"), get("phase"), get("node"), get("subject"),
                      get("status"), get("text"), get("hint")});
  }
  return events;
}

Expected<std::vector<JournalLine>> events_of(const PastRun& run) {
  const auto text = read_all(run.folder + "/events.jsonl");
  if (!text) return without(run, "events");
  return parse_events(*text);
}

std::vector<std::string> nodes_done(const std::vector<JournalLine>& events) {
  std::vector<std::string> done;
  for (const auto& event : events) {
    if (event.phase != "apply") continue;
    if (event.kind == "node_started") std::erase(done, event.node);
    if (event.kind == "node_done") done.push_back(event.node);
  }
  return done;
}

}  // namespace bringup::run
