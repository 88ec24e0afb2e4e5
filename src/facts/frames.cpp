#include <charconv>
#include <optional>

#include "bringup/facts/script.hpp"
#include "bringup/util/text.hpp"

namespace bringup::facts {
namespace {

constexpr std::size_t kMaxHeader = 200;
constexpr std::size_t kMaxFrames = 20000;

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Where a header may start: the beginning of a line that opens with the nonce's mark.
std::size_t find_mark(std::string_view output, const std::string& mark) {
  std::size_t at = output.find(mark);
  while (at != std::string_view::npos && at != 0 && output[at - 1] != '\n') {
    at = output.find(mark, at + 1);
  }
  return at;
}

// A frame of bu_run carries the command's status behind its output, as a newline and three digits
// (a shell is slow at cutting long strings). Where it is missing the bound has cut it off.
void take_status(Frame& frame) {
  const std::size_t size = frame.payload.size();
  frame.truncated = true;
  if (size < 4 || frame.payload[size - 4] != '\n') return;
  const auto status = number(std::string_view(frame.payload).substr(size - 3));
  if (!status || *status > 255) return;
  frame.exit_status = static_cast<int>(*status);
  frame.truncated = false;
  frame.payload.resize(size - 4);
}

struct Parsed {
  std::vector<Frame> frames;
  std::string problem;  // empty: all of it was frames
};

Parsed parse(std::string_view output, std::string_view nonce) {
  Parsed parsed;
  const std::string mark = "@@" + std::string(nonce) + " ";
  const std::size_t first = find_mark(output, mark);
  if (first == std::string_view::npos) {
    parsed.problem = "no frame in " + std::to_string(output.size()) + " bytes of output";
    return parsed;
  }
  output.remove_prefix(first);
  while (!output.empty()) {
    const std::size_t line_end = output.substr(0, kMaxHeader).find('\n');
    const std::string_view header = line_end == std::string_view::npos
                                        ? output.substr(0, kMaxHeader)
                                        : output.substr(0, line_end);
    const auto broken = [&](const std::string& what) {
      parsed.problem = what + " after " + std::to_string(parsed.frames.size()) +
                       " frames: " + printable(header, 60);
      return parsed;
    };
    if (line_end == std::string_view::npos) return broken("a cut header");
    if (header.substr(0, mark.size()) != mark) return broken("text where a frame should start");
    const auto fields = split(header.substr(mark.size()), ' ');
    if (fields.size() != 4 || fields[0].empty()) return broken("a malformed header");
    const auto status = number(fields[1]);
    const auto length = number(fields[3]);
    if (!status || *status > 255 || !length || (fields[2] != "-" && fields[2] != "r")) {
      return broken("a malformed header");
    }
    output.remove_prefix(line_end + 1);
    if (output.size() < *length + 1) return broken("a cut frame");
    if (output[*length] != '\n') return broken("a frame longer than it says");
    if (parsed.frames.size() == kMaxFrames) return broken("too many frames");
    Frame frame;
    frame.name = std::string(fields[0]);
    frame.exit_status = static_cast<int>(*status);
    frame.payload = std::string(output.substr(0, *length));
    if (fields[2] == "r") take_status(frame);
    parsed.frames.push_back(std::move(frame));
    output.remove_prefix(*length + 1);
  }
  return parsed;
}

}  // namespace

std::string frame_functions(const std::string& nonce) {
  // Names that start with bf_ are this function's own; other scripts use bu_.
  // bu_run: the command writes through `head`, which bounds what the shell ever holds; a writer
  // past the bound dies of SIGPIPE. The exit status comes last, behind a newline: where it is
  // missing, the output was cut. A background sleeper ends a command that hangs; its own stdio is
  // closed, so that it cannot keep the session's channel open. NULs vanish in $(...), before the
  // length is taken.
  return "LC_ALL=C; export LC_ALL\n"
         "PATH=$PATH:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin; export PATH\n"
         "bf_put() {\n"
         "  printf '@@%s %s %s %s %d\\n%s\\n' " +
         nonce +
         " \"$1\" \"$2\" \"$3\" \"${#4}\" \"$4\"\n"
         "}\n"
         "bu_frame() { bf_put \"$1\" \"$2\" - \"$3\"; }\n"
         "bu_timed() {\n"
         "  bf_s=$1; shift\n"
         "  \"$@\" </dev/null 2>&1 &\n"
         "  bf_c=$!\n"
         "  ( trap 'kill \"$bf_z\" 2>/dev/null; exit 0' TERM\n"
         "    sleep \"$bf_s\" & bf_z=$!; wait \"$bf_z\"; kill -TERM \"$bf_c\"; sleep 1; kill -KILL "
         "\"$bf_c\"\n"
         "  ) </dev/null >/dev/null 2>&1 &\n"
         "  bf_w=$!\n"
         "  wait \"$bf_c\"; bf_r=$?\n"
         "  kill -TERM \"$bf_w\"; wait \"$bf_w\"\n"
         "  return \"$bf_r\"\n"
         "} 2>/dev/null\n"
         "bu_run() {\n"
         "  bf_n=$1 bf_l=$2 bf_t=$3; shift 3\n"
         "  if ! command -v \"$1\" >/dev/null 2>&1; then\n"
         "    bu_frame \"$bf_n\" 127 \"$1: not found\"\n"
         "    return 0\n"
         "  fi\n"
         "  { bf_o=$( { bu_timed \"$bf_t\" \"$@\"; printf '\\n%03d' \"$?\"; } | head -c "
         "\"$bf_l\"); } 2>/dev/null\n"
         "  bf_put \"$bf_n\" 0 r \"$bf_o\"\n"
         "}\n";
}

Expected<std::vector<Frame>> parse_frames(std::string_view output, std::string_view nonce) {
  Parsed parsed = parse(output, nonce);
  if (!parsed.problem.empty()) {
    return fail(ErrorCode::parse, "the node's answer is not what was asked for: " + parsed.problem,
                "see the raw output in the run's folder");
  }
  return std::move(parsed.frames);
}

std::vector<Frame> parse_frames_prefix(std::string_view output, std::string_view nonce) {
  return parse(output, nonce).frames;
}

}  // namespace bringup::facts
