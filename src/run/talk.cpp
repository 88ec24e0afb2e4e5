#include "talk.hpp"

#include <utility>

namespace bringup::run {
namespace {

// A program that floods is not kept in memory.
constexpr std::size_t kMaxWaiting = 64;

}  // namespace

Expected<std::unique_ptr<Talk>> Talk::start(ssh::Session& session, ssh::ExecRequest request,
                                            const CancelToken& cancel) {
  std::unique_ptr<Talk> talk(new Talk);
  StreamHandlers handlers;
  handlers.on_line = [raw = talk.get()](std::string line) {
    const std::lock_guard lock(raw->mutex_);
    if (raw->lines_.size() < kMaxWaiting) raw->lines_.push_back(std::move(line));
    raw->came_.notify_all();
  };
  handlers.on_end = [raw = talk.get()](std::string note) {
    const std::lock_guard lock(raw->mutex_);
    raw->ended_ = std::move(note);
    raw->came_.notify_all();
  };
  auto stream = CommandStream::start(session, std::move(request), std::move(handlers), cancel);
  if (!stream) return tl::unexpected(stream.error());
  talk->stream_ = *std::move(stream);
  return talk;
}

Expected<std::string> Talk::next(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const bool come =
      came_.wait_until(lock, deadline.at(), [&] { return !lines_.empty() || ended_; });
  if (!come) return fail(ErrorCode::unreachable, "no answer in time");
  if (lines_.empty()) return fail(ErrorCode::remote, *ended_);
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

Expected<std::string> Talk::ask(const std::string& line, Deadline deadline) {
  tell(line);
  return next(deadline);
}

}  // namespace bringup::run
