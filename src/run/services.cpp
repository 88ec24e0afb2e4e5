// Declared servers, each through the session of the node that must reach it.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"
#include "bringup/verify/services.hpp"
#include "service_talk.hpp"
#include "verify_parts.hpp"

namespace bringup::run {
namespace {

using std::chrono::seconds;
using verify::ServiceAnswer;
using verify::ServiceTry;

constexpr seconds kConnect{5};
constexpr seconds kAnswer{5};
constexpr seconds kScript{20};

double since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
      .count();
}

enum class Forwarding { works, refused };

void take(ServiceTry& one, const Spoken& spoken) {
  one.answer = spoken.answer;
  one.text = spoken.text;
  one.http_status = spoken.http_status;
}

Forwarding try_one(Crew& crew, const NodeRun& node, ServiceTry& one) {
  const model::Service& service = crew.fleet().services[one.service];
  if (one.address.empty()) {
    one.answer = ServiceAnswer::no_route;
    return Forwarding::works;
  }
  const auto began = std::chrono::steady_clock::now();
  auto stream =
      node.session->stream(one.address, service.port, Deadline::after(kConnect), crew.cancel());
  if (!stream) {
    const Error& error = stream.error();
    one.text = printable(error.message, 200);
    if (error.code == ErrorCode::remote) return Forwarding::refused;
    one.answer = verify::answer_of(error).value_or(ServiceAnswer::not_tried);
    return Forwarding::works;
  }
  const std::string authority = authority_of(one.address, service.port);
  switch (service.kind) {
    case model::ServiceKind::tcp:
      one.answer = ServiceAnswer::answered;
      break;
    case model::ServiceKind::http:
      take(one, speak_http(*std::move(stream), authority, service.path, Deadline::after(kAnswer),
                           crew.cancel()));
      break;
    case model::ServiceKind::grpc: {
      const GrpcSpoken spoken =
          speak_grpc(*std::move(stream), authority, service.grpc_service, service.message_bytes,
                     Deadline::after(kAnswer), crew.cancel());
      take(one, spoken);
      one.large_ms = spoken.large_ms;
      break;
    }
  }
  if (one.answer == ServiceAnswer::answered) one.ms = since(began) - one.large_ms.value_or(0);
  return Forwarding::works;
}

void try_by_nc(Crew& crew, const NodeRun& node, std::vector<ServiceTry>& tries) {
  const std::string nonce = random_hex(16);
  const facts::Os os = node.facts ? node.facts->os : facts::Os::darwin;
  const ScriptResult result = crew.side_script(
      node, "services", verify::service_nc_script(tries, crew.fleet(), node.index, nonce, os),
      nonce, Deadline::after(kScript));
  verify::read_service_nc(crew.fleet(), result.frames, node.index, tries);
}

// The tries of one node, one after the other: a server that hangs holds up its own node only.
void try_all(Crew& crew, const NodeRun& node, std::vector<ServiceTry>& tries) {
  for (ServiceTry& one : tries) {
    if (crew.cancelled()) return;
    if (try_one(crew, node, one) == Forwarding::works) continue;
    try_by_nc(crew, node, tries);
    return;
  }
}

std::map<std::size_t, verify::ServerSide> ask_servers(Crew& crew,
                                                      const std::vector<ServiceTry>& tries) {
  std::map<std::size_t, std::vector<std::uint16_t>> ports;
  for (const ServiceTry& one : tries) {
    const model::Service& service = crew.fleet().services[one.service];
    if (verify::wants_evidence(one)) ports[service.node].push_back(service.port);
  }
  std::vector<NodeRun*> nodes;
  for (NodeRun* node : crew.alive()) {
    if (ports.contains(node->index) && node->session) nodes.push_back(node);
  }
  std::vector<verify::ServerSide> said(crew.fleet().nodes.size());
  crew.each(nodes, [&](NodeRun& node) {
    const std::string nonce = random_hex(16);
    const bool may_sudo = crew.fleet().nodes[node.index].become != model::Become::none;
    const ScriptResult result = crew.side_script(
        node, "services",
        verify::listeners_script(ports[node.index], nonce,
                                 node.facts ? node.facts->os : facts::Os::darwin,
                                 may_sudo ? verify::FirewallAsk::sudo : verify::FirewallAsk::user),
        nonce, Deadline::after(kScript));
    said[node.index] = verify::read_server_side(result.frames);
  });
  std::map<std::size_t, verify::ServerSide> servers;
  for (const NodeRun* node : nodes) servers[node->index] = std::move(said[node->index]);
  return servers;
}

}  // namespace

void check_services(Crew& crew, verify::Matrix& matrix) {
  std::vector<ServiceTry> tries = verify::planned_tries(crew.fleet(), crew.indices());
  if (tries.empty()) return;
  crew.emit({plan::EventKind::phase, "verify", {}, {}, {}, "services", {}});
  // Each node works on a list of its own.
  std::vector<std::vector<ServiceTry>> own(crew.fleet().nodes.size());
  for (const ServiceTry& one : tries) own[one.from].push_back(one);
  for (const NodeRun& node : crew.nodes()) {
    if (!node.error && node.session) continue;
    for (ServiceTry& one : own[node.index]) one.answer = ServiceAnswer::no_session;
  }
  std::vector<NodeRun*> nodes;
  for (NodeRun* node : crew.alive()) {
    if (node->session && !own[node->index].empty()) nodes.push_back(node);
  }
  crew.each(nodes, [&](NodeRun& node) { try_all(crew, node, own[node.index]); });
  std::vector<std::size_t> next(own.size());
  for (ServiceTry& one : tries) {
    const std::size_t from = one.from;
    one = std::move(own[from][next[from]++]);
  }
  const auto servers = ask_servers(crew, tries);
  verify::judge_services(crew.fleet(), tries, servers, matrix);
}

}  // namespace bringup::run
