// Subnets that cannot be used, that overlap, and addresses outside of them.
#include <fmt/format.h>

#include <array>

#include "bringup/model/planner.hpp"
#include "names.hpp"
#include "wiring.hpp"

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

std::string free_subnet(const Subnet& pool, const std::vector<Subnet>& taken) {
  std::vector<std::optional<Subnet>> fixed(taken.begin(), taken.end());
  fixed.emplace_back(std::nullopt);
  const SubnetPlan plan = plan_subnets(pool, fixed);
  const auto& free = plan.subnets.back();
  return free ? fmt::format("one subnet for each; {} is free", free->to_string())
              : "one subnet for each, outside the address_pool, which is full";
}

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

void check_address(const Located<Ipv4>& address, const Subnet& subnet, Collector& problems) {
  const std::string hosts =
      fmt::format("an address from {} to {}", Ipv4(subnet.network().value() + 1).to_string(),
                  Ipv4(subnet.broadcast().value() - 1).to_string());
  if (!subnet.contains(address.value)) {
    problems.add(address.spot,
                 fmt::format("address {} is outside its subnet {}", address.value.to_string(),
                             subnet.to_string()),
                 hosts);
  } else if (address.value == subnet.network() || address.value == subnet.broadcast()) {
    problems.add(address.spot,
                 fmt::format("address {} is the {} address of {}", address.value.to_string(),
                             address.value == subnet.network() ? "network" : "broadcast",
                             subnet.to_string()),
                 hosts);
  }
}

void refuse_overlaps(const Declared& declared, const std::vector<std::optional<Subnet>>& subnets,
                     Collector& problems) {
  struct Part {
    std::string what;
    Spot spot;
  };
  std::vector<Subnet> all;
  std::vector<Part> parts;
  for (std::size_t index = 0; index < declared.links.size(); ++index) {
    const DeclaredLink& link = declared.links[index];
    if (subnets[index] && !link.subnet_is_bad) {
      all.push_back(*subnets[index]);
      parts.push_back({link.subnet ? "the link" : "the link that got it from the pool",
                       link.subnet ? link.subnet->spot : link.spot});
    }
  }
  for (const DeclaredSegment& segment : declared.segments) {
    if (segment.subnet) {
      all.push_back(segment.subnet->value);
      parts.push_back({"segment " + quoted(segment.name.value), segment.subnet->spot});
    }
  }
  const auto overlaps = find_overlaps(all);
  const std::string cure =
      overlaps.empty() ? std::string() : free_subnet(declared.address_pool.value, all);
  for (const auto& [later, earlier] : overlaps) {
    problems.add(parts[later].spot,
                 fmt::format("subnet {} overlaps {} of {} ({})", all[later].to_string(),
                             all[earlier].to_string(), parts[earlier].what,
                             Collector::place(parts[earlier].spot)),
                 cure);
  }
}

}  // namespace bringup::model
