"""The read-only layers below every node's root: what all nodes share, and what makes a Mac."""

import os
import shutil
import stat
import subprocess
import sys

from . import linux
from .kernel import write
from .router import resolv_conf

LAUNCHD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "mac",
                       "launchd.py")
UID = 1999
PASSWORD = "lab-password"
# `openssl passwd -6 -salt labsalt lab-password`
PASSWORD_HASH = ("$6$labsalt$7q5WcrqGiXe9t4NqzUCXSjXviufqgcnDIUsslgol0pBGXuN9K"
                 "AvjtVPw4MwK4zK3.kVyl/JkP6hwBZrvg2QOW/")

# What a Mac does not have. Shells and POSIX utilities stay.
HIDDEN = """ip bridge tc ss timeout setsid nproc free systemctl systemd-run rdma ethtool lsusb lspci
    flock getent numactl lscpu lsblk python3 nft iptables unshare nsenter stdbuf tac ionice chrt
    ibv_devices ibv_devinfo ibv_asyncwatch ibv_rc_pingpong ibv_uc_pingpong ibv_ud_pingpong
    ibv_srq_pingpong ibv_xsrq_pingpong iperf3 ifconfig route netstat arp ping ping4 ping6 uname
    stat sysctl
    hostnamectl journalctl
    NetworkManager nmcli nmtui nm-online netplan networkctl networkd-dispatcher resolvectl udevadm
    dbus-daemon dbus-send busctl bridge-utils brctl traceroute tracepath arping lsof""".split()

# Where the Mac keeps each of its own; the rest go to /usr/bin.
SBIN = {"ifconfig", "ping", "route", "netstat", "arp", "networksetup", "system_profiler", "sysctl",
        "ipconfig", "scutil", "nvram", "traceroute"}
FIREWALL = "usr/libexec/ApplicationFirewall"

HOMEBREW = "/opt/homebrew/bin"

# The Mac's nc has -G, seconds for making the connection; its -w is about what stands already.
NC = """#!/bin/sh
limit=
while [ $# -gt 0 ]; do
  case $1 in
    -G) limit="-w $2"; shift 2 ;;
    -w) shift 2 ;;
    -[nvz]) kept="${kept-} $1"; shift ;;
    *) break ;;
  esac
done
exec /usr/libexec/lab-nc $limit ${kept-} "$@"
"""

SUDOERS = """Defaults env_reset
Defaults secure_path="/usr/bin:/bin:/usr/sbin:/sbin"
root ALL=(ALL) ALL
{line}
@includedir /etc/sudoers.d
"""

PAM = """auth required pam_unix.so nodelay
account required pam_unix.so
session required pam_permit.so
"""

SSHD = """Port 22
ListenAddress 0.0.0.0
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication {password}
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel INFO
Subsystem sftp internal-sftp
"""
MAC_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


def sudoers(user, mode):
    line = {"nopasswd": f"{user} ALL=(ALL) NOPASSWD: ALL",
            "password": f"{user} ALL=(ALL) ALL",
            "none": "# nobody else"}[mode]
    return SUDOERS.format(line=line)


def sshd_config(node):
    text = SSHD.format(password="yes" if node.ssh_auth == "password" else "no")
    # Non-interactive SSH on a Mac knows neither /usr/local/bin nor Homebrew.
    return text + (f"SetEnv PATH={MAC_PATH}\n" if node.mac else "")


def home_of(node):
    return f"/Users/{node.user}" if node.mac else f"/home/{node.user}"


def _whiteout(path):
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))


def opaque(path):
    """A folder of an upper layer through which nothing of the lower one shows."""
    os.makedirs(path, exist_ok=True)
    os.setxattr(path, "trusted.overlay.opaque", b"y")


def build_common(layer):
    """For every node: no keys, sudo rules, root's files or daemons of the machine show through."""
    for folder in ("etc/sudoers.d", "etc/ssh", "root", "var/tmp"):
        opaque(f"{layer}/{folder}")
    os.chmod(f"{layer}/var/tmp", 0o1777)
    os.chmod(f"{layer}/root", 0o700)
    os.chmod(f"{layer}/var/tmp", 0o1777)
    os.chmod(f"{layer}/etc/sudoers.d", 0o755)
    linux.build_common(layer, opaque)
    os.makedirs(f"{layer}/etc/pam.d")
    os.makedirs(f"{layer}/.lab")
    write(f"{layer}/etc/pam.d/sudo", PAM)
    write(f"{layer}/etc/pam.d/sudo-i", PAM)
    write(f"{layer}/etc/resolv.conf", "")
    write(f"{layer}/etc/nsswitch.conf",
          "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")


def build_mac(layer, lab_mac, verbs):
    """verbs "rxe": the machine's own ibv tools stay."""
    opaque(f"{layer}/opt")
    os.makedirs(layer + HOMEBREW)
    if os.path.exists("/usr/bin/iperf3"):
        shutil.copy("/usr/bin/iperf3", f"{layer}{HOMEBREW}/iperf3")
    for folder in ("usr/bin", "usr/sbin", "usr/libexec", FIREWALL, "private/tmp", "Users",
                   "Library/LaunchDaemons", "Library/Application Support"):
        os.makedirs(f"{layer}/{folder}")
    os.symlink("private/tmp", f"{layer}/tmp")
    real = "ibv_" if verbs == "rxe" else "\0"
    for name in HIDDEN:
        if name.startswith(real):
            continue
        for folder in ("usr/bin", "usr/sbin"):
            if os.path.lexists(f"/{folder}/{name}"):
                _whiteout(f"{layer}/{folder}/{name}")
    if os.path.exists("/usr/bin/nc"):
        shutil.copy("/usr/bin/nc", f"{layer}/usr/libexec/lab-nc")
        write(f"{layer}/usr/bin/nc", NC)
        os.chmod(f"{layer}/usr/bin/nc", 0o755)
    if os.path.exists("/usr/bin/lsof"):
        shutil.copy("/usr/bin/lsof", f"{layer}/usr/sbin/lsof")
    shutil.copy(lab_mac, f"{layer}/usr/libexec/lab-mac")
    # The machine's python3 is hidden by its name alone.
    os.symlink(os.path.realpath(sys.executable), f"{layer}/usr/libexec/lab-python")
    shutil.copy(LAUNCHD, f"{layer}/usr/libexec/lab-launchd")
    listed = subprocess.run([lab_mac, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if name.startswith(real):
            continue
        folder = "usr/sbin" if name in SBIN else "usr/bin"
        if name == "socketfilterfw":
            folder = FIREWALL
        path = f"{layer}/{folder}/{name}"
        if os.path.lexists(path):
            os.unlink(path)  # a whiteout of the machine's own
        os.symlink("/usr/libexec/lab-mac", path)


def build_upper(fleet, node, upper, host_key, authorized, hosts_text):
    """What only this node has."""
    for folder in ("etc/ssh", "usr/bin"):
        os.makedirs(f"{upper}/{folder}")
    home = upper + home_of(node)
    os.makedirs(f"{home}/.ssh")
    write(f"{home}/.ssh/authorized_keys", authorized)
    for path in (home, f"{home}/.ssh", f"{home}/.ssh/authorized_keys"):
        os.chown(path, UID, UID)
    os.chmod(f"{home}/.ssh", 0o700)
    write(f"{upper}/etc/hostname", node.name + "\n")
    write(f"{upper}/etc/hosts", hosts_text)
    write(f"{upper}/etc/ssh/sshd_config", sshd_config(node))
    shutil.copyfile(host_key, f"{upper}/etc/ssh/ssh_host_ed25519_key")
    os.chmod(f"{upper}/etc/ssh/ssh_host_ed25519_key", 0o600)
    write(f"{upper}/etc/sudoers", sudoers(node.user, node.sudo))
    os.chmod(f"{upper}/etc/sudoers", 0o440)
    _add_user(node, upper)
    if node.mac:
        os.symlink(node.sh, f"{upper}/usr/bin/sh")
    else:
        linux.build_upper(fleet, node, upper)
    way_out = fleet.router_of(node)
    if way_out:
        write(f"{upper}/etc/nsswitch.conf",
              "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")
        if not node.daemon:
            write(f"{upper}/etc/resolv.conf", resolv_conf(way_out[1].router_address))
    for name in node.missing:
        folder = "usr/sbin" if name in SBIN else "usr/bin"
        os.makedirs(f"{upper}/{folder}", exist_ok=True)
        _whiteout(f"{upper}/{folder}/{name}")


def _add_user(node, upper):
    user = node.user
    for name, line, mode in (
            ("passwd", f"{user}:x:{UID}:{UID}::{home_of(node)}:{node.shell}", 0o644),
            ("group", f"{user}:x:{UID}:", 0o644),
            ("shadow", f"{user}:{PASSWORD_HASH}:19000:0:99999:7:::", 0o640)):
        with open(f"/etc/{name}", encoding="utf-8") as f:
            kept = [l for l in f.read().splitlines() if not l.startswith(user + ":")]
        write(f"{upper}/etc/{name}", "\n".join(kept + [line]) + "\n")
        os.chmod(f"{upper}/etc/{name}", mode)
