#pragma once
// What names may look like. Each check returns why a name is refused, or nothing. These names reach
// command lines, configuration files and terminals, so they are kept narrower than any of those.
#include <optional>
#include <string>
#include <string_view>

namespace bringup::model {

struct Refusal {
  std::string message;
  std::string cure;
};

std::optional<Refusal> check_name(std::string_view what, std::string_view name);
std::optional<Refusal> check_interface(std::string_view name);
std::optional<Refusal> check_device(std::string_view name);
std::optional<Refusal> check_host(std::string_view host);
std::optional<Refusal> check_user(std::string_view user);
std::optional<Refusal> check_identity_file(std::string_view path);
std::optional<Refusal> check_host_key(std::string_view fingerprint);
std::optional<Refusal> check_ibv_path(std::string_view path);
// "10.10.0.1", "fe80::1%en5", "fd00::7": an address to connect to, perhaps with a zone.
std::optional<Refusal> check_zoned_address(std::string_view address);
std::optional<Refusal> check_url_path(std::string_view path);

// For messages: the text, fit for a terminal, in quotes.
std::string quoted(std::string_view text);

}  // namespace bringup::model
