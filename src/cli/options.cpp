#include "bringup/cli/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <sstream>

#include "bringup/report/exports.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/checks.hpp"

namespace bringup::cli {
namespace {

constexpr const char* kFooter =
    "Exit status: 0 done, nothing wrong; 1 an error of the tool or this machine; 2 usage or\n"
    "inventory; 3 differences (plan --detailed-exitcode); 4 some node unreachable or not\n"
    "authenticated; 5 a change failed; 6 verification below expectation; 130 interrupted.";

// Flags that CLI11 fills and that become enums afterwards.
struct Flags {
  bool ask_pass = false, ask_become_pass = false, no_color = false, quiet = false;
  bool adopt = false, dot = false, resume = false, full_sudo = false;
  bool yes = false, dry_run = false, offline = false, detailed = false;
  bool full = false, stress = false, estimate = false;
  bool measure = false, anonymise = false;
  double timeout_s = 60, connect_timeout_s = 15;
  std::string queue_pair = "uc";
  std::string guard = "auto";
  int guard_s = 90;
  std::string wait = "0s";
  std::vector<std::string> command;
  std::vector<std::string> nodes;
};

// For durations, beside CLI::Range, which lets "nan" pass.
std::string plain_number(const std::string& text) {
  if (text.find_first_not_of("0123456789.") == std::string::npos) return {};
  return "'" + printable(text, 40) + "' is not a number of seconds";
}

// "90s", "30m", "2h"; a bare number means seconds. At most a week.
std::optional<std::chrono::seconds> duration(const std::string& text) {
  constexpr long kWeek = 7L * 24 * 3600;
  if (text.empty()) return std::nullopt;
  const char last = text.back();
  const long unit = last == 'h' ? 3600 : last == 'm' ? 60 : 1;
  const bool has_unit = last == 'h' || last == 'm' || last == 's';
  const std::string digits = has_unit ? text.substr(0, text.size() - 1) : text;
  if (digits.empty() || digits.size() > 6 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  const long seconds = std::stol(digits) * unit;
  if (seconds > kWeek) return std::nullopt;
  return std::chrono::seconds(seconds);
}

void add_common(CLI::App& app, Options& o, Flags& f) {
  app.add_option("-i,--inventory", o.inventory, "Inventory (TOML); default: bringup.toml")
      ->group("Fleet");
  app.add_option("--node", o.adhoc.nodes, "HOST:IFACE:IP, a link end, without an inventory")
      ->group("Fleet")
      ->allow_extra_args(false);
  app.add_option("--proxy", o.adhoc.proxies, "PROXY:TARGET, reach TARGET through PROXY")
      ->group("Fleet")
      ->allow_extra_args(false);
  app.add_option("--netmask", o.adhoc.netmask, "Prefix length for --node")
      ->group("Fleet")
      ->capture_default_str();
  app.add_option("--limit", o.limit, "Only these nodes: studio[1-3],!studio2,@group")
      ->group("Fleet");

  app.add_option("--ssh-config", o.ssh_config, "ssh_config file to use, or \"none\"")->group("SSH");
  app.add_option("--known-hosts", o.known_hosts, "known_hosts file to use (repeatable)")
      ->group("SSH")
      ->allow_extra_args(false);
  const std::map<std::string, ssh::HostKeyMode> modes{{"strict", ssh::HostKeyMode::strict},
                                                      {"accept-new", ssh::HostKeyMode::accept_new},
                                                      {"ask", ssh::HostKeyMode::ask}};
  app.add_option("--host-keys", o.host_keys, "Unknown host keys: strict, accept-new or ask")
      ->transform(CLI::CheckedTransformer(modes))
      ->default_str("strict")
      ->group("SSH");
  app.add_flag("--ask-pass", f.ask_pass, "Ask once for the SSH password")->group("SSH");
  app.add_flag("--ask-become-pass", f.ask_become_pass, "Ask once for the sudo password")
      ->group("SSH");
  app.add_option("--timeout", f.timeout_s, "Seconds for one phase on one node")
      ->capture_default_str()
      ->check(plain_number)
      ->check(CLI::Range(0.1, 86400.0))
      ->group("SSH");
  app.add_option("--connect-timeout", f.connect_timeout_s, "Seconds to connect and log in, per hop")
      ->capture_default_str()
      ->check(plain_number)
      ->check(CLI::Range(0.1, 3600.0))
      ->group("SSH");

  const std::map<std::string, Format> formats{
      {"text", Format::text}, {"json", Format::json}, {"jsonl", Format::jsonl}};
  app.add_option("--format", o.format, "text, json or jsonl")
      ->transform(CLI::CheckedTransformer(formats))
      ->default_str("text")
      ->group("Output");
  app.add_option("-o,--output", o.output, "Write the result to this file")->group("Output");
  app.add_option("--width", o.width, "Columns of text output")
      ->check(CLI::Range(20, 1000))
      ->group("Output");
  app.add_flag("--no-color", f.no_color, "No colours (also: NO_COLOR)")->group("Output");
  app.add_flag("-q,--quiet", f.quiet, "No progress")->group("Output");
  app.add_flag("-v,--verbose", o.verbosity, "Say more")->group("Output");
}

void add_verify(CLI::App* verify, Options& o, Flags& f) {
  std::vector<std::string> words = verify::check_kind_words();
  words.emplace_back("all");
  verify->add_option("--only", o.only, "Checks to run: " + join(words, ", "))->delimiter(',');
  verify->add_flag("--full", f.full, "Every check, also those that fill the links");
  verify->add_option("--count", o.ping_count, "Pings per pair")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  verify->add_option("--interval", o.ping_interval_s, "Seconds between pings")
      ->capture_default_str()
      ->check(plain_number)
      ->check(CLI::Range(0.1, 60.0));
  verify->add_option("--ports", o.ports, "TCP ports to try (default: the peer's sshd)")
      ->delimiter(',')
      ->check(CLI::Range(1, 65535));
  verify->add_option("--pairs", o.pairs, "links, all, or matching:K, K rounds of links")
      ->capture_default_str();
  verify->add_flag("--stress", f.stress, "iperf and RDMA on all links at once");
  verify->add_option("--seconds", o.seconds, "Seconds of iperf in each direction (default 10)")
      ->check(CLI::Range(1, 3600));
  verify->add_option("--streams", o.streams, "Streams of iperf (default: by the link's kind)")
      ->check(CLI::Range(1, 128));
  verify->add_option("--iperf-port", o.iperf_port, "TCP port of iperf")
      ->capture_default_str()
      ->check(CLI::Range(1, 65535));
  verify->add_option("--qp", f.queue_pair, "RDMA queue pair: uc, or rc where the device has it")
      ->capture_default_str()
      ->check(CLI::IsMember({"uc", "rc"}));
  verify->add_option("--probe", o.probe,
                     "bringup-probe to send to the nodes, or \"none\": use their own tools");
  verify->add_option("--baseline", o.baseline, "Compare with the last good run (last) or a report");
  verify->add_flag("--estimate", f.estimate, "Rounds and time that it would take; runs nothing");
}

void add_export(CLI::App* sub, Options& o, Flags& f) {
  const auto formats = report::export_format_words();
  sub->add_option("format", o.export_format, join(formats, ", "))
      ->required()
      ->check(CLI::IsMember(formats));
  sub->add_flag("--measure", f.measure, "Let the nodes find out which address all others reach");
  sub->add_option("--coordinator", o.coordinator, "Rank 0's address that all other nodes reach");
}

// How changes are made: of every verb that makes some.
void add_changes(CLI::App* sub, Options& o, Flags& f) {
  sub->add_option("--guard", f.guard,
                  "auto: guard changes that could cut the session off; always; never")
      ->capture_default_str()
      ->check(CLI::IsMember(plan::guard_mode_words()));
  sub->add_option("--guard-seconds", f.guard_s,
                  "Seconds after which a node undoes a guarded change that nobody confirmed")
      ->capture_default_str()
      ->check(CLI::Range(10, 600));
  sub->add_option("--serial", o.serial, "One node first, then this many at a time")
      ->check(CLI::Range(1, 100000));
  sub->add_option("--max-fail", o.max_fail, "Begin no more nodes when this many have failed")
      ->check(CLI::Range(1, 100000));
}

Toggle toggle(bool on) {
  return on ? Toggle::on : Toggle::off;
}

}  // namespace

std::variant<Options, Leave> parse_command_line(int argc, const char* const* argv) {
  Options o;
  Flags f;
  CLI::App app{"Brings a cluster's links up over SSH and proves that they work.", "bringup"};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("bringup ") + BRINGUP_VERSION);
  app.require_subcommand(0, 1);
  app.fallthrough();
  add_common(app, o, f);
  const auto add_dry_run = [&](CLI::App& to) {
    to.add_flag("--dry-run", f.dry_run, "Show what would run and change nothing");
  };
  add_dry_run(app);
  app.add_flag("-y,--yes", f.yes, "Do not ask before changing nodes");

  std::map<CLI::App*, Verb> verbs;
  const auto verb = [&](const char* name, Verb which, const char* help) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->fallthrough();
    verbs[sub] = which;
    return sub;
  };
  verb("check", Verb::check, "Validate the inventory; no network");
  CLI::App* plan = verb("plan", Verb::plan, "Read facts and show what would change, and why");
  plan->add_option("--out", o.plan_out, "Save the plan, for `bringup apply FILE`");
  plan->add_flag("--offline", f.offline, "Every command of a from-scratch run, without connecting");
  plan->add_flag("--detailed-exitcode", f.detailed, "Exit with 3 when something would change");
  plan->add_flag("--adopt", f.adopt,
                 "Rewrite the inventory's link ends to what is plugged, after showing the diff");
  CLI::App* apply = verb("apply", Verb::apply, "Plan, confirm, change, read back, verify");
  apply->add_option("plan", o.plan_file, "A saved plan to carry out as it is");
  add_changes(apply, o, f);
  apply->add_flag("--resume", f.resume, "Go on with the last run that was broken off");
  add_verify(verb("verify", Verb::verify, "Check every link in both directions"), o, f);
  CLI::App* status = verb("status", Verb::status, "Drift, and per link what holds layer by layer");
  status->add_flag("--detailed-exitcode", f.detailed, "Exit with 3 when something would change");
  status->add_option("--from", o.from, "A folder that collect wrote, instead of the nodes");
  add_export(verb("export", Verb::export_, "The fleet in the format of another program"), o, f);
  CLI::App* collect =
      verb("collect", Verb::collect, "Store what every node prints in the folder --output");
  collect->add_flag("--anonymise", f.anonymise, "Replace names, addresses and serials throughout");
  CLI::App* recover = verb("recover", Verb::recover,
                           "After a reboot or re-initialisation: say what was lost, restore it");
  add_changes(recover, o, f);
  recover->add_option("--wait", f.wait, "Wait so long for nodes to come back: 90s, 30m, 2h");
  CLI::App* rollback = verb("rollback", Verb::rollback, "Undo a run, from what it recorded");
  add_changes(rollback, o, f);
  rollback->add_option("run", o.run, "The run; default: the last that changed something");
  CLI::App* runs = verb("runs", Verb::runs, "List past runs; no network");
  CLI::App* show = runs->add_subcommand("show", "One run, step by step");
  show->fallthrough();
  show->add_option("run", o.run, "The run; default: the last");
  CLI::App* exec =
      verb("exec", Verb::exec, "Run one command on the nodes, identical output folded");
  exec->add_option("command", f.command, "The command, after --")->required();
  CLI::App* trust = verb("trust", Verb::trust, "Show a node's host key and, confirmed, keep it");
  trust->add_option("node", o.trusted, "A node or proxy of the fleet")->required();

  CLI::App* bootstrap = verb("bootstrap", Verb::bootstrap,
                             "Give nodes the login key and the sudo rule that they have lost");
  bootstrap->add_option("nodes", f.nodes, "Nodes of the fleet: studio1 studio[2-3]")->required();
  bootstrap->add_flag("--full-sudo", f.full_sudo,
                      "Allow every command without a password, not bringup's alone");

  CLI::App* discover =
      verb("discover", Verb::discover, "Ask hosts for their cables and print an inventory");
  discover->add_option("hosts", o.hosts, "[USER@]HOST[:PORT] of every Mac");
  discover->add_option("--from", o.from, "A folder that collect wrote, instead of hosts");
  discover->add_option("--via", o.via, "A host on the way to them (repeatable, outermost first)")
      ->allow_extra_args(false);
  discover->add_flag("--dot", f.dot, "Print a graph for Graphviz instead");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    return Leave{code == 0 ? 0 : 2, out.str(), err.str()};
  }

  const auto chosen = app.get_subcommands();
  if (chosen.empty() && o.adhoc.nodes.empty()) {
    return Leave{2, {}, app.help()};
  }
  // Link ends alone mean what they mean in the script that people know: bring them up.
  o.verb = chosen.empty() ? Verb::apply : verbs.at(chosen.front());
  o.ask_pass = f.ask_pass ? Ask::yes : Ask::no;
  o.ask_become_pass = f.ask_become_pass ? Ask::yes : Ask::no;
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: an empty value does not count
  o.color = toggle(!f.no_color && (no_color == nullptr || *no_color == '\0'));
  o.quiet = toggle(f.quiet);
  o.yes = toggle(f.yes);
  o.dry_run = toggle(f.dry_run);
  o.offline = toggle(f.offline);
  o.adopt = toggle(f.adopt);
  o.dot = toggle(f.dot);
  o.resume = toggle(f.resume);
  o.full_sudo = toggle(f.full_sudo);
  o.show = toggle(show->parsed());
  if (const auto wait = duration(f.wait)) {
    o.wait = *wait;
  } else {
    return Leave{2, {}, "--wait: '" + printable(f.wait, 40) + "' is no duration: 90s, 30m, 2h\n"};
  }
  o.detailed_exit_code = toggle(f.detailed);
  o.stress = toggle(f.stress);
  o.estimate = toggle(f.estimate);
  o.measure = toggle(f.measure);
  o.anonymise = toggle(f.anonymise);
  o.guard = plan::parse_guard_mode(f.guard).value_or(plan::GuardMode::automatic);
  o.guard_time = std::chrono::seconds(f.guard_s);
  o.queue_pair = f.queue_pair == "rc" ? verify::QpType::rc : verify::QpType::uc;
  if (f.full && !o.only.empty()) return Leave{2, {}, "--full and --only exclude each other\n"};
  if (f.full) o.only = {"all"};
  const auto milliseconds = [](double seconds) {
    return std::chrono::milliseconds(static_cast<long long>(seconds * 1000));
  };
  o.timeout = milliseconds(f.timeout_s);
  o.connect_timeout = std::min(milliseconds(f.connect_timeout_s), o.timeout);
  o.command = join(f.command, " ");
  if (!o.inventory.empty() && !o.adhoc.nodes.empty()) {
    return Leave{2, {}, "--inventory and --node exclude each other: give one of them\n"};
  }
  if (o.adhoc.nodes.empty() && !o.adhoc.proxies.empty()) {
    return Leave{
        2, {}, "--proxy goes with --node; in an inventory write via = \"PROXY\" for the node\n"};
  }
  if (o.verb == Verb::export_ && o.format != Format::text) {
    return Leave{2, {}, "--format does not go with export: the word after it is the format\n"};
  }
  if (o.measure == Toggle::on && !o.coordinator.empty()) {
    return Leave{2, {}, "--measure and --coordinator exclude each other\n"};
  }
  if (o.verb == Verb::collect && o.output.empty()) {
    return Leave{2, {}, "collect needs a folder to write to: --output FOLDER\n"};
  }
  if (o.verb == Verb::discover && (!o.inventory.empty() || !o.adhoc.nodes.empty())) {
    return Leave{2, {}, "discover makes an inventory and reads none: name the hosts\n"};
  }
  if (o.verb == Verb::discover && o.hosts.empty() == o.from.empty()) {
    return Leave{2, {}, "discover needs the hosts to ask, or --from FOLDER, and not both\n"};
  }
  if (o.verb == Verb::discover && o.format != Format::text) {
    return Leave{
        2, {}, "discover prints TOML, or a graph with --dot: --format does not go with it\n"};
  }
  if (o.adopt == Toggle::on && (o.offline == Toggle::on || !o.plan_out.empty())) {
    return Leave{2, {}, "--adopt changes the inventory and makes no plan: run plan after it\n"};
  }
  if (o.verb == Verb::bootstrap) {
    if (!o.limit.empty()) return Leave{2, {}, "bootstrap takes the nodes themselves, no --limit\n"};
    o.limit = join(f.nodes, ",");
  }
  if (o.verb == Verb::trust && o.dry_run == Toggle::on) {
    return Leave{2, {}, "--dry-run does not go with trust: it asks before it keeps a key\n"};
  }
  if (o.verb == Verb::exec && o.dry_run == Toggle::on) {
    return Leave{2, {}, "--dry-run does not go with exec: a command would run all the same\n"};
  }
  if (o.resume == Toggle::on && (!o.plan_file.empty() || o.dry_run == Toggle::on)) {
    return Leave{2, {}, "--resume goes neither with a saved plan nor with --dry-run\n"};
  }
  if (o.verb == Verb::apply && o.dry_run == Toggle::on && !o.plan_file.empty()) {
    return Leave{2, {}, "--dry-run does not go with a saved plan: read the plan file instead\n"};
  }
  return o;
}

}  // namespace bringup::cli
