#include "pipeline.hpp"

namespace bringup::verify {

const std::string_view kKeepFunctions = R"sh(
bu_keep() {
  bu_most=$1
  shift
  { bu_timed "$@"; printf '\nbu_rc=%s' "$?"; } | tail -c "$bu_most"
}
bu_mtu_of() {
  bu_timed 5 "$@" | sed -n 's/.* mtu \([0-9]\{1,6\}\).*/\1/p' | head -n 1
}
bu_part() {
  bu_status=${2##*bu_rc=}
  bu_frame "$1" "${bu_status:-127}" "${2%?bu_rc=*}"
}
)sh";

std::string pipeline(const std::vector<std::string>& stages) {
  std::string text;
  for (const std::string& stage : stages) {
    text += (text.empty() ? "" : " |\n") + stage;
    if (&stage == &stages.front()) text += " </dev/null";
  }
  return text.empty() ? text : text + "\n";
}

}  // namespace bringup::verify
