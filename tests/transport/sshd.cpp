#include "transport/sshd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "bringup/util/text.hpp"

extern char** environ;

namespace bringup::ssh::testing {

Sshd::Sshd(const std::vector<std::string>& authorized, const Options& options)
    : port_(free_port()) {
  std::string keys;
  for (const std::string& file : authorized) keys += read_file(file);
  write_file(dir_ / "authorized_keys", keys);
  std::string config = fmt::format(
      "ListenAddress 127.0.0.1\nPort {}\nPidFile none\nUsePAM no\nUseDNS no\nStrictModes no\n"
      "AuthorizedKeysFile {}\nPermitRootLogin yes\nPasswordAuthentication no\n",
      port_, dir_ / "authorized_keys");
  for (const std::string& type : options.host_key_types) {
    make_key(host_key_file(type), type);
    config += "HostKey " + host_key_file(type) + "\n";
  }
  write_file(dir_ / "config", config + options.extra);
  // What Debian's service file makes; sshd will not start as root without it.
  if (::getuid() == 0) ::mkdir("/run/sshd", 0755);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::string log_file = dir_ / "log";
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
  std::string config_file = dir_ / "config";
  std::string program = "/usr/sbin/sshd";
  std::string dash_d = "-D";
  std::string dash_e = "-e";
  std::string dash_f = "-f";
  char* argv[] = {program.data(), dash_d.data(),      dash_e.data(),
                  dash_f.data(),  config_file.data(), nullptr};
  const int error = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start sshd");
  if (!eventually([&] { return log().find("Server listening") != std::string::npos; })) {
    throw std::runtime_error("sshd did not start: " + log());
  }
}

Sshd::~Sshd() {
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
}

int Sshd::accepted() const {
  int count = 0;
  const std::string text = log();
  for (std::size_t at = text.find("Accepted "); at != std::string::npos;
       at = text.find("Accepted ", at + 1)) {
    ++count;
  }
  return count;
}

std::string Sshd::known_hosts_line(const std::string& type) const {
  const std::string text = read_file(host_key_file(type) + ".pub");
  const auto words = split_blank(text);
  return fmt::format("[127.0.0.1]:{} {} {}\n", port_, words.at(0), words.at(1));
}

}  // namespace bringup::ssh::testing
