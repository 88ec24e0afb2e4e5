#include "bringup/ssh/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>
#include <unordered_map>

#include "bringup/ssh/gate.hpp"
#include "bringup/ssh/link.hpp"
#include "bringup/ssh/route.hpp"
#include "bringup/ssh/socket.hpp"

namespace bringup::ssh {
namespace {

using std::chrono::milliseconds;

constexpr int kBannerTries = 4;  // the first, and three more
constexpr milliseconds kBackoff{100};
constexpr std::chrono::seconds kRememberFailure{5};
constexpr std::chrono::seconds kTendEvery{5};

// A library's write to a socket that has gone must not end the program.
void ignore_broken_pipes() {
  struct sigaction now {};
  if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) {
    now.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &now, nullptr);
  }
}

class LinkSession final : public Session {
 public:
  explicit LinkSession(std::shared_ptr<Link> link) : link_(std::move(link)) {}
  Expected<ExecResult> exec(const ExecRequest& request) override { return link_->exec(request); }
  Expected<void> reach(const std::string& host, std::uint16_t port, Deadline deadline,
                       CancelToken cancel) override {
    const auto stream = link_->forward(host, port, deadline, cancel);
    if (!stream) return tl::unexpected(stream.error());
    return {};
  }
  Expected<Fd> stream(const std::string& host, std::uint16_t port, Deadline deadline,
                      CancelToken cancel) override {
    return link_->forward(host, port, deadline, cancel);
  }
  [[nodiscard]] std::string peer() const override { return link_->peer(); }

 private:
  std::shared_ptr<Link> link_;
};

// Answers servers that ask idle sessions whether they are alive (ClientAliveInterval).
class Tender {
 public:
  ~Tender() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  void watch(const std::shared_ptr<Link>& link) {
    const std::lock_guard lock(mutex_);
    links_.push_back(link);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kTendEvery, [this] { return stop_; })) {
      std::erase_if(links_, [](const auto& link) { return link.expired(); });
      const std::vector<std::weak_ptr<Link>> links = links_;
      lock.unlock();
      for (const auto& weak : links) {
        if (const auto link = weak.lock()) link->tend();
      }
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::weak_ptr<Link>> links_;
  bool stop_ = false;
  std::thread thread_;
};

class Client final : public Transport {
 public:
  explicit Client(ClientOptions options)
      : options_(prepare(std::move(options))),
        prompter_(options_.prompts),
        identities_(&prompter_),
        agent_(agent_path(options_)),
        router_(options_),
        gate_(std::max(1, options_.handshakes_per_server)),
        watchdog_(std::make_shared<Watchdog>()) {}

  Expected<std::unique_ptr<Session>> connect(const Target& target, Deadline deadline,
                                             CancelToken cancel) override;

 private:
  enum class Role { target, hop };

  // A way that some target uses or leads through.
  struct Place {
    std::weak_ptr<Link> link;
    std::shared_ptr<Link> kept;  // hops stay until the client goes
    bool connecting = false;
    bool is_hop = false;
    std::uint64_t attempts = 0;
    std::optional<Error> failure;
    Deadline failure_counts_until = Deadline::never();
  };
  using Steps = std::vector<RouteStep>;
  using LinkResult = Expected<std::shared_ptr<Link>>;

  static ClientOptions prepare(ClientOptions options) {
    // Called from many threads; one line at a time is what their receivers expect.
    const auto mutex = std::make_shared<std::mutex>();
    for (Warn* sink : {&options.warn, &options.debug}) {
      *sink = [mutex, inner = std::move(*sink)](const std::string& line) {
        const std::lock_guard lock(*mutex);
        if (inner) inner(line);
      };
    }
    return options;
  }

  LinkResult reach(const Steps& steps, std::size_t index, Role role, Reuse reuse, Deadline deadline,
                   const CancelToken& cancel);
  LinkResult build(const Steps& steps, std::size_t index, Deadline deadline,
                   const CancelToken& cancel);
  tl::expected<std::shared_ptr<Link>, HandshakeError> attempt(const RouteStep& step,
                                                              const std::shared_ptr<Link>& outer,
                                                              const std::string& key_types,
                                                              Deadline deadline,
                                                              const CancelToken& cancel);

  ClientOptions options_;
  Prompter prompter_;
  IdentityStore identities_;
  AgentMux agent_;
  Router router_;
  HandshakeGate gate_;
  std::shared_ptr<Watchdog> watchdog_;
  std::mutex mutex_;
  std::condition_variable_any settled_;
  std::unordered_map<std::string, Place> places_;
  Tender tender_;
};

Expected<std::unique_ptr<Session>> Client::connect(const Target& target, Deadline deadline,
                                                   CancelToken cancel) {
  auto steps = router_.route(target);
  if (!steps) return tl::unexpected(steps.error());
  auto link = reach(*steps, steps->size() - 1, Role::target, target.reuse, deadline, cancel);
  if (!link) return tl::unexpected(link.error());
  return std::make_unique<LinkSession>(*std::move(link));
}

Client::LinkResult Client::reach(const Steps& steps, std::size_t index, Role role, Reuse reuse,
                                 Deadline deadline, const CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  Place& place = places_[steps[index].key];  // references into an unordered_map stay valid
  if (role == Role::hop) place.is_hop = true;
  for (;;) {
    if (role == Role::target && (reuse == Reuse::never || !place.is_hop)) {
      // Only a hop is shared. The first connection is remembered all the same: it becomes the hop
      // when another target turns out to lie behind it.
      if (place.connecting || reuse == Reuse::never || place.link.lock()) {
        lock.unlock();
        auto own = build(steps, index, deadline, cancel);
        if (own) tender_.watch(*own);
        return own;
      }
      break;
    }
    if (auto link = place.link.lock(); link && link->alive()) {
      place.kept = link;
      lock.unlock();
      link->share();
      return link;
    }
    if (!place.connecting) {
      if (role == Role::hop && place.failure && !place.failure_counts_until.expired()) {
        return tl::unexpected(*place.failure);
      }
      break;
    }
    const std::uint64_t waited_for = place.attempts;
    const auto over = [&] { return !place.connecting || place.attempts != waited_for; };
    const bool settled = deadline.bounded() ? settled_.wait_until(lock, cancel, deadline.at(), over)
                                            : settled_.wait(lock, cancel, over);
    if (!settled) {
      if (cancel.stop_requested()) return fail(ErrorCode::cancelled, "cancelled while connecting");
      return fail(ErrorCode::unreachable, "no time was left while another session connected");
    }
    if (place.failure) return tl::unexpected(*place.failure);
  }

  place.connecting = true;
  place.failure.reset();
  ++place.attempts;
  lock.unlock();
  auto link = build(steps, index, deadline, cancel);
  lock.lock();
  place.connecting = false;
  place.kept.reset();
  const bool shared = place.is_hop;
  if (link) {
    place.link = *link;
    if (shared) place.kept = *link;
  } else if (!cancel.stop_requested() && !deadline.expired()) {
    // A failure for want of this caller's time or patience says nothing to the others.
    place.failure = link.error();
    place.failure_counts_until = link.error().code == ErrorCode::unauthorized
                                     ? Deadline::never()
                                     : Deadline::after(kRememberFailure);
  }
  lock.unlock();
  settled_.notify_all();
  if (link && shared) {
    (*link)->share();
  } else if (link) {
    tender_.watch(*link);
  }
  return link;
}

Client::LinkResult Client::build(const Steps& steps, std::size_t index, Deadline deadline,
                                 const CancelToken& cancel) {
  const RouteStep& step = steps[index];
  const ResolvedEndpoint& to = step.endpoint;
  // The hop's own message begins with its name.
  const auto named = [&](Error error) {
    error.message = to.name + ": " + error.message;
    return tl::unexpected(std::move(error));
  };
  std::shared_ptr<Link> outer;
  if (index > 0) {
    auto hop = reach(steps, index - 1, Role::hop, Reuse::hop, deadline, cancel);
    if (!hop) {
      Error error = hop.error();
      error.message = "through " + error.message;
      return named(std::move(error));
    }
    outer = *std::move(hop);
  }

  std::string key_types = host_key_algorithms(step.known_hosts->types_for(
      to.host_key_alias.empty() ? known_hosts_name(to.host, to.port)
                                : known_hosts_name(to.host_key_alias, 22)));
  // A pinned fingerprint does not tell its type: the server's other keys are asked for in turn.
  std::vector<std::string> other_types;
  if (!to.host_key.empty()) {
    other_types = {"rsa-sha2-512,rsa-sha2-256",
                   "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521", "ssh-ed25519"};
  }
  std::optional<Error> mismatch;
  milliseconds backoff = kBackoff;
  for (int tries = 1;; ++tries) {
    auto link = attempt(step, outer, key_types, deadline, cancel);
    if (link) return *std::move(link);
    HandshakeError& failed = link.error();
    const bool pinned = failed.kind == HandshakeFailure::other_key;
    if (pinned && !mismatch) mismatch = failed.error;
    if (mismatch && failed.error.code != ErrorCode::cancelled) {
      if (other_types.empty()) return named(*std::move(mismatch));
      key_types = std::move(other_types.back());
      other_types.pop_back();
      continue;
    }
    if (failed.kind != HandshakeFailure::before_banner || tries >= kBannerTries) {
      return named(std::move(failed.error));
    }
    std::minstd_rand jitter{std::random_device{}()};
    const milliseconds pause(std::uniform_int_distribution<milliseconds::rep>(
        backoff.count() / 2, backoff.count() * 3 / 2)(jitter));
    if (deadline.remaining() <= pause) return named(std::move(failed.error));
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, cancel, pause, [] { return false; });
    if (cancel.stop_requested()) {
      return named({ErrorCode::cancelled, "cancelled while connecting", {}});
    }
    backoff *= 3;
  }
}

tl::expected<std::shared_ptr<Link>, HandshakeError> Client::attempt(
    const RouteStep& step, const std::shared_ptr<Link>& outer, const std::string& key_types,
    Deadline deadline, const CancelToken& cancel) {
  const auto final = [](Error error) {
    return tl::unexpected(HandshakeError{std::move(error), HandshakeFailure::final});
  };
  const auto permit = gate_.enter(step.key, deadline, cancel);
  if (!permit) return final(permit.error());
  deadline = deadline.sooner(Deadline::after(options_.connect_timeout));

  ResolvedEndpoint to = step.endpoint;
  Link::Parts parts;
  if (outer != nullptr) {
    auto fd = outer->forward(to.host, to.port, deadline, cancel);
    if (!fd) {
      Error error = fd.error();
      if (error.code == ErrorCode::remote) error.code = ErrorCode::unreachable;
      error.message = fmt::format("through {}: {}", outer->name(), error.message);
      return final(std::move(error));
    }
    parts.fd = *std::move(fd);
    to.peer = host_port(to.host, to.port);
  } else {
    auto addresses = resolve(to.host, to.port, deadline, cancel);
    if (!addresses) return final(addresses.error());
    auto connected = connect_any(*addresses, deadline, cancel, options_.keepalive * 3);
    if (!connected) return final(connected.error());
    parts.fd = std::move(connected->fd);
    to.peer = std::move(connected->peer);
  }
  parts.watch = watchdog_->guard(parts.fd.get(), deadline);
  HandshakeContext context;
  context.host_keys = options_.host_keys;
  context.replace_key_of = options_.replace_key_of;
  const bool key_alone = std::ranges::find(options_.key_alone, to.name) != options_.key_alone.end();
  context.password = key_alone ? PasswordAuth::off : options_.password;
  context.prompter = &prompter_;
  context.identities = &identities_;
  context.agent = &agent_;
  context.known_hosts = step.known_hosts;
  context.warn = options_.warn;
  {
    const std::stop_callback on_cancel(cancel, [&] { parts.watch->cancel(); });
    auto session = shake_hands(parts.fd.get(), to, context, *parts.watch, deadline, key_types);
    if (!session) return tl::unexpected(session.error());
    parts.session = *std::move(session);
  }
  parts.outer = outer;
  parts.name = to.name;
  parts.peer = to.peer;
  parts.keepalive = options_.keepalive;
  auto link = Link::make(std::move(parts));
  if (!link) return final(link.error());
  return *std::move(link);
}

}  // namespace

std::string agent_path(const ClientOptions& options) {
  if (!options.agent_socket.empty())
    return options.agent_socket == "none" ? "" : options.agent_socket;
  const char* path = std::getenv("SSH_AUTH_SOCK");
  return path != nullptr ? path : "";
}

std::unique_ptr<Transport> make_client(ClientOptions options) {
  ignore_broken_pipes();
  return std::make_unique<Client>(std::move(options));
}

}  // namespace bringup::ssh
