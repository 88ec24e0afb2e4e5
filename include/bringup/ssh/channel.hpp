#pragma once
// What runs on a link: small state machines that never block. All members are used with the link's
// mutex held, by whichever thread drives the link.
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <poll.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bringup/ssh/remote_command.hpp"
#include "bringup/ssh/transport.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::ssh {

class Channel {
 public:
  virtual ~Channel() = default;

  virtual bool advance(ssh_session session) = 0;  // true: moved, call again
  virtual void abort(const Error& error) = 0;     // the connection is lost
  virtual void release() = 0;  // frees libssh's side; once, before the session goes
  [[nodiscard]] virtual bool finished() const = 0;
  [[nodiscard]] virtual bool has_news() const { return false; }  // output waits for its reader
  virtual void deliver(std::unique_lock<std::mutex>&) {}  // hands it over, the mutex released
  [[nodiscard]] virtual Deadline due() const { return Deadline::never(); }
  [[nodiscard]] virtual bool is_command() const { return false; }
  [[nodiscard]] virtual bool is_waiting() const { return false; }  // for a free session channel
  virtual void admit() {}
  [[nodiscard]] virtual std::pair<int, short> poll_for() const { return {-1, 0}; }
};

// libssh's channel with its callbacks.
class RawChannel {
 public:
  struct Events {
    virtual ~Events() = default;
    virtual int on_data(const char* data, std::size_t size, bool is_error) = 0;  // bytes taken
    virtual void on_eof() {}
    virtual void on_close() = 0;
    virtual void on_exit_status(int) {}
    virtual void on_exit_signal(const char*) {}
  };

  explicit RawChannel(Events* events);
  ~RawChannel() { release(); }
  RawChannel(const RawChannel&) = delete;
  RawChannel& operator=(const RawChannel&) = delete;

  bool create(ssh_session session);
  void release();
  [[nodiscard]] ssh_channel get() const { return channel_; }

 private:
  ssh_channel channel_ = nullptr;
  ssh_channel_callbacks_struct callbacks_{};
};

// One command.
class CommandChannel final : public Channel, private RawChannel::Events {
 public:
  enum class Dress { group_leader, as_it_is };

  CommandChannel(const ExecRequest& request, Dress dress, std::string node);

  bool advance(ssh_session session) override;
  void abort(const Error& error) override;
  void release() override;
  [[nodiscard]] bool finished() const override { return state_ == State::done; }
  [[nodiscard]] bool has_news() const override { return !news_.empty(); }
  void deliver(std::unique_lock<std::mutex>& lock) override;
  [[nodiscard]] Deadline due() const override;
  [[nodiscard]] bool is_command() const override { return state_ != State::waiting; }
  [[nodiscard]] bool is_waiting() const override { return state_ == State::waiting; }
  void admit() override { state_ = State::opening; }
  [[nodiscard]] std::pair<int, short> poll_for() const override;

  Expected<ExecResult> take();

 private:
  enum class State { waiting, opening, refused, starting, running, ending, done };
  enum class Reason { none, cancelled, deadline, too_much };

  int on_data(const char* data, std::size_t size, bool is_error) override;
  void on_close() override { closed_ = true; }
  void on_exit_status(int status) override { result_.exit_status = status; }
  void on_exit_signal(const char* signal) override;

  void keep(Stream stream, std::string_view text);
  bool write_input(ssh_session session);
  bool write_some(ssh_session session, std::string_view text, std::size_t& written);
  bool read_live_input();
  bool check_end();
  bool end(ssh_session session);
  void finish();
  void fail_with(ErrorCode code, std::string message);

  const ExecRequest& request_;
  Dress dress_;
  std::string node_;
  State state_ = State::waiting;
  Reason reason_ = Reason::none;
  Deadline::Clock::time_point started_ = Deadline::Clock::now();
  Deadline end_by_ = Deadline::never();
  int refusals_ = 0;
  Deadline again_at_ = Deadline::never();
  std::string line_;
  GroupMark mark_;
  RawChannel raw_;
  std::size_t written_ = 0;
  std::string live_;  // read from live_input and not yet written
  bool live_over_ = false;
  bool eof_sent_ = false;
  bool closed_ = false;
  ExecResult result_;
  std::optional<Error> error_;
  std::vector<std::pair<Stream, std::string>> news_;
  ExecRequest killer_request_;
  std::unique_ptr<CommandChannel> killer_;
};

// One direct-tcpip stream between the far end and a socket pair.
class ForwardChannel final : public Channel, private RawChannel::Events {
 public:
  ForwardChannel(std::string host, std::uint16_t port, Fd near, Deadline deadline,
                 CancelToken cancel);

  bool advance(ssh_session session) override;
  void abort(const Error& error) override;
  void release() override;
  [[nodiscard]] bool finished() const override { return state_ == State::done; }
  [[nodiscard]] bool has_news() const override { return state_ != State::opening; }
  [[nodiscard]] Deadline due() const override;
  [[nodiscard]] std::pair<int, short> poll_for() const override;

  [[nodiscard]] bool open() const { return state_ == State::open; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  void give_up() { abandoned_ = true; }

 private:
  enum class State { opening, open, done };

  int on_data(const char* data, std::size_t size, bool is_error) override;
  void on_eof() override { far_eof_ = true; }
  void on_close() override { closed_ = true; }

  bool pump(ssh_session session);
  void finish();

  std::string host_;
  std::uint16_t port_;
  Fd near_;
  Deadline deadline_;
  CancelToken cancel_;
  State state_ = State::opening;
  RawChannel raw_;
  std::string to_near_;
  std::string to_far_;
  bool abandoned_ = false;
  bool left_behind_ = false;  // data that was not taken waits in libssh
  bool near_eof_ = false;
  bool far_eof_ = false;
  bool closed_ = false;
  std::optional<Error> error_;
};

}  // namespace bringup::ssh
