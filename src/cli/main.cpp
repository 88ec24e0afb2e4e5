#include "bringup/cli/main.hpp"

#include <csignal>
#include <exception>
#include <iostream>

#include "bringup/cli/options.hpp"
#include "bringup/cli/session.hpp"
#include "bringup/util/text.hpp"

namespace bringup::cli {
namespace {

int dispatch(const Options& options) {
  switch (options.verb) {
    case Verb::check:
      return check_verb(options);
    case Verb::plan:
      return plan_verb(options);
    case Verb::apply:
      return options.dry_run == Toggle::on ? plan_verb(options) : apply_verb(options);
    case Verb::status:
      return status_verb(options);
    case Verb::verify:
      return verify_verb(options);
    case Verb::recover:
      return options.dry_run == Toggle::on ? plan_verb(options) : recover_verb(options);
    case Verb::rollback:
      return rollback_verb(options);
    case Verb::runs:
      return runs_verb(options);
    case Verb::exec:
      return exec_verb(options);
    case Verb::trust:
      return trust_verb(options);
    case Verb::export_:
      return export_verb(options);
    case Verb::collect:
      return collect_verb(options);
    case Verb::discover:
      return discover_verb(options);
    case Verb::bootstrap:
      return bootstrap_verb(options);
  }
  return 1;
}

}  // namespace

int run(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of the write, not the end of the program
  try {
    const auto parsed = parse_command_line(argc, argv);
    if (const Leave* leave = std::get_if<Leave>(&parsed)) {
      std::cout << leave->out << std::flush;
      std::cerr << leave->err;
      return leave->status;
    }
    const int status = dispatch(std::get<Options>(parsed));
    std::cout << std::flush;
    return std::cout ? status : 1;
  } catch (const Exit& exit) {
    std::cerr << exit.message;
    return exit.status;
  } catch (const std::exception& error) {
    std::cerr << "bringup: " << printable(error.what()) << "\n"
              << "This is a defect of bringup; please report it with the command line.\n";
    return 1;
  }
}

}  // namespace bringup::cli
