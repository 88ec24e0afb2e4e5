#pragma once
// RDMA where no probe can run: the system's own ibv_uc_pingpong, then ibv_rc_pingpong.
//
// Run the server's script at one end, then the client's at the other, at once: the client tries for
// some seconds until the server listens (TCP, over the link itself). Each is a POSIX sh script for
// `sh -s`, made with facts::frame_functions, and ends with the frame "end". For both queue pair
// types run the pair of scripts once with uc and, when that gave no figures, once with rc.
#include <cstdint>
#include <string>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/util/error.hpp"
#include "bringup/verify/rdma.hpp"

namespace bringup::verify {

enum class PingpongRole { server, client };

struct PingpongSpec {
  QpType qp = QpType::uc;
  std::string device;   // of this end; empty: found by the address
  std::string address;  // the link's IPv4 address at this end
  std::string peer;     // and at the other; used by the client
  std::uint64_t bytes = 4096;
  std::uint64_t iterations = 1000;
  int seconds = 20;  // the alarm's
  int port = 18515;  // TCP
};

// Throws std::invalid_argument for a nonce, address or device that may not stand in a script.
std::string pingpong_script(PingpongRole role, const PingpongSpec& spec, const std::string& nonce);

// What one end's script gave.
struct PingpongEnd {
  std::string node;
  std::vector<facts::Frame> frames;
};

// The result of client → server (a round trip has no direction: the other one is the same with the
// ends exchanged). Figures come from the client's output; without them the failure says which end
// to look at. The tools' own errno texts are stale and never read.
RdmaResult read_pingpong(const PingpongSpec& spec, const PingpongEnd& client,
                         const PingpongEnd& server);

struct PingpongFigures {
  std::uint64_t bytes = 0;  // both ways, all iterations
  std::uint64_t iterations = 0;
  double seconds = 0;
  double usec_per_iteration = 0;  // a round trip
  double mbit_per_second = 0;     // both ways together
};

// Fails (parse) when the two lines of figures are missing, malformed, or contradict each other.
Expected<PingpongFigures> parse_pingpong(std::string_view output);

}  // namespace bringup::verify
