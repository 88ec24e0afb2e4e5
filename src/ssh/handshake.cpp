#include "bringup/ssh/handshake.hpp"

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
using Failure = tl::unexpected<HandshakeError>;

// No finite-field groups: group16 costs 24 ms of CPU where curve25519 costs one.
constexpr const char* kKeyExchange =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
    "ecdh-sha2-nistp521";
// sshd's MaxAuthTries is 6 by default, and a password may have to follow.
constexpr std::size_t kMaxOffers = 5;
constexpr int kMaxQuestions = 5;
constexpr std::size_t kGreetingBytes = 200;

Failure refuse(ErrorCode code, std::string message, std::string hint = {},
               HandshakeFailure kind = HandshakeFailure::final) {
  return Failure(HandshakeError{{code, std::move(message), std::move(hint)}, kind});
}

class Handshake {
 public:
  Handshake(int fd, const ResolvedEndpoint& endpoint, const HandshakeContext& context,
            Watchdog::Watch& watch, Deadline deadline)
      : fd_(fd), endpoint_(endpoint), context_(context), watch_(watch), deadline_(deadline) {}

  tl::expected<SessionPtr, HandshakeError> run(const std::string& key_types);

 private:
  enum class Phase { banner, key_exchange, login };
  enum class Login { accepted, denied, failed };

  // While a person thinks, no clock runs but the one that cancels.
  class Pause {
   public:
    explicit Pause(Handshake& owner) : owner_(owner) {
      owner_.watch_.set_deadline(Deadline::never());
    }
    ~Pause() {
      if (owner_.deadline_.bounded()) {
        owner_.deadline_ = Deadline::after(owner_.deadline_.at() - began_);
      }
      owner_.watch_.set_deadline(owner_.deadline_);
    }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Handshake& owner_;
    Deadline::Clock::time_point began_ = Deadline::Clock::now();
  };

  bool set_options(const std::string& key_types);
  bool wait();
  template <class Step>
  int drive(int again, Step step);
  Failure lost();
  tl::expected<void, HandshakeError> check_host_key();
  tl::expected<void, HandshakeError> judge_host_key(const std::string& type,
                                                    const std::string& key);
  tl::expected<void, HandshakeError> replace_host_key(const std::vector<KnownKey>& old,
                                                      const std::string& name,
                                                      const std::string& type,
                                                      const std::string& key);
  tl::expected<void, HandshakeError> log_in();
  Login offer_agent_keys(const std::vector<AgentKey>& keys);
  Login offer_file(const std::string& path);
  Login answer_questions();
  Login give_password();
  Login settle(int rc);
  std::vector<AgentKey> agent_keys(const std::vector<std::string>& blobs) const;
  Failure denied();

  int fd_;
  const ResolvedEndpoint& endpoint_;
  const HandshakeContext& context_;
  Watchdog::Watch& watch_;
  Deadline deadline_;
  Deadline::Clock::time_point began_ = Deadline::Clock::now();
  Phase phase_ = Phase::banner;
  bool peeked_ = false;
  std::string greeting_;
  bool partial_ = false;
  std::size_t offers_ = 0;
  std::vector<std::string> offered_;
  std::vector<std::string> unusable_;
  SessionPtr session_;
};

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

template <class Step>
int Handshake::drive(int again, Step step) {
  for (;;) {
    const int rc = step();
    if (rc != again) return rc;
    if (!wait()) return SSH_ERROR;
  }
}

Failure Handshake::lost() {
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

tl::expected<void, HandshakeError> Handshake::check_host_key() {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session_.get(), &raw) != SSH_OK) return lost();
  const KeyPtr key(raw);
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &base64) != SSH_OK) {
    return refuse(ErrorCode::unauthorized, "the server's host key cannot be read");
  }
  const std::string text(base64);
  ssh_string_free_char(base64);
  return judge_host_key(ssh_key_type_to_char(ssh_key_type(key.get())), text);
}

tl::expected<void, HandshakeError> Handshake::judge_host_key(const std::string& type,
                                                             const std::string& key) {
  const std::string name = endpoint_.host_key_alias.empty()
                               ? known_hosts_name(endpoint_.host, endpoint_.port)
                               : known_hosts_name(endpoint_.host_key_alias, 22);
  const bool pinned = !endpoint_.host_key.empty();
  if (pinned && fingerprint(key) == endpoint_.host_key) return {};
  const HostKeyDecision decision =
      pinned ? HostKeyDecision{} : context_.known_hosts->decide(name, type, key);
  if (!pinned && decision.verdict == HostKeyVerdict::known) return {};

  const std::string shown = fmt::format("{} {}", type, fingerprint(key));
  const std::string trust = fmt::format("bringup trust {}", endpoint_.name);
  if (pinned) {
    return refuse(ErrorCode::unauthorized,
                  fmt::format("the host key has changed: the inventory has {}, the server at {} "
                              "shows {}",
                              printable(endpoint_.host_key, 80), endpoint_.peer, shown),
                  "if the node was installed anew, check the fingerprint there, then: " + trust,
                  HandshakeFailure::other_key);
  }
  switch (decision.verdict) {
    case HostKeyVerdict::known:
    case HostKeyVerdict::unknown:
      break;
    case HostKeyVerdict::revoked:
      return refuse(
          ErrorCode::unauthorized,
          fmt::format("the server at {} shows {}, which {}:{} marks as revoked", endpoint_.peer,
                      shown, decision.on_file[0].file, decision.on_file[0].line));
    case HostKeyVerdict::changed: {
      if (endpoint_.name == context_.replace_key_of) {
        return replace_host_key(decision.on_file, name, type, key);
      }
      // The line of the same type says most; there need not be one.
      const KnownKey* expected = &decision.on_file[0];
      for (const KnownKey& candidate : decision.on_file) {
        if (candidate.type == type) expected = &candidate;
      }
      return refuse(ErrorCode::unauthorized,
                    fmt::format("the host key has changed: {}:{} has {} {}, the server at {} shows "
                                "{}",
                                expected->file, expected->line, printable(expected->type, 40),
                                fingerprint(expected->key), endpoint_.peer, shown),
                    "someone may be listening in; if the node was installed anew, check the "
                    "fingerprint there, then: " +
                        trust);
    }
  }
  if (endpoint_.name == context_.replace_key_of) return replace_host_key({}, name, type, key);
  if (context_.host_keys == HostKeyMode::strict) {
    return refuse(ErrorCode::unauthorized,
                  fmt::format("no host key on file for {}; the server at {} shows {}", name,
                              endpoint_.peer, shown),
                  "check the fingerprint on the node, then: " + trust);
  }
  if (context_.host_keys == HostKeyMode::ask) {
    const Pause pause(*this);
    if (!context_.prompter->confirm(
            "host key " + name + " " + key,
            fmt::format("{} ({}) is not known. Its host key is {}. Trust it? ",
                        printable(endpoint_.name, 80), endpoint_.peer, shown))) {
      return refuse(ErrorCode::unauthorized,
                    fmt::format("the host key {} of {} was not accepted", shown, name),
                    "check the fingerprint on the node, then: " + trust);
    }
  }
  const auto added = context_.known_hosts->add(name, type, key);
  if (!added && added.error().code == ErrorCode::unauthorized) {
    return Failure(HandshakeError{added.error(), HandshakeFailure::final});
  }
  if (!added) {
    context_.warn(added.error().message);
  } else if (*added && context_.host_keys == HostKeyMode::accept_new) {
    context_.warn(fmt::format("host key of {} added: {}", name, shown));
  }
  return {};
}

tl::expected<void, HandshakeError> Handshake::replace_host_key(const std::vector<KnownKey>& old,
                                                               const std::string& name,
                                                               const std::string& type,
                                                               const std::string& key) {
  std::string question = fmt::format("{} ({})\n", printable(endpoint_.name, 80), endpoint_.peer);
  for (const KnownKey& known : old) {
    question += fmt::format("  on file:  {} {}  ({}:{})\n", printable(known.type, 40),
                            fingerprint(known.key), known.file, known.line);
  }
  question +=
      fmt::format("  it shows: {} {}\nTrust the key that it shows?", type, fingerprint(key));
  {
    const Pause pause(*this);
    if (!context_.prompter->confirm("trust " + name + " " + key, question)) {
      return refuse(ErrorCode::unauthorized,
                    fmt::format("the host key {} of {} was not accepted", fingerprint(key), name),
                    "compare it with what the node itself prints: ssh-keygen -lf "
                    "/etc/ssh/ssh_host_ed25519_key.pub");
    }
  }
  if (auto replaced = context_.known_hosts->replace(name, type, key); !replaced) {
    return refuse(replaced.error().code, replaced.error().message, replaced.error().hint);
  }
  return {};
}

// Keys of the agent that are wanted: those of `blobs` first, in that order, then the others unless
// the user named the only ones to offer.
std::vector<AgentKey> Handshake::agent_keys(const std::vector<std::string>& blobs) const {
  std::vector<AgentKey> held = context_.agent->keys();
  std::vector<AgentKey> wanted;
  for (const std::string& blob : blobs) {
    for (const AgentKey& key : held) {
      if (!blob.empty() && key.blob == blob) wanted.push_back(key);
    }
  }
  if (!endpoint_.identities_only) {
    for (AgentKey& key : held) {
      if (std::find(blobs.begin(), blobs.end(), key.blob) == blobs.end()) {
        wanted.push_back(std::move(key));
      }
    }
  }
  if (wanted.size() > kMaxOffers) wanted.resize(kMaxOffers);
  return wanted;
}

Handshake::Login Handshake::settle(int rc) {
  if (rc == SSH_AUTH_SUCCESS) return Login::accepted;
  if (rc == SSH_AUTH_PARTIAL) {
    partial_ = true;
    return Login::denied;
  }
  return rc == SSH_AUTH_DENIED ? Login::denied : Login::failed;
}

Handshake::Login Handshake::offer_agent_keys(const std::vector<AgentKey>& keys) {
  auto channel = context_.agent->open(keys);
  if (!channel) return Login::denied;
  const int near = channel->get();
  watch_.guard_also(near);
  ssh_set_agent_socket(session_.get(), channel->release());  // closed by ssh_free()
  offers_ += keys.size();
  for (const AgentKey& key : keys) {
    offered_.push_back("agent: " +
                       printable(key.comment.empty() ? "unnamed key" : key.comment, 60));
  }
  const int rc = drive(SSH_AUTH_AGAIN, [&] { return ssh_userauth_agent(session_.get(), nullptr); });
  watch_.guard_also(-1);
  return settle(rc);
}

Handshake::Login Handshake::offer_file(const std::string& path) {
  ssh_key key = nullptr;
  std::string problem;
  {
    const Pause pause(*this);
    key = context_.identities->unlock(path, &problem);
  }
  if (key == nullptr) {
    unusable_.push_back(fmt::format("{}: {}", path, problem));
    return Login::denied;
  }
  ++offers_;
  offered_.push_back(path);
  return settle(
      drive(SSH_AUTH_AGAIN, [&] { return ssh_userauth_publickey(session_.get(), nullptr, key); }));
}

Handshake::Login Handshake::answer_questions() {
  for (int round = 0; round < kMaxQuestions; ++round) {
    const int rc = drive(SSH_AUTH_AGAIN,
                         [&] { return ssh_userauth_kbdint(session_.get(), nullptr, nullptr); });
    if (rc != SSH_AUTH_INFO) return settle(rc);
    const int prompts = ssh_userauth_kbdint_getnprompts(session_.get());
    for (int i = 0; i < prompts; ++i) {
      const auto index = static_cast<unsigned int>(i);
      char echo = 0;
      const char* text = ssh_userauth_kbdint_getprompt(session_.get(), index, &echo);
      const std::string question = printable(text != nullptr ? text : "", 200);
      const bool password = echo == 0 && (question.find("assword") != std::string::npos);
      const Pause pause(*this);
      const auto answer =
          password ? context_.prompter->secret("password", "SSH password: ")
                   : context_.prompter->secret("question " + endpoint_.name + " " + question,
                                               fmt::format("{}: {} ", endpoint_.name, question));
      if (!answer) return Login::denied;
      std::string terminated(answer->reveal());
      ssh_userauth_kbdint_setanswer(session_.get(), index, terminated.c_str());
      const Secret wiped(std::move(terminated));
    }
  }
  return Login::denied;
}

Handshake::Login Handshake::give_password() {
  std::optional<Secret> answer;
  {
    const Pause pause(*this);
    answer = context_.prompter->secret("password", "SSH password: ");
  }
  if (!answer) return Login::denied;
  std::string terminated(answer->reveal());
  const int rc = drive(SSH_AUTH_AGAIN, [&] {
    return ssh_userauth_password(session_.get(), nullptr, terminated.c_str());
  });
  const Secret wiped(std::move(terminated));
  return settle(rc);
}

Failure Handshake::denied() {
  const std::string who = fmt::format("{}@{}", endpoint_.user, endpoint_.peer);
  std::string message;
  if (partial_) {
    message = fmt::format("login as {} needs more than a key", who);
  } else if (offered_.empty()) {
    message = fmt::format("no key to log in as {} with", who);
  } else {
    message = fmt::format("login as {} was refused; offered: {}", who, join(offered_, ", "));
  }
  if (!unusable_.empty()) message += "; not usable: " + join(unusable_, ", ");
  return refuse(ErrorCode::unauthorized, message,
                context_.password == PasswordAuth::on
                    ? "check the user name and the password"
                    : fmt::format("put a public key into ~/.ssh/authorized_keys of {}, or use "
                                  "--ask-pass",
                                  endpoint_.user));
}

tl::expected<void, HandshakeError> Handshake::log_in() {
  phase_ = Phase::login;
  std::vector<std::string> files;
  std::vector<std::string> blobs;
  {
    const Pause pause(*this);  // another session's passphrase may be waited for
    for (const std::string& path : endpoint_.identity_files) {
      const IdentityStore::Identity& identity = context_.identities->find(path);
      if (!identity.exists) {
        if (!endpoint_.default_identities) unusable_.push_back(path + ": no such file");
        continue;
      }
      files.push_back(path);
      blobs.push_back(identity.blob);
    }
  }
  const std::vector<AgentKey> held = agent_keys(blobs);
  if (!held.empty()) {
    const Login login = offer_agent_keys(held);
    if (login == Login::accepted) return {};
    if (login == Login::failed) return lost();
  }
  for (std::size_t i = 0; i < files.size() && !partial_ && offers_ < kMaxOffers; ++i) {
    const bool with_agent = std::any_of(held.begin(), held.end(), [&](const AgentKey& key) {
      return !blobs[i].empty() && key.blob == blobs[i];
    });
    if (with_agent) continue;
    const Login login = offer_file(files[i]);
    if (login == Login::accepted) return {};
    if (login == Login::failed) return lost();
  }
  if (context_.password == PasswordAuth::on) {
    if (offers_ == 0) {
      // Only this tells which methods there are; after a refused key that is known.
      const Login login =
          settle(drive(SSH_AUTH_AGAIN, [&] { return ssh_userauth_none(session_.get(), nullptr); }));
      if (login == Login::accepted) return {};
      if (login == Login::failed) return lost();
    }
    const int methods = ssh_userauth_list(session_.get(), nullptr);
    Login login = Login::denied;
    if ((methods & SSH_AUTH_METHOD_INTERACTIVE) != 0) {
      offered_.emplace_back("keyboard-interactive");
      login = answer_questions();
    } else if ((methods & SSH_AUTH_METHOD_PASSWORD) != 0) {
      offered_.emplace_back("password");
      login = give_password();
    }
    if (login == Login::accepted) return {};
    if (login == Login::failed) return lost();
  }
  return denied();
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
  if (auto checked = check_host_key(); !checked) return Failure(checked.error());
  if (auto in = log_in(); !in) return Failure(in.error());
  return std::move(session_);
}

}  // namespace

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
