#include "command_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bringup/util/text.hpp"

namespace bringup::run {
namespace {

constexpr std::size_t kMaxLine = std::size_t{256} << 10;
constexpr std::size_t kMaxTranscript = std::size_t{1} << 20;
constexpr std::chrono::seconds kEndByItself{5};

std::string note_of(const Expected<ssh::ExecResult>& result) {
  if (!result) return result.error().message;
  std::string note = result->signal.empty() ? fmt::format("exit status {}", result->exit_status)
                                            : "ended by SIG" + result->signal;
  const auto lines = split_lines(result->err);
  if (!lines.empty() && !trim(lines.front()).empty()) {
    note += ": " + printable(trim(lines.front()), 200);
  }
  return note;
}

}  // namespace

CommandStream::CommandStream(StreamHandlers handlers, const CancelToken& cancel)
    : handlers_(std::move(handlers)), forward_cancel_(cancel, [this] { source_.request_stop(); }) {}

Expected<std::unique_ptr<CommandStream>> CommandStream::start(ssh::Session& session,
                                                              ssh::ExecRequest request,
                                                              StreamHandlers handlers,
                                                              const CancelToken& cancel) {
  int ends[2];
  if (::pipe(ends) != 0) return fail(ErrorCode::internal, "no pipe can be made");
  std::unique_ptr<CommandStream> stream(new CommandStream(std::move(handlers), cancel));
  stream->read_.reset(ends[0]);
  stream->write_.reset(ends[1]);
  for (const int end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
  stream->request_ = std::move(request);
  stream->request_.live_input = ends[0];
  stream->request_.cancel = stream->source_.get_token();
  stream->worker_ = std::jthread([raw = stream.get(), &session] { raw->run(session); });
  return stream;
}

CommandStream::~CommandStream() {
  {
    std::unique_lock lock(mutex_);
    write_.reset();
    if (!ended_.wait_for(lock, kEndByItself, [this] { return over_; })) source_.request_stop();
  }
  if (worker_.joinable()) worker_.join();
}

void CommandStream::run(ssh::Session& session) {
  request_.on_output = [this](ssh::Stream stream, std::string_view bytes) {
    if (stream == ssh::Stream::out) take(bytes);
  };
  const auto result = session.exec(request_);
  handlers_.on_end(note_of(result));
  const std::lock_guard lock(mutex_);
  over_ = true;
  ended_.notify_all();
}

void CommandStream::take(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    transcript_.append(
        bytes.substr(0, kMaxTranscript - std::min(kMaxTranscript, transcript_.size())));
  }
  for (const char byte : bytes) {
    if (byte == '\n') {
      handlers_.on_line(std::exchange(pending_, {}));
    } else if (pending_.size() <= kMaxLine) {
      pending_ += byte;
    }
  }
}

void CommandStream::write(std::string_view line) {
  const std::string text = std::string(line) + "\n";
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t sent = ::write(write_.get(), text.data() + written, text.size() - written);
    if (sent < 0 && errno == EINTR) continue;
    // A full pipe means that the session takes nothing any more: whoever waits for an answer to
    // this line has a deadline.
    if (sent <= 0) return;
    written += static_cast<std::size_t>(sent);
  }
}

std::string CommandStream::transcript() const {
  const std::lock_guard lock(mutex_);
  return transcript_;
}

}  // namespace bringup::run
