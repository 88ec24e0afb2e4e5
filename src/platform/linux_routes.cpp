#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "bringup/model/mac.hpp"
#include "bringup/platform/linux.hpp"
#include "bringup/util/text.hpp"
#include "linux_json.hpp"
#include "scan.hpp"

namespace bringup::platform::linux_kernel {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxEntries = 16384;

// "default", "10.0.0.9", "192.168.50.0/24".
std::optional<model::Subnet> destination_of(std::string_view text) {
  if (text == "default") return model::Subnet{};
  if (const auto host = model::Ipv4::parse(text)) return model::Subnet::containing(*host, 32);
  const auto subnet = model::Subnet::parse(text);
  return subnet ? std::optional(*subnet) : std::nullopt;
}

}  // namespace

Expected<std::vector<Route>> parse_ip_routes(std::string_view text) {
  constexpr std::string_view kWhat = "ip route";
  std::vector<Route> out;
  if (trim(text).empty()) return out;  // older versions print nothing for no route
  const auto document = list_in(text, kWhat, kMaxEntries);
  if (!document) return tl::unexpected(document.error());
  for (const Json& entry : *document) {
    if (!entry.is_object()) return malformed(kWhat, "a route that is no object", "");
    const std::string dst = text_of(entry, "dst");
    const std::string device = text_of(entry, "dev");
    if (device.empty() || !text_of(entry, "type").empty()) continue;
    const auto destination = destination_of(dst);
    if (!destination) return malformed(kWhat, "bad destination", dst);
    if (!is_device_name(device)) return malformed(kWhat, "bad name of an interface", device);
    const std::string gateway = text_of(entry, "gateway");
    if (!gateway.empty() && !model::Ipv4::parse(gateway)) {
      return malformed(kWhat, "bad gateway", gateway);
    }
    out.push_back({*destination, gateway, device});
  }
  return out;
}

Expected<std::vector<Neighbour>> parse_ip_neighbours(std::string_view text) {
  constexpr std::string_view kWhat = "ip neigh";
  std::vector<Neighbour> out;
  if (trim(text).empty()) return out;
  const auto document = list_in(text, kWhat, kMaxEntries);
  if (!document) return tl::unexpected(document.error());
  for (const Json& entry : *document) {
    if (!entry.is_object()) return malformed(kWhat, "an entry that is no object", "");
    const auto address = model::Ipv4::parse(text_of(entry, "dst"));
    const std::string device = text_of(entry, "dev");
    if (!address || !is_device_name(device)) continue;
    Neighbour one;
    one.address = *address;
    one.interface = device;
    one.mac = model::parse_mac(text_of(entry, "lladdr")).value_or("");
    for (const Json& state : list_of(entry, "state")) {
      if (!state.is_string()) continue;
      one.permanent = one.permanent || state.get<std::string>() == "PERMANENT";
      if (state.get<std::string>() == "FAILED") one.mac.clear();
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::map<std::string, double> parse_speeds(std::string_view text) {
  std::map<std::string, double> out;
  for (const std::string_view line : split_lines(text)) {
    const auto words = split_blank(line);
    constexpr std::string_view kUnit = "Mb/s";
    if (words.size() != 2 || !words[1].ends_with(kUnit) || !is_device_name(words[0])) continue;
    const std::string_view digits = words[1].substr(0, words[1].size() - kUnit.size());
    std::uint32_t mbps = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mbps);
    // Drivers that do not know say -1, some of them as a number without a sign.
    constexpr std::uint32_t kMost = 10'000'000;
    if (error != std::errc{} || stop != digits.data() + digits.size() || mbps == 0 ||
        mbps > kMost) {
      continue;
    }
    out.emplace(words[0], mbps / 1000.0);
  }
  return out;
}

std::vector<std::string> parse_resolv_conf(std::string_view text) {
  constexpr std::size_t kMost = 16;
  std::vector<std::string> out;
  for (const std::string_view line : split_lines(text)) {
    const auto words = split_blank(line);
    if (words.size() < 2 || words[0] != "nameserver" || out.size() == kMost) continue;
    out.push_back(printable(words[1], 64));
  }
  return out;
}

Expected<std::map<std::string, std::string>> parse_rdma_links(std::string_view text) {
  constexpr std::string_view kWhat = "rdma link";
  std::map<std::string, std::string> out;
  if (trim(text).empty()) return out;
  const auto document = list_in(text, kWhat, kMaxEntries);
  if (!document) return tl::unexpected(document.error());
  for (const Json& entry : *document) {
    if (!entry.is_object()) return malformed(kWhat, "a link that is no object", "");
    const std::string device = text_of(entry, "ifname");
    const std::string interface = text_of(entry, "netdev");
    if (is_device_name(device) && is_device_name(interface)) out.emplace(device, interface);
  }
  return out;
}

}  // namespace bringup::platform::linux_kernel
