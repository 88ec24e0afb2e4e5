#pragma once
// The command line as values. CLI11 is used in options.cpp and nowhere else.
#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bringup/model/inventory.hpp"
#include "bringup/plan/guard.hpp"
#include "bringup/ssh/client.hpp"
#include "bringup/verify/rdma.hpp"

namespace bringup::cli {

enum class Verb {
  check,
  plan,
  apply,
  verify,
  status,
  recover,
  rollback,
  runs,
  exec,
  trust,
  export_,
  collect,
  discover,
  bootstrap
};
enum class Format { text, json, jsonl };
enum class Ask { no, yes };
enum class Toggle { off, on };

struct Options {
  Verb verb = Verb::check;
  std::string inventory;  // empty: bringup.toml in the working folder
  model::AdhocFlags adhoc;
  std::string limit;
  Format format = Format::text;
  std::string output;     // file for the result; empty: stdout
  std::size_t width = 0;  // 0: the terminal's, else 80
  std::chrono::milliseconds timeout{60000};
  std::chrono::milliseconds connect_timeout{15000};
  Ask ask_pass = Ask::no;
  Ask ask_become_pass = Ask::no;
  Toggle color = Toggle::on;
  Toggle quiet = Toggle::off;
  int verbosity = 0;
  ssh::HostKeyMode host_keys = ssh::HostKeyMode::strict;
  std::string ssh_config;
  std::vector<std::string> known_hosts;

  Toggle yes = Toggle::off;                 // apply
  Toggle dry_run = Toggle::off;             // apply
  Toggle offline = Toggle::off;             // plan
  Toggle detailed_exit_code = Toggle::off;  // plan
  std::string plan_out;                     // plan --out
  std::string plan_file;                    // apply plan.json
  plan::GuardMode guard = plan::GuardMode::automatic;
  std::chrono::seconds guard_time{90};
  std::size_t serial = 0;         // apply --serial; 0: all at once
  std::size_t max_fail = 0;       // apply --max-fail; 0: not given
  std::vector<std::string> only;  // verify --only; "all" for every check
  int ping_count = 3;
  double ping_interval_s = 0.2;
  std::string pairs = "links";  // verify --pairs
  Toggle stress = Toggle::off;
  Toggle estimate = Toggle::off;
  std::optional<int> seconds;  // of iperf, each direction
  std::optional<int> streams;
  std::uint16_t iperf_port = 15201;
  std::vector<std::uint16_t> ports;  // of tcp
  std::string baseline;              // "last" or a file; empty: none
  std::string probe;                 // a file, "none", or empty: the one beside the program
  verify::QpType queue_pair = verify::QpType::uc;
  std::string command;             // exec
  std::string trusted;             // trust
  Toggle full_sudo = Toggle::off;  // bootstrap
  std::string export_format;
  std::string coordinator;         // export --coordinator, an IPv4 address
  Toggle measure = Toggle::off;    // export
  Toggle anonymise = Toggle::off;  // collect
  std::string from;                // status, discover: what collect wrote; empty: the nodes
  Toggle adopt = Toggle::off;      // plan --adopt
  std::vector<std::string> hosts;  // discover
  std::vector<std::string> via;    // discover: hops, outermost first
  Toggle dot = Toggle::off;        // discover
  Toggle resume = Toggle::off;     // apply
  std::string run;                 // rollback, runs show; empty: the last
  Toggle show = Toggle::off;       // runs show
  std::chrono::seconds wait{0};    // recover
};

// What there is to say before any work: help, the version, or what is wrong with the command line.
struct Leave {
  int status = 0;
  std::string out;
  std::string err;
};

std::variant<Options, Leave> parse_command_line(int argc, const char* const* argv);

}  // namespace bringup::cli
