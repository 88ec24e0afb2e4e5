#include "bringup/model/mac.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "scan.hpp"

namespace bringup::platform::darwin {

Expected<std::vector<Neighbour>> parse_arp(std::string_view text) {
  std::vector<Neighbour> out;
  for (const std::string_view line : split_lines(text)) {
    if (line.size() > kMaxLine) return malformed("arp", "line too long", line);
    const auto words = split_blank(line);
    if (words.empty()) continue;
    if (words.size() < 6 || words[2] != "at" || words[4] != "on" || words[1].size() < 3) {
      return malformed("arp", "not an entry", line);
    }
    const auto address = model::Ipv4::parse(words[1].substr(1, words[1].size() - 2));
    if (!address || !is_device_name(words[5])) return malformed("arp", "not an entry", line);
    if (out.size() == kMaxRoutes) return malformed("arp", "too many entries", line);
    Neighbour one;
    one.address = *address;
    one.interface = words[5];
    one.mac = model::parse_mac(words[3]).value_or("");
    for (const std::string_view word : words) one.permanent = one.permanent || word == "permanent";
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace bringup::platform::darwin
