#include "bringup/facts/anonymise.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <numeric>
#include <optional>

#include "bringup/model/inventory_text.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::facts {
namespace {

using model::Ipv4;
using model::Subnet;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
// What an address or identifier may be made of.
bool is_token(char c) {
  return is_word(c) || c == '.' || c == ':' || c == '-';
}
bool all_hex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_hex);
}
std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::uint8_t byte_of(const std::string& digest, std::size_t at) {
  return static_cast<std::uint8_t>(digest.at(at));
}

bool is_uuid(std::string_view text) {
  const auto parts = split(text, '-');
  constexpr std::array<std::size_t, 5> kLengths = {8, 4, 4, 4, 12};
  if (parts.size() != kLengths.size()) return false;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    if (parts[k].size() != kLengths[k] || !all_hex(parts[k])) return false;
  }
  return true;
}

// "36:4d:04:ea:4e:40", and as netstat writes it, without leading zeros.
bool is_mac(std::string_view text) {
  const auto parts = split(text, ':');
  return parts.size() == 6 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return part.size() <= 2 && all_hex(part);
         });
}

// Groups of four: "0000:0000:0000:0002".
bool is_guid(std::string_view text) {
  const auto parts = split(text, ':');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return part.size() == 4 && all_hex(part);
         });
}

bool is_zero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return !is_hex(c) || c == '0'; });
}

// 127/8, 0/8, multicast, broadcast and netmasks.
bool means_itself(std::uint32_t value) {
  const std::uint32_t first = value >> 24;
  return first == 0 || first == 127 || first >= 224;
}

// First octets with blocks of their own meaning: private, shared, link-local, documentation.
bool is_special(std::uint32_t first) {
  return first == 10 || first == 100 || first == 169 || first == 172 || first == 192 ||
         first == 198 || first == 203;
}

// Public first octets change places within their class, since netstat leaves out prefix lengths
// that follow from it.
std::uint32_t other_octet(const std::string& key, std::uint32_t first) {
  const std::uint32_t from = first < 128 ? 1 : first < 192 ? 128 : 192;
  const std::uint32_t to = first < 128 ? 127 : first < 192 ? 192 : 224;
  std::vector<std::uint32_t> octets;
  for (std::uint32_t k = from; k < to; ++k) {
    if (!is_special(k)) octets.push_back(k);
  }
  std::vector<std::uint32_t> shuffled = octets;
  std::sort(shuffled.begin(), shuffled.end(), [&](std::uint32_t a, std::uint32_t b) {
    return hmac_sha1(key, fmt::format("octet {}", a)) < hmac_sha1(key, fmt::format("octet {}", b));
  });
  const auto at = std::find(octets.begin(), octets.end(), first) - octets.begin();
  return shuffled.at(static_cast<std::size_t>(at));
}

struct Ipv6 {
  std::array<std::uint8_t, 16> bytes{};
};

std::optional<Ipv6> parse_ipv6(std::string_view text) {
  if (text.size() > 45 || std::count(text.begin(), text.end(), ':') < 2) return std::nullopt;
  Ipv6 out;
  if (::inet_pton(AF_INET6, std::string(text).c_str(), out.bytes.data()) != 1) return std::nullopt;
  return out;
}

std::string printed(const Ipv6& address, std::string_view like) {
  const auto parts = split(like, ':');
  const bool full = parts.size() == 8 && std::all_of(parts.begin(), parts.end(),
                                                     [](auto part) { return part.size() == 4; });
  if (full) {  // as rdma-core prints GIDs
    std::string out;
    for (std::size_t k = 0; k < 16; k += 2) {
      out += fmt::format("{}{:02x}{:02x}", k == 0 ? "" : ":", address.bytes.at(k),
                         address.bytes.at(k + 1));
    }
    return out;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  return text.data();
}

// The label before the first dot.
std::string_view label(std::string_view host) {
  return host.substr(0, host.find('.'));
}

}  // namespace

Anonymiser::Anonymiser(std::string key, std::vector<Subnet> subnets)
    : key_(std::move(key)), subnets_(std::move(subnets)) {
  std::sort(subnets_.begin(), subnets_.end());
  subnets_.erase(std::unique(subnets_.begin(), subnets_.end()), subnets_.end());
}

void Anonymiser::name(std::string_view word, std::string replacement) {
  if (!word.empty()) names_.emplace(lower(word), std::move(replacement));
}

// Whether the bit after this prefix changes. It does not where that would move a subnet's network
// or broadcast address: on the way of zeros and on the way of ones below the subnet's prefix.
bool Anonymiser::flips(std::uint32_t prefix, int bits) const {
  for (const Subnet& subnet : subnets_) {
    if (subnet.prefix() > bits || !subnet.contains(Ipv4(prefix))) continue;
    const std::uint32_t host = Subnet::mask_of(bits) & ~Subnet::mask_of(subnet.prefix());
    if ((prefix & host) == 0 || (prefix & host) == host) return false;
  }
  return (byte_of(hmac_sha1(key_, fmt::format("ipv4 {} {}", prefix, bits)), 0) & 1) != 0;
}

Ipv4 Anonymiser::address(Ipv4 original) const {
  const std::uint32_t value = original.value();
  if (means_itself(value)) return original;
  if (const auto known = addresses_.find(value); known != addresses_.end()) {
    return Ipv4(known->second);
  }
  const std::uint32_t first = value >> 24;
  // 10/8, and the blocks within 100, 169, 172 and 192, stay what they are.
  int bits = first == 10 || !is_special(first) ? 8 : 16;
  std::uint32_t out = value & Subnet::mask_of(bits);
  if (!is_special(first)) out = other_octet(key_, first) << 24;
  for (; bits < 32; ++bits) {
    const std::uint32_t bit = std::uint32_t{1} << (31 - bits);
    const bool set = (value & bit) != 0;
    if (set != flips(value & Subnet::mask_of(bits), bits)) out |= bit;
  }
  addresses_.emplace(value, out);
  return Ipv4(out);
}

Subnet Anonymiser::subnet(const Subnet& original) const {
  return Subnet::containing(address(original.network()), original.prefix());
}

// Hexadecimal digits for hexadecimal digits, in the original's case; anything else stays.
std::string Anonymiser::digits(std::string_view kind, std::string_view original) const {
  if (is_zero(original)) return std::string(original);
  const std::string digest =
      sha256_hex(hmac_sha1(key_, fmt::format("{} {}", kind, lower(original))));
  const bool upper =
      std::any_of(original.begin(), original.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  std::string out(original);
  std::size_t at = 0;
  for (char& c : out) {
    if (!is_hex(c)) continue;
    c = digest[at++ % digest.size()];
    if (upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string Anonymiser::mac(std::string_view original) const {
  std::array<std::uint8_t, 6> bytes{};
  const auto parts = split(original, ':');
  bool padded = true;
  bool upper = false;
  for (std::size_t k = 0; k < 6; ++k) {
    bytes.at(k) = static_cast<std::uint8_t>(std::stoul(std::string(parts[k]), nullptr, 16));
    padded = padded && parts[k].size() == 2;
    upper = upper || lower(parts[k]) != parts[k];
  }
  const auto same = [&](std::uint8_t value) {
    return std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t b) { return b == value; });
  };
  if (same(0) || same(0xff)) return std::string(original);
  const std::string digest = hmac_sha1(
      key_, "mac " + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::string out;
  for (std::size_t k = 0; k < 6; ++k) {
    std::uint8_t b = byte_of(digest, k);
    if (k == 0) b = static_cast<std::uint8_t>((b & ~3U) | (bytes[0] & 3U));
    const std::string text = padded ? fmt::format("{:02x}", b) : fmt::format("{:x}", b);
    out += k == 0 ? text : ":" + text;
  }
  if (upper) std::transform(out.begin(), out.end(), out.begin(), ::toupper);
  return out;
}

std::string Anonymiser::ipv6(std::string_view original) const {
  Ipv6 address = parse_ipv6(original).value();
  auto& b = address.bytes;
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const auto zeros = [&](std::size_t from, std::size_t to) {
    return std::all_of(b.begin() + static_cast<std::ptrdiff_t>(from),
                       b.begin() + static_cast<std::ptrdiff_t>(to),
                       [](std::uint8_t x) { return x == 0; });
  };
  if (std::equal(kMapped.begin(), kMapped.end(), b.begin())) {
    const std::uint32_t mapped =
        this->address(Ipv4((std::uint32_t{b[12]} << 24) | (std::uint32_t{b[13]} << 16) |
                           (std::uint32_t{b[14]} << 8) | b[15]))
            .value();
    for (std::size_t k = 0; k < 4; ++k) {
      b.at(12 + k) = static_cast<std::uint8_t>(mapped >> (24 - 8 * k));
    }
    return printed(address, original);
  }
  if (b[0] == 0xff || zeros(0, 15)) return std::string(original);  // multicast, "::", "::1"
  const std::string prefix(reinterpret_cast<const char*>(b.data()), 8);
  const std::string host(reinterpret_cast<const char*>(b.data()) + 8, 8);
  if (!zeros(0, 8) && !(b[0] == 0xfe && b[1] == 0x80 && zeros(2, 8))) {
    const std::string digest = hmac_sha1(key_, "ipv6 prefix " + prefix);
    for (std::size_t k = 1; k < 8; ++k) b.at(k) = byte_of(digest, k);
  }
  if (b[11] == 0xff && b[12] == 0xfe) {  // EUI-64: the MAC with a bit turned over
    const std::string made = mac(fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[8] ^ 2U,
                                             b[9], b[10], b[13], b[14], b[15]));
    constexpr std::array<std::size_t, 6> kPlaces = {8, 9, 10, 13, 14, 15};
    for (std::size_t k = 0; k < 6; ++k) {
      b.at(kPlaces.at(k)) =
          static_cast<std::uint8_t>(std::stoul(made.substr(3 * k, 2), nullptr, 16));
    }
    b[8] = static_cast<std::uint8_t>(b[8] ^ 2U);
  } else if (!zeros(8, 16)) {
    const std::string digest = hmac_sha1(key_, "ipv6 host " + host);
    for (std::size_t k = 8; k < 16; ++k) b.at(k) = byte_of(digest, k);
    b[11] = static_cast<std::uint8_t>(b[11] & 0x7f);  // never an EUI-64 by chance
  }
  return printed(address, original);
}

std::string Anonymiser::token(std::string_view original) const {
  if (const auto v4 = Ipv4::parse(original)) return address(*v4).to_string();
  if (is_uuid(original)) return digits("uuid", original);
  if (is_mac(original)) return mac(original);
  if (is_guid(original)) return digits("guid", original);
  if (parse_ipv6(original)) return ipv6(original);
  // Node GUIDs and switch UIDs: sixteen digits, with or without 0x.
  const std::string_view bare =
      original.starts_with("0x") || original.starts_with("0X") ? original.substr(2) : original;
  if (bare.size() == 16 && all_hex(bare)) {
    return std::string(original.substr(0, original.size() - 16)) + digits("guid", bare);
  }
  return std::string(original);
}

std::string Anonymiser::text(std::string_view original) const {
  std::string out;
  out.reserve(original.size());
  for (std::size_t at = 0; at < original.size();) {
    std::size_t end = at;
    while (end < original.size() && is_token(original[end])) ++end;
    if (end == at) {
      out += original[at++];
      continue;
    }
    // Punctuation at the end is the sentence's: "10.0.0.2:", "…40."
    std::string_view word = original.substr(at, end - at);
    std::size_t trailing = 0;
    while (trailing < word.size() && !is_word(word[word.size() - 1 - trailing])) ++trailing;
    if (word.ends_with("::")) trailing -= std::min<std::size_t>(trailing, 2);
    const std::string_view body = word.substr(0, word.size() - trailing);
    std::string made = token(body);
    // "10.0.0.2:22"
    if (const auto colon = body.rfind(':'); made == body && colon != std::string_view::npos) {
      if (Ipv4::parse(body.substr(0, colon))) {
        made = token(body.substr(0, colon)) + std::string(body.substr(colon));
      }
    }
    out += made;
    out += word.substr(body.size());
    at = end;
  }
  return out;
}

std::string Anonymiser::words(std::string_view original) const {
  const std::string clean = text(original);
  const std::string folded = lower(clean);
  const auto part = [](char c) { return is_word(c) || c == '-'; };
  std::string out;
  for (std::size_t at = 0; at < clean.size();) {
    const bool begins = at == 0 || !part(clean[at - 1]);
    const std::pair<const std::string, std::string>* best = nullptr;
    for (const auto& one : names_) {
      if (!begins || folded.compare(at, one.first.size(), one.first) != 0) continue;
      const std::size_t end = at + one.first.size();
      if (end < clean.size() && part(clean[end])) continue;
      if (best == nullptr || one.first.size() > best->first.size()) best = &one;
    }
    if (best == nullptr) {
      out += clean[at++];
      continue;
    }
    out += best->second;
    at += best->first.size();
  }
  return out;
}

// netstat leaves trailing zero octets out: "10.254/30", "169.254", "192.168.1".
std::string Anonymiser::routes(std::string_view original) const {
  std::string out;
  for (std::size_t at = 0; at < original.size();) {
    const std::size_t end = std::min(original.find('\n', at), original.size());
    const std::string_view line = original.substr(at, end - at);
    std::size_t width = 0;
    while (width < line.size() && (is_digit(line[width]) || line[width] == '.')) ++width;
    const auto octets = split(line.substr(0, width), '.');
    std::string padded(line.substr(0, width));
    for (std::size_t k = octets.size(); k < 4; ++k) padded += ".0";
    const auto short_form = width > 0 && octets.size() < 4 ? Ipv4::parse(padded) : Ipv4::parse("");
    if (short_form) {
      const auto made = address(*short_form).to_string();
      const auto kept = split(made, '.');
      // With a prefix length all octets may be written; without one their number tells it.
      const bool prefixed = width < line.size() && line[width] == '/';
      std::vector<std::string> shown;
      for (std::size_t k = 0; k < (prefixed ? 4 : octets.size()); ++k) shown.emplace_back(kept[k]);
      out += join(shown, ".");
      out += text(line.substr(width));
    } else {
      out += text(line);
    }
    if (end < original.size()) out += '\n';
    at = end + 1;
  }
  return out;
}

// Names of people's machines stand in "_name"; what has "serial" in its key is replaced whole.
std::string Anonymiser::profiler(std::string_view original) const {
  const std::string clean = text(original);
  std::string out;
  std::size_t at = 0;
  const auto string_end = [&](std::size_t from) {
    while (from < clean.size() && clean[from] != '"') from += clean[from] == '\\' ? 2 : 1;
    return std::min(from, clean.size());
  };
  std::string key;
  bool after_colon = false;
  while (at < clean.size()) {
    const char c = clean[at];
    if (c != '"') {
      if (c == ':') after_colon = true;
      if (c == ',' || c == '{' || c == '[' || c == '}') after_colon = false;
      out += clean[at++];
      continue;
    }
    const std::size_t end = string_end(at + 1);
    const std::string value = clean.substr(at + 1, end - at - 1);
    std::string shown = value;
    if (!after_colon) {
      key = value;
    } else if (lower(key).find("serial") != std::string::npos) {
      shown = digits("serial", value);
      for (char& d : shown) {
        if (is_word(d) && !is_hex(d)) d = 'X';
      }
    } else if (key == "_name" && !value.starts_with("Mac") && !value.starts_with("iMac")) {
      shown = words(value);
    }
    out += '"' + shown + '"';
    at = end + 1;
  }
  return out;
}

std::string Anonymiser::record(std::string_view record, std::string_view original) const {
  if (record == "routes") return routes(original);
  if (record == "profiler") return profiler(original);
  if (record == "hostname" || record == "user" || record == "sudo") return words(original);
  if (record == "location") {
    const std::string_view name = trim(original);
    if (name == "Automatic" || name == "exo") return std::string(original);
    return "location\n";
  }
  return text(original);
}

namespace {

std::vector<Subnet> subnets_of(const Collection& collection, const model::Fleet& fleet) {
  std::vector<Subnet> out;
  const auto add = [&](const Subnet& subnet) {
    if (subnet.prefix() > 0 && subnet.prefix() < 32) out.push_back(subnet);
  };
  for (const model::Link& link : fleet.links) add(link.subnet);
  for (const model::Segment& segment : fleet.segments) add(segment.subnet);
  for (const CollectedNode& node : collection.nodes) {
    const auto facts = facts_of(node);
    if (!facts) continue;
    for (const platform::Interface& interface : facts->interfaces) {
      for (const auto& inet : interface.inet) add(inet.subnet());
    }
    for (const platform::Route& route : facts->routes) add(route.destination);
  }
  return out;
}

const Frame* frame_of(const CollectedNode& node, std::string_view name) {
  for (const Frame& frame : node.frames) {
    if (frame.name == name && frame.exit_status == 0) return &frame;
  }
  return nullptr;
}

void add_host(Anonymiser& anonymiser, std::string_view host, const std::string& replacement) {
  if (host.empty() || Ipv4::parse(host) || parse_ipv6(host)) return;
  const std::string_view first = label(host);
  if (first.size() < host.size()) {
    anonymiser.name(host, replacement + (lower(host).ends_with(".local") ? ".local" : ".example"));
  }
  anonymiser.name(first, replacement);
}

// The words that name nodes, hosts and users; nodes keep their order.
void add_names(Anonymiser& anonymiser, const Collection& collection, const model::Fleet& fleet) {
  for (std::size_t k = 0; k < fleet.nodes.size(); ++k) {
    anonymiser.name(fleet.nodes[k].name, fmt::format("node{}", k + 1));
  }
  std::vector<std::string> users;
  const auto add_user = [&](std::string_view user) {
    if (user.empty() || user == "root") return;
    users.emplace_back(user);
    anonymiser.name(user, fmt::format("user{}", users.size()));
  };
  for (std::size_t k = 0; k < fleet.nodes.size(); ++k) {
    add_host(anonymiser, fleet.nodes[k].ssh.host, fmt::format("node{}", k + 1));
    add_user(fleet.nodes[k].ssh.user);
  }
  for (std::size_t k = 0; k < fleet.proxies.size(); ++k) {
    anonymiser.name(fleet.proxies[k].name, fmt::format("proxy{}", k + 1));
    add_host(anonymiser, fleet.proxies[k].ssh.host, fmt::format("proxy{}", k + 1));
    add_user(fleet.proxies[k].ssh.user);
  }
  for (const CollectedNode& node : collection.nodes) {
    const auto index = fleet.node_index(node.name);
    if (const Frame* host = frame_of(node, "hostname"); host != nullptr && index) {
      add_host(anonymiser, trim(host->payload), fmt::format("node{}", *index + 1));
    }
    if (const Frame* user = frame_of(node, "user")) add_user(trim(user->payload));
  }
}

model::Fleet anonymous_fleet(const Anonymiser& anonymiser, const model::Fleet& fleet) {
  model::Fleet out = fleet;
  out.name = "fleet";
  out.source.clear();
  out.proxies.clear();
  out.groups.clear();
  out.expectations.clear();
  for (std::size_t k = 0; k < out.nodes.size(); ++k) {
    out.nodes[k].name = fmt::format("node{}", k + 1);
    out.nodes[k].ssh = {};
    out.nodes[k].via.clear();
    out.nodes[k].groups.clear();
  }
  for (model::Link& link : out.links) {
    link.subnet = anonymiser.subnet(link.subnet);
    for (model::LinkEnd& end : link.ends) end.address = anonymiser.address(end.address);
  }
  for (std::size_t k = 0; k < out.segments.size(); ++k) {
    model::Segment& segment = out.segments[k];
    segment.name = fmt::format("segment{}", k + 1);
    segment.subnet = anonymiser.subnet(segment.subnet);
    segment.routes_to.clear();
    for (model::SegmentMember& member : segment.members) {
      member.address = anonymiser.address(member.address);
    }
  }
  return out;
}

}  // namespace

Collection anonymised(const Collection& collection, const model::Fleet& fleet,
                      const std::string& key) {
  Anonymiser anonymiser(key, subnets_of(collection, fleet));
  add_names(anonymiser, collection, fleet);
  const model::Fleet other = anonymous_fleet(anonymiser, fleet);
  Collection out;
  out.fleet = other.name;
  out.inventory = model::inventory_text(other);
  out.anonymised = Anonymised::yes;
  for (const CollectedNode& node : collection.nodes) {
    CollectedNode made;
    const auto index = fleet.node_index(node.name);
    made.name = index ? other.nodes[*index].name : anonymiser.words(node.name);
    if (node.error) {
      made.error = Error{node.error->code, anonymiser.words(node.error->message),
                         anonymiser.words(node.error->hint)};
    }
    for (const Frame& frame : node.frames) {
      made.frames.push_back({frame.name, frame.exit_status, frame.truncated,
                             anonymiser.record(frame.name, frame.payload)});
    }
    out.nodes.push_back(std::move(made));
  }
  return out;
}

}  // namespace bringup::facts
