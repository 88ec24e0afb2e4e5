// lab-init NETNS HOSTNAME ROOT TRUTH PIDFILE TMPSIZE LOWER UPPER WORK
//
// Starts one node and returns: new mount, UTS, IPC and PID namespaces in the network namespace
// NETNS, an overlay as root, and process 1, which runs sshd and reaps. Process 1's id, as the
// caller sees it, is in PIDFILE when this program ends. Process 1 stops sshd and all its sessions
// on SIGUSR1, starts it again on SIGUSR2; the node dies when process 1 is killed.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "lab-init: %s: %s\n", what.c_str(), std::strerror(errno));
  std::_Exit(1);
}

void must(int result, const std::string& what) {
  if (result < 0) die(what);
}

void mount_at(const char* source, const std::string& target, const char* type, unsigned long flags,
              const std::string& options) {
  must(::mount(source, target.c_str(), type, flags, options.c_str()), "mount " + target);
}

// What a node with daemons of its own runs at boot, beside sshd.
constexpr const char* kBoot = "/usr/libexec/lab-boot";
// A file for each of those daemons, with its process id, which is that of its session.
constexpr const char* kDaemons = "/run/lab-units";

struct Node {
  std::string netns, hostname, root, truth, pidfile, tmp_size, lower, upper, work;
};

// The node's own verbs devices in place of all of the machine's, where the lab made them.
void bind_verbs(const Node& n) {
  const std::string own = n.truth + "/rdma";
  struct stat st {};
  if (::stat(own.c_str(), &st) != 0) return;
  for (const auto& [part, place] :
       {std::pair{"/dev", "/dev/infiniband"}, std::pair{"/class", "/sys/class/infiniband"},
        std::pair{"/verbs", "/sys/class/infiniband_verbs"}}) {
    must(::mount((own + part).c_str(), (n.root + place).c_str(), nullptr, MS_BIND, nullptr),
         std::string("bind ") + place);
  }
}

void build_root(const Node& n) {
  must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make / private");
  mount_at("overlay", n.root, "overlay", 0,
           "lowerdir=" + n.lower + ",upperdir=" + n.upper + ",workdir=" + n.work);
  mount_at("proc", n.root + "/proc", "proc", 0, "");
  mount_at("sysfs", n.root + "/sys", "sysfs", 0, "");
  must(::mount("/dev", (n.root + "/dev").c_str(), nullptr, MS_BIND | MS_REC, nullptr), "bind /dev");
  struct stat st {};
  // A Mac's /tmp is a link into /private; follow the name that the root has.
  const bool is_mac = ::stat((n.root + "/private/tmp").c_str(), &st) == 0;
  mount_at("tmpfs", n.root + (is_mac ? "/private/tmp" : "/tmp"), "tmpfs", 0,
           "mode=1777,size=" + n.tmp_size);
  mount_at("tmpfs", n.root + "/run", "tmpfs", 0, "mode=755,size=8m");
  ::mkdir((n.root + "/run/sshd").c_str(), 0755);
  ::mkdir((n.root + "/run/lock").c_str(), 01777);
  must(::mount(n.truth.c_str(), (n.root + "/.lab").c_str(), nullptr, MS_BIND, nullptr),
       "bind the truth");
  bind_verbs(n);
  if (::access((n.root + kBoot).c_str(), X_OK) == 0) {
    // Daemons of a network take a read-only /sys as the sign that no udev will speak to them.
    mount_at("none", n.root + "/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, "");
  }
  must(::sethostname(n.hostname.c_str(), n.hostname.size()), "sethostname");
  must(::chdir(n.root.c_str()), "chdir");
  // The old root ends up below the new one at the same place and is dropped from there.
  must(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")), "pivot_root");
  must(::umount2(".", MNT_DETACH), "drop the old root");
  must(::chdir("/"), "chdir /");
}

pid_t start(const std::vector<const char*>& command, const char* log_path) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int log = ::open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (log >= 0) {
    ::dup2(log, 1);
    ::dup2(log, 2);
  }
  std::vector<char*> argv;
  for (const char* word : command) argv.push_back(const_cast<char*>(word));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/bin:/bin:/usr/sbin:/sbin";
  char* env[] = {path, nullptr};
  ::execve(argv[0], argv.data(), env);
  die(std::string("exec ") + argv[0]);
}

pid_t start_sshd() {
  return start({"/usr/sbin/sshd", "-D", "-e"}, "/.lab/sshd.log");
}

std::set<pid_t> daemons() {
  std::set<pid_t> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kDaemons, none)) {
    pid_t pid = 0;
    if (std::ifstream(entry.path()) >> pid) found.insert(pid);
  }
  return found;
}

// Everything in this PID namespace but process 1 and the daemons. Passes over /proc until one finds
// nobody: a process may fork while it is looked for.
void end_sessions() {
  const std::set<pid_t> kept = daemons();
  if (kept.empty()) {
    ::kill(-1, SIGKILL);
    return;
  }
  const int passes = 200;
  bool found = true;
  for (int k = 0; k < passes && found; ++k) {
    found = false;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", none)) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 1 || kept.contains(::getsid(pid))) continue;
      // Zombies have no memory map to speak of, and nothing to end.
      std::ifstream line(entry.path() / "statm");
      long pages = 0;
      if (!(line >> pages) || pages == 0) continue;
      found = ::kill(pid, SIGKILL) == 0 || found;
    }
    ::usleep(1000);
  }
}

// Process 1: it never returns, the lab kills it.
[[noreturn]] void reign() {
  sigset_t all;
  sigemptyset(&all);
  for (const int s : {SIGCHLD, SIGUSR1, SIGUSR2}) sigaddset(&all, s);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  bool wanted = true;
  if (::access(kBoot, X_OK) == 0) start({kBoot}, "/.lab/boot.log");
  pid_t sshd = start_sshd();
  for (;;) {
    int got = 0;
    ::sigwait(&all, &got);
    if (got == SIGUSR1) {
      wanted = false;
      end_sessions();
    } else if (got == SIGUSR2 && !wanted) {
      wanted = true;
      sshd = start_sshd();
    }
    for (pid_t gone = ::waitpid(-1, nullptr, WNOHANG); gone > 0;
         gone = ::waitpid(-1, nullptr, WNOHANG)) {
      if (gone == sshd) sshd = -1;
    }
  }
}

void detach_from_terminal() {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, 0);
  ::dup2(null, 1);
  ::dup2(null, 2);
  const int limit = 256;
  for (int fd = 3; fd < limit; ++fd) ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 10) {
    std::fputs("usage: lab-init NETNS HOSTNAME ROOT TRUTH PIDFILE TMPSIZE LOWER UPPER WORK\n",
               stderr);
    return 2;
  }
  const Node n{argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], argv[7], argv[8], argv[9]};
  const int ns = ::open(("/run/netns/" + n.netns).c_str(), O_RDONLY | O_CLOEXEC);
  must(ns, n.netns);
  must(::setns(ns, CLONE_NEWNET), "setns");
  must(::unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID), "unshare");
  // Opened here: pivot_root takes the old root from every process of the mount namespace.
  const int pidfile = ::open(n.pidfile.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(pidfile, n.pidfile);
  int ready[2];
  must(::pipe2(ready, O_CLOEXEC), "pipe");
  const pid_t pid = ::fork();
  must(pid, "fork");
  if (pid == 0) {
    ::umask(022);
    build_root(n);
    if (::write(ready[1], "1", 1) != 1) die("pipe");
    detach_from_terminal();
    reign();
  }
  const std::string text = std::to_string(pid) + "\n";
  if (::write(pidfile, text.data(), text.size()) < 0) die(n.pidfile);
  ::close(ready[1]);
  char byte = 0;
  return ::read(ready[0], &byte, 1) == 1 ? 0 : 1;
}
