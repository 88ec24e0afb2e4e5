#include "bringup/ssh/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "bringup/util/fd.hpp"
#include "bringup/util/text.hpp"

extern char** environ;

namespace bringup::ssh {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

class Actions {
 public:
  Actions() { ::posix_spawn_file_actions_init(&actions_); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

struct Pipe {
  Fd read;
  Fd write;
};

bool open_pipe(Pipe* pipe) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  pipe->read.reset(ends[0]);
  pipe->write.reset(ends[1]);
  for (const int fd : ends) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return true;
}

}  // namespace

bool program_exists(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    const std::string file = std::string(folder.empty() ? "." : folder) + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return true;
  }
  return false;
}

Expected<ProcessOutput> run_process(const std::vector<std::string>& argv, Deadline deadline,
                                    std::size_t max_output) {
  Pipe out;
  Pipe err;
  if (!open_pipe(&out) || !open_pipe(&err)) {
    return fail(ErrorCode::internal, "pipe: " + reason(errno));
  }
  Actions actions;
  ::posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), out.write.get(), 1);
  ::posix_spawn_file_actions_adddup2(actions.get(), err.write.get(), 2);
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, words[0], actions.get(), nullptr, words.data(), environ);
  if (error != 0) {
    return fail(ErrorCode::internal, fmt::format("cannot start {}: {}", argv[0], reason(error)));
  }
  out.write.reset();
  err.write.reset();

  ProcessOutput result;
  bool expired = false;
  std::array<pollfd, 2> fds{{{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (deadline.expired() || result.out.size() + result.err.size() > max_output) {
      expired = true;
      break;
    }
    const int wait = static_cast<int>(deadline.remaining(std::chrono::seconds(60)).count());
    if (::poll(fds.data(), fds.size(), wait) < 0 && errno != EINTR) break;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].fd < 0 || fds[i].revents == 0) continue;
      std::array<char, 16384> buffer;
      const ssize_t got = ::read(fds[i].fd, buffer.data(), buffer.size());
      if (got > 0) {
        (i == 0 ? result.out : result.err).append(buffer.data(), static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        fds[i].fd = -1;
      }
    }
  }
  if (expired) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (expired) {
    return fail(ErrorCode::unreachable,
                fmt::format("{} did not finish in time or printed too much", argv[0]));
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace bringup::ssh
