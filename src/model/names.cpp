#include "names.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "bringup/model/address.hpp"
#include "bringup/util/text.hpp"

namespace bringup::model {
namespace {

constexpr std::size_t longest_interface = 15;  // IFNAMSIZ less its terminator, on every system
constexpr std::size_t longest_name = 63;
constexpr std::size_t longest_host = 255;
constexpr std::size_t longest_path = 1000;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_word(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool contains_any(std::string_view text, std::string_view characters) {
  return text.find_first_of(characters) != std::string_view::npos;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

std::optional<Refusal> check_path(std::string_view what, std::string_view path) {
  if (path.empty() || path.size() > longest_path || has_control(path)) {
    return Refusal{fmt::format("{} {} is not a usable path", what, quoted(path)),
                   "a path without line breaks or control characters, at most 1000 bytes long"};
  }
  return std::nullopt;
}

}  // namespace

std::string quoted(std::string_view text) {
  return fmt::format("'{}'", printable(text, 120));
}

std::optional<Refusal> check_name(std::string_view what, std::string_view name) {
  if (name.empty()) {
    return Refusal{fmt::format("empty {} name", what), fmt::format("give the {} a name", what)};
  }
  if (!is_word(name, longest_name)) {
    return Refusal{fmt::format("{} is not a usable {} name", quoted(name), what),
                   "letters, digits, '.', '_' and '-', starting with a letter or a digit, at most "
                   "63 of them"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_interface(std::string_view name) {
  if (!is_word(name, longest_interface)) {
    return Refusal{fmt::format("{} is not an interface name", quoted(name)),
                   "the name that ifconfig or ip shows, like en3: letters, digits, '.', '_' and "
                   "'-', at most 15 of them"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_device(std::string_view name) {
  if (!is_word(name, longest_name)) {
    return Refusal{fmt::format("{} is not an RDMA device name", quoted(name)),
                   "the name that ibv_devices shows, like rdma_en3"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_host(std::string_view host) {
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) {
    return Refusal{
        fmt::format("host {} has a user in it", quoted(host)),
        fmt::format("put the user in its own key: user = {}", quoted(host.substr(0, at)))};
  }
  const bool fits = std::all_of(host.begin(), host.end(), [](char c) {
    return is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 ||
           std::string_view("._-:%+").find(c) != std::string_view::npos;
  });
  if (host.empty() || host.size() > longest_host || host.front() == '-' || !fits) {
    return Refusal{fmt::format("{} is not a host", quoted(host)),
                   "a host name, an address or an alias of ~/.ssh/config: no blanks, no shell "
                   "characters, no leading '-'"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_user(std::string_view user) {
  if (user.empty() || user.size() > longest_name || user.front() == '-' || has_control(user) ||
      contains_any(user, " \"'`$;&|<>(){}:/")) {
    return Refusal{fmt::format("{} is not a user name", quoted(user)),
                   "the account to log in as: no blanks, no shell characters, no leading '-'"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_identity_file(std::string_view path) {
  return check_path("identity_file", path);
}

std::optional<Refusal> check_host_key(std::string_view fingerprint) {
  constexpr std::string_view prefix = "SHA256:";
  constexpr std::size_t digits = 43;  // 32 bytes in base64 without padding
  const std::string_view body = fingerprint.substr(std::min(prefix.size(), fingerprint.size()));
  const bool base64 = std::all_of(body.begin(), body.end(),
                                  [](char c) { return is_alnum(c) || c == '+' || c == '/'; });
  if (fingerprint.substr(0, prefix.size()) != prefix || body.size() != digits || !base64) {
    return Refusal{fmt::format("host_key {} is not a SHA-256 fingerprint", quoted(fingerprint)),
                   "what 'ssh-keygen -lf' prints: SHA256: and 43 characters"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_ibv_path(std::string_view path) {
  if (auto refusal = check_path("ibv_path", path)) {
    return refusal;
  }
  if (path.front() != '/' || path.back() == '/') {
    return Refusal{fmt::format("ibv_path {} is not an absolute path of a file", quoted(path)),
                   "start at the root, like /tmp/mlx_ibv_devices.json"};
  }
  return std::nullopt;
}

std::optional<Refusal> check_zoned_address(std::string_view address) {
  const Refusal refusal{fmt::format("{} is no address to connect to", quoted(address)),
                        "like 10.10.0.1, or fe80::1%en5 with the interface of those that connect"};
  if (Ipv4::parse(address)) return std::nullopt;
  const std::size_t percent = address.find('%');
  const std::string host(address.substr(0, percent));
  in6_addr parsed{};
  if (address.size() > 64 || ::inet_pton(AF_INET6, host.c_str(), &parsed) != 1) return refusal;
  const bool local = parsed.s6_addr[0] == 0xfe && (parsed.s6_addr[1] & 0xc0) == 0x80;
  if (percent == std::string_view::npos) {
    if (!local) return std::nullopt;
    return Refusal{fmt::format("{} is link-local and says no interface", quoted(address)),
                   fmt::format("{}%en5, with the interface of those that connect", host)};
  }
  if (check_interface(address.substr(percent + 1))) return refusal;
  return std::nullopt;
}

std::optional<Refusal> check_url_path(std::string_view path) {
  const bool plain =
      path.size() <= 1000 && path.starts_with('/') &&
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (plain) return std::nullopt;
  return Refusal{fmt::format("{} is no path of a URL", quoted(path)),
                 "from the first '/' on, in printable ASCII without blanks: \"/health\""};
}

}  // namespace bringup::model
