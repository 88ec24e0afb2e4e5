#include "bringup/ssh/agent_mux.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "bringup/ssh/socket.hpp"

namespace bringup::ssh {
namespace {

constexpr std::size_t kMaxFrame = 256 * 1024;
constexpr char kFailure = 5;
constexpr char kRequestIdentities = 11;
constexpr char kIdentitiesAnswer = 12;
constexpr char kSignRequest = 13;
constexpr std::size_t kMaxKeys = 1024;
constexpr std::chrono::milliseconds kTick{200};
constexpr std::chrono::seconds kListPatience{5};
constexpr std::chrono::seconds kSignPatience{120};  // a touch or a confirmation may be needed

std::string be32(std::size_t value) {
  std::string out(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) {
    out[i] = static_cast<char>((value >> (8 * (3 - i))) & 0xFFU);
  }
  return out;
}

std::size_t read_be32(std::string_view text) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8U) | static_cast<unsigned char>(text[i]);
  return value;
}

std::string framed(std::string_view body) {
  return be32(body.size()) + std::string(body);
}

bool take_string(std::string_view* from, std::string_view* out) {
  if (from->size() < 4) return false;
  const std::size_t size = read_be32(*from);
  if (size > from->size() - 4) return false;
  *out = from->substr(4, size);
  from->remove_prefix(4 + size);
  return true;
}

int flags_for_send() {
#ifdef MSG_NOSIGNAL
  return MSG_NOSIGNAL;
#else
  return 0;
#endif
}

}  // namespace

AgentMux::~AgentMux() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (wake_write_) {
      const char byte = 0;
      [[maybe_unused]] const ssize_t sent = ::write(wake_write_.get(), &byte, 1);
    }
  }
  if (thread_.joinable()) thread_.join();
}

std::string AgentMux::talk(std::string_view request, std::chrono::seconds patience) {
  const std::lock_guard lock(agent_mutex_);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!agent_) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      if (path_.empty() || path_.size() >= sizeof address.sun_path) return {};
      std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
      Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
      if (!fd) return {};
      ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
      if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return {};
      }
      agent_ = std::move(fd);
    }
    const Deadline deadline = Deadline::after(patience);
    const std::string out = framed(request);
    bool good = ::send(agent_.get(), out.data(), out.size(), flags_for_send()) ==
                static_cast<ssize_t>(out.size());
    std::string in;
    while (good && (in.size() < 4 || in.size() < 4 + read_be32(in))) {
      if (in.size() >= 4 && read_be32(in) > kMaxFrame) good = false;
      pollfd one{agent_.get(), POLLIN, 0};
      if (good) ::poll(&one, 1, static_cast<int>(deadline.remaining(kTick).count()));
      if (stop_ || deadline.expired()) good = false;
      if (!good) break;
      std::array<char, 4096> buffer;
      const ssize_t got = ::recv(agent_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) {
        in.append(buffer.data(), static_cast<std::size_t>(got));
      } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        good = false;
      }
    }
    if (good) return in.substr(4);
    agent_.reset();
  }
  return {};
}

std::vector<AgentKey> AgentMux::keys() {
  {
    const std::lock_guard lock(mutex_);
    if (asked_) return known_;
  }
  if (path_.empty()) return {};
  const std::string reply = talk(std::string_view(&kRequestIdentities, 1), kListPatience);
  std::vector<AgentKey> keys;
  std::string_view rest = reply;
  if (rest.size() >= 5 && rest[0] == kIdentitiesAnswer) {
    const std::size_t count = std::min(read_be32(rest.substr(1)), kMaxKeys);
    rest.remove_prefix(5);
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view blob;
      std::string_view comment;
      if (!take_string(&rest, &blob) || !take_string(&rest, &comment)) break;
      keys.push_back({std::string(blob), std::string(comment)});
    }
  }
  const std::lock_guard lock(mutex_);
  if (!asked_) {
    asked_ = true;
    known_ = std::move(keys);
  }
  return known_;
}

Expected<Fd> AgentMux::open(std::vector<AgentKey> keys) {
  auto pair = stream_pair();
  if (!pair) return tl::unexpected(pair.error());
  auto peer = std::make_unique<Peer>();
  peer->fd = std::move(pair->first);
  peer->keys = std::move(keys);
  ::fcntl(peer->fd.get(), F_SETFL, O_NONBLOCK);
  const std::lock_guard lock(mutex_);
  if (!wake_read_) {
    auto wake = wake_pipe();
    if (!wake) return tl::unexpected(wake.error());
    wake_read_ = std::move(wake->first);
    wake_write_ = std::move(wake->second);
    thread_ = std::thread([this] { run(); });
  }
  incoming_.push_back(std::move(peer));
  const char byte = 0;
  [[maybe_unused]] const ssize_t sent = ::write(wake_write_.get(), &byte, 1);
  return std::move(pair->second);
}

void AgentMux::run() {
  std::vector<std::unique_ptr<Peer>> peers;
  while (!stop_) {
    std::vector<pollfd> fds;
    {
      const std::lock_guard lock(mutex_);
      for (auto& peer : incoming_) peers.push_back(std::move(peer));
      incoming_.clear();
      fds.push_back({wake_read_.get(), POLLIN, 0});
    }
    for (const auto& peer : peers) fds.push_back({peer->fd.get(), POLLIN, 0});
    if (::poll(fds.data(), static_cast<nfds_t>(fds.size()), -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) {
      std::array<char, 64> drained;
      while (::read(fds[0].fd, drained.data(), drained.size()) > 0) {
      }
    }
    for (std::size_t i = fds.size(); i-- > 1;) {
      if (fds[i].revents != 0 && !serve(*peers[i - 1])) {
        peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(i - 1));
      }
    }
  }
}

bool AgentMux::serve(Peer& peer) {
  std::array<char, 4096> buffer;
  const ssize_t got = ::recv(peer.fd.get(), buffer.data(), buffer.size(), 0);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
  if (got > 0) peer.in.append(buffer.data(), static_cast<std::size_t>(got));
  while (peer.in.size() >= 4) {
    const std::size_t size = read_be32(peer.in);
    if (size > kMaxFrame) return false;
    if (peer.in.size() < 4 + size) break;
    const std::string reply = framed(answer(peer, std::string_view(peer.in).substr(4, size)));
    peer.in.erase(0, 4 + size);
    // A reply is small and its reader waits for it: it fits the socket's buffer.
    if (::send(peer.fd.get(), reply.data(), reply.size(), flags_for_send()) !=
        static_cast<ssize_t>(reply.size())) {
      return false;
    }
  }
  return true;
}

std::string AgentMux::answer(const Peer& peer, std::string_view request) {
  const std::string failure(1, kFailure);
  if (request.empty()) return failure;
  if (request[0] == kRequestIdentities) {
    std::string reply(1, kIdentitiesAnswer);
    reply += be32(peer.keys.size());
    for (const AgentKey& key : peer.keys) reply += framed(key.blob) + framed(key.comment);
    return reply;
  }
  if (request[0] == kSignRequest) {
    std::string_view rest = request.substr(1);
    std::string_view blob;
    if (!take_string(&rest, &blob)) return failure;
    const bool allowed = std::any_of(peer.keys.begin(), peer.keys.end(),
                                     [&](const AgentKey& key) { return key.blob == blob; });
    if (!allowed) return failure;
    std::string reply = talk(request, kSignPatience);
    return reply.empty() ? failure : reply;
  }
  return failure;
}

}  // namespace bringup::ssh
