#include "rdma_words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

// Linux has no switch for RDMA: a device is there, and its port is active, or not.
RdmaVerdict judge_verbs(const facts::NodeFacts& facts, std::string_view device) {
  RdmaVerdict verdict;
  verdict.expected = fmt::format("device {}, its port active", device);
  if (!facts.ibv_ports) {
    verdict.whole_node = true;
    verdict.text = "RDMA: unknown (ibv_devinfo is missing or could not be read)";
    verdict.seen = "`ibv_devinfo` is missing or could not be read";
    verdict.cure = "install ibverbs-utils and rdma-core on the node, or set rdma = false";
    return verdict;
  }
  std::vector<std::string> devices;
  for (const auto& port : *facts.ibv_ports) {
    devices.push_back(port.device);
    if (port.device != device) continue;
    verdict.fine = port.state == "PORT_ACTIVE";
    verdict.text = fmt::format("RDMA: device {}, {}", device, printable(port.state, 40));
    verdict.seen = fmt::format("the port of {} is {}", device, printable(port.state, 40));
    verdict.cure = "plug in the cable, then bring the interface up: bringup apply";
    return verdict;
  }
  verdict.text = fmt::format("RDMA: there is no device {}", device);
  verdict.seen = devices.empty() ? "ibv_devinfo lists no device"
                                 : fmt::format("ibv_devinfo lists only {}",
                                               printable(join(devices, ", "), 200));
  verdict.cure =
      "see `rdma link` on the node; if the device has another name, set a_device or b_device in "
      "the "
      "inventory";
  return verdict;
}

}  // namespace

RdmaVerdict judge_rdma(const facts::NodeFacts& facts, std::string_view device) {
  if (facts.os == facts::Os::linux_kernel) return judge_verbs(facts, device);
  RdmaVerdict verdict;
  verdict.expected = fmt::format("RDMA enabled, device {}", device);
  switch (facts.rdma) {
    case platform::RdmaState::disabled:
      verdict.whole_node = true;
      verdict.text = "RDMA: disabled (enable it in Recovery: rdma_ctl enable)";
      verdict.seen = "RDMA is disabled";
      verdict.cure =
          "start the Mac in Recovery, open Utilities > Terminal, run `rdma_ctl enable`, restart; "
          "this cannot be done over SSH";
      return verdict;
    case platform::RdmaState::no_tool:
      verdict.whole_node = true;
      verdict.text = "RDMA: no rdma_ctl (needs macOS 26.2 or later)";
      verdict.seen = facts.version.version.empty()
                         ? "there is no rdma_ctl"
                         : fmt::format("there is no rdma_ctl (macOS {})",
                                       printable(facts.version.version, 40));
      verdict.cure =
          "update to macOS 26.2 or later; if it is, this Mac has no RDMA over Thunderbolt: set "
          "rdma = false on its links";
      return verdict;
    case platform::RdmaState::unknown:
      verdict.whole_node = true;
      verdict.text = "RDMA: unknown (rdma_ctl status could not be read)";
      verdict.seen = "`rdma_ctl status` printed neither enabled nor disabled";
      verdict.cure = "run `rdma_ctl status` on the node";
      return verdict;
    case platform::RdmaState::enabled:
      break;
  }
  if (!facts.ibv_devices) {
    verdict.whole_node = true;
    verdict.text = "RDMA: enabled, but ibv_devices could not be read";
    verdict.seen = "RDMA is enabled, but `ibv_devices` is missing or could not be read";
    verdict.cure = "run `ibv_devices` on the node";
    return verdict;
  }
  const auto& devices = *facts.ibv_devices;
  if (std::ranges::find(devices, device) != devices.end()) {
    verdict.fine = true;
    verdict.text = fmt::format("RDMA: enabled, device {}", device);
    return verdict;
  }
  verdict.text = fmt::format("RDMA: enabled, but there is no device {}", device);
  if (devices.empty()) {
    verdict.whole_node = true;
    verdict.seen = "RDMA is enabled, but ibv_devices lists no device";
    verdict.cure =
        "a Mac with Thunderbolt 4 stays like this (RDMA needs Thunderbolt 5): set rdma = false on "
        "its links; on a Mac with Thunderbolt 5, restart it";
  } else {
    verdict.seen = fmt::format("RDMA is enabled, but ibv_devices lists only {}",
                               printable(join(devices, ", "), 200));
    verdict.cure = fmt::format(
        "check that the link is on a Thunderbolt 5 port of this Mac; if its device has another "
        "name, set it in the inventory");
  }
  return verdict;
}

}  // namespace bringup::plan
