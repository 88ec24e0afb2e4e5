#pragma once
// Who hears whom on which interface: the lines of bringup-probe's discovery, and their judgement.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/facts/script.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/util/error.hpp"
#include "bringup/verify/firewall.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::verify {

// --- what is said to the probe (src/probe/protocol.md); lines without newline -----------------
struct DiscoveryPlan {
  std::string nonce;  // random_hex(16)
  std::uint16_t port = 0;
  std::string group = "239.255.77.77";
  unsigned times = 6;
  unsigned gap_ms = 500;
};
std::string discovery_listen(const DiscoveryPlan& plan, const std::string& node);
std::string discovery_send(const DiscoveryPlan& plan);
std::string discovery_heard();

// --- what it answers: a node's text, read strictly and bounded --------------------------------
struct ProbeInterface {
  std::string name;
  model::Ipv4 address;
  unsigned prefix = 0;
  std::optional<model::Ipv4> broadcast;   // by the prefix
  std::optional<model::Ipv4> configured;  // what the system has
};
struct ProbeSend {
  std::string interface;
  CastKind cast = CastKind::broadcast;
  std::uint32_t count = 0;
  std::string problem;  // empty: none; see protocol.md
  int error_number = 0;
};
struct ProbeHearing {
  std::string node, sender;  // of the announcement: anybody may have sent it
  CastKind cast = CastKind::broadcast;
  model::Ipv4 source;
  std::string interface;  // "?": none of the node's
  std::uint32_t count = 0;
};
// All fail with parse, except where the probe itself says that it failed: remote then, and the
// message is its problem ("in-use") and text.
Expected<int> parse_discovery_hello(std::string_view line);  // the protocol
Expected<std::vector<ProbeInterface>> parse_discovery_listen(std::string_view line);
Expected<std::vector<ProbeSend>> parse_discovery_send(std::string_view line);
Expected<std::vector<ProbeHearing>> parse_discovery_heard(std::string_view line);

// --- judgement --------------------------------------------------------------------------------
// What one node gave.
struct DiscoveryEvidence {
  std::string untested;  // not empty: why nothing is known
  bool no_session = false;
  facts::Os os = facts::Os::darwin;
  std::vector<ProbeInterface> interfaces;
  std::vector<ProbeSend> sent;
  std::vector<ProbeHearing> heard;
  Firewall firewall;
  // By the address of a silent sender: did it answer a ping from here? Unset: not asked.
  std::map<std::uint32_t, bool> pings;
};

// The ordered pairs that should hear each other: ends of links, members of segments; both selected.
// Nothing is filled in but who and where.
std::vector<DiscoveryCell> discovery_pairs(const model::Fleet& fleet,
                                           const std::vector<std::size_t>& selected);

// Addresses that `node` should have heard and has not, to be pinged from there.
std::set<std::uint32_t> silent_senders(const model::Fleet& fleet,
                                       const std::vector<DiscoveryCell>& pairs, std::size_t node,
                                       const std::vector<DiscoveryEvidence>& evidence);

// One ping of each, and the firewall: frames "ping.ADDRESS", those of firewall_script(), "end".
std::string discovery_script(const std::set<std::uint32_t>& addresses, const std::string& nonce,
                             facts::Os os, FirewallAsk ask);
void read_discovery_script(const std::vector<facts::Frame>& frames, DiscoveryEvidence& evidence);

// Cells and findings. evidence[i] belongs to fleet.nodes[i].
void judge_discovery(const model::Fleet& fleet, std::vector<DiscoveryCell> pairs,
                     const std::vector<DiscoveryEvidence>& evidence, Matrix& matrix);

}  // namespace bringup::verify
