#include "transport/scripted_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>

#include "bringup/util/text.hpp"

namespace bringup::ssh::testing {
namespace {

void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void reset_connection(int fd) {
  const linger hard{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

// One connection of the scripted server, message by message.
class Conversation {
 public:
  Conversation(ssh_session session, const ScriptedServer::Options& options,
               std::atomic<int>* password_tries, std::function<bool()> stopping)
      : session_(session),
        options_(options),
        password_tries_(password_tries),
        stopping_(std::move(stopping)) {}

  bool log_in();
  void run();

 private:
  bool judge(ssh_message message);
  void serve(ssh_channel channel, const std::string& line);

  ssh_session session_;
  const ScriptedServer::Options& options_;
  std::atomic<int>* password_tries_;
  std::function<bool()> stopping_;
};

bool Conversation::judge(ssh_message message) {
  const int methods = (options_.keys ? SSH_AUTH_METHOD_PUBLICKEY : 0) |
                      (options_.password.empty() ? 0
                       : options_.interactive    ? SSH_AUTH_METHOD_INTERACTIVE
                                                 : SSH_AUTH_METHOD_PASSWORD);
  ssh_message_auth_set_methods(message, methods != 0 ? methods : SSH_AUTH_METHOD_PUBLICKEY);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  switch (ssh_message_subtype(message)) {
    case SSH_AUTH_METHOD_PUBLICKEY:
      if (!options_.keys) break;
      if (ssh_message_auth_publickey_state(message) == SSH_PUBLICKEY_STATE_NONE) {
        ssh_message_auth_reply_pk_ok_simple(message);
        return false;
      }
      if (ssh_message_auth_publickey_state(message) != SSH_PUBLICKEY_STATE_VALID) break;
      std::this_thread::sleep_for(options_.think);
      ssh_message_auth_reply_success(message, 0);
      return true;
    case SSH_AUTH_METHOD_PASSWORD:
      ++*password_tries_;
      if (options_.interactive || options_.password != ssh_message_auth_password(message)) break;
      ssh_message_auth_reply_success(message, 0);
      return true;
    case SSH_AUTH_METHOD_INTERACTIVE: {
      if (!options_.interactive) break;
      if (ssh_message_auth_kbdint_is_response(message) == 0) {
        const char* prompts[] = {"Password: "};
        char echo[] = {0};
        ssh_message_auth_interactive_request(message, "", "", 1, prompts, echo);
        return false;
      }
      ++*password_tries_;
      const char* answer = ssh_userauth_kbdint_getanswer(session_, 0);
      if (answer == nullptr || options_.password != answer) break;
      ssh_message_auth_reply_success(message, 0);
      return true;
    }
    default:
      break;
  }
#pragma GCC diagnostic pop
  ssh_message_reply_default(message);
  return false;
}

bool Conversation::log_in() {
  for (ssh_message message = ssh_message_get(session_); message != nullptr;
       message = ssh_message_get(session_)) {
    bool in = false;
    if (ssh_message_type(message) == SSH_REQUEST_AUTH) {
      in = judge(message);
    } else {
      ssh_message_reply_default(message);
    }
    ssh_message_free(message);
    if (in) return true;
  }
  return false;
}

void Conversation::serve(ssh_channel channel, const std::string& line) {
  // What the client added is undone, as a shell would.
  const std::size_t echo = line.find("echo bringup-group-");
  std::string text = line;
  if (echo != std::string::npos) {
    const std::size_t end = line.find('\n', echo);
    const std::string mark = line.substr(echo + 5, line.find(' ', echo + 5) - echo - 5);
    const std::string answer = mark + " 4194305\n";  // beyond any process id here
    ssh_channel_write_stderr(channel, answer.data(), static_cast<std::uint32_t>(answer.size()));
    text = line.substr(end + 1, line.size() - end - 2);
  }
  const auto space = text.find(' ');
  const std::string verb = text.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : text.substr(space + 1);
  const auto write = [&](std::string_view data) {
    while (!data.empty()) {
      const auto size = static_cast<std::uint32_t>(std::min<std::size_t>(data.size(), 65536));
      const int sent = ssh_channel_write(channel, data.data(), size);
      if (sent <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  };
  int status = 0;
  if (verb == "say") {
    write(rest);
  } else if (verb == "big") {
    const std::string block(65536, 'x');
    for (long left = std::atol(rest.c_str()); left > 0;) {
      const auto size = static_cast<std::size_t>(std::min<long>(left, 65536));
      if (!write(std::string_view(block).substr(0, size))) return;
      left -= static_cast<long>(size);
    }
  } else if (verb == "cat") {
    std::array<char, 65536> buffer;
    for (;;) {
      const int got = ssh_channel_read(channel, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      if (!write(std::string_view(buffer.data(), static_cast<std::size_t>(got)))) return;
    }
  } else if (verb == "hang") {
    write("started");
    // Reads on, so that keepalives are answered.
    std::array<char, 1024> buffer;
    while (!stopping_() && ssh_channel_is_closed(channel) == 0 &&
           ssh_channel_read_timeout(channel, buffer.data(), buffer.size(), 0, 20) != SSH_ERROR) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return;
  } else if (verb == "die") {
    ssh_channel_request_send_exit_signal(channel, rest.c_str(), 0, "", "");
    ssh_channel_send_eof(channel);
    ssh_channel_close(channel);
    return;
  } else if (verb == "cut") {
    write("partial");
    ssh_blocking_flush(session_, 1000);
    ::shutdown(ssh_get_fd(session_), SHUT_RDWR);
    return;
  } else {
    status = 127;
  }
  ssh_channel_send_eof(channel);
  ssh_channel_request_send_exit_status(channel, status);
  ssh_channel_close(channel);
}

void Conversation::run() {
  ssh_channel channel = nullptr;
  for (ssh_message message = ssh_message_get(session_); message != nullptr;
       message = ssh_message_get(session_)) {
    std::string line;
    if (options_.sessions && ssh_message_type(message) == SSH_REQUEST_CHANNEL_OPEN &&
        ssh_message_subtype(message) == SSH_CHANNEL_SESSION) {
      channel = ssh_message_channel_request_open_reply_accept(message);
    } else if (ssh_message_type(message) == SSH_REQUEST_CHANNEL &&
               ssh_message_subtype(message) == SSH_CHANNEL_REQUEST_EXEC) {
      line = ssh_message_channel_request_command(message);
      if (line.find("\nrefuse") != std::string::npos) {
        line.clear();
        ssh_message_reply_default(message);
      } else {
        ssh_message_channel_request_reply_success(message);
      }
    } else {
      ssh_message_reply_default(message);
    }
    ssh_message_free(message);
    if (!line.empty() && channel != nullptr) serve(channel, line);
  }
}

}  // namespace

LoopbackServer::LoopbackServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 128) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { listen(); });
}

LoopbackServer::~LoopbackServer() {
  stop();
}

void LoopbackServer::keep(int fd) {
  const std::lock_guard lock(mutex_);
  open_.insert(fd);
  if (stop_) ::shutdown(fd, SHUT_RDWR);
}

void LoopbackServer::listen() {
  while (!stop_) {
    pollfd one{listener_.get(), POLLIN, 0};
    if (::poll(&one, 1, 20) <= 0) continue;
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int number = ++connections_;
    keep(fd);
    threads_.emplace_back([this, fd, number] {
      serve(fd, number);
      const std::lock_guard lock(mutex_);
      open_.erase(fd);
      ::close(fd);
    });
  }
}

void LoopbackServer::stop() {
  if (!accepting_.joinable()) return;
  stop_ = true;
  accepting_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

void RawServer::serve(int fd, int) {
  send_all(fd, greeting_);
  if (then_ == Then::close) return;
  std::array<char, 1024> buffer;
  while (::recv(fd, buffer.data(), buffer.size(), 0) > 0) {
  }
}

ScriptedServer::ScriptedServer(const Options& options) : options_(options) {
  make_key(dir_ / "host");
}

std::string ScriptedServer::known_hosts_line() const {
  const std::string text = read_file(dir_ / "host.pub");
  const auto words = split_blank(text);
  return fmt::format("[127.0.0.1]:{} {} {}\n", port(), words.at(0), words.at(1));
}

void ScriptedServer::serve(int fd, int number) {
  if (number <= options_.close_first) {
    reset_connection(fd);
    return;
  }
  const int inside = ++unauthenticated_;
  for (int most = most_; inside > most && !most_.compare_exchange_weak(most, inside);) {
  }
  ssh_bind bind = ssh_bind_new();
  const int off = 0;
  ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &off);
  ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY, (dir_ / "host").c_str());
  ssh_session session = ssh_new();
  // libssh closes the descriptor it is given; ours is closed by the caller.
  const int given = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (ssh_bind_accept_fd(bind, session, given) == SSH_OK &&
      ssh_handle_key_exchange(session) == SSH_OK) {
    Conversation conversation(session, options_, &password_tries_, [this] { return stopping(); });
    const bool in = conversation.log_in();
    --unauthenticated_;
    if (in) conversation.run();
  } else {
    --unauthenticated_;
  }
  ssh_free(session);
  ssh_bind_free(bind);
}

void Relay::serve(int fd, int) {
  const Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(to_);
  if (::connect(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return;
  std::array<char, 16384> buffer;
  bool stalled = false;
  while (!stopping()) {
    std::array<pollfd, 2> fds{{{fd, POLLIN, 0}, {server.get(), POLLIN, 0}}};
    // A stalled relay neither reads nor closes.
    if (::poll(fds.data(), stalled ? 0 : fds.size(), 20) <= 0) continue;
    if (fds[0].revents != 0) {
      const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      send_all(server.get(), {buffer.data(), static_cast<std::size_t>(got)});
    }
    if (fds[1].revents != 0) {
      const ssize_t got = ::recv(server.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      std::string_view data(buffer.data(), static_cast<std::size_t>(got));
      const Harm harm = harm_;
      if (harm != Harm::none && static_cast<long>(data.size()) >= left_) {
        send_all(fd, data.substr(0, static_cast<std::size_t>(left_.load())));
        if (harm == Harm::reset) reset_connection(fd);
        if (harm != Harm::stall) return;
        stalled = true;
        continue;
      }
      left_ -= harm != Harm::none ? static_cast<long>(data.size()) : 0;
      send_all(fd, data);
    }
  }
}

}  // namespace bringup::ssh::testing
