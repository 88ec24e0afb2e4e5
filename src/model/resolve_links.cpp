// A link: its two ends, its subnet and addresses, and what is expected of it.
#include <fmt/format.h>

#include <array>

#include "names.hpp"
#include "wiring.hpp"

namespace bringup::model {
namespace {

class Links {
 public:
  Links(const Declared& declared, Places& places, Collector& problems)
      : declared_(declared), places_(places), problems_(problems) {}

  Link link(const DeclaredLink& declared, const std::optional<Subnet>& subnet) {
    Link result;
    result.kind = declared.kind;
    result.mtu = declared.mtu ? declared.mtu : default_mtu(declared.kind);
    result.cable = declared.cable;
    result.position = declared.position;
    result.rdma = declared.rdma ? declared.rdma->value : default_rdma(declared.kind);
    result.where = problems_.where(declared.spot);
    result.expect = expectation_of(declared_, declared.kind, declared.expect);
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

 private:
  LinkEnd end(const DeclaredEnd& declared, LinkKind kind, bool rdma) {
    LinkEnd result;
    result.interface = declared.interface;
    result.rdma_device =
        declared.device ? declared.device->value : default_rdma_device(kind, declared.interface);
    const auto node = places_.find_node(declared.node, declared.spot, " in a link");
    if (node) {
      result.node = *node;
      const bool fresh =
          places_.claim_interface(*node, declared.interface, {"the link", declared.spot});
      if (rdma && (fresh || declared.device)) {  // a second port with the same name is told already
        places_.claim_device(*node, result.rdma_device,
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
        check_address(*given(side), link.subnet, problems_);
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

  const Declared& declared_;
  Places& places_;
  Collector& problems_;
};

}  // namespace

Link resolve_link(const Declared& declared, const DeclaredLink& link,
                  const std::optional<Subnet>& subnet, Places& places, Collector& problems) {
  return Links(declared, places, problems).link(link, subnet);
}

}  // namespace bringup::model
