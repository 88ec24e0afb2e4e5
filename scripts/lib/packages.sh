# shellcheck shell=sh
# Debian packages that the project needs, and the one function that installs what is missing.

PACKAGES_BUILD="g++ cmake ninja-build ccache pkg-config libssh-dev libcli11-dev nlohmann-json3-dev \
libtomlplusplus-dev libspdlog-dev libfmt-dev libexpected-dev libibverbs-dev libssl-dev \
libgtest-dev libgmock-dev libgrpc++-dev"
PACKAGES_LAB="openssh-server openssh-client iproute2 iputils-ping sudo nftables python3 procps iperf3 \
netcat-openbsd openssl dbus network-manager netplan.io ethtool lsof"
PACKAGES_VM="qemu-system-x86 busybox-static zstd ibverbs-utils ibverbs-providers"
# The instrumented builds: clang takes less than half of the time that g++ does.
PACKAGES_CLANG="clang libclang-rt-14-dev"
PACKAGES_TEST="$PACKAGES_CLANG shellcheck dash clang-format clang-tidy gcovr git"
PACKAGES_BENCH="clustershell pdsh pssh ansible-core"

# ensure_packages NAME...: installs those that dpkg does not know, quietly; explains itself when it may not.
ensure_packages() {
  missing=""
  if ! command -v dpkg-query >/dev/null 2>&1; then
    return 0 # not Debian: the README names the packages of Homebrew
  fi
  for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  echo "installing:$missing" >&2
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "these packages are missing; install them and run this again:" >&2
      echo "  sudo apt-get install --no-install-recommends$missing" >&2
      return 1
    fi
    as_root="sudo -n"
  fi
  # A lab must not meet services that a package started: policy-rc.d would be the container way, but
  # it is the machine's own file. sshd of the system listens on 22 of the root namespace only.
  log=$(mktemp)
  # shellcheck disable=SC2086 # words on purpose
  if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
    >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
