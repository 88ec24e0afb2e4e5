// The Mac's small commands: what it is, how it is called, what launchd holds.
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

std::string boot_time(const Truth& truth) {
  const std::time_t t = static_cast<std::time_t>(truth.boot_time);
  std::tm tm{};
  ::gmtime_r(&t, &tm);
  char text[64];
  std::strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
  return "{ sec = " + std::to_string(truth.boot_time) + ", usec = 0 } " + text;
}

// A boot's own name: another after each.
std::string boot_session(const Truth& truth) {
  char text[40];
  std::snprintf(text, sizeof text, "1AB00000-0000-4000-8000-%012lld",
                static_cast<long long>(truth.boot_time));
  return text;
}

std::string host_name() {
  utsname u{};
  ::uname(&u);
  return u.nodename;
}

constexpr const char* kForwarding = "/proc/sys/net/ipv4/ip_forward";

std::map<std::string, std::string> oids(const Truth& truth) {
  return {{"hw.model", truth.model},
          {"hw.memsize", std::to_string(truth.memory)},
          {"hw.ncpu", std::to_string(truth.cores)},
          {"hw.physicalcpu", std::to_string(truth.cores)},
          {"hw.logicalcpu", std::to_string(truth.cores)},
          {"hw.optional.arm64", "1"},
          {"kern.osversion", truth.os_build},
          {"kern.osproductversion", truth.os_version},
          {"kern.ostype", "Darwin"},
          {"kern.osrelease", "25.2.0"},
          {"kern.hostname", host_name()},
          {"kern.boottime", boot_time(truth)},
          {"kern.bootsessionuuid", boot_session(truth)},
          {"machdep.cpu.brand_string", truth.chip},
          {"net.inet.ip.forwarding", read_line(kForwarding)},
          {"vm.swapusage", "total = 2048.00M  used = 1050.00M  free = 998.00M  (encrypted)"}};
}

int set_oid(const std::string& name, const std::string& value) {
  if (name != "net.inet.ip.forwarding") return fail(1, "sysctl: unknown oid '" + name + "'");
  const std::string before = read_line(kForwarding);
  std::ofstream out(kForwarding);
  if (!(out << value << "\n" << std::flush)) {
    return fail(1, "sysctl: " + name + ": Operation not permitted");
  }
  std::printf("%s: %s -> %s\n", name.c_str(), before.c_str(), value.c_str());
  return 0;
}

}  // namespace

int sw_vers(const Truth& truth, const Arguments& argv) {
  const auto one = [&](const char* flag, const std::string& value) {
    if (!is(argv, 1, flag) && !is(argv, 1, (std::string("-") + flag).c_str())) return false;
    std::puts(value.c_str());
    return true;
  };
  if (one("-productName", "macOS") || one("-productVersion", truth.os_version) ||
      one("-buildVersion", truth.os_build)) {
    return 0;
  }
  std::printf("ProductName:\t\tmacOS\nProductVersion:\t\t%s\nBuildVersion:\t\t%s\n",
              truth.os_version.c_str(), truth.os_build.c_str());
  return 0;
}

int sysctl(const Truth& truth, const Arguments& argv) {
  bool bare = false;
  int status = 0;
  const auto known = oids(truth);
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k] == "-n") bare = true;
    if (argv[k].starts_with('-')) continue;
    if (const std::size_t eq = argv[k].find('='); eq != std::string::npos) {
      status = set_oid(argv[k].substr(0, eq), argv[k].substr(eq + 1));
      continue;
    }
    const auto it = known.find(argv[k]);
    if (it == known.end()) {
      status = fail(1, "sysctl: unknown oid '" + argv[k] + "'");
    } else if (bare) {
      std::puts(it->second.c_str());
    } else {
      std::printf("%s: %s\n", it->first.c_str(), it->second.c_str());
    }
  }
  return status;
}

int uname(const Truth& truth, const Arguments& argv) {
  const std::string version =
      "Darwin Kernel Version 25.2.0: root:xnu-12377.61.12~1/RELEASE_ARM64_T6031";
  const std::map<char, std::string> parts{{'s', "Darwin"}, {'n', host_name()}, {'r', "25.2.0"},
                                          {'v', version},  {'m', "arm64"},     {'p', "arm"}};
  (void)truth;
  std::string letters;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k].size() < 2 || argv[k][0] != '-') return fail(1, "usage: uname [-amnoprsv]");
    letters += argv[k].substr(1);
  }
  if (letters.empty()) letters = "s";
  if (letters.find('a') != std::string::npos) letters = "snrvm";
  std::string out;
  for (const char c : std::string("snrvmp")) {
    if (letters.find(c) != std::string::npos) out += (out.empty() ? "" : " ") + parts.at(c);
  }
  if (out.empty()) return fail(1, "usage: uname [-amnoprsv]");
  std::puts(out.c_str());
  return 0;
}

int scutil(const Truth& truth, const Arguments& argv) {
  if (is(argv, 1, "--get")) {
    if (is(argv, 2, "ComputerName")) return std::puts(truth.name.c_str()), 0;
    if (is(argv, 2, "LocalHostName")) return std::puts(truth.name.c_str()), 0;
    if (is(argv, 2, "HostName")) return std::puts("HostName: not set"), 1;
  }
  return fail(64, "usage: scutil --get ComputerName | LocalHostName | HostName");
}

int socketfilterfw(const Truth& truth, const Arguments& argv) {
  if (!is(argv, 1, "--getglobalstate") && !is(argv, 1, "--getblockall")) {
    return fail(64, "usage: socketfilterfw --getglobalstate | --getblockall");
  }
  const bool on = truth.fault("app-firewall") != nullptr;
  if (is(argv, 1, "--getblockall")) {
    std::puts("Firewall has block all state set to disabled.");
  } else {
    std::printf("Firewall is %s. (State = %d)\n", on ? "enabled" : "disabled", on ? 1 : 0);
  }
  return 0;
}

int ipconfig(const Truth&, const Arguments& argv) {
  if (!is(argv, 1, "getifaddr") || argv.size() != 3) {
    return fail(64, "usage: ipconfig getifaddr <interface-name>");
  }
  const auto i = interface(argv[2]);
  if (!i || i->inet.empty()) return 1;
  std::puts(to_text(i->inet.front().address).c_str());
  return 0;
}

namespace {

// Loaded means: there at boot, or bootstrapped since. A mark per label, gone with the boot.
std::string mark_of(const std::string& label) {
  return std::string(kMarks) + "/launchd." + label;
}

bool loaded(const std::string& label) {
  return ::access(mark_of(label).c_str(), F_OK) == 0;
}

std::string label_of(const std::string& plist) {
  return std::filesystem::path(plist).stem().string();
}

// launchd.py, on the node: loads jobs, runs them at load and at their interval, unloads them.
int launchd(const std::string& verb, const std::string& what) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/usr/libexec/lab-python", "lab-python", "-I", "/usr/libexec/lab-launchd", verb.c_str(),
            what.c_str(), static_cast<char*>(nullptr));
    std::_Exit(70);
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 70;
  return WEXITSTATUS(status);
}

int bootstrap(const std::string& plist) {
  if (::geteuid() != 0 || launchd("load", plist) != 0) {
    return fail(5, "Bootstrap failed: 5: Input/output error");
  }
  return 0;
}

int bootout(std::string target) {
  if (target.starts_with("system/")) target.erase(0, 7);
  if (target.ends_with(".plist")) target = label_of(target);
  if (::geteuid() != 0) return fail(1, "Boot-out failed: 1: Operation not permitted");
  if (!loaded(target)) return fail(3, "Boot-out failed: 3: No such process");
  return launchd("unload", target);
}

int kickstart(std::string target) {
  if (target.starts_with("system/")) target.erase(0, 7);
  if (::geteuid() != 0) return fail(1, "Could not kickstart service: 1: Operation not permitted");
  if (!loaded(target)) return fail(113, "Could not find service \"" + target + "\"");
  return launchd("kickstart", target);
}

}  // namespace

int launchctl(const Truth&, const Arguments& argv) {
  if (is(argv, 1, "bootstrap") && argv.size() == 4) return bootstrap(argv[3]);
  if (is(argv, 1, "bootout") && argv.size() >= 3) return bootout(argv.back());
  if (is(argv, 1, "kickstart") && argv.size() >= 3) return kickstart(argv.back());
  if (is(argv, 1, "print") && argv.size() == 3) {
    const std::string label = argv[2].starts_with("system/") ? argv[2].substr(7) : argv[2];
    if (!loaded(label)) {
      return fail(113,
                  "Bad request.\nCould not find service \"" + label + "\" in domain for system");
    }
    std::printf("system/%s = {\n\tactive count = 0\n\tpath = %s\n\tstate = not running\n}\n",
                label.c_str(), read_line(mark_of(label)).c_str());
    return 0;
  }
  if (is(argv, 1, "list")) {
    if (argv.size() == 2) std::puts("PID\tStatus\tLabel");
    std::error_code error;
    for (const auto& e : std::filesystem::directory_iterator(kMarks, error)) {
      const std::string name = e.path().filename().string();
      if (!name.starts_with("launchd.")) continue;
      if (argv.size() == 2) std::printf("-\t0\t%s\n", name.substr(8).c_str());
    }
    if (argv.size() == 3 && !loaded(argv[2])) {
      return fail(113, "Could not find service \"" + argv[2] + "\" in domain for system");
    }
    return 0;
  }
  return fail(64, "Usage: launchctl <subcommand> ...");
}

}  // namespace lab_mac
