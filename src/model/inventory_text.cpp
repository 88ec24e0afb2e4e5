#include "bringup/model/inventory_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace bringup::model {
namespace {

// TOML's basic strings take JSON's escapes.
std::string quote(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string_view word(Become become) {
  switch (become) {
    case Become::none:
      return "none";
    case Become::sudo_password:
      return "sudo-password";
    case Become::sudo:
      break;
  }
  return "sudo";
}

std::string expectation(const Expectation& expect) {
  std::string out;
  const auto add = [&](std::string_view key, const std::optional<double>& value) {
    if (value) out += fmt::format("{}{} = {:.6f}", out.empty() ? "" : ", ", key, *value);
  };
  add("rtt_avg_ms", expect.rtt_avg_ms);
  add("loss_percent", expect.loss_percent);
  add("negotiated_gbps", expect.negotiated_gbps);
  add("iperf_gbps", expect.iperf_gbps);
  add("rdma_gbps", expect.rdma_gbps);
  return out;
}

std::string link_text(const Fleet& fleet, const Link& link) {
  std::string out = "\n[[links]]\n";
  for (std::size_t side = 0; side < 2; ++side) {
    const LinkEnd& end = link.ends[side];
    const char letter = side == 0 ? 'a' : 'b';
    out +=
        fmt::format("{} = {}\n", letter, quote(fleet.nodes[end.node].name + ":" + end.interface));
    out += fmt::format("{}_address = {}\n", letter, quote(end.address.to_string()));
    // A link without RDMA may not name a device.
    if (link.rdma) out += fmt::format("{}_device = {}\n", letter, quote(end.rdma_device));
  }
  out += fmt::format("kind = {}\nsubnet = {}\n", quote(to_string(link.kind)),
                     quote(link.subnet.to_string()));
  if (link.mtu) out += fmt::format("mtu = {}\n", *link.mtu);
  out += fmt::format("rdma = {}\n", link.rdma);
  const std::string expect = expectation(link.expect);
  return expect.empty() ? out : out + "expect = { " + expect + " }\n";
}

}  // namespace

std::string inventory_text(const Fleet& fleet) {
  std::string out =
      fmt::format("[fleet]\nname = {}\nibv_path = {}\n", quote(fleet.name), quote(fleet.ibv_path));
  for (const Node& node : fleet.nodes) {
    out += fmt::format("\n[nodes.{}]\nrank = {}\nbecome = {}\n", quote(node.name), node.rank,
                       quote(word(node.become)));
  }
  for (const Link& link : fleet.links) out += link_text(fleet, link);
  for (const Segment& segment : fleet.segments) {
    out += fmt::format("\n[[segments]]\nname = {}\nsubnet = {}\nkind = {}\nmembers = {{ ",
                       quote(segment.name), quote(segment.subnet.to_string()),
                       quote(to_string(segment.kind)));
    for (std::size_t k = 0; k < segment.members.size(); ++k) {
      const SegmentMember& member = segment.members[k];
      out += fmt::format("{}{} = {}", k == 0 ? "" : ", ", quote(fleet.nodes[member.node].name),
                         quote(member.interface + "=" + member.address.to_string()));
    }
    out += " }\n";
    if (const std::string expect = expectation(segment.expect); !expect.empty()) {
      out += "expect = { " + expect + " }\n";
    }
  }
  return out;
}

}  // namespace bringup::model
