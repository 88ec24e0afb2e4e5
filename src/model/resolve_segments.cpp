// A segment: its members and their addresses, its gateway, and what that leads to.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "names.hpp"
#include "wiring.hpp"

namespace bringup::model {
namespace {

class Segments {
 public:
  Segments(const Declared& declared, Places& places, Collector& problems)
      : declared_(declared), places_(places), problems_(problems) {}

  Segment segment(const DeclaredSegment& declared) {
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
          places_.find_node(member.node, member.spot, " in segment " + quoted(declared.name.value));
      if (!node || !member.address) {
        continue;
      }
      places_.claim_interface(*node, member.interface,
                              {"segment " + quoted(declared.name.value), member.spot});
      if (subnet_fits) {
        check_address(*member.address, result.subnet, problems_);
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
    result.expect = expectation_of(declared_, declared.kind, declared.expect);
    neighbours(declared, result);
    resolve_gateway(declared, result);
    return result;
  }

 private:
  void neighbours(const DeclaredSegment& declared, Segment& result) {
    for (const auto& [name, mac] : declared.macs) {
      const auto node = places_.index_of(name.value);
      const auto member = std::find_if(result.members.begin(), result.members.end(),
                                       [&](const SegmentMember& one) { return one.node == node; });
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
      } else if (const auto node = places_.index_of(declared.gateway->value)) {
        result.gateway = node;
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

  const Declared& declared_;
  Places& places_;
  Collector& problems_;
};

}  // namespace

Segment resolve_segment(const Declared& declared, const DeclaredSegment& segment, Places& places,
                        Collector& problems) {
  return Segments(declared, places, problems).segment(segment);
}

}  // namespace bringup::model
