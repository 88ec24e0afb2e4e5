#include "transport/support.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "bringup/ssh/process.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh::testing {

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "bringup-ssh-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string must_run(const std::vector<std::string>& argv) {
  const auto result = run_process(argv, soon(), 1 << 20);
  if (!result) throw std::runtime_error(result.error().message);
  if (result->status != 0) throw std::runtime_error(argv[0] + ": " + result->err);
  return result->out;
}

void make_key(const std::string& path, const std::string& type, const std::string& passphrase) {
  must_run({"ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", "test key", "-f", path});
}

std::string fingerprint_of(const std::string& pub_file) {
  return std::string(split_blank(must_run({"ssh-keygen", "-l", "-f", pub_file})).at(1));
}

std::uint16_t free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);
}

std::string current_user() {
  // Asked once: getpwuid() is not for threads.
  static const std::string name = ::getpwuid(::getuid())->pw_name;
  return name;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const Deadline deadline = Deadline::after(limit);
  while (!condition()) {
    if (deadline.expired()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

bool process_lives(long pid) {
  const auto state = run_process({"ps", "-o", "stat=", "-p", std::to_string(pid)}, soon(), 1 << 16);
  const std::string text = state ? std::string(trim(state->out)) : "?";
  return !text.empty() && text.front() != 'Z';
}

std::function<void(const std::string&)> Warnings::sink() {
  return [this](const std::string& line) {
    const std::lock_guard lock(mutex_);
    text_ += line + "\n";
  };
}

std::string Warnings::text() const {
  const std::lock_guard lock(mutex_);
  return text_;
}

ExecRequest command(std::string line) {
  ExecRequest request;
  request.command = std::move(line);
  request.deadline = soon();
  return request;
}

}  // namespace bringup::ssh::testing
