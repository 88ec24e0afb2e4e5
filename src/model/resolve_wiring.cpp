// Links, segments and expected reachability: who is at which end, in which subnet, with which
// address.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "bringup/model/planner.hpp"
#include "bringup/util/text.hpp"
#include "declared.hpp"
#include "names.hpp"

namespace bringup::model {
namespace {

// Ranges in which an address means something else to every system.
struct Reserved {
  std::uint32_t network;
  int prefix;
  const char* why;
};
constexpr std::array<Reserved, 5> reserved_ranges{{
    {0x00000000U, 8, "'this network'"},
    {0x7F000000U, 8, "loopback"},
    {0xA9FE0000U, 16, "link-local, where hosts give themselves addresses"},
    {0xE0000000U, 4, "multicast"},
    {0xF0000000U, 4, "reserved"},
}};

// Who holds an interface or a device already.
struct Holder {
  std::string what;  // "the link" or "segment 'edge'"
  Spot spot;
};

class Wiring {
 public:
  Wiring(const Declared& declared, Fleet& fleet, Collector& problems)
      : declared_(declared), fleet_(fleet), problems_(problems) {
    for (const DeclaredNode& node : declared.nodes) {
      node_index_.emplace(node.name.value, names_.size());
      names_.push_back(node.name.value);
    }
  }

  void run() {
    check_usable(declared_.address_pool, problems_);
    plan();
    for (std::size_t index = 0; index < declared_.links.size(); ++index) {
      fleet_.links.push_back(link(declared_.links[index], subnets_[index]));
    }
    for (const DeclaredSegment& segment : declared_.segments) {
      fleet_.segments.push_back(resolve_segment(segment));
    }
    for (const DeclaredReachability& expectation : declared_.expectations) {
      fleet_.expectations.push_back(reachability(expectation));
    }
    overlay(fleet_.routed, declared_.routed);
    for (const DeclaredService& declared : declared_.services) {
      fleet_.services.push_back(service(declared));
    }
    refuse_overlaps();
  }

 private:
  void plan() {
    std::vector<std::optional<Subnet>> fixed;
    for (const DeclaredLink& link : declared_.links) {
      fixed.push_back(link.subnet ? std::optional(link.subnet->value) : std::nullopt);
    }
    const SubnetPlan plan = plan_subnets(declared_.address_pool.value, fixed);
    subnets_ = plan.subnets;
    if (plan.first_without) {
      const Subnet& pool = declared_.address_pool.value;
      problems_.add(declared_.links[*plan.first_without].spot,
                    fmt::format("the address pool {} is used up: it holds {} link{}, and there is "
                                "no /30 left for this one",
                                pool.to_string(), links_in(pool), links_in(pool) == 1 ? "" : "s"),
                    fmt::format("a larger address_pool in [fleet] (a /24 holds 64 links), or a "
                                "subnet for this link"));
    }
  }

  std::optional<std::size_t> find_node(std::string_view name, const Spot& spot,
                                       std::string_view role) {
    const auto found = node_index_.find(std::string(name));
    if (found != node_index_.end()) {
      return found->second;
    }
    problems_.add(spot, fmt::format("unknown node {}{}", quoted(name), role),
                  names_.empty() ? "declare it: [nodes." + printable(name, 80) + "]"
                                 : problems_.suggest(name, names_));
    return std::nullopt;
  }

  // One interface has one cable, and one place in one subnet.
  bool claim_interface(std::size_t node, const std::string& interface, Holder holder) {
    const auto [held, fresh] = interfaces_.emplace(std::pair(node, interface), holder);
    if (!fresh) {
      problems_.add(holder.spot,
                    fmt::format("{} is already in {} ({})", quoted(names_[node] + ":" + interface),
                                held->second.what, Collector::place(held->second.spot)),
                    "an interface carries one link or one segment: name the one that this cable "
                    "is in");
    }
    return fresh;
  }

  void claim_device(std::size_t node, const std::string& device, Holder holder) {
    const auto [held, fresh] = devices_.emplace(std::pair(node, device), holder);
    if (!fresh) {
      problems_.add(
          holder.spot,
          fmt::format("RDMA device {} of {} already serves {} ({})", quoted(device),
                      quoted(names_[node]), held->second.what, Collector::place(held->second.spot)),
          "each link end has a device of its own (default: rdma_ and the interface)");
    }
  }

  LinkEnd end(const DeclaredEnd& declared, LinkKind kind, bool rdma) {
    LinkEnd result;
    result.interface = declared.interface;
    result.rdma_device =
        declared.device ? declared.device->value : default_rdma_device(kind, declared.interface);
    const auto node = find_node(declared.node, declared.spot, " in a link");
    if (node) {
      result.node = *node;
      const bool fresh = claim_interface(*node, declared.interface, {"the link", declared.spot});
      if (rdma && (fresh || declared.device)) {  // a second port with the same name is told already
        claim_device(*node, result.rdma_device,
                     {"the link", declared.device ? declared.device->spot : declared.spot});
      }
    }
    if (declared.device && !rdma) {
      problems_.add(
          declared.device->spot,
          fmt::format("RDMA device {} on a link without RDMA", quoted(declared.device->value)),
          "rdma = true on this link, or no device");
    }
    return result;
  }

  Link link(const DeclaredLink& declared, const std::optional<Subnet>& subnet) {
    Link result;
    result.kind = declared.kind;
    result.mtu = declared.mtu ? declared.mtu : default_mtu(declared.kind);
    result.cable = declared.cable;
    result.position = declared.position;
    result.rdma = declared.rdma ? declared.rdma->value : default_rdma(declared.kind);
    result.where = problems_.where(declared.spot);
    result.expect = expectation(declared.kind, declared.expect);
    if (declared.rdma && declared.rdma->value && declared.kind == LinkKind::thunderbolt4) {
      problems_.add(declared.rdma->spot, "RDMA on a thunderbolt4 link",
                    "Thunderbolt 4 has no RDMA: leave rdma out, or correct the kind if both ends "
                    "and the cable are Thunderbolt 5");
    }
    for (std::size_t side = 0; side < 2; ++side) {
      if (declared.ends[side]) {
        result.ends[side] = end(*declared.ends[side], declared.kind, result.rdma);
      }
    }
    const auto& [a, b] = declared.ends;
    if (a && b && a->node == b->node) {
      problems_.add(b->spot, fmt::format("both ends of the link are on {}", quoted(a->node)),
                    "a link is a cable between two nodes: name the other one");
    }
    if (subnet) {
      result.subnet = *subnet;
      if (declared.subnet) {
        check_usable(*declared.subnet, problems_);
      }
    }
    give_addresses(declared, result);
    return result;
  }

  static void overlay(Expectation& result, const Expectation& by) {
    result.rtt_avg_ms = by.rtt_avg_ms ? by.rtt_avg_ms : result.rtt_avg_ms;
    result.loss_percent = by.loss_percent ? by.loss_percent : result.loss_percent;
    result.negotiated_gbps = by.negotiated_gbps ? by.negotiated_gbps : result.negotiated_gbps;
    result.iperf_gbps = by.iperf_gbps ? by.iperf_gbps : result.iperf_gbps;
    result.rdma_gbps = by.rdma_gbps ? by.rdma_gbps : result.rdma_gbps;
  }

  Expectation expectation(LinkKind kind, const Expectation& own) const {
    Expectation result = default_expectation(kind);
    if (const auto of_kind = declared_.kind_expectations.find(kind);
        of_kind != declared_.kind_expectations.end()) {
      overlay(result, of_kind->second);
    }
    overlay(result, own);
    return result;
  }

  void give_addresses(const DeclaredLink& declared, Link& link) {
    const auto given = [&](std::size_t side) -> const std::optional<Located<Ipv4>>& {
      static const std::optional<Located<Ipv4>> none;
      return declared.ends[side] ? declared.ends[side]->address : none;
    };
    if (!declared.subnet) {
      for (std::size_t side = 0; side < 2 && !declared.subnet_is_bad; ++side) {
        if (given(side)) {
          problems_.add(
              given(side)->spot,
              fmt::format("address {} without the link's subnet", given(side)->value.to_string()),
              fmt::format("give the link its subnet too: subnet = \"{}\"",
                          Subnet::containing(given(side)->value, 30).to_string()));
        }
      }
    }
    if (link.subnet.size() < 4 || (!declared.subnet && declared.subnet_is_bad)) {
      return;
    }
    const std::uint32_t first = link.subnet.network().value() + 1;
    std::array<std::optional<Ipv4>, 2> chosen;
    for (std::size_t side = 0; declared.subnet && side < 2; ++side) {
      if (given(side)) {
        chosen[side] = given(side)->value;
        check_address(*given(side), link.subnet);
      }
    }
    if (chosen[0] && chosen[0] == chosen[1]) {
      problems_.add(
          given(1)->spot,
          fmt::format("both ends of the link have the address {}", chosen[1]->to_string()),
          "an address of its own for each end");
    }
    // The first host for a, the second for b; a neighbour steps aside for an address that is given.
    const auto other_than = [&](std::uint32_t wanted, std::uint32_t otherwise,
                                const std::optional<Ipv4>& taken) {
      return taken && taken->value() == wanted ? Ipv4(otherwise) : Ipv4(wanted);
    };
    link.ends[0].address = chosen[0] ? *chosen[0] : other_than(first, first + 1, chosen[1]);
    link.ends[1].address = chosen[1] ? *chosen[1] : other_than(first + 1, first, chosen[0]);
  }

  void check_address(const Located<Ipv4>& address, const Subnet& subnet) {
    const std::string hosts =
        fmt::format("an address from {} to {}", Ipv4(subnet.network().value() + 1).to_string(),
                    Ipv4(subnet.broadcast().value() - 1).to_string());
    if (!subnet.contains(address.value)) {
      problems_.add(address.spot,
                    fmt::format("address {} is outside its subnet {}", address.value.to_string(),
                                subnet.to_string()),
                    hosts);
    } else if (address.value == subnet.network() || address.value == subnet.broadcast()) {
      problems_.add(address.spot,
                    fmt::format("address {} is the {} address of {}", address.value.to_string(),
                                address.value == subnet.network() ? "network" : "broadcast",
                                subnet.to_string()),
                    hosts);
    }
  }

  Segment resolve_segment(const DeclaredSegment& declared) {
    Segment result;
    result.name = declared.name.value;
    result.kind = declared.kind;
    result.where = problems_.where(declared.name.spot);
    const bool subnet_fits = declared.subnet && check_segment_subnet(*declared.subnet);
    if (declared.subnet) {
      result.subnet = declared.subnet->value;
    }
    std::map<Ipv4, std::string> addresses;
    for (const DeclaredEnd& member : declared.members) {
      const auto node =
          find_node(member.node, member.spot, " in segment " + quoted(declared.name.value));
      if (!node || !member.address) {
        continue;
      }
      claim_interface(*node, member.interface,
                      {"segment " + quoted(declared.name.value), member.spot});
      if (subnet_fits) {
        check_address(*member.address, result.subnet);
      }
      const auto [held, fresh] = addresses.emplace(member.address->value, member.node);
      if (!fresh) {
        problems_.add(member.spot,
                      fmt::format("address {} is already that of {} in segment {}",
                                  member.address->value.to_string(), quoted(held->second),
                                  quoted(declared.name.value)),
                      "an address of its own for each member");
      }
      result.members.push_back({*node, member.interface, member.address->value, ""});
    }
    result.expect = expectation(declared.kind, declared.expect);
    neighbours(declared, result);
    resolve_gateway(declared, result);
    return result;
  }

  void neighbours(const DeclaredSegment& declared, Segment& result) {
    for (const auto& [name, mac] : declared.macs) {
      const auto node = node_index_.find(name.value);
      const auto member =
          std::find_if(result.members.begin(), result.members.end(), [&](const SegmentMember& one) {
            return node != node_index_.end() && one.node == node->second;
          });
      if (member == result.members.end()) {
        problems_.add(name.spot,
                      fmt::format("neighbour {} is not a member of segment {}", quoted(name.value),
                                  quoted(declared.name.value)),
                      "the name of one of its members");
        continue;
      }
      member->mac = mac;
    }
  }

  bool check_segment_subnet(const Located<Subnet>& subnet) {
    check_usable(subnet, problems_);
    return subnet.value.size() >= 4;
  }

  void resolve_gateway(const DeclaredSegment& declared, Segment& result) {
    if (declared.gateway) {
      const bool member =
          std::any_of(declared.members.begin(), declared.members.end(),
                      [&](const DeclaredEnd& end) { return end.node == declared.gateway->value; });
      if (!member) {
        problems_.add(declared.gateway->spot,
                      fmt::format("gateway {} is not a member of segment {}",
                                  quoted(declared.gateway->value), quoted(declared.name.value)),
                      "a gateway forwards from this segment, so it needs an interface in it: name "
                      "one of the members");
      } else if (const auto found = node_index_.find(declared.gateway->value);
                 found != node_index_.end()) {
        result.gateway = found->second;
      }
    }
    if (declared.routes_to.empty()) {
      return;
    }
    std::vector<std::string> targets;
    for (const DeclaredSegment& segment : declared_.segments) {
      targets.push_back(segment.name.value);
    }
    for (const Located<std::string>& target : declared.routes_to) {
      if (!declared.gateway) {
        problems_.add(target.spot, "routes_to without a gateway",
                      "name the member that forwards: gateway = \"…\"");
        return;
      }
      if (target.value == kLinks) {
        result.routes_to.push_back(target.value);
        continue;
      }
      if (std::find(targets.begin(), targets.end(), target.value) == targets.end() ||
          target.value == declared.name.value) {
        problems_.add(
            target.spot, fmt::format("unknown segment {} in routes_to", quoted(target.value)),
            problems_.suggest(target.value, targets, "the name of another segment, or \"links\""));
        continue;
      }
      result.routes_to.push_back(target.value);
    }
  }

  ReachExpectation reachability(const DeclaredReachability& declared) {
    ReachExpectation result;
    result.reachable = declared.reachable;
    result.via = declared.via;
    result.where = problems_.where(declared.spot);
    if (declared.from) {
      result.from = find_node(declared.from->value, declared.from->spot, " in expect").value_or(0);
    }
    if (declared.to) {
      result.to = declared.to->value;
      if (!Ipv4::parse(result.to)) {
        find_node(result.to, declared.to->spot, " in expect");
      }
      if (declared.from && declared.from->value == declared.to->value) {
        problems_.add(declared.to->spot,
                      fmt::format("from and to are both {}", quoted(declared.to->value)),
                      "two different ends");
      }
    }
    return result;
  }

  Service service(const DeclaredService& declared) {
    Service result;
    result.kind = declared.kind;
    result.address = declared.address;
    result.path = declared.path;
    result.grpc_service = declared.grpc_service;
    result.message_bytes = declared.message_bytes;
    result.where = problems_.where(declared.spot);
    if (declared.port) result.port = static_cast<std::uint16_t>(declared.port->value);
    if (declared.node) {
      result.node =
          find_node(declared.node->value, declared.node->spot, " in services").value_or(0);
    }
    result.name = !declared.name.empty() || !declared.node
                      ? declared.name
                      : fmt::format("{}:{}", declared.node->value, result.port);
    if (!declared.from) {
      for (std::size_t node = 0; node < names_.size(); ++node) {
        if (node != result.node) result.from.push_back(node);
      }
      return result;
    }
    for (const auto& name : *declared.from) {
      if (const auto node = find_node(name.value, name.spot, " in services")) {
        result.from.push_back(*node);
      }
    }
    return result;
  }

  void refuse_overlaps() {
    struct Part {
      std::string what;
      Spot spot;
    };
    std::vector<Subnet> all;
    std::vector<Part> parts;
    for (std::size_t index = 0; index < declared_.links.size(); ++index) {
      const DeclaredLink& link = declared_.links[index];
      if (subnets_[index] && !link.subnet_is_bad) {
        all.push_back(*subnets_[index]);
        parts.push_back({link.subnet ? "the link" : "the link that got it from the pool",
                         link.subnet ? link.subnet->spot : link.spot});
      }
    }
    for (const DeclaredSegment& segment : declared_.segments) {
      if (segment.subnet) {
        all.push_back(segment.subnet->value);
        parts.push_back({"segment " + quoted(segment.name.value), segment.subnet->spot});
      }
    }
    const auto overlaps = find_overlaps(all);
    const std::string cure = overlaps.empty() ? std::string() : free_subnet(all);
    for (const auto& [later, earlier] : overlaps) {
      problems_.add(parts[later].spot,
                    fmt::format("subnet {} overlaps {} of {} ({})", all[later].to_string(),
                                all[earlier].to_string(), parts[earlier].what,
                                Collector::place(parts[earlier].spot)),
                    cure);
    }
  }

  [[nodiscard]] std::string free_subnet(const std::vector<Subnet>& taken) const {
    std::vector<std::optional<Subnet>> fixed(taken.begin(), taken.end());
    fixed.emplace_back(std::nullopt);
    const SubnetPlan plan = plan_subnets(declared_.address_pool.value, fixed);
    const auto& free = plan.subnets.back();
    return free ? fmt::format("one subnet for each; {} is free", free->to_string())
                : "one subnet for each, outside the address_pool, which is full";
  }

  const Declared& declared_;
  Fleet& fleet_;
  Collector& problems_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> node_index_;
  std::vector<std::optional<Subnet>> subnets_;
  std::map<std::pair<std::size_t, std::string>, Holder> interfaces_;
  std::map<std::pair<std::size_t, std::string>, Holder> devices_;
};

}  // namespace

void check_usable(const Located<Subnet>& subnet, Collector& problems) {
  const Subnet& value = subnet.value;
  if (value.size() < 4) {
    problems.add(subnet.spot, fmt::format("subnet {} leaves no two hosts", value.to_string()),
                 fmt::format("a /30 holds exactly two: {}",
                             Subnet::containing(value.network(), 30).to_string()));
    return;
  }
  for (const Reserved& range : reserved_ranges) {
    const Subnet taken = Subnet::containing(Ipv4(range.network), range.prefix);
    if (value.overlaps(taken)) {
      problems.add(subnet.spot,
                   fmt::format("subnet {} overlaps {}, which is {}", value.to_string(),
                               taken.to_string(), range.why),
                   "a private range that nothing else uses, like 10.254.0.0/24");
      return;
    }
  }
}

void resolve_wiring(const Declared& declared, Fleet& fleet, Collector& problems) {
  Wiring(declared, fleet, problems).run();
}

}  // namespace bringup::model
