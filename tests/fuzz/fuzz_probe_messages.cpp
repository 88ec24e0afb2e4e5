// Whatever a probe says: its replies are read or refused, what is read may stand in a request and
// on a terminal, and an exchange fed with it goes on to its end.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/pingpong.hpp"
#include "bringup/verify/rdma_exchange.hpp"

namespace {

using namespace std::chrono_literals;
namespace verify = bringup::verify;

void must(bool holds) {
  if (!holds) std::abort();
}

void must_be_shown(std::string_view text) {
  for (const char c : text) must(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
}

void must_be_shown(const verify::RdmaResult& result) {
  for (const auto& latency : result.latency) must(latency.lost <= latency.sent);
  for (const auto& bandwidth : result.bandwidth) must(bandwidth.lost <= bandwidth.sent);
  must(result.from_device.empty() ||
       bringup::shell_quote(result.from_device) == result.from_device);
  if (result.failure) must_be_shown(result.failure->seen + result.failure->verb);
}

// Each line goes to the end that its first byte names.
void exchange_with(std::string_view text) {
  verify::RdmaExchange exchange({"one", "", "10.0.0.1"}, {"two", "", "10.0.0.2"}, {}, 0ms);
  verify::RdmaExchange::Time now = 0ms;
  for (const std::string_view line : bringup::split_lines(text)) {
    if (line.empty() || exchange.finished()) continue;
    const auto side =
        line[0] == 'a' ? verify::RdmaExchange::Side::a : verify::RdmaExchange::Side::b;
    exchange.line(side, line.substr(1), now);
    if (line[0] == 'z') exchange.ended(side, line.substr(1), now);
    exchange.take_outgoing();
  }
  for (int turns = 0; turns < 1000 && !exchange.finished(); ++turns) {
    now = std::max(now, exchange.next_tick());
    exchange.tick(now);
    exchange.take_outgoing();
  }
  must(exchange.finished());
  must_be_shown(exchange.a_to_b());
  must_be_shown(exchange.b_to_a());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto reply = verify::parse_probe_reply(text)) {
    must_be_shown(reply->re);
    if (const auto* opened = std::get_if<verify::ProbeOpened>(&reply->body)) {
      must(bringup::shell_quote(opened->device) == opened->device);
      must_be_shown(verify::probe_connect(*opened));
    }
    if (const auto* failure = std::get_if<verify::ProbeFailure>(&reply->body))
      must_be_shown(failure->verb + failure->text);
  } else {
    must_be_shown(reply.error().message);
  }
  if (const auto figures = verify::parse_pingpong(text))
    must(figures->seconds >= 0 && figures->mbit_per_second >= 0);
  exchange_with(text);
  return 0;
}
