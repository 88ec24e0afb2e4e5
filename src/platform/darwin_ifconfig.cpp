#include <algorithm>
#include <bit>
#include <charconv>

#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"

namespace bringup::platform::darwin {
namespace {

constexpr std::size_t kMaxInterfaces = 1024;

template <class T>
std::optional<T> number(std::string_view text, int base) {
  T value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0xfffffffc" (or a dotted mask) to 30; a mask with holes is none.
std::optional<int> prefix_of(std::string_view mask) {
  std::optional<std::uint32_t> bits;
  if (mask.substr(0, 2) == "0x") {
    bits = number<std::uint32_t>(mask.substr(2), 16);
  } else if (auto dotted = model::Ipv4::parse(mask)) {
    bits = dotted->value();
  }
  if (!bits) return std::nullopt;
  const int ones = std::countl_one(*bits);
  if (*bits != model::Subnet::mask_of(ones)) return std::nullopt;
  return ones;
}

// "en5: flags=8863<UP,BROADCAST> mtu 1500"
bool parse_head(std::string_view line, Interface& out) {
  const std::size_t colon = line.find(": flags=");
  if (colon == std::string_view::npos || colon == 0 || colon > 31) return false;
  out.name = std::string(line.substr(0, colon));
  if (out.name.find_first_of(" \t/") != std::string::npos) return false;
  const std::size_t open = line.find('<', colon);
  const std::size_t close = line.find('>', colon);
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return false;
  for (const std::string_view flag : split(line.substr(open + 1, close - open - 1), ',')) {
    if (!flag.empty()) out.flags.emplace_back(flag);
  }
  out.up = std::find(out.flags.begin(), out.flags.end(), "UP") != out.flags.end();
  const std::size_t mtu = line.find(" mtu ", close);
  if (mtu == std::string_view::npos) return false;
  const auto words = split_blank(line.substr(mtu + 5));
  const auto value = words.empty() ? std::nullopt : number<std::uint32_t>(words[0], 10);
  if (!value) return false;
  out.mtu = *value;
  return true;
}

// "inet 10.254.0.1 netmask 0xfffffffc broadcast …" and "inet 10.0.0.1 --> 10.0.0.2 netmask 0x…"
bool parse_inet(const std::vector<std::string_view>& words, Interface& out) {
  auto address = words.size() < 4 ? Expected<model::Ipv4>(fail(ErrorCode::parse, "short"))
                                  : model::Ipv4::parse(words[1]);
  const auto at = std::find(words.begin(), words.end(), "netmask");
  if (!address || at == words.end() || at + 1 == words.end()) return false;
  const auto prefix = prefix_of(*(at + 1));
  if (!prefix) return false;
  out.inet.push_back({*address, *prefix});
  return true;
}

}  // namespace

Expected<Ifconfig> parse_ifconfig(std::string_view text) {
  Ifconfig out;
  Bridge* bridge = nullptr;
  const auto broken = [](std::string_view line) {
    return fail(ErrorCode::parse, "ifconfig printed a line that cannot be understood: '" +
                                      printable(line, 120) + "'");
  };
  for (const std::string_view line : split_lines(text)) {
    if (trim(line).empty()) continue;
    if (line[0] != '\t' && line[0] != ' ') {
      Interface next;
      if (!parse_head(line, next)) return broken(line);
      if (out.interfaces.size() == kMaxInterfaces) {
        return fail(ErrorCode::parse, "ifconfig lists more than 1024 interfaces");
      }
      bridge = nullptr;
      if (next.name.rfind("bridge", 0) == 0) {
        out.bridges.push_back({next.name, {}});
        bridge = &out.bridges.back();
      }
      out.interfaces.push_back(std::move(next));
      continue;
    }
    if (out.interfaces.empty()) return broken(line);
    Interface& current = out.interfaces.back();
    const auto words = split_blank(line);
    const std::string_view key = words[0];
    if (key == "ether" && words.size() >= 2) {
      current.ether = std::string(words[1]);
      std::transform(current.ether.begin(), current.ether.end(), current.ether.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    } else if (key == "inet") {
      if (!parse_inet(words, current)) return broken(line);
    } else if (key == "inet6" && words.size() >= 2) {
      current.inet6.emplace_back(words[1]);
    } else if (key == "status:" && words.size() >= 2) {
      current.active = words[1] == "active";
    } else if (key == "member:" && words.size() >= 2 && bridge != nullptr) {
      bridge->members.emplace_back(words[1]);
    }
  }
  return out;
}

// Formats of the messages: Apple's ifconfig and ifbridge sources, and captures.
std::optional<IfconfigFailure> classify_ifconfig(int exit_status, std::string_view text) {
  const auto says = [&](std::string_view words) {
    return text.find(words) != std::string_view::npos;
  };
  if (says("does not exist") || says("Device not configured") || says("no such interface")) {
    return IfconfigFailure::no_interface;
  }
  if (says("ermission denied") || says("Operation not permitted")) {
    return IfconfigFailure::not_permitted;
  }
  if (says("BRDGDEL")) return IfconfigFailure::not_a_member;
  if (says("Invalid argument") || says("bad value")) return IfconfigFailure::invalid;
  if (says("ioctl (SIOC") || exit_status != 0) return IfconfigFailure::other;
  return std::nullopt;
}

}  // namespace bringup::platform::darwin
