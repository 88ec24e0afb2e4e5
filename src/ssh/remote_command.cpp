#include "bringup/ssh/remote_command.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "bringup/util/shell.hpp"

namespace bringup::ssh {
namespace {

constexpr std::size_t kMaxHeld = 64 * 1024;

}  // namespace

std::string dress_command(std::string_view command, std::string_view mark) {
  // The login shell may be anything; all it has to understand is `exec` and single quotes.
  return "exec /bin/sh -c " + shell_quote(fmt::format("echo {} $$ >&2\n{}", mark, command));
}

std::string end_group_command(long group) {
  // `ps` sees what root owns, which `kill -0` does not; zombies do not count.
  const std::string script = fmt::format(
      "g={}\n"
      "alive() {{ ps -A -o pgid= -o stat= 2>/dev/null |"
      " awk -v g=$g '$1 == g && $2 !~ /^Z/ {{ f = 1 }} END {{ exit !f }}'; }}\n"
      "end() {{ kill -s $1 -- -$g 2>/dev/null\n"
      "  alive && sudo -n kill -s $1 -- -$g 2>/dev/null; }}\n"
      "wait_gone() {{ i=0; while [ $i -lt 10 ]; do alive || exit 0; sleep 0.1; i=$((i+1)); done; "
      "}}\n"
      "end TERM\nwait_gone\nend KILL\nwait_gone\nexit 1\n",
      group);
  return "exec /bin/sh -c " + shell_quote(script);
}

std::string GroupMark::feed(std::string_view text) {
  if (passing_) return std::string(text);
  held_ += text;
  const std::size_t at = held_.find(mark_);
  if (at != std::string::npos) {
    const std::size_t end = held_.find('\n', at);
    if (end == std::string::npos) return {};
    const std::string_view number =
        std::string_view(held_).substr(at + mark_.size(), end - at - mark_.size());
    long value = 0;
    const std::size_t digits = number.find_first_not_of(' ');
    if (digits != std::string_view::npos) {
      const auto [stop, error] =
          std::from_chars(number.data() + digits, number.data() + number.size(), value);
      // 0 and 1 would be our own group and everything.
      if (error == std::errc() && stop == number.data() + number.size() && value > 1) {
        group_ = value;
      }
    }
    held_.erase(at, end + 1 - at);
  } else if (held_.size() < kMaxHeld) {
    return {};
  }
  passing_ = true;
  return std::exchange(held_, {});
}

std::string GroupMark::finish() {
  passing_ = true;
  return std::exchange(held_, {});
}

}  // namespace bringup::ssh
