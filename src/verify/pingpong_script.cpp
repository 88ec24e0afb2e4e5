#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "bringup/model/address.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/verify/pingpong.hpp"

namespace bringup::verify {
namespace {

// bu_place prints "DEVICE INDEX" of the GID that is ADDRESS's, or nothing. An adapter that has it
// for both RoCE versions is used with version 2. The alarm kills what waits for ever: a lost UC
// message is never sent again. Where there is no perl, bu_run's own limit does it.
constexpr std::string_view kFunctions = R"sh(
bu_place() {
  if [ -n "$1" ]; then set -- "$2" -v -d "$1"; else set -- "$2" -v; fi
  bu_gid="::ffff:$1"
  shift
  ibv_devinfo "$@" 2>/dev/null | awk -v want="$bu_gid" '
    $1 == "hca_id:" { device = $2 }
    /GID\[ *[0-9]+\]:/ {
      at = $0
      sub(/^.*GID\[ */, "", at)
      index_ = at
      sub(/\].*$/, "", index_)
      sub(/^[^:]*:[ \t]*/, "", at)
      version = at
      sub(/[, \t].*$/, "", at)
      if (at != want) next
      if (found == "" || (!second && version ~ /RoCE v2/)) found = device " " index_
      if (version ~ /RoCE v2/) second = 1
    }
    END { if (found != "") print found }'
}
bu_pingpong() {
  bu_limit=$1
  shift
  if command -v perl >/dev/null 2>&1; then
    perl -e 'alarm shift; exec @ARGV or exit 127' "$bu_limit" "$@"
  else
    "$@"
  fi
}
bu_client() {
  bu_left=10
  while :; do
    bu_said=$(bu_pingpong "$@" 2>&1)
    bu_rc=$?
    bu_left=$((bu_left - 1))
    case $bu_said in
      *'remote address:'*) break ;;
    esac
    if [ "$bu_rc" -ge 126 ] || [ "$bu_left" -le 0 ]; then break; fi
    sleep 0.5
  done
  printf '%s\n' "$bu_said"
  return "$bu_rc"
}
)sh";

void must_be_address(const std::string& address) {
  if (!model::Ipv4::parse(address)) throw std::invalid_argument("not an IPv4 address");
}

void must_be_device(const std::string& device) {
  const bool plain = std::all_of(device.begin(), device.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (!plain || (!device.empty() && device.front() == '-'))
    throw std::invalid_argument("not a device's name");
}

}  // namespace

std::string pingpong_script(PingpongRole role, const PingpongSpec& spec, const std::string& nonce) {
  must_be_address(spec.address);
  must_be_device(spec.device);
  const bool client = role == PingpongRole::client;
  if (client) must_be_address(spec.peer);
  const std::string tool = "ibv_" + std::string(to_string(spec.qp)) + "_pingpong";
  std::string script = facts::frame_functions(nonce);
  script += kFunctions;
  script +=
      fmt::format(R"sh(
bu_found=$(bu_place {} {})
bu_frame place 0 "$bu_found"
if [ -n "$bu_found" ]; then
  if command -v {tool} >/dev/null 2>&1; then
    bu_run {tool} 4096 {} {} {} {tool} -d "${{bu_found% *}}" -g "${{bu_found#* }}" -p {} -n {} -s {}{}
  else
    bu_frame {tool} 127 ""
  fi
fi
bu_frame end 0 ""
)sh",
                  shell_quote(spec.device), spec.address, spec.seconds + 5,
                  client ? "bu_client" : "bu_pingpong", spec.seconds, spec.port, spec.iterations,
                  spec.bytes, client ? " " + spec.peer : "", fmt::arg("tool", tool));
  return script;
}

}  // namespace bringup::verify
