#include "bringup/facts/anonymise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <numeric>
#include <optional>

#include "bringup/model/mac.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"
#include "identifiers.hpp"

namespace bringup::facts {
namespace {

using model::Ipv4;
using model::Subnet;

std::uint8_t byte_of(const std::string& digest, std::size_t at) {
  return static_cast<std::uint8_t>(digest.at(at));
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
  if (model::parse_mac(original)) return mac(original);
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
  if (record == "hostname" || record == "user" || record == "sudo" || record == "keeper.file") {
    return words(original);
  }
  if (record == "location") {
    const std::string_view name = trim(original);
    if (name == "Automatic" || name == "exo") return std::string(original);
    return "location\n";
  }
  return text(original);
}

}  // namespace bringup::facts
