#pragma once
// The lines that go to bringup-probe and come from it. What comes is a node's text: read strictly,
// bounded, and fit to be shown.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bringup/util/error.hpp"
#include "bringup/verify/rdma.hpp"

namespace bringup::verify {

inline constexpr std::size_t kMaxProbeLine = std::size_t{256} << 10;
inline constexpr int kProbeProtocol = 1;

// --- to the probe; without newline ------------------------------------------------------------
struct ProbeOpen {
  std::string device;   // empty: whichever has the address
  std::string address;  // the link's IPv4 address
  QpType qp = QpType::uc;
  std::uint64_t bytes = 1 << 20;  // the largest message
  unsigned depth = 4;             // receives posted, 2 to 32
};

// One side of a test. The numbers of both sides are equal; `run` tells tests apart.
struct ProbeJob {
  std::uint32_t run = 1;
  std::uint64_t bytes = 64;
  std::uint64_t count = 0;    // messages; bandwidth: 0 means that the time ends it
  std::uint64_t wait_ms = 0;  // for one answer
  std::uint64_t span_ms = 0;  // bandwidth: how long to send
  std::uint64_t limit_ms = 0;
};

enum class ProbeRole { ping, pong, send, receive };

struct ProbeOpened;
std::string probe_request(const ProbeOpen& open);
std::string probe_connect(const ProbeOpened& remote);  // what the other end's open has given
std::string probe_request(ProbeRole role, const ProbeJob& job);
std::string probe_devices();
std::string probe_stop();  // ends a passive half; no reply of its own
std::string probe_close();
std::string probe_quit();

// --- from the probe ------------------------------------------------------------------------------
struct ProbeHello {
  int protocol = 0;
};
struct ProbeOpened {
  std::string device;
  std::uint32_t port = 0, gid_index = 0, qpn = 0, psn = 0, lid = 0;
  std::uint32_t mtu = 0;          // active, bytes: 256 to 4096
  std::uint64_t max_message = 0;  // 0: not said
  std::string gid;                // an IPv6 address
};
struct ProbeReady {};  // a passive half waits for messages
struct ProbeDone {};   // connect, close
struct ProbeLatency {
  std::uint64_t sent = 0, lost = 0;
  double p50_us = 0, p99_us = 0, mean_us = 0;
};
struct ProbeSent {
  std::uint64_t sent = 0, stalls = 0;
  double seconds = 0;
};
struct ProbeReceived {
  std::uint64_t received = 0;
  double seconds = 0;  // from the first arrival to the last
};
struct ProbeGid {
  std::uint32_t index = 0;
  std::string gid;
};
struct ProbePort {
  std::uint32_t port = 0;
  std::string state;  // "active", "down", …; empty when the query failed
  std::uint32_t mtu = 0;
  std::vector<ProbeGid> gids;
};
struct ProbeDevice {
  std::string name;
  int error_number = 0;  // of ibv_open_device
  std::vector<ProbePort> ports;
};
struct ProbeDevices {
  std::vector<ProbeDevice> devices;
};
struct ProbeFailure {
  std::string layer, verb;
  int error_number = 0;
  std::string text;
};

struct ProbeReply {
  std::string re;  // the request answered; "hello" and "deadline" come unasked
  std::variant<ProbeHello, ProbeOpened, ProbeReady, ProbeDone, ProbeLatency, ProbeSent,
               ProbeReceived, ProbeDevices, ProbeFailure>
      body;
};

// Fails (parse) for whatever is no reply of this protocol.
Expected<ProbeReply> parse_probe_reply(std::string_view line);

}  // namespace bringup::verify
