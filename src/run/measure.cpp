// TCP and iperf over the sessions that are there.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/iperf.hpp"
#include "bringup/verify/tcp.hpp"
#include "verify_parts.hpp"

namespace bringup::run {
namespace {

using std::chrono::seconds;

constexpr seconds kTcpLimit{5};
// What a script may take longer than it promises: shells and round trips.
constexpr seconds kScriptGrace{10};

struct Port {
  std::size_t link;
  std::string address;  // of the peer on this link
  std::uint16_t port;
};

std::vector<Port> ports_of(const Crew& crew, std::size_t node,
                           const verify::CheckOptions& options) {
  std::vector<Port> out;
  for (const std::size_t link : crew.fleet().links_of(node)) {
    const auto& ends = crew.fleet().links[link].ends;
    const model::LinkEnd& peer = ends[0].node == node ? ends[1] : ends[0];
    if (crew.find(peer.node) == nullptr) continue;
    for (const std::uint16_t port : verify::tcp_ports(crew.fleet(), peer.node, options)) {
      out.push_back({link, peer.address.to_string(), port});
    }
  }
  return out;
}

verify::Measurement tcp_measurement(std::size_t link, std::size_t from, verify::TcpResult result) {
  verify::Measurement one;
  one.link = link;
  one.from = from;
  one.tcp.push_back(std::move(result));
  return one;
}

// One link's results of several ports are one measurement.
Measurements joined(Measurements found) {
  Measurements out;
  for (verify::Measurement& one : found) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const verify::Measurement& other) {
      return other.link == one.link && other.from == one.from;
    });
    if (same == out.end()) {
      out.push_back(std::move(one));
    } else {
      same->tcp.push_back(std::move(one.tcp.front()));
    }
  }
  return out;
}

Measurements tcp_by_nc(Crew& crew, const NodeRun& node, const verify::CheckOptions& options) {
  const std::string nonce = random_hex(16);
  const facts::Os os = node.facts ? node.facts->os : facts::Os::darwin;
  const ScriptResult result =
      crew.side_script(node, "tcp", verify::nc_script(crew.fleet(), node.index, nonce, options, os),
                       nonce, Deadline::after(kTcpLimit + kScriptGrace));
  Measurements out;
  for (const std::size_t link : crew.fleet().links_of(node.index)) {
    verify::Measurement one;
    one.link = link;
    one.from = node.index;
    one.tcp = verify::read_nc(crew.fleet(), link, node.index, result.frames, options);
    if (!one.tcp.empty()) out.push_back(std::move(one));
  }
  return out;
}

Measurements tcp_of_node(Crew& crew, const NodeRun& node, const verify::CheckOptions& options) {
  Measurements found;
  for (const Port& one : ports_of(crew, node.index, options)) {
    const auto reached =
        node.session->reach(one.address, one.port, Deadline::after(kTcpLimit), crew.cancel());
    if (!reached && reached.error().code == ErrorCode::remote) {
      return tcp_by_nc(crew, node, options);
    }
    if (!reached && reached.error().code == ErrorCode::cancelled) break;
    verify::TcpResult result;
    result.port = one.port;
    result.reachable = reached.has_value();
    result.by = verify::TcpMeans::forward;
    if (!reached) result.error = printable(reached.error().message, 200);
    found.push_back(tcp_measurement(one.link, node.index, std::move(result)));
  }
  return joined(std::move(found));
}

}  // namespace

Measurements measure_tcp(Crew& crew, const verify::CheckOptions& options) {
  std::vector<NodeRun*> nodes;
  for (NodeRun* node : crew.alive()) {
    if (node->session) nodes.push_back(node);
  }
  std::vector<Measurements> found(crew.fleet().nodes.size());
  crew.each(nodes, [&](NodeRun& node) { found[node.index] = tcp_of_node(crew, node, options); });
  Measurements out;
  for (Measurements& some : found) {
    for (verify::Measurement& one : some) out.push_back(std::move(one));
  }
  return out;
}

Measurements measure_iperf(Crew& crew, const model::Fleet& fleet, const verify::Round& round,
                           const verify::CheckOptions& options) {
  Evidence evidence(crew.fleet().nodes.size());
  for (verify::NodeEvidence& one : evidence) {
    one.error = Error{ErrorCode::unreachable, "there is no session", {}};
  }
  const seconds limit(verify::iperf_limit_s(fleet, round, options));
  crew.each(nodes_of(crew, fleet, round), [&](NodeRun& node) {
    const std::string nonce = random_hex(16);
    ScriptResult result = crew.side_script(
        node, "iperf", verify::iperf_script(fleet, node.index, round, nonce, options), nonce,
        Deadline::after(limit + kScriptGrace));
    evidence[node.index].error = result.error;
    evidence[node.index].frames = std::move(result.frames);
  });
  return verify::read_iperf(fleet, round, evidence);
}

}  // namespace bringup::run
