#include <fmt/format.h>

#include "bringup/facts/anonymise.hpp"
#include "bringup/model/inventory_text.hpp"
#include "bringup/util/text.hpp"
#include "identifiers.hpp"

namespace bringup::facts {

using model::Ipv4;
using model::Subnet;

namespace {

std::vector<Subnet> subnets_of(const Collection& collection, const model::Fleet& fleet) {
  std::vector<Subnet> out;
  const auto add = [&](const Subnet& subnet) {
    if (subnet.prefix() > 0 && subnet.prefix() < 32) out.push_back(subnet);
  };
  for (const model::Link& link : fleet.links) add(link.subnet);
  for (const model::Segment& segment : fleet.segments) add(segment.subnet);
  for (const CollectedNode& node : collection.nodes) {
    const auto facts = facts_of(node);
    if (!facts) continue;
    for (const platform::Interface& interface : facts->interfaces) {
      for (const auto& inet : interface.inet) add(inet.subnet());
    }
    for (const platform::Route& route : facts->routes) add(route.destination);
  }
  return out;
}

const Frame* frame_of(const CollectedNode& node, std::string_view name) {
  for (const Frame& frame : node.frames) {
    if (frame.name == name && frame.exit_status == 0) return &frame;
  }
  return nullptr;
}

void add_host(Anonymiser& anonymiser, std::string_view host, const std::string& replacement) {
  if (host.empty() || Ipv4::parse(host) || parse_ipv6(host)) return;
  const std::string_view first = first_label(host);
  if (first.size() < host.size()) {
    anonymiser.name(host, replacement + (lower(host).ends_with(".local") ? ".local" : ".example"));
  }
  anonymiser.name(first, replacement);
}

// The words that name nodes, hosts and users; nodes keep their order.
void add_names(Anonymiser& anonymiser, const Collection& collection, const model::Fleet& fleet) {
  for (std::size_t k = 0; k < fleet.nodes.size(); ++k) {
    anonymiser.name(fleet.nodes[k].name, fmt::format("node{}", k + 1));
  }
  std::vector<std::string> users;
  const auto add_user = [&](std::string_view user) {
    if (user.empty() || user == "root") return;
    users.emplace_back(user);
    anonymiser.name(user, fmt::format("user{}", users.size()));
  };
  for (std::size_t k = 0; k < fleet.nodes.size(); ++k) {
    add_host(anonymiser, fleet.nodes[k].ssh.host, fmt::format("node{}", k + 1));
    add_user(fleet.nodes[k].ssh.user);
  }
  for (std::size_t k = 0; k < fleet.proxies.size(); ++k) {
    anonymiser.name(fleet.proxies[k].name, fmt::format("proxy{}", k + 1));
    add_host(anonymiser, fleet.proxies[k].ssh.host, fmt::format("proxy{}", k + 1));
    add_user(fleet.proxies[k].ssh.user);
  }
  for (const CollectedNode& node : collection.nodes) {
    const auto index = fleet.node_index(node.name);
    if (const Frame* host = frame_of(node, "hostname"); host != nullptr && index) {
      add_host(anonymiser, trim(host->payload), fmt::format("node{}", *index + 1));
    }
    if (const Frame* user = frame_of(node, "user")) add_user(trim(user->payload));
  }
}

model::Fleet anonymous_fleet(const Anonymiser& anonymiser, const model::Fleet& fleet) {
  model::Fleet out = fleet;
  out.name = "fleet";
  out.source.clear();
  out.proxies.clear();
  out.groups.clear();
  out.expectations.clear();
  for (std::size_t k = 0; k < out.nodes.size(); ++k) {
    out.nodes[k].name = fmt::format("node{}", k + 1);
    out.nodes[k].ssh = {};
    out.nodes[k].via.clear();
    out.nodes[k].groups.clear();
  }
  for (model::Link& link : out.links) {
    link.subnet = anonymiser.subnet(link.subnet);
    for (model::LinkEnd& end : link.ends) end.address = anonymiser.address(end.address);
  }
  for (std::size_t k = 0; k < out.segments.size(); ++k) {
    model::Segment& segment = out.segments[k];
    segment.name = fmt::format("segment{}", k + 1);
    segment.subnet = anonymiser.subnet(segment.subnet);
    segment.routes_to.clear();
    for (model::SegmentMember& member : segment.members) {
      member.address = anonymiser.address(member.address);
    }
  }
  return out;
}

}  // namespace

Collection anonymised(const Collection& collection, const model::Fleet& fleet,
                      const std::string& key) {
  Anonymiser anonymiser(key, subnets_of(collection, fleet));
  add_names(anonymiser, collection, fleet);
  const model::Fleet other = anonymous_fleet(anonymiser, fleet);
  Collection out;
  out.fleet = other.name;
  out.inventory = model::inventory_text(other);
  out.anonymised = Anonymised::yes;
  for (const CollectedNode& node : collection.nodes) {
    CollectedNode made;
    const auto index = fleet.node_index(node.name);
    made.name = index ? other.nodes[*index].name : anonymiser.words(node.name);
    if (node.error) {
      made.error = Error{node.error->code, anonymiser.words(node.error->message),
                         anonymiser.words(node.error->hint)};
    }
    for (const Frame& frame : node.frames) {
      made.frames.push_back({frame.name, frame.exit_status, frame.truncated,
                             anonymiser.record(frame.name, frame.payload)});
    }
    out.nodes.push_back(std::move(made));
  }
  return out;
}

}  // namespace bringup::facts
