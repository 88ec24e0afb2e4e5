#pragma once
// Runs a script as sshd would: SHELL -s, the script on its stdin, programs of the test's own first.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace bringup::support {

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bringup-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name = {}) const {
    return name.empty() ? path_.string() : (path_ / name).string();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  void program(const std::string& name, const std::string& body) const {
    write(name, "#!/bin/sh\n" + body + "\n");
    std::filesystem::permissions(path_ / name, std::filesystem::perms::owner_all);
  }

 private:
  std::filesystem::path path_;
};

struct Ran {
  int status = -1;
  std::string out;  // until every holder of the script's stdout and stderr was gone
  double seconds = 0;
};

// `environment` is added to PATH (BIN first) and nothing else. Gives up after 60 s.
inline Ran run_script(const std::vector<std::string>& shell, const std::string& script,
                      const std::string& bin, std::vector<std::string> environment = {}) {
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  environment.push_back("PATH=" + bin + ":/usr/bin:/bin");
  std::vector<char*> argv;
  for (const std::string& word : shell) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (const std::string& word : environment) envp.push_back(const_cast<char*>(word.c_str()));
  envp.push_back(nullptr);
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::dup2(out[1], 2);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  ::fcntl(in[1], F_SETFL, O_NONBLOCK);
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  Ran ran;
  std::size_t sent = 0;
  std::vector<char> buffer(1 << 16);
  while (elapsed() < 60) {
    pollfd fds[2] = {{out[0], POLLIN, 0}, {in[1], POLLOUT, 0}};
    ::poll(fds, sent < script.size() ? 2 : 1, 1000);
    if (sent < script.size() && fds[1].revents != 0) {
      const ssize_t n = ::write(in[1], script.data() + sent, script.size() - sent);
      sent = n > 0 ? sent + static_cast<std::size_t>(n) : script.size();
      if (sent == script.size()) ::close(in[1]);
    }
    if (fds[0].revents == 0) continue;
    const ssize_t n = ::read(out[0], buffer.data(), buffer.size());
    if (n <= 0) break;
    ran.out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ran.seconds = elapsed();
  if (sent < script.size()) ::close(in[1]);
  if (ran.seconds >= 60) ::kill(-child, SIGKILL);
  ::close(out[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ::sigaction(SIGPIPE, &before, nullptr);
  return ran;
}

}  // namespace bringup::support
