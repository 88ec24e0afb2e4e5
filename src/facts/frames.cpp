#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "bringup/facts/script.hpp"
#include "bringup/util/text.hpp"

namespace bringup::facts {
namespace {

constexpr std::size_t kMaxHeader = 128;
constexpr std::size_t kMaxFrames = 65536;

std::optional<std::size_t> parse_count(std::string_view text, std::size_t most) {
  std::size_t value = 0;
  const auto end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end || value > most) return std::nullopt;
  return value;
}

bool is_frame_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == ':';
  });
}

constexpr const char* kHint = "see the raw output in the run's folder";

tl::unexpected<Error> broken(std::string_view why, std::string_view text) {
  return fail(ErrorCode::parse,
              fmt::format("the node's answer is not what was asked for: {}: \"{}\"", why,
                          printable(text, 80)),
              kHint);
}

// Takes one frame from the front of `rest`, which starts with `mark`.
Expected<Frame> take_frame(std::string_view& rest, std::string_view mark) {
  const std::size_t newline = rest.substr(0, mark.size() + kMaxHeader).find('\n');
  if (newline == std::string_view::npos) return broken("a frame's header is cut", rest);
  const auto words = split(rest.substr(mark.size(), newline - mark.size()), ' ');
  Frame out;
  const auto status = words.size() == 4 ? parse_count(words[1], 999) : std::nullopt;
  const auto length = words.size() == 4 ? parse_count(words[3], SIZE_MAX) : std::nullopt;
  if (!status || !length || !is_frame_name(words[0]) || (words[2] != "-" && words[2] != "t"))
    return broken("a frame's header is malformed", rest.substr(0, newline));
  out.name = words[0];
  out.exit_status = static_cast<int>(*status);
  out.truncated = words[2] == "t";
  rest.remove_prefix(newline + 1);
  if (rest.size() <= *length || rest[*length] != '\n')
    return broken(fmt::format("frame \"{}\" is cut", out.name), rest);
  out.payload = rest.substr(0, *length);
  rest.remove_prefix(*length + 1);
  return out;
}

// Appends the frames at the start of `output` to `out`; fails at the first that is not whole.
Expected<void> take_frames(std::string_view output, std::string_view nonce,
                           std::vector<Frame>& out) {
  const std::string mark = fmt::format("@@{} ", nonce);
  const std::size_t first = output.find(mark);
  if (first == std::string_view::npos) {
    if (trim(output).empty()) return fail(ErrorCode::parse, "the node answered nothing", kHint);
    return broken("there is no frame in it", trim(output));
  }
  std::string_view rest = output.substr(first);
  while (!rest.empty()) {
    if (!rest.starts_with(mark)) {
      // What a shell says on its way out is no part of the answer; one script may follow another.
      if (!out.empty() && out.back().name == "end") return {};
      return broken("text where a frame should start", rest);
    }
    if (out.size() == kMaxFrames) return broken("too many frames", rest);
    auto frame = take_frame(rest, mark);
    if (!frame) return tl::unexpected(std::move(frame.error()));
    out.push_back(std::move(*frame));
  }
  return {};
}

}  // namespace

Expected<std::vector<Frame>> parse_frames(std::string_view output, std::string_view nonce) {
  std::vector<Frame> out;
  auto taken = take_frames(output, nonce, out);
  if (!taken) return tl::unexpected(std::move(taken.error()));
  return out;
}

std::vector<Frame> parse_frames_prefix(std::string_view output, std::string_view nonce) {
  std::vector<Frame> out;
  const auto ignored = take_frames(output, nonce, out);
  static_cast<void>(ignored);
  return out;
}

}  // namespace bringup::facts
