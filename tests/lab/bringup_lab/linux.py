"""What makes a simulated Linux node: its network's manager, a real daemon inside the node, with the
configuration that such a machine has from the day it was set up."""

import os
import shutil
import stat
import uuid

from .kernel import write
from .router import resolv_conf

SYSTEMCTL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "linux",
                         "systemctl.py")
# Run by process 1 beside sshd, where there is a daemon to start.
BOOT = "usr/libexec/lab-boot"
# The folders in which somebody's network settings are; the machine's own never show through.
CONFIG = ("etc/NetworkManager", "etc/netplan", "etc/systemd/network", "etc/systemd/system",
          "etc/sysctl.d", "usr/local/lib/bringup")
STATE = ("var/lib/NetworkManager", "var/lib/systemd/network")
# Programs of one manager that others' nodes do not have.
OWN = {"NetworkManager": ("usr/sbin/NetworkManager", "usr/bin/nmcli", "usr/bin/nmtui",
                          "usr/bin/nm-online"),
       "netplan": ("usr/sbin/netplan",)}

NETWORK_MANAGER = """[main]
plugins=keyfile
dhcp=internal
no-auto-default=*
auth-polkit=root-only
hostname-mode=none
rc-manager=file

[connectivity]
enabled=false
"""

# What an imager leaves for the Wi-Fi that it was told.
PRECONFIGURED = """[connection]
id=preconfigured
uuid={uuid}
type=ethernet
interface-name={iface}

[ethernet]

[ipv4]
method=manual
address1={address}/{bits}{gateway}
{dns}route-metric=600
dad-timeout=0

[ipv6]
addr-gen-mode=default
method=link-local
"""

AUTO = """[connection]
id=Wired connection {number}
uuid={uuid}
type=ethernet
interface-name={iface}
autoconnect-priority=-999

[ethernet]

[ipv4]
method=auto

[ipv6]
addr-gen-mode=default
method=auto
"""

NETWORKD = """[Match]
Name={iface}

[Network]
Address={address}/{bits}
LinkLocalAddressing=ipv6
IPv6AcceptRA=no
"""

NETPLAN = """network:
  version: 2
  renderer: {renderer}
  ethernets:
"""

# The machine's udev is none of the node's, whose interfaces all are ready from the start.
UDEVADM = """#!/bin/sh
exit 0
"""

START = """#!/bin/sh
# Process 1 runs this at every boot.
mkdir -p /run/systemd/system /run/lab-units
{generate}exec /usr/bin/systemctl start dbus {daemon}
"""


def missing(node):
    """Programs that this node does not have, because another manager's they are."""
    found = []
    if node.daemon != "NetworkManager":
        found += OWN["NetworkManager"]
    if node.manager != "netplan":
        found += OWN["netplan"]
    return found


def _uuid(node, iface):
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{iface}.{node.name}.lab")


def _lans(fleet, node):
    """(interface, address, the router's address or "", segment)"""
    way_out = fleet.router_of(node)
    for iface, _, segment in node.lan_interfaces():
        if segment is not None:
            s = fleet.segments[segment]
            out = way_out is not None and way_out[0] == iface
            yield iface, node.addresses[segment], s.router_address if out else "", s.bits


def _keyfile(folder, name, text):
    path = f"{folder}/{name}.nmconnection"
    write(path, text)
    os.chmod(path, 0o600)


def _network_manager(fleet, node, upper):
    write(f"{upper}/etc/NetworkManager/NetworkManager.conf", NETWORK_MANAGER)
    folder = f"{upper}/etc/NetworkManager/system-connections"
    os.makedirs(folder, mode=0o700)
    if node.manager != "netplan":
        for k, (iface, address, router, bits) in enumerate(_lans(fleet, node)):
            _keyfile(folder, "preconfigured" if k == 0 else f"preconfigured-{iface}",
                     PRECONFIGURED.format(uuid=_uuid(node, iface), iface=iface, address=address,
                                          bits=bits, gateway=f",{router}" if router else "",
                                          dns=f"dns={router};\n" if router else ""))
    for k, iface in enumerate(node.ports() if node.profile == "auto" else [], 1):
        _keyfile(folder, f"Wired connection {k}",
                 AUTO.format(number=k, uuid=_uuid(node, iface), iface=iface))


def _networkd(fleet, node, upper):
    for iface, address, router, bits in _lans(fleet, node):
        text = NETWORKD.format(iface=iface, address=address, bits=bits)
        if router:
            text += f"Gateway={router}\nDNS={router}\n"
        write(f"{upper}/etc/systemd/network/10-{iface}.network", text)


def _netplan(fleet, node, upper):
    text = NETPLAN.format(renderer=node.renderer)
    for iface, address, router, bits in _lans(fleet, node):
        text += f"    {iface}:\n      addresses: [{address}/{bits}]\n"
        if router:
            text += (f"      routes:\n        - to: default\n          via: {router}\n"
                     f"      nameservers:\n        addresses: [{router}]\n")
    write(f"{upper}/etc/netplan/01-base.yaml", text)
    os.chmod(f"{upper}/etc/netplan/01-base.yaml", 0o600)


def configure(fleet, node, upper):
    """Writes the network's settings as they were when the machine was set up."""
    for folder in CONFIG + STATE:
        os.makedirs(f"{upper}/{folder}", exist_ok=True)
    if node.daemon == "NetworkManager":
        _network_manager(fleet, node, upper)
    if node.manager == "networkd":
        _networkd(fleet, node, upper)
    if node.manager == "netplan":
        _netplan(fleet, node, upper)


def reconfigure(fleet, node, upper):
    """Re-initialised: what was added since is gone. Only while the node is off."""
    for folder in CONFIG + STATE:
        for entry in os.listdir(f"{upper}/{folder}"):
            path = f"{upper}/{folder}/{entry}"
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    configure(fleet, node, upper)


def build_common(layer, opaque):
    for folder in CONFIG + STATE:
        opaque(f"{layer}/{folder}")


def build_upper(fleet, node, upper):
    configure(fleet, node, upper)
    os.makedirs(f"{upper}/usr/bin", exist_ok=True)
    shutil.copyfile(SYSTEMCTL, f"{upper}/usr/bin/systemctl")
    os.chmod(f"{upper}/usr/bin/systemctl", 0o755)
    for path in missing(node):
        if os.path.lexists(f"/{path}"):
            os.makedirs(os.path.dirname(f"{upper}/{path}"), exist_ok=True)
            os.mknod(f"{upper}/{path}", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    if not node.daemon:
        return
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{node.name}.lab").hex
    write(f"{upper}/etc/machine-id", identity + "\n")
    os.makedirs(f"{upper}/usr/libexec", exist_ok=True)
    write(f"{upper}/usr/bin/udevadm", UDEVADM)
    os.chmod(f"{upper}/usr/bin/udevadm", 0o755)
    generate = "netplan generate\n" if node.manager == "netplan" else ""
    write(f"{upper}/{BOOT}", START.format(generate=generate, daemon=node.daemon))
    os.chmod(f"{upper}/{BOOT}", 0o755)
    way_out = fleet.router_of(node)
    # networkd writes none of its own without resolved.
    if way_out and node.daemon == "systemd-networkd":
        write(f"{upper}/etc/resolv.conf", resolv_conf(way_out[1].router_address))
