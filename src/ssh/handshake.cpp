#include "handshake_steps.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bringup/ssh/socket.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

using Outcome = Watchdog::Outcome;

// No finite-field groups: group16 costs 24 ms of CPU where curve25519 costs one.
constexpr const char* kKeyExchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
    "ecdh-sha2-nistp521";
constexpr std::size_t kGreetingBytes = 200;

}  // namespace

HandshakeRefusal refuse(ErrorCode code, std::string message, std::string hint,
                        HandshakeFailure kind) {
  return HandshakeRefusal(HandshakeError{{code, std::move(message), std::move(hint)}, kind});
}

bool Handshake::set_options(const std::string& key_types) {
  const int off = 0;
  const int on = 1;
  const unsigned int port = endpoint_.port;
  // libssh needs some name; ours would only have to pass its syntax check.
  const auto set = [&](ssh_options_e option, const void* value) {
    return ssh_options_set(session_.get(), option, value) == SSH_OK;
  };
  const int duplicate = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return false;
  const socket_t given = duplicate;
  if (!set(SSH_OPTIONS_FD, &given)) {
    ::close(duplicate);
    return false;
  }
  // The folder is given so that libssh does not look up our home for every session.
  return set(SSH_OPTIONS_SSH_DIR, "/dev/null") && set(SSH_OPTIONS_PROCESS_CONFIG, &off) &&
         set(SSH_OPTIONS_HOST, "node") && set(SSH_OPTIONS_PORT, &port) &&
         set(SSH_OPTIONS_USER, endpoint_.user.c_str()) &&
         set(SSH_OPTIONS_KNOWNHOSTS, "/dev/null") &&
         set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") && set(SSH_OPTIONS_NODELAY, &on) &&
         set(SSH_OPTIONS_COMPRESSION, "no") && set(SSH_OPTIONS_KEY_EXCHANGE, kKeyExchange) &&
         set(SSH_OPTIONS_HOSTKEYS, key_types.c_str());
}

bool Handshake::wait() {
  if (deadline_.expired() || watch_.outcome() != Outcome::none) return false;
  short events = POLLIN;
  if ((ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0) events |= POLLOUT;
  pollfd one{fd_, events, 0};
  quick_ack(fd_);
  const int rc = ::poll(&one, 1, static_cast<int>(deadline_.remaining().count()));
  if (!peeked_ && (one.revents & POLLIN) != 0) {
    // libssh keeps to itself what a server says that is not an SSH version.
    std::array<char, kGreetingBytes> text;
    const ssize_t got = ::recv(fd_, text.data(), text.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) greeting_.assign(text.data(), static_cast<std::size_t>(got));
    peeked_ = true;
  }
  return rc >= 0 || errno == EINTR;
}

HandshakeRefusal Handshake::lost() {
  if (watch_.outcome() == Outcome::cancelled) {
    return refuse(ErrorCode::cancelled, "cancelled while connecting");
  }
  const bool foreign = !greeting_.empty() && !greeting_.starts_with("SSH-");
  const std::string said =
      foreign ? fmt::format("\"{}\"", printable(trim(greeting_), 120)) : std::string();
  if (watch_.outcome() == Outcome::expired || deadline_.expired()) {
    using std::chrono::milliseconds;
    const auto elapsed =
        std::chrono::round<std::chrono::duration<int, std::deci>>(Deadline::Clock::now() - began_);
    const std::string span = seconds_text(elapsed);
    if (foreign) {
      return refuse(ErrorCode::unreachable,
                    fmt::format("{} is not an SSH server: it said {}", endpoint_.peer, said));
    }
    const char* what = "the login was not finished";
    if (phase_ == Phase::banner) what = "the server sent nothing";
    if (phase_ == Phase::key_exchange) what = "the key exchange was not finished";
    return refuse(ErrorCode::unreachable,
                  fmt::format("connected to {}, but {} within {}", endpoint_.peer, what, span),
                  "the node may be hung or overloaded; look at its console");
  }
  const std::string why = printable(ssh_get_error(session_.get()), 200);
  if (phase_ == Phase::banner) {
    if (foreign) {
      return refuse(ErrorCode::unreachable,
                    fmt::format("{} closed the connection after saying {}", endpoint_.peer, said),
                    {}, HandshakeFailure::before_banner);
    }
    return refuse(ErrorCode::unreachable,
                  fmt::format("{} closed the connection before it sent its version ({})",
                              endpoint_.peer, why),
                  "its SSH server may be refusing new connections (MaxStartups) or starting up",
                  HandshakeFailure::before_banner);
  }
  return refuse(ErrorCode::unreachable,
                fmt::format("connection to {} lost during the {}: {}", endpoint_.peer,
                            phase_ == Phase::login ? "login" : "key exchange", why));
}

tl::expected<SessionPtr, HandshakeError> Handshake::run(const std::string& key_types) {
  session_.reset(ssh_new());
  if (session_ == nullptr || !set_options(key_types)) {
    return refuse(ErrorCode::internal, "libssh cannot make a session");
  }
  ssh_set_blocking(session_.get(), 0);
  const int rc = drive(SSH_AGAIN, [&] {
    const int step = ssh_connect(session_.get());
    if (ssh_get_serverbanner(session_.get()) != nullptr) phase_ = Phase::key_exchange;
    return step;
  });
  if (rc != SSH_OK) return lost();
  if (auto checked = check_host_key(); !checked) return HandshakeRefusal(checked.error());
  if (auto in = log_in(); !in) return HandshakeRefusal(in.error());
  return std::move(session_);
}

std::string host_key_algorithms(const std::vector<std::string>& types_on_file) {
  // "ssh-rsa" names the key; what signs with it are the SHA-2 algorithms.
  const std::array<std::pair<std::string_view, std::string_view>, 5> kinds = {
      {{"ssh-ed25519", "ssh-ed25519"},
       {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
       {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
       {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
       {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"}}};
  std::string list;
  const auto append = [&](std::string_view names) {
    if (!list.empty()) list += ',';
    list += names;
  };
  const auto on_file = [&](std::string_view type) {
    return std::find(types_on_file.begin(), types_on_file.end(), type) != types_on_file.end();
  };
  for (const auto& [type, names] : kinds) {
    if (on_file(type)) append(names);
  }
  for (const auto& [type, names] : kinds) {
    if (!on_file(type)) append(names);
  }
  return list;
}

tl::expected<SessionPtr, HandshakeError> shake_hands(int fd, const ResolvedEndpoint& endpoint,
                                                     const HandshakeContext& context,
                                                     Watchdog::Watch& watch, Deadline deadline,
                                                     const std::string& key_types) {
  return Handshake(fd, endpoint, context, watch, deadline).run(key_types);
}

}  // namespace bringup::ssh
