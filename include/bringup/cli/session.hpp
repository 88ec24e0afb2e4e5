#pragma once
// What every connecting verb sets up: fleet, selection, transport, journal, progress.
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "bringup/cli/options.hpp"
#include "bringup/cli/terminal.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/plan/event.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/report/style.hpp"
#include "bringup/run/collect.hpp"
#include "bringup/run/crew.hpp"
#include "bringup/run/journal.hpp"
#include "bringup/util/clock.hpp"
#include "bringup/util/secret.hpp"

namespace bringup::cli {

// Ends the run with a message on stderr and this status; thrown by what has no better caller.
struct Exit {
  int status;
  std::string message;
};

// Reads the inventory or the flags. Throws Exit(2) with every problem rendered.
model::Fleet load_fleet(const Options& options);
// The same, or, where neither is given, the inventory that a collection carries.
model::Fleet load_fleet_or(const Options& options, const std::string& collected);
// The folder of --from. Throws Exit(2) when it is no collection.
run::Collected collected_in(const std::string& folder);
// The inventory's file, and its text. Throws Exit(2) when it cannot be read.
std::string inventory_path(const Options& options);
std::string inventory_text(const Options& options);
// Indices of the nodes that --limit leaves. Throws Exit(2).
std::vector<std::size_t> selection(const Options& options, const model::Fleet& fleet);

// How text on this descriptor is shown: --width, --no-color, and what the terminal is.
report::Style style_of(const Options& options, int fd);
// The same for the result, which --output may send to a file.
report::Style result_style(const Options& options);
// To stdout or to --output. Throws Exit(1).
void write_result(const Options& options, const std::string& text);

// What the command line says of SSH; prompts on the terminal.
ssh::ClientOptions client_options(const Options& options);

class Session {
 public:
  // Asks for the passwords that will be needed, once, before anything is contacted.
  Session(const Options& options, std::string_view verb);
  // Over this fleet instead of the inventory's. `undoes`: the run that this one rolls back.
  Session(const Options& options, std::string_view verb, model::Fleet fleet,
          const std::string& undoes = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] const model::Fleet& fleet() const { return fleet_; }
  [[nodiscard]] run::Crew& crew() { return *crew_; }
  [[nodiscard]] run::Journal& journal() { return *journal_; }
  // From now on connections are made by a client that reads known_hosts anew.
  void renew_transport();
  // What its client was made with; its prompts may serve one client at a time.
  [[nodiscard]] const ssh::ClientOptions& client() const;
  // So long, or until Ctrl-C.
  void sleep(std::chrono::steady_clock::duration span) const;
  [[nodiscard]] bool interrupted() const { return source_.stop_requested(); }
  // Takes the progress line off the terminal, before something is printed.
  void settle();
  void warn(const std::string& text);  // on stderr
  void say(const std::string& text);   // on stderr, unless --quiet
  // Notes in the journal that the run has ended so; returns the status. Where nobody does, the
  // destructor notes 0, and 1 on the way of an exception.
  int ended(int status);
  // Writes into the run's folder. Throws Exit(1).
  void keep(const std::string& name, const std::string& text);

 private:
  struct Sinks;
  model::Fleet fleet_;
  SystemClock clock_;
  CancelSource source_;
  std::unique_ptr<InterruptGuard> guard_;
  std::unique_ptr<run::Journal> journal_;
  std::unique_ptr<Sinks> sinks_;
  Toggle quiet_ = Toggle::off;
  Toggle noted_ = Toggle::off;
  std::map<std::string, Secret> answers_;  // by question
  struct Renewable;
  std::unique_ptr<Renewable> transport_;
  std::unique_ptr<run::Crew> crew_;
};

// plan.json, the facts that it was made of, and each node's profiler JSON.
void keep_plan(Session& session, const plan::Plan& plan);
// The facts that are known now, as before.json or after.json.
void keep_facts(Session& session, const std::string& name);

// What `trust` does, without a word on success; asks on the terminal. False: refused, or failed.
bool trust_key(const Options& options, const model::Fleet& fleet, const std::string& name);

// One file per verb. Each returns the exit status.
int check_verb(const Options& options);
int plan_verb(const Options& options);
int apply_verb(const Options& options);
int verify_verb(const Options& options);
int status_verb(const Options& options);
int recover_verb(const Options& options);
int rollback_verb(const Options& options);
int runs_verb(const Options& options);
int exec_verb(const Options& options);
int trust_verb(const Options& options);
int export_verb(const Options& options);
int collect_verb(const Options& options);
int discover_verb(const Options& options);
int bootstrap_verb(const Options& options);
int adopt_cables(const Options& options);  // plan --adopt

}  // namespace bringup::cli
