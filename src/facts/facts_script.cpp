#include <string>

#include "bringup/facts/script.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/template.hpp"

namespace bringup::facts {
namespace {

// The profiler, by far the slowest, runs beside the other commands: the left side of the pipe
// frames its records straight to the script's stdout (descriptor 5) and writes nothing into the
// pipe; the right side waits for the pipe's end before it frames its own, so that frames never mix.
//
// No `ifconfig bridgeN` for bridge0 to 9: `ifconfig -a` prints every bridge with its members.
// Frame "guard": a guarded change (plan/guard.hpp) that is neither confirmed nor undone.
// The matrix file and the keeper's: status 127 stands for "no such file"; only a regular file is
// opened. "keeper.state": the node's time and boot, then what the keeper's last run wrote.
// launchctl(1): `print system/LABEL` fails for what is not loaded; root is not needed.
constexpr std::string_view kScript = R"sh(bf_read() {
  bf_record=$1
  bf_most=$2
  shift 2
  bu_run "$bf_record" "$bf_most" <SECONDS> "$@"
}
bf_file() {
  if [ -f "$2" ]; then
    bf_read "$1" 1048576 cat "$2"
  elif [ -e "$2" ] || [ -L "$2" ]; then
    bu_frame "$1" 1 'not a regular file'
  else
    bu_frame "$1" 127 ''
  fi
}
bf_keeper_loaded() {
  launchctl print system/<LABEL> >/dev/null 2>&1
}
bf_keeper_state() {
  date '+now %s'
  printf 'here %s\n' "$(sysctl -n kern.bootsessionuuid)"
  if [ -f <STATE> ]; then head -c 4096 <STATE>; fi
}
bf_keeper() {
  bf_file keeper.file <PLIST>
  bf_read keeper.loaded 4096 bf_keeper_loaded
  if [ -e <PLIST> ]; then bf_read keeper.state 8192 bf_keeper_state; fi
}
bf_darwin() {
  bf_read sw_vers 65536 sw_vers
  bf_read model 65536 sysctl -n hw.model
  bf_read ifconfig 1048576 ifconfig -a
  bf_read ports 1048576 networksetup -listallhardwareports
  bf_read location 65536 networksetup -getcurrentlocation
  bf_read services 65536 networksetup -listallnetworkservices
  bf_read routes 1048576 netstat -rn -f inet
  bf_read arp 1048576 arp -an
  bf_read forwarding 4096 sysctl -n net.inet.ip.forwarding
  bf_read rdma_ctl 65536 rdma_ctl status
  bf_read ibv_devices 65536 ibv_devices
  bf_read ibv_devinfo 1048576 ibv_devinfo -v
  if [ -e /Library/LaunchDaemons/io.exo.networksetup.plist ]; then bu_frame exo 0 present; fi
  bf_keeper
}
bf_netplan() {
  if [ -n "$(command -v netplan)" ]; then
    for bf_f in /etc/netplan/*.yaml /run/netplan/*.yaml /lib/netplan/*.yaml; do
      case $bf_f in */90-bringup-*) continue ;; esac
      if [ -e "$bf_f" ]; then printf '%s\n' "$bf_f"; fi
    done
  fi
}
bf_own_file() {
  printf '%s\n' "$1"
  if [ -r "$1" ]; then cat "$1"; else sudo -n cat "$1"; fi
}
bf_own_profile() {
  printf '<PROFILE>%s\n' "$1"
  nmcli -t -f connection.interface-name,connection.autoconnect,ipv4.method,ipv4.addresses,ipv4.never-default,ipv4.routes,802-3-ethernet.mtu connection show id "$1" || return
  nmcli -t -f NAME,FILENAME connection show | while IFS=: read -r bf_id bf_path; do
    if [ "$bf_id" = "$1" ]; then printf 'FILENAME:%s\n' "$bf_path"; fi
  done
}
bf_own() {
  for bf_f in /etc/netplan/90-bringup-*.yaml /run/netplan/90-bringup-*.yaml \
    /etc/systemd/network/00-bringup-*.network /run/systemd/network/00-bringup-*.network \
    /etc/systemd/system/bringup-*.service /etc/sysctl.d/90-bringup.conf; do
    if [ -e "$bf_f" ]; then bf_read own 65536 bf_own_file "$bf_f"; fi
  done
  if [ -n "$bf_nm" ]; then
    for bf_f in $(nmcli -t -f NAME connection show | grep '^bringup-[A-Za-z0-9._-]*$' | head -n 64); do
      bf_read own 65536 bf_own_profile "$bf_f"
    done
  fi
}
bf_speeds() {
  for bf_f in /sys/class/net/*; do
    bf_i=${bf_f##*/}
    if [ -n "$(command -v ethtool)" ]; then
      case $(ethtool -i "$bf_i" 2>/dev/null) in
        *'bus-info: '[0-9a-zA-Z]*) printf '%s %s\n' "$bf_i" "$(ethtool "$bf_i" 2>/dev/null | sed -n 's/^[[:blank:]]*Speed: //p')" ;;
      esac
    elif [ -e "$bf_f/device" ]; then
      printf '%s %sMb/s\n' "$bf_i" "$(cat "$bf_f/speed" 2>/dev/null)"
    fi
  done
}
bf_linux() {
  bf_read os_release 65536 cat /etc/os-release
  bf_read ip_addr 1048576 ip -d -j addr
  bf_read ip_route 1048576 ip -j -4 route show table main
  bf_read ip_neigh 1048576 ip -j -4 neigh
  bf_read forwarding 4096 cat /proc/sys/net/ipv4/ip_forward
  bf_read nm 1048576 nmcli -t -f DEVICE,STATE,CON-UUID,CONNECTION device
  bf_nm=
  if [ "$bf_status" -eq 0 ]; then bf_nm=yes; fi
  bf_read networkctl 1048576 networkctl list --no-legend --no-pager
  bf_read netplan 65536 bf_netplan
  bf_own
  bf_read speeds 65536 bf_speeds
  bf_read ibv_devinfo 1048576 ibv_devinfo -v
  bf_read rdma_link 1048576 rdma -j link
}
bf_guards() {
  for bf_f in "${HOME-}"/.bringup/guard/*/armed "${HOME-}"/.bringup/guard/*/rolling-back; do
    if [ -e "$bf_f" ]; then bu_frame guard 0 "$bf_f"; fi
  done
}
bf_profiler() {
  bf_capture 4194304 <SECONDS> system_profiler SPThunderboltDataType -json
  while read -r _; do :; done
  bu_frame profiler "$bf_status" "$bf_text" "$bf_flags"
}
bf_facts() {
  bf_read uname 65536 uname -s
  bf_os=$bf_text
  bf_read hostname 65536 uname -n
  bf_read user 65536 id -un
  bu_frame session 0 "${SSH_CONNECTION:-}"
  bf_guards
  bf_read sudo 65536 sudo -n true
  bf_file matrix <PATH>
  bf_file resolv /etc/resolv.conf
  case $bf_os in
    Darwin*) <DARWIN> ;;
    Linux*) bf_linux ;;
  esac
  bu_frame end 0 ''
}
bf_facts
)sh";

}  // namespace

std::string facts_script(const ScriptOptions& options) {
  const std::string darwin = options.profiler == Profiler::skip
                                 ? "bf_darwin"
                                 : "{ { bf_darwin >&5; } | bf_profiler; } 5>&1";
  return frame_functions(options.nonce) +
         fill(kScript, {{"<PATH>", shell_quote(options.ibv_path)},
                        {"<SECONDS>", std::to_string(options.command_seconds)},
                        {"<DARWIN>", darwin},
                        {"<PROFILE>", std::string(kOwnProfile)},
                        {"<LABEL>", std::string(kKeeperLabel)},
                        {"<PLIST>", std::string(kKeeperPlist)},
                        {"<STATE>", std::string(kKeeperState)}});
}

}  // namespace bringup::facts
