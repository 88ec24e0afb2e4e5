// Who waits for connections on a node.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "bringup/util/text.hpp"
#include "bringup/verify/services.hpp"

namespace bringup::verify {
namespace {

constexpr std::size_t kMaxListeners = 256;

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// "[fe80::1]%eth0" and "[::]" without brackets. Unset: what stands there is no address.
std::optional<std::string> plain(std::string_view address) {
  std::string out;
  for (const char c : address) {
    if (c != '[' && c != ']') out += c;
  }
  const bool known = std::all_of(out.begin(), out.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == ':' || c == '%' || c == '*' || c == '_' || c == '-';
  });
  if (out.empty() || out.size() > 80 || !known) return std::nullopt;
  return out;
}

std::optional<Listener> listener(std::string_view local, char separator) {
  const auto at = local.rfind(separator);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const auto port = port_of(local.substr(at + 1));
  const auto address = plain(local.substr(0, at));
  if (!port || !address) return std::nullopt;
  return Listener{*address, *port};
}

// The columns that tell the three formats apart.
std::optional<Listener> of_line(std::string_view line) {
  const auto words = split_blank(line);
  if (words.size() >= 4 && words[0] == "LISTEN") return listener(words[3], ':');
  const bool netstat = words.size() >= 6 && words[0].starts_with("tcp") && words[5] == "LISTEN";
  if (!netstat) return std::nullopt;
  // A Mac's names say which version of IP they are of: tcp4, tcp6, tcp46. Linux has tcp and tcp6,
  // and a colon before the port.
  const bool linux_kernel = words[4].ends_with(":*");
  return listener(words[3], linux_kernel ? ':' : '.');
}

}  // namespace

std::string listeners_script(const std::vector<std::uint16_t>& ports, const std::string& nonce,
                             facts::Os os, FirewallAsk ask) {
  std::string pattern;
  for (const auto port : ports) pattern += fmt::format("{}{}", pattern.empty() ? "" : "|", port);
  const std::string keep = fmt::format("grep -E '[.:]({})[[:blank:]].*' || :", pattern);
  std::string script = facts::frame_functions(nonce);
  if (os == facts::Os::darwin) {
    script += fmt::format(
        "bu_listeners() {{\n"
        "  bu_all=$(netstat -an -p tcp) || return 1\n"
        "  printf '%s\\n' \"$bu_all\" | grep LISTEN | {}\n"
        "}}\n",
        keep);
  } else {
    script += fmt::format(
        "bu_listeners() {{\n"
        "  bu_all=$(ss -Hltn 2>/dev/null || netstat -ltn) || return 1\n"
        "  printf '%s\\n' \"$bu_all\" | {}\n"
        "}}\n",
        keep);
  }
  script += "bu_run listeners 16384 5 bu_listeners\n";
  script += firewall_script(os, ask);
  return script + "bu_frame end 0 ''\n";
}

std::vector<Listener> parse_listeners(std::string_view text) {
  std::vector<Listener> found;
  for (const std::string_view line : split_lines(text)) {
    if (found.size() >= kMaxListeners) break;
    if (auto one = of_line(line)) found.push_back(*std::move(one));
  }
  return found;
}

ServerSide read_server_side(const std::vector<facts::Frame>& frames) {
  ServerSide side;
  for (const auto& frame : frames) {
    if (frame.name == "listeners" && frame.exit_status == 0) {
      side.listeners = parse_listeners(frame.payload);
    }
  }
  side.firewall = read_firewall(frames);
  return side;
}

}  // namespace bringup::verify
