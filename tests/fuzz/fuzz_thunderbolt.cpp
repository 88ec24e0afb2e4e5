// The Thunderbolt profiler's JSON: never a crash, nothing unprintable or unbounded kept.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/topology/thunderbolt.hpp"
#include "bringup/util/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace topology = bringup::topology;
  auto profile =
      topology::parse_thunderbolt(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!profile) return 0;
  if (profile->ports.size() > topology::kMostPorts) std::abort();
  for (const auto& port : profile->ports) {
    if (!std::isfinite(port.gbps) || port.gbps < 0) std::abort();
    if (port.peers.size() + port.devices.size() > topology::kMostAttached) std::abort();
    for (const auto& peer : port.peers) {
      if (bringup::printable(peer.name) != peer.name) std::abort();
      if (!peer.domain.empty() && peer.domain.size() != 36) std::abort();
    }
  }
  topology::name_interfaces(*profile, {{"Thunderbolt 1", "en2", ""}, {"Thunderbolt 2", "en3", ""}});
  return 0;
}
