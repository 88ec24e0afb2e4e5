#pragma once
// How a command is dressed so that its process group can be ended later.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bringup::ssh {

// The line for the login shell. sshd starts that shell as leader of a session, and every exec keeps
// its process id: the number printed after `mark` on stderr is the process group of all that
// follows.
std::string dress_command(std::string_view command, std::string_view mark);

// Ends a process group: TERM, after a second KILL; through sudo for what belongs to root. Takes at
// most about three seconds on the node. Exit status 0: nothing of the group is left.
std::string end_group_command(long group);

// Takes the marked line out of a stream of stderr.
class GroupMark {
 public:
  explicit GroupMark(std::string mark) : mark_(std::move(mark)) {}

  // Returns what of the stream may be passed on; holds text back until the line was seen, or until
  // 64 KiB say that it never comes.
  std::string feed(std::string_view text);
  std::string finish();  // what was held back
  [[nodiscard]] std::optional<long> group() const { return group_; }
  [[nodiscard]] const std::string& text() const { return mark_; }

 private:
  std::string mark_;
  std::string held_;
  bool passing_ = false;
  std::optional<long> group_;
};

}  // namespace bringup::ssh
