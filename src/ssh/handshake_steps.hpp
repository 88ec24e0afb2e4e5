#pragma once
// One handshake, from the socket to a session that is logged in. Internal to the room: the order is
// in handshake.cpp, what is asked of the host key and of the user in files of their own.
#include <string>
#include <vector>

#include "bringup/ssh/handshake.hpp"

namespace bringup::ssh {

using HandshakeRefusal = tl::unexpected<HandshakeError>;

HandshakeRefusal refuse(ErrorCode code, std::string message, std::string hint = {},
                        HandshakeFailure kind = HandshakeFailure::final);

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
  HandshakeRefusal lost();
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
  HandshakeRefusal denied();

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
  std::size_t questions_ = 0;  // that keyboard-interactive has put
  std::vector<std::string> offered_;
  std::vector<std::string> unusable_;
  SessionPtr session_;
};

template <class Step>
int Handshake::drive(int again, Step step) {
  for (;;) {
    const int rc = step();
    if (rc != again) return rc;
    if (!wait()) return SSH_ERROR;
  }
}

}  // namespace bringup::ssh
