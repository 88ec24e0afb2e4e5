#pragma once
// A command on a session that is talked to line by line while it runs. Internal to the room.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "bringup/ssh/transport.hpp"
#include "bringup/util/cancel.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::run {

struct StreamHandlers {
  std::function<void(std::string line)> on_line;  // without its end; cut when it is too long
  std::function<void(std::string note)> on_end;   // once; why the command ended, if that is known
};

class CommandStream {
 public:
  // Starts at once, in a thread of its own that calls the handlers. `session` must outlive this.
  // Fails when this machine has no descriptors left.
  static Expected<std::unique_ptr<CommandStream>> start(ssh::Session& session,
                                                        ssh::ExecRequest request,
                                                        StreamHandlers handlers,
                                                        const CancelToken& cancel);
  // Ends its input, gives the command some seconds to end by itself, and ends it otherwise.
  ~CommandStream();
  CommandStream(const CommandStream&) = delete;
  CommandStream& operator=(const CommandStream&) = delete;

  // Adds the line's end. What the command takes no more is lost.
  void write(std::string_view line);
  [[nodiscard]] std::string transcript() const;  // of its stdout, bounded

 private:
  CommandStream(StreamHandlers handlers, const CancelToken& cancel);
  void run(ssh::Session& session);
  void take(std::string_view bytes);

  ssh::ExecRequest request_;
  StreamHandlers handlers_;
  CancelSource source_;
  std::stop_callback<std::function<void()>> forward_cancel_;
  Fd read_, write_;
  std::string pending_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::string transcript_;
  std::jthread worker_;
};

}  // namespace bringup::run
