// Whatever a probe says of discovery, a datagram carries, a tool prints of listeners, or a server
// answers: it is read or refused, and what is read may stand on a terminal.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/probe/discover.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/discovery.hpp"
#include "bringup/verify/services.hpp"

namespace {

namespace verify = bringup::verify;

void must_be_shown(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string_view line : bringup::split_lines(text)) {
    if (const auto hello = verify::parse_discovery_hello(line); !hello) {
      must_be_shown(hello.error().message);
    }
    if (const auto found = verify::parse_discovery_listen(line)) {
      for (const auto& one : *found) must_be_shown(one.name);
    }
    if (const auto found = verify::parse_discovery_send(line)) {
      for (const auto& one : *found) must_be_shown(one.interface + one.problem);
    }
    if (const auto found = verify::parse_discovery_heard(line)) {
      for (const auto& one : *found) must_be_shown(one.node + one.sender + one.interface);
    }
    if (const auto one = bringup::probe::parse_announcement(line)) {
      must_be_shown(one->nonce + one->node + one->interface);
      if (bringup::probe::announcement_text(*one) != line) std::abort();
    }
    if (verify::parse_status_line(line) && !verify::may_be_status_line(line)) std::abort();
  }
  for (const auto& one : verify::parse_listeners(text)) must_be_shown(one.address);
  static_cast<void>(verify::parse_health_response(text));
  must_be_shown(verify::read_firewall({{"firewall.nft", 0, false, std::string(text)}}).text);
  return 0;
}
