// lab-mac: every command of the simulated Mac in one program, chosen by the name it is called by.
#include <cstdio>
#include <exception>
#include <map>

#include "commands.hpp"

namespace lab_mac {

int fail(int status, const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", text.c_str());
  return status;
}

int not_found(const std::string& name) {
  return fail(127, "sh: " + name + ": command not found");
}

bool is(const Arguments& argv, std::size_t index, const char* text) {
  return index < argv.size() && argv[index] == text;
}

namespace {

using Command = int (*)(const Truth&, const Arguments&);

const std::map<std::string, Command>& commands() {
  static const std::map<std::string, Command> all{
      {"ifconfig", ifconfig},
      {"networksetup", networksetup},
      {"rdma_ctl", rdma_ctl},
      {"system_profiler", system_profiler},
      {"nvram", nvram},
      {"ibv_devices", ibv_devices},
      {"ibv_devinfo", ibv_devinfo},
      {"ibv_uc_pingpong", ibv_uc_pingpong},
      {"ping", ping},
      {"route", route},
      {"netstat", netstat},
      {"arp", arp},
      {"traceroute", traceroute},
      {"socketfilterfw", socketfilterfw},
      {"sw_vers", sw_vers},
      {"sysctl", sysctl},
      {"uname", uname},
      {"scutil", scutil},
      {"ipconfig", ipconfig},
      {"launchctl", launchctl},
      {"stat", stat},
  };
  return all;
}

int run(Arguments argv) {
  std::string name = argv.empty() ? "" : argv[0].substr(argv[0].rfind('/') + 1);
  if (name == "lab-mac" && argv.size() == 2 && argv[1] == "--list") {
    for (const auto& [known, command] : commands()) std::puts(known.c_str());
    return 0;
  }
  argv[0] = name;
  const auto it = commands().find(name);
  if (it == commands().end()) return fail(64, "lab-mac: no command named " + name);
  return it->second(load_truth(), argv);
}

}  // namespace
}  // namespace lab_mac

int main(int argc, char** argv) {
  try {
    return lab_mac::run({argv, argv + argc});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "lab-mac: %s\n", e.what());
    return 70;
  }
}
