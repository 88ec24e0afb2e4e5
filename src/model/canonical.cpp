#include "bringup/model/canonical.hpp"

#include <fmt/format.h>

#include <string_view>

namespace bringup::model {
namespace {

class Writer {
 public:
  void put(std::string_view key, std::string_view value) {
    text_ += fmt::format("{} {}:{}\n", key, value.size(), value);
  }
  void put(std::string_view key, std::size_t value) { put(key, std::to_string(value)); }
  void put_flag(std::string_view key, bool value) { put(key, value ? "true" : "false"); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void put_reach(Writer& out, const SshSettings& ssh, const std::vector<std::string>& via) {
  out.put("host", ssh.host);
  out.put("user", ssh.user);
  out.put("port", ssh.port ? std::to_string(*ssh.port) : "");
  out.put("host_key", ssh.host_key);
  for (const std::string& hop : via) {
    out.put("via", hop);
  }
}

std::string_view become_word(Become become) {
  switch (become) {
    case Become::none:
      return "none";
    case Become::sudo:
      return "sudo";
    case Become::sudo_password:
      break;
  }
  return "sudo-password";
}

void put_end(Writer& out, const LinkEnd& end) {
  out.put("end", end.node);
  out.put("interface", end.interface);
  out.put("address", end.address.to_string());
  out.put("device", end.rdma_device);
}

}  // namespace

std::string canonical(const Fleet& fleet) {
  Writer out;
  out.put("bringup.fleet", "1");
  out.put("ibv_path", fleet.ibv_path);
  out.put_flag("persist", fleet.persist);
  for (const Proxy& proxy : fleet.proxies) {
    out.put("proxy", proxy.name);
    put_reach(out, proxy.ssh, proxy.via);
  }
  for (const Node& node : fleet.nodes) {
    out.put("node", node.name);
    put_reach(out, node.ssh, node.via);
    out.put("become", become_word(node.become));
    out.put("rank", node.rank);
  }
  for (const Link& link : fleet.links) {
    out.put("link", to_string(link.kind));
    out.put("subnet", link.subnet.to_string());
    out.put("mtu", link.mtu ? std::to_string(*link.mtu) : "");
    out.put_flag("rdma", link.rdma);
    for (const LinkEnd& end : link.ends) {
      put_end(out, end);
    }
  }
  for (const Segment& segment : fleet.segments) {
    out.put("segment", segment.name);
    out.put("kind", to_string(segment.kind));
    out.put("subnet", segment.subnet.to_string());
    for (const SegmentMember& member : segment.members) {
      out.put("member", member.node);
      out.put("interface", member.interface);
      out.put("address", member.address.to_string());
      out.put("mac", member.mac);
    }
    out.put("gateway", segment.gateway ? std::to_string(*segment.gateway) : "");
    for (const std::string& target : segment.routes_to) {
      out.put("routes_to", target);
    }
  }
  return out.take();
}

}  // namespace bringup::model
