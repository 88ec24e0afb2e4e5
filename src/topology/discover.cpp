#include "bringup/topology/discover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

#include "bringup/model/address.hpp"
#include "bringup/topology/cable_check.hpp"
#include "bringup/topology/cabling.hpp"
#include "bringup/topology/exo.hpp"
#include "bringup/util/text.hpp"

namespace bringup::topology {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Text of nodes on a line of its own, behind "#".
std::string comment(std::string_view text) {
  return "# " + printable(text, 400) + "\n";
}

bool is_address(std::string_view host) {
  return model::Ipv4::parse(host).has_value() || host.find(':') != std::string_view::npos;
}

std::string free_name(const std::string& wanted, std::vector<std::string>& taken) {
  std::string name;
  for (const char c : wanted.substr(0, 50)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    name += plain ? c : '-';
  }
  if (name.empty() || std::isalnum(static_cast<unsigned char>(name.front())) == 0) {
    name = "node" + name;
  }
  std::string unique = name;
  for (int n = 2; std::find(taken.begin(), taken.end(), unique) != taken.end(); ++n) {
    unique = fmt::format("{}-{}", name, n);
  }
  taken.push_back(unique);
  return unique;
}

std::string host_table(std::string_view kind, const DiscoveredHost& host) {
  std::string text = fmt::format("[{}.{}]\n", kind, host.name);
  text += fmt::format("host = {}\n", quoted(host.host));
  if (!host.user.empty()) text += fmt::format("user = {}\n", quoted(host.user));
  if (host.port) text += fmt::format("port = {}\n", *host.port);
  if (!host.via.empty()) {
    std::vector<std::string> hops;
    for (const auto& hop : host.via) hops.push_back(quoted(hop));
    text += fmt::format("via = [{}]\n", join(hops, ", "));
  }
  return text;
}

class Writer {
 public:
  explicit Writer(const Discovery& all) : all_(all) {
    for (const auto& host : all.hosts) {
      names_.push_back(host.name);
      facts_.push_back(host.facts);
    }
    cabling_ = pair_cables(names_, facts_);
    choose_links();
  }

  std::string inventory() {
    std::string text =
        "# Made by `bringup discover` of what is plugged. Comments tell what is odd.\n";
    const model::Subnet pool = free_pool();
    text +=
        fmt::format("[fleet]\nname = \"discovered\"\naddress_pool = \"{}\"\n\n", pool.to_string());
    for (const auto& proxy : all_.proxies) text += host_table("proxies", proxy) + "\n";
    std::size_t rank = 0;
    for (std::size_t node = 0; node < all_.hosts.size(); ++node) text += node_text(node, rank);
    for (const auto* cable : links_) text += link_text(*cable);
    for (const auto& [cable, why] : left_out_) {
      text += comment(
          fmt::format("left out: {} - {}: {}", at(cable->ends[0]), at(cable->ends[1]), why));
    }
    for (const auto& loose : cabling_.loose) {
      text += comment(fmt::format(
          "{} leads to a Mac that was not named or not reached: {} {}{}{}", at(loose.port),
          loose.peer.name, loose.peer.model,
          loose.peer.domain.empty() ? "" : ", domain " + loose.peer.domain,
          loose.peer.through.empty() ? "" : ", through " + join(loose.peer.through, ", ")));
    }
    for (const auto& odd : cabling_.oddities) text += comment(odd);
    return text;
  }

  std::string dot() {
    std::string text = "graph \"discovered\" {\n  node [shape=box];\n";
    for (std::size_t node = 0; node < all_.hosts.size(); ++node) {
      const auto* facts = facts_[node];
      text += fmt::format("  {} [label={}{}];\n", quoted(names_[node]),
                          label(names_[node], facts == nullptr ? "not reached" : facts->model),
                          facts == nullptr ? ", style=dashed" : "");
    }
    for (const auto& cable : cabling_.cables) {
      const auto& [a, b] = cable.ends;
      std::string words = fmt::format("{} - {}", a.interface, b.interface);
      if (cable.gbps > 0) words += fmt::format(", {:g} Gb/s", cable.gbps);
      if (!cable.through.empty()) words += ", through " + join(cable.through, ", ");
      text += fmt::format("  {} -- {} [label={}{}];\n", quoted(names_[a.node]),
                          quoted(names_[b.node]), quoted(printable(words, 200)),
                          cable.through.empty() && cable.one_sided.empty() ? "" : ", style=dashed");
    }
    // A Mac has a domain for each port: two cables to one stranger show as two.
    std::size_t number = 0;
    for (const auto& loose : cabling_.loose) {
      const std::string stranger = fmt::format("? {}", ++number);
      text += fmt::format("  {} [label={}, style=dotted];\n", quoted(stranger),
                          label(loose.peer.name, loose.peer.model));
      text += fmt::format("  {} -- {} [label={}, style=dotted];\n", quoted(names_[loose.port.node]),
                          quoted(stranger), quoted(printable(loose.port.interface, 40)));
    }
    return text + "}\n";
  }

 private:
  [[nodiscard]] std::string at(const PortName& port) const { return place(names_, port); }

  // Two lines in a box.
  static std::string label(const std::string& first, const std::string& second) {
    std::string text = quoted(printable(first, 80));
    text.pop_back();
    return text + "\\n" + quoted(printable(second, 80)).substr(1);
  }

  // An inventory has one link for an interface.
  void choose_links() {
    std::set<std::pair<std::size_t, std::string>> used;
    for (const auto& cable : cabling_.cables) {
      const auto& [a, b] = cable.ends;
      std::string why;
      if (a.node == b.node) {
        why = "both ends are in one Mac";
      } else if (a.interface.empty() || b.interface.empty()) {
        why = "the interface of a receptacle could not be told";
      } else if (used.contains({a.node, a.interface}) || used.contains({b.node, b.interface})) {
        why = "the port has another link already, through the same dock";
      }
      if (why.empty()) {
        used.insert({a.node, a.interface});
        used.insert({b.node, b.interface});
        links_.push_back(&cable);
      } else {
        left_out_.emplace_back(&cable, why);
      }
    }
  }

  std::string node_text(std::size_t node, std::size_t& rank) {
    const auto& host = all_.hosts[node];
    if (host.facts == nullptr) {
      return comment(
                 fmt::format("{} ({}) was not reached: {}", host.name, host.host, host.problem)) +
             "\n";
    }
    std::string text = host_table("nodes", host) + fmt::format("rank = {}\n", rank++);
    const auto& facts = *host.facts;
    if (!facts.model.empty() || !facts.version.version.empty()) {
      text += comment(fmt::format("{}, {} {} ({})", facts.model, facts.version.product,
                                  facts.version.version, facts.version.build));
    }
    for (const auto& note : notes(node, facts)) text += comment(note);
    return text + "\n";
  }

  std::vector<std::string> notes(std::size_t node, const facts::NodeFacts& facts) {
    std::vector<std::string> out;
    if (facts.os != facts::Os::darwin) {
      out.emplace_back("no Mac: bringup cannot read its cables nor change its links yet");
      return out;
    }
    if (!cabling_.ports[node]) {
      out.emplace_back("no Thunderbolt profile could be read: its cables are not known");
    } else if (is_thunderbolt4_hardware(*cabling_.ports[node])) {
      out.emplace_back("Thunderbolt 4 hardware: no RDMA, whatever rdma_ctl says");
    } else if (facts.rdma == platform::RdmaState::disabled) {
      out.emplace_back("RDMA is disabled: start in Recovery, open Terminal, `rdma_ctl enable`");
    } else if (facts.rdma == platform::RdmaState::no_tool) {
      out.emplace_back("no rdma_ctl: RDMA needs macOS 26.2 or later");
    }
    for (std::size_t other = 0; other < node; ++other) {
      const auto* first = facts_[other];
      if (first == nullptr || first->os != facts::Os::darwin) continue;
      if (!first->version.build.empty() && first->version.build != facts.version.build) {
        out.push_back(fmt::format("another build of macOS than {}: RDMA may fail between them",
                                  names_[other]));
      }
      break;
    }
    if (const auto exo = exo_installation(names_[node], facts)) {
      out.push_back(exo->seen + ": " + exo->means);
      out.push_back("cure: " + exo->cure);
    }
    return out;
  }

  std::string link_text(const Cable& cable) {
    const bool five = cable.gbps > 40;
    std::string text = "[[links]]\n";
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& end = cable.ends[side];
      text += fmt::format("{} = {}  # Thunderbolt {}\n", side == 0 ? 'a' : 'b',
                          quoted(names_[end.node] + ":" + end.interface),
                          printable(end.receptacle, 16));
    }
    text += fmt::format(
        "kind = \"{}\"{}\n", five ? "thunderbolt5" : "thunderbolt4",
        cable.gbps > 0 ? fmt::format("  # {:g} Gb/s", cable.gbps) : "  # no speed was told");
    std::vector<std::string> notes;
    bool no_rdma = false;
    if (!cable.through.empty()) {
      notes.push_back(fmt::format("through {}: not for RDMA", join(cable.through, ", ")));
      no_rdma = true;
    }
    for (const auto& end : cable.ends) {
      const auto* port = cabling_.port_at(end.node, end.interface);
      if (port == nullptr || !is_beside_ethernet(*port)) continue;
      notes.push_back(fmt::format(
          "{} is the Mac Studio's port next to Ethernet, over which RDMA fails: use another",
          at(end)));
      no_rdma = true;
    }
    if (!cable.one_sided.empty()) {
      notes.push_back("only one end tells of this cable: " + cable.one_sided);
    }
    if (!five && cable.gbps > 0 && cable.through.empty() && !old_hardware(cable)) {
      notes.emplace_back("both Macs have Thunderbolt 5: another cable makes it 80 Gb/s");
    }
    if (five && no_rdma) text += "rdma = false\n";
    for (const auto& note : notes) text += comment(note);
    return text + "\n";
  }

  [[nodiscard]] bool old_hardware(const Cable& cable) const {
    return std::any_of(cable.ends.begin(), cable.ends.end(), [&](const auto& end) {
      return is_thunderbolt4_hardware(*cabling_.ports[end.node]);
    });
  }

  [[nodiscard]] bool is_link_end(std::size_t node, std::string_view interface) const {
    return std::any_of(links_.begin(), links_.end(), [&](const auto* cable) {
      return cable->end_at(node, interface) != nullptr;
    });
  }

  // Does some node use or route a part of it, other than over the links themselves?
  [[nodiscard]] bool is_used(const model::Subnet& pool) const {
    for (std::size_t node = 0; node < facts_.size(); ++node) {
      if (facts_[node] == nullptr) continue;
      std::set<model::Ipv4> own;
      for (const auto& interface : facts_[node]->interfaces) {
        for (const auto& inet : interface.inet) {
          if (is_link_end(node, interface.name)) {
            own.insert(inet.address);
          } else if (inet.subnet().overlaps(pool)) {
            return true;
          }
        }
      }
      for (const auto& route : facts_[node]->routes) {
        if (route.destination.prefix() <= 1 || is_link_end(node, route.interface)) continue;
        if (route.destination.prefix() == 32 && own.contains(route.destination.network())) continue;
        if (route.destination.overlaps(pool)) return true;
      }
    }
    return false;
  }

  [[nodiscard]] model::Subnet free_pool() const {
    int prefix = 24;
    while (prefix > 16 && (std::size_t{1} << (30 - prefix)) < links_.size()) --prefix;
    for (std::uint32_t second = 254; second >= 224; --second) {
      const auto pool =
          model::Subnet::containing(model::Ipv4((10U << 24U) | (second << 16U)), prefix);
      if (!is_used(pool)) return pool;
    }
    return model::Subnet::containing(model::Ipv4((10U << 24U) | (254U << 16U)), prefix);
  }

  const Discovery& all_;
  std::vector<std::string> names_;
  std::vector<const facts::NodeFacts*> facts_;
  Cabling cabling_;
  std::vector<const Cable*> links_;
  std::vector<std::pair<const Cable*, std::string>> left_out_;
};

}  // namespace

DiscoveredHost host_named(const std::string& word, std::vector<std::string>& taken) {
  DiscoveredHost out;
  std::string rest = word;
  if (const auto sign = rest.rfind('@'); sign != std::string::npos) {
    out.user = rest.substr(0, sign);
    rest.erase(0, sign + 1);
  }
  const auto colon = rest.find(':');
  if (colon != std::string::npos && rest.find(':', colon + 1) == std::string::npos) {
    std::uint16_t port = 0;
    const char* end = rest.data() + rest.size();
    const auto [stop, error] = std::from_chars(rest.data() + colon + 1, end, port);
    if (error == std::errc() && stop == end && port != 0) {
      out.port = port;
      rest.erase(colon);
    }
  }
  out.host = rest;
  out.name = free_name(is_address(rest) ? rest : rest.substr(0, rest.find('.')), taken);
  return out;
}

void name_by_hostname(Discovery& discovery) {
  std::vector<std::string> taken;
  for (const auto& proxy : discovery.proxies) taken.push_back(proxy.name);
  for (const auto& host : discovery.hosts) taken.push_back(host.name);
  std::map<std::string, std::string> renamed;
  for (auto& host : discovery.hosts) {
    if (host.facts == nullptr || !is_address(host.host)) continue;
    const std::string own = host.facts->hostname.substr(0, host.facts->hostname.find('.'));
    if (own.empty() || own == "localhost") continue;
    const std::string name = free_name(own, taken);
    renamed[host.name] = name;
    host.name = name;
  }
  for (auto& host : discovery.hosts) {
    for (auto& hop : host.via) {
      if (const auto found = renamed.find(hop); found != renamed.end()) hop = found->second;
    }
  }
}

std::string hosts_inventory(const Discovery& discovery) {
  std::string text;
  for (const auto& proxy : discovery.proxies) text += host_table("proxies", proxy);
  for (const auto& host : discovery.hosts) text += host_table("nodes", host);
  return text;
}

std::string discovered_inventory(const Discovery& discovery) {
  return Writer(discovery).inventory();
}

std::string discovered_dot(const Discovery& discovery) {
  return Writer(discovery).dot();
}

}  // namespace bringup::topology
