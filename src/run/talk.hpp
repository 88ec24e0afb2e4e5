#pragma once
// Questions to a program on a node and its answers, a line each. Internal to the room.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "command_stream.hpp"

namespace bringup::run {

class Talk {
 public:
  // Fails as CommandStream::start() does. `session` must outlive this.
  static Expected<std::unique_ptr<Talk>> start(ssh::Session& session, ssh::ExecRequest request,
                                               const CancelToken& cancel);

  // The next line. Fails with remote when the program has ended, and with unreachable when none
  // comes in time.
  Expected<std::string> next(Deadline deadline);
  Expected<std::string> ask(const std::string& line, Deadline deadline);
  void tell(const std::string& line) { stream_->write(line); }
  [[nodiscard]] std::string transcript() const { return stream_->transcript(); }

 private:
  Talk() = default;

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::string> lines_;
  std::optional<std::string> ended_;
  std::unique_ptr<CommandStream> stream_;  // last: it goes before what its handlers use
};

}  // namespace bringup::run
