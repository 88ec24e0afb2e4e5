#pragma once
// The parts of resolve_wiring().
#include <optional>
#include <vector>

#include "declared.hpp"
#include "places.hpp"

namespace bringup::model {

// Takes over what `by` says.
void overlay(Expectation& result, const Expectation& by);
// What is built in for the kind, below what [expectations] says of it, below `own`.
Expectation expectation_of(const Declared& declared, LinkKind kind, const Expectation& own);

// `subnet`: as planned; unset: the pool had none left.
Link resolve_link(const Declared& declared, const DeclaredLink& link,
                  const std::optional<Subnet>& subnet, Places& places, Collector& problems);
Segment resolve_segment(const Declared& declared, const DeclaredSegment& segment, Places& places,
                        Collector& problems);

void check_address(const Located<Ipv4>& address, const Subnet& subnet, Collector& problems);
// subnets[i] is that of the i-th link.
void refuse_overlaps(const Declared& declared, const std::vector<std::optional<Subnet>>& subnets,
                     Collector& problems);

}  // namespace bringup::model
