#include "bringup/cli/session.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>

#include "bringup/facts/record.hpp"
#include "bringup/plan/plan_file.hpp"
#include "bringup/report/progress.hpp"
#include "bringup/ssh/client.hpp"
#include "bringup/util/text.hpp"

namespace bringup::cli {
namespace {

constexpr const char* kDefaultInventory = "bringup.toml";
constexpr const char* kPasswordQuestion = "SSH password: ";  // as the login asks
constexpr std::size_t kMaxInventory = 1 << 20;

std::string read_inventory(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Exit{2, path +
                      ": cannot be read\n  cure: name the inventory with -i FILE, or give link "
                      "ends with --node "
                      "HOST:IFACE:IP\n"};
  }
  std::string text(kMaxInventory + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

model::Fleet checked(model::Checked<model::Fleet> loaded) {
  if (loaded) return std::move(*loaded);
  std::string text;
  for (const model::Problem& problem : loaded.error().items) text += model::render(problem) + "\n";
  throw Exit{2, text};
}

// One descriptor or more per session: macOS starts programs with a soft limit of 256.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted =
      std::min<rlim_t>(limit.rlim_max, 10240);  // macOS refuses more than OPEN_MAX
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::string inventory_path(const Options& options) {
  return options.inventory.empty() ? kDefaultInventory : options.inventory;
}

std::string inventory_text(const Options& options) {
  return read_inventory(inventory_path(options));
}

model::Fleet load_fleet(const Options& options) {
  if (!options.adhoc.nodes.empty()) return checked(model::load_adhoc(options.adhoc));
  const std::string path = inventory_path(options);
  return checked(model::load_inventory(read_inventory(path), path));
}

model::Fleet load_fleet_or(const Options& options, const std::string& collected) {
  if (!options.adhoc.nodes.empty() || !options.inventory.empty()) return load_fleet(options);
  return checked(model::load_inventory(collected, options.from + "/manifest.json: inventory"));
}

run::Collected collected_in(const std::string& folder) {
  auto collected = run::load_collected(folder);
  if (collected) return std::move(*collected);
  throw Exit{2,
             "--from: " + collected.error().message + "\n  cure: " + collected.error().hint + "\n"};
}

std::vector<std::size_t> selection(const Options& options, const model::Fleet& fleet) {
  if (options.limit.empty()) {
    std::vector<std::size_t> all(fleet.nodes.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }
  auto chosen = model::select_nodes(fleet, options.limit);
  if (!chosen)
    throw Exit{2, "--limit: " + chosen.error().message + "\n  cure: " + chosen.error().hint + "\n"};
  return *chosen;
}

report::Style style_of(const Options& options, int fd) {
  report::Style style;
  style.width = options.width != 0 ? options.width : columns_of(fd);
  if (options.color == Toggle::on && is_terminal(fd)) style.colour = report::Colour::on;
  return style;
}

report::Style result_style(const Options& options) {
  if (options.output.empty()) return style_of(options, STDOUT_FILENO);
  report::Style style;
  if (options.width != 0) style.width = options.width;
  return style;
}

void write_result(const Options& options, const std::string& text) {
  if (options.output.empty()) {
    std::cout << text << std::flush;
    return;
  }
  std::ofstream file(options.output, std::ios::trunc | std::ios::binary);
  file << text << std::flush;
  if (!file) throw Exit{1, "cannot write " + options.output + "\n"};
}

ssh::ClientOptions client_options(const Options& options) {
  ssh::ClientOptions client;
  client.host_keys = options.host_keys;
  client.password = options.ask_pass == Ask::yes ? ssh::PasswordAuth::on : ssh::PasswordAuth::off;
  client.config_file = options.ssh_config;
  client.known_hosts_files = options.known_hosts;
  client.connect_timeout = options.connect_timeout;
  client.prompts.secret = ask_secret;
  client.warn = [](const std::string& text) {
    std::cerr << "warning: " << printable(text) << "\n";
  };
  return client;
}

// Journal and progress behind one Sink. The crew emits one event at a time.
struct Session::Sinks final : plan::Sink {
  run::Journal& journal;
  std::unique_ptr<report::LineProgress> progress;

  Sinks(run::Journal& j, const Options& options) : journal(j) {
    if (options.quiet == Toggle::on) return;
    using Progress = report::LineProgress;
    Progress::Options shown;
    if (is_terminal(STDERR_FILENO)) shown.output = Progress::Output::terminal;
    shown.detail = options.verbosity > 0 ? Progress::Detail::steps : Progress::Detail::failures;
    shown.style = style_of(options, STDERR_FILENO);
    progress = std::make_unique<Progress>(std::cerr, shown);
  }
  void emit(const plan::Event& event) override {
    journal.emit(event);
    if (progress) progress->emit(event);
  }
};

// Sessions that an older client made need it for as long as they live: all are kept.
struct Session::Renewable final : ssh::Transport {
  ssh::ClientOptions options;
  std::mutex mutex;
  std::vector<std::unique_ptr<ssh::Transport>> clients;

  explicit Renewable(ssh::ClientOptions o) : options(std::move(o)) { renew(); }
  void renew() {
    const std::lock_guard guard(mutex);
    clients.push_back(ssh::make_client(options));
  }
  Expected<std::unique_ptr<ssh::Session>> connect(const ssh::Target& target, Deadline deadline,
                                                  CancelToken cancel) override {
    ssh::Transport* newest = nullptr;
    {
      const std::lock_guard guard(mutex);
      newest = clients.back().get();
    }
    return newest->connect(target, deadline, std::move(cancel));
  }
};

void Session::renew_transport() {
  transport_->renew();
}

const ssh::ClientOptions& Session::client() const {
  return transport_->options;
}

void Session::sleep(std::chrono::steady_clock::duration span) const {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, source_.get_token(), span, [] { return false; });
}

Session::Session(const Options& options, std::string_view verb)
    : Session(options, verb, load_fleet(options)) {}

Session::Session(const Options& options, std::string_view verb, model::Fleet fleet,
                 const std::string& undoes)
    : fleet_(std::move(fleet)), quiet_(options.quiet) {
  raise_file_limit();
  const std::vector<std::size_t> nodes = selection(options, fleet_);

  run::CrewOptions crew_options;
  crew_options.phase_timeout = options.timeout;
  if (verb == "bootstrap" && options.ask_pass == Ask::yes) {
    // It is sudo's as well, unless --ask-become-pass says otherwise.
    auto password = ask_secret(kPasswordQuestion);
    if (!password) throw Exit{2, "--ask-pass needs a terminal to ask on\n"};
    crew_options.become_password = *password;
    answers_.emplace(kPasswordQuestion, std::move(*password));
  }
  const bool needs_become = std::any_of(nodes.begin(), nodes.end(), [&](std::size_t i) {
    return fleet_.nodes[i].become == model::Become::sudo_password;
  });
  if (options.ask_become_pass == Ask::yes && needs_become) {
    auto password = ask_secret("sudo password: ");
    if (!password) throw Exit{2, "--ask-become-pass needs a terminal to ask on\n"};
    crew_options.become_password = std::move(*password);
  } else if (needs_become && (verb == "apply" || verb == "recover" || verb == "rollback")) {
    throw Exit{2,
               "this inventory has become = \"sudo-password\", and no password was asked for\n"
               "  cure: add --ask-become-pass\n"};
  }

  auto journal = run::Journal::create(run::default_state_home(), verb, clock_);
  if (!journal) throw Exit{1, journal.error().message + "\n  cure: " + journal.error().hint + "\n"};
  journal_ = std::move(*journal);
  if (auto begun = journal_->begin(fleet_.name, undoes); !begun)
    throw Exit{1, begun.error().message + "\n"};
  sinks_ = std::make_unique<Sinks>(*journal_, options);
  guard_ = std::make_unique<InterruptGuard>(source_);

  ssh::ClientOptions client = client_options(options);
  client.prompts.secret = [this](const std::string& question) -> std::optional<Secret> {
    if (const auto given = answers_.find(question); given != answers_.end()) return given->second;
    settle();
    auto answer = ask_secret(question);
    if (answer) answers_.emplace(question, *answer);
    return answer;
  };
  client.prompts.confirm = [this](const std::string& question) {
    settle();
    const auto answer = ask_line(question + " [y/N] ");
    return answer && (*answer == "y" || *answer == "yes");
  };
  client.warn = [this](const std::string& text) { warn(text); };
  transport_ = std::make_unique<Renewable>(std::move(client));
  crew_options.cancel = source_.get_token();
  crew_ = std::make_unique<run::Crew>(fleet_, nodes, *transport_, *sinks_, std::move(crew_options));
}

Session::~Session() {
  settle();
  if (noted_ == Toggle::on) return;
  const int unsaid = std::uncaught_exceptions() > 0 ? 1 : 0;
  static_cast<void>(journal_->finish(interrupted() ? 130 : unsaid));
}

int Session::ended(int status) {
  noted_ = Toggle::on;
  if (auto noted = journal_->finish(status); !noted) throw Exit{1, noted.error().message + "\n"};
  return status;
}

void Session::settle() {
  if (sinks_ && sinks_->progress) sinks_->progress->finish();
}

void Session::say(const std::string& text) {
  if (quiet_ == Toggle::on) return;
  settle();
  std::cerr << text << "\n";
}

void Session::keep(const std::string& name, const std::string& text) {
  if (auto kept = journal_->write(name, text); !kept) throw Exit{1, kept.error().message + "\n"};
}

void keep_plan(Session& session, const plan::Plan& plan) {
  session.keep("plan.json", plan::to_json(plan));
  keep_facts(session, "before.json");
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (!node.facts || node.facts->profiler_json.empty()) continue;
    session.keep("nodes/" + session.fleet().nodes[node.index].name + "/thunderbolt.json",
                 node.facts->profiler_json);
  }
}

void keep_facts(Session& session, const std::string& name) {
  facts::Record record;
  record.matrix_path = session.fleet().ibv_path;
  for (const run::NodeRun& node : session.crew().nodes()) {
    if (!node.facts) continue;
    record.nodes.push_back(facts::record_of(session.fleet().nodes[node.index].name, *node.facts));
  }
  session.keep(name, facts::to_json(record));
}

void Session::warn(const std::string& text) {
  settle();
  std::cerr << "warning: " << printable(text) << "\n";
}

}  // namespace bringup::cli
