// Whatever a node answers: reading its frames and its facts ends, never gives more than came, and
// leaves nothing for a terminal to obey.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/facts/script.hpp"

namespace {

namespace facts = bringup::facts;

void must(bool holds) {
  if (!holds) std::abort();
}

void must_be_shown(std::string_view text) {
  for (const char c : text) must(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view output(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kNonce = "abcdEF01";
  const auto frames = facts::parse_frames(output, kNonce);
  const auto prefix = facts::parse_frames_prefix(output, kNonce);
  std::size_t bytes = 0;
  for (const auto& frame : prefix) bytes += frame.payload.size();
  must(bytes <= size);
  if (!frames) {
    must_be_shown(frames.error().message);
    return 0;
  }
  must(frames->size() == prefix.size());
  const auto read = facts::parse_facts(*frames);
  if (!read) return 0;
  for (const auto& problem : read->problems) must_be_shown(problem);
  must_be_shown(read->model + read->hostname + read->login_user + read->uname);
  must_be_shown(read->session_address + read->session_interface + read->network_location);
  must(facts::plan_digest(*read).size() == 64);
  must(facts::plan_digest(*read) == facts::plan_digest(*read));
  return 0;
}
