#include "hooks.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "kernel.hpp"

namespace lab_mac {
namespace {

// Changes so far under this fault, this one included. The lab removes the mark with the fault.
int count_change(const std::string& fault) {
  const std::string path = std::string(kMarks) + "/" + fault;
  int count = 0;
  std::ifstream(path) >> count;
  std::ofstream(path, std::ios::trunc) << ++count << "\n";
  return count;
}

bool matches(const std::string& wanted, int count, const Arguments& argv) {
  if (!wanted.empty() &&
      std::all_of(wanted.begin(), wanted.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return count == std::atoi(wanted.c_str());
  }
  return std::find(argv.begin() + 1, argv.end(), wanted) != argv.end();
}

// Once per fault: a later attempt of the tool must find a node that works.
bool fires(const Truth& truth, const std::string& name, const Arguments& argv) {
  const Fault* fault = truth.fault(name);
  if (fault == nullptr) return false;
  const std::string fired = std::string(kMarks) + "/" + name + ".fired";
  if (::access(fired.c_str(), F_OK) == 0) return false;
  if (!matches(fault->argument, count_change(name), argv)) return false;
  std::ofstream(fired.c_str()) << "1\n";
  return true;
}

struct Process {
  char state = 'X';
  int parent = 0;
};

// A dead one where there is none.
Process process(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const std::size_t close = line.rfind(')');
  Process found;
  if (close == std::string::npos) return found;
  std::istringstream rest(line.substr(close + 1));
  rest >> found.state >> found.parent;
  return found;
}

int parent_of(int pid) {
  return process(pid).parent;
}

// Ends every sshd between this command and the listener, which is the child of process 1, and
// returns when they are dead: only then does the shell that called us write into a closed pipe.
void cut_session() {
  std::vector<int> killed;
  for (int pid = parent_of(::getpid()); pid > 1; pid = parent_of(pid)) {
    const std::string name = read_line("/proc/" + std::to_string(pid) + "/comm");
    if (!name.starts_with("sshd") || parent_of(pid) <= 1) continue;
    ::kill(pid, SIGKILL);
    killed.push_back(pid);
  }
  for (int tries = 0; tries < 500; ++tries) {
    const bool alive = std::any_of(killed.begin(), killed.end(), [](int pid) {
      const char state = process(pid).state;
      return state != 'Z' && state != 'X';
    });
    if (!alive) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

void before_change(const Truth& truth, const Arguments& argv) {
  if (const Fault* slow = truth.fault("slow-ifconfig")) {
    std::this_thread::sleep_for(
        std::chrono::milliseconds(static_cast<int>(1000 * std::atof(slow->argument.c_str()))));
  }
  if (fires(truth, "vanish-on", argv)) {
    for (const Lan& lan : truth.lans) {
      if (!lan.cabled) set_up(lan.iface, false);
    }
  }
  if (fires(truth, "cut-on", argv)) {
    cut_session();
    std::_Exit(1);
  }
}

}  // namespace lab_mac
