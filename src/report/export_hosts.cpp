// How to reach the nodes, for the tools that people use beside MLX.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "export_parts.hpp"

namespace bringup::report {
namespace {

const std::string& host_of(const std::string& name, const model::SshSettings& ssh) {
  return ssh.host.empty() ? name : ssh.host;
}

// A value of ssh_config(5): in double quotes where a blank would end it. Double quotes themselves
// cannot be written; no host, user or sensible path has one.
std::string ssh_value(std::string_view text) {
  std::string out(text);
  out.erase(std::remove(out.begin(), out.end(), '"'), out.end());
  return out.find_first_of(" \t#=") == std::string::npos ? out : "\"" + out + "\"";
}

std::string without_tokens(std::string_view text) {  // a % of the user's is no token
  std::string out;
  for (const char c : text) out += c == '%' ? "%%" : std::string(1, c);
  return out;
}

void ssh_block(std::string& out, const std::string& name, const model::SshSettings& ssh,
               const std::vector<std::string>& via) {
  out += fmt::format("Host {}\n", name);
  const std::string& host = host_of(name, ssh);
  if (host != name) out += fmt::format("    HostName {}\n", ssh_value(without_tokens(host)));
  if (!ssh.user.empty()) out += fmt::format("    User {}\n", ssh_value(ssh.user));
  if (ssh.port) out += fmt::format("    Port {}\n", *ssh.port);
  for (const std::string& file : ssh.identity_files) {
    out += fmt::format("    IdentityFile {}\n", ssh_value(file));
  }
  if (!ssh.identity_files.empty()) out += "    IdentitiesOnly yes\n";
  if (!via.empty()) out += fmt::format("    ProxyJump {}\n", join(via, ","));
}

// YAML's double-quoted scalars hold JSON's strings.
std::string yaml(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// ssh's -J: [user@]host[:port]
std::string jump(const model::Fleet& fleet, const std::string& name) {
  const model::Proxy* proxy = fleet.find_proxy(name);
  const model::Node* node = proxy == nullptr ? fleet.find_node(name) : nullptr;
  if (proxy == nullptr && node == nullptr) return name;
  const model::SshSettings& ssh = proxy != nullptr ? proxy->ssh : node->ssh;
  std::string host = host_of(name, ssh);
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  if (!ssh.user.empty()) host = ssh.user + "@" + host;
  return ssh.port ? fmt::format("{}:{}", host, *ssh.port) : host;
}

std::string dashed(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '.' || c == '_'; }, '-');
  return out;
}

}  // namespace

Exported export_ssh_config(const model::Fleet& fleet) {
  std::string out = fmt::format("# bringup: fleet {}\n", printable(fleet.name));
  for (const model::Proxy& proxy : fleet.proxies) {
    out += "\n";
    ssh_block(out, proxy.name, proxy.ssh, proxy.via);
  }
  for (const std::size_t index : fleet.by_rank()) {
    out += "\n";
    ssh_block(out, fleet.nodes[index].name, fleet.nodes[index].ssh, fleet.nodes[index].via);
  }
  return {out, {}};
}

Exported export_ansible(const model::Fleet& fleet) {
  std::string out = "all:\n  hosts:\n";
  for (const std::size_t index : fleet.by_rank()) {
    const model::Node& node = fleet.nodes[index];
    out += fmt::format("    {}:\n", yaml(node.name));
    out += fmt::format("      ansible_host: {}\n", yaml(host_of(node.name, node.ssh)));
    if (!node.ssh.user.empty()) {
      out += fmt::format("      ansible_user: {}\n", yaml(node.ssh.user));
    }
    if (node.ssh.port) out += fmt::format("      ansible_port: {}\n", *node.ssh.port);
    if (!node.ssh.identity_files.empty()) {
      out += fmt::format("      ansible_ssh_private_key_file: {}\n",
                         yaml(node.ssh.identity_files.front()));
    }
    if (!node.via.empty()) {
      std::vector<std::string> hops;
      for (const std::string& hop : node.via) hops.push_back(jump(fleet, hop));
      out += fmt::format("      ansible_ssh_common_args: {}\n",
                         yaml("-o " + shell_quote("ProxyJump=" + join(hops, ","))));
    }
    out += fmt::format("      bringup_rank: {}\n", node.rank);
  }
  if (fleet.groups.empty()) return {out, {}};
  out += "  children:\n";
  for (const auto& [group, members] : fleet.groups) {
    out += fmt::format("    {}:\n      hosts:\n", yaml(group));
    for (const std::size_t index : fleet.by_rank()) {
      if (std::find(members.begin(), members.end(), index) == members.end()) continue;
      out += fmt::format("        {}: {{}}\n", yaml(fleet.nodes[index].name));
    }
  }
  return {out, {}};
}

Expected<Exported> export_mpi(const model::Fleet& fleet) {
  Exported out;
  for (const std::size_t index : fleet.by_rank()) {
    out.text += bare_target(fleet.nodes[index], out.notes) + " slots=1\n";
  }
  return out;
}

Exported export_hosts(const model::Fleet& fleet) {
  std::string out = fmt::format("# bringup: fleet {}\n", printable(fleet.name));
  // An interface's name with a dot and one with a dash may meet; the first keeps the name.
  std::set<std::string> used;
  const auto line = [&](model::Ipv4 address, const std::string& node, const std::string& what) {
    const std::string name = dashed(node) + "-" + dashed(what);
    if (used.insert(name).second) out += fmt::format("{:<15} {}\n", address.to_string(), name);
  };
  for (const model::Link& link : fleet.links) {
    for (const model::LinkEnd& end : link.ends) {
      line(end.address, fleet.nodes[end.node].name, end.interface);
    }
  }
  for (const model::Segment& segment : fleet.segments) {
    for (const model::SegmentMember& member : segment.members) {
      line(member.address, fleet.nodes[member.node].name, segment.name);
    }
  }
  return {out, {}};
}

std::string export_dot(const model::Fleet& fleet) {
  const auto quoted = [](std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  };
  std::string out = fmt::format("graph {} {{\n  node [shape=box];\n", quoted(fleet.name));
  for (const std::size_t index : fleet.by_rank()) {
    const model::Node& node = fleet.nodes[index];
    out += fmt::format("  {} [label={}];\n", quoted(node.name),
                       quoted(fmt::format("{} (rank {})", node.name, node.rank)));
  }
  for (const model::Link& link : fleet.links) {
    const model::LinkEnd& a = link.ends[0];
    const model::LinkEnd& b = link.ends[1];
    out += fmt::format("  {} -- {} [label={}, taillabel={}, headlabel={}{}];\n",
                       quoted(fleet.nodes[a.node].name), quoted(fleet.nodes[b.node].name),
                       quoted(model::to_string(link.kind)), quoted(a.interface),
                       quoted(b.interface), link.rdma ? "" : ", style=dashed");
  }
  for (const model::Segment& segment : fleet.segments) {
    const std::string name = quoted("segment " + segment.name);
    out += fmt::format("  {} [shape=ellipse, label={}];\n", name,
                       quoted(segment.name + " " + segment.subnet.to_string()));
    for (const model::SegmentMember& member : segment.members) {
      out += fmt::format("  {} -- {} [taillabel={}];\n", quoted(fleet.nodes[member.node].name),
                         name, quoted(member.interface));
    }
  }
  return out + "}\n";
}

}  // namespace bringup::report
