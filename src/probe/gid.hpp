#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "bringup/probe/verbs.hpp"

namespace bringup::probe {

// As inet_ntop writes an IPv6 address: "::ffff:10.1.2.1", "fe80::1".
std::string gid_text(const Gid& gid);
std::optional<Gid> parse_gid(std::string_view text);
// The GID of a dotted IPv4 address: ::ffff:a.b.c.d.
std::optional<Gid> mapped_gid(std::string_view address);
bool is_empty(const Gid& gid);

}  // namespace bringup::probe
