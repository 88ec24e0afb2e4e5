#pragma once
// The command line as values. CLI11 is used in options.cpp and nowhere else.
#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bringup/model/inventory.hpp"
#include "bringup/ssh/client.hpp"

namespace bringup::cli {

enum class Verb { check, plan, apply, verify, exec, trust };
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
  std::vector<std::string> only;            // verify --only
  int ping_count = 3;
  double ping_interval_s = 0.2;
  std::string command;  // exec
  std::string trusted;  // trust
};

// What there is to say before any work: help, the version, or what is wrong with the command line.
struct Leave {
  int status = 0;
  std::string out;
  std::string err;
};

std::variant<Options, Leave> parse_command_line(int argc, const char* const* argv);

}  // namespace bringup::cli
