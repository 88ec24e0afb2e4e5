// Links, segments, expected reachability and services: who is at which end, in which subnet, with
// which address.
#include <fmt/format.h>

#include "bringup/model/planner.hpp"
#include "names.hpp"
#include "wiring.hpp"

namespace bringup::model {
namespace {

std::vector<std::optional<Subnet>> link_subnets(const Declared& declared, Collector& problems) {
  std::vector<std::optional<Subnet>> fixed;
  for (const DeclaredLink& link : declared.links) {
    fixed.push_back(link.subnet ? std::optional(link.subnet->value) : std::nullopt);
  }
  const SubnetPlan plan = plan_subnets(declared.address_pool.value, fixed);
  if (plan.first_without) {
    const Subnet& pool = declared.address_pool.value;
    problems.add(declared.links[*plan.first_without].spot,
                 fmt::format("the address pool {} is used up: it holds {} link{}, and there is "
                             "no /30 left for this one",
                             pool.to_string(), links_in(pool), links_in(pool) == 1 ? "" : "s"),
                 fmt::format("a larger address_pool in [fleet] (a /24 holds 64 links), or a "
                             "subnet for this link"));
  }
  return plan.subnets;
}

ReachExpectation reachability(const DeclaredReachability& declared, Places& places,
                              Collector& problems) {
  ReachExpectation result;
  result.reachable = declared.reachable;
  result.via = declared.via;
  result.where = problems.where(declared.spot);
  if (declared.from) {
    result.from =
        places.find_node(declared.from->value, declared.from->spot, " in expect").value_or(0);
  }
  if (declared.to) {
    result.to = declared.to->value;
    if (!Ipv4::parse(result.to)) {
      places.find_node(result.to, declared.to->spot, " in expect");
    }
    if (declared.from && declared.from->value == declared.to->value) {
      problems.add(declared.to->spot,
                   fmt::format("from and to are both {}", quoted(declared.to->value)),
                   "two different ends");
    }
  }
  return result;
}

Service service(const DeclaredService& declared, Places& places, Collector& problems) {
  Service result;
  result.kind = declared.kind;
  result.address = declared.address;
  result.path = declared.path;
  result.grpc_service = declared.grpc_service;
  result.message_bytes = declared.message_bytes;
  result.where = problems.where(declared.spot);
  if (declared.port) result.port = static_cast<std::uint16_t>(declared.port->value);
  if (declared.node) {
    result.node =
        places.find_node(declared.node->value, declared.node->spot, " in services").value_or(0);
  }
  result.name = !declared.name.empty() || !declared.node
                    ? declared.name
                    : fmt::format("{}:{}", declared.node->value, result.port);
  if (!declared.from) {
    for (std::size_t node = 0; node < places.names().size(); ++node) {
      if (node != result.node) result.from.push_back(node);
    }
    return result;
  }
  for (const auto& name : *declared.from) {
    if (const auto node = places.find_node(name.value, name.spot, " in services")) {
      result.from.push_back(*node);
    }
  }
  return result;
}

}  // namespace

void overlay(Expectation& result, const Expectation& by) {
  result.rtt_avg_ms = by.rtt_avg_ms ? by.rtt_avg_ms : result.rtt_avg_ms;
  result.loss_percent = by.loss_percent ? by.loss_percent : result.loss_percent;
  result.negotiated_gbps = by.negotiated_gbps ? by.negotiated_gbps : result.negotiated_gbps;
  result.iperf_gbps = by.iperf_gbps ? by.iperf_gbps : result.iperf_gbps;
  result.rdma_gbps = by.rdma_gbps ? by.rdma_gbps : result.rdma_gbps;
}

Expectation expectation_of(const Declared& declared, LinkKind kind, const Expectation& own) {
  Expectation result = default_expectation(kind);
  if (const auto of_kind = declared.kind_expectations.find(kind);
      of_kind != declared.kind_expectations.end()) {
    overlay(result, of_kind->second);
  }
  overlay(result, own);
  return result;
}

void resolve_wiring(const Declared& declared, Fleet& fleet, Collector& problems) {
  Places places(declared, problems);
  check_usable(declared.address_pool, problems);
  const auto subnets = link_subnets(declared, problems);
  for (std::size_t index = 0; index < declared.links.size(); ++index) {
    fleet.links.push_back(
        resolve_link(declared, declared.links[index], subnets[index], places, problems));
  }
  for (const DeclaredSegment& segment : declared.segments) {
    fleet.segments.push_back(resolve_segment(declared, segment, places, problems));
  }
  for (const DeclaredReachability& expectation : declared.expectations) {
    fleet.expectations.push_back(reachability(expectation, places, problems));
  }
  overlay(fleet.routed, declared.routed);
  for (const DeclaredService& one : declared.services) {
    fleet.services.push_back(service(one, places, problems));
  }
  refuse_overlaps(declared, subnets, problems);
}

}  // namespace bringup::model
