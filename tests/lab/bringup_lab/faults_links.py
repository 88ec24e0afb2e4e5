"""Faults that concern the checks of links: iperf3, forwarding, addresses, verbs devices.

As in faults.py: each function takes (lab, name, argument).
"""

import contextlib
import os
import resource
import shutil
import subprocess
import sys

from . import kernel, layers, network, node, rdma
from .errors import LabError


def port(lab, name, iface):
    n = lab.fleet.nodes[name]
    if iface not in n.ports():
        raise LabError(f"{name} has no port {iface!r}")
    return n


# Accepts and never says a word.
_SILENT = """
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(64); print("ready", flush=True); kept = []
while True: kept.append(s.accept())
"""


def listen_silently(lab, name, number, label):
    with kernel.in_netns(lab.netns(name)):
        p = subprocess.Popen([sys.executable, "-S", "-c", _SILENT, str(number)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    node.keep_process(lab, f"{name}.{label}", p.pid)
    if p.stdout.readline() != b"ready\n":
        node.forget_process(lab, f"{name}.{label}")
        raise LabError(f"{name}: port {number} is taken")


def _busy(lab, name, number):
    if number and not (number.isdigit() and 0 < int(number) < 65536):
        raise LabError("iperf3-busy takes a port")
    listen_silently(lab, name, number or 5201, f"busy{number or 5201}")


def _busy_mend(lab, name, number):
    node.end_process(lab, f"{name}.busy{number or 5201}")


def _iperf3(lab, name):
    place = layers.HOMEBREW if lab.fleet.nodes[name].mac else "/usr/bin"
    return f"{node.root_of(lab, name)}{place}/iperf3"


def _iperf3_missing(lab, name, _):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_iperf3(lab, name))


def _iperf3_says(text):
    def act(lab, name, _):
        _iperf3_missing(lab, name, _)
        kernel.write(_iperf3(lab, name), f"#!/bin/sh\n{text}\n")
        os.chmod(_iperf3(lab, name), 0o755)
    return act


def _iperf3_mend(lab, name, _):
    _iperf3_missing(lab, name, _)
    shutil.copy("/usr/bin/iperf3", _iperf3(lab, name))


def _sshd_option(text):
    def act(lab, name, _):
        path = f"{node.root_of(lab, name)}/etc/ssh/sshd_config"
        kernel.write(path, text + layers.sshd_config(lab.fleet.nodes[name]))
        node.stop_sshd(lab, name)
        node.resume_sshd(lab, name)
    return act


def _memlock(lab, name, kib):
    if not kib.isdigit():
        raise LabError("memlock takes KiB")
    for pid in node.descendants(node.sshd_pid(lab, name)):  # sessions that stand already as well
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_MEMLOCK, (int(kib) << 10, int(kib) << 10))


def _memlock_mend(lab, name, _):
    # A new sshd has the limits of process 1: not even root may always raise one again.
    node.stop_sshd(lab, name)
    node.resume_sshd(lab, name)


def _no_address(lab, name, iface):
    port(lab, name, iface)
    kernel.ip_batch([f"addr flush dev {iface} scope global"], lab.netns(name))


def _address_again(lab, name, iface):
    kernel.ip_batch([f"addr flush dev {iface} scope global",
                     *network.address_lines(lab, name, iface)], lab.netns(name))


def _port_down(lab, name, iface):
    port(lab, name, iface)
    kernel.ip_batch([f"link set {iface} down"], lab.netns(name))


def _port_up(lab, name, iface):
    kernel.ip_batch([f"link set {iface} up"], lab.netns(name))


def _ports(lab, name, iface):
    if iface:
        port(lab, name, iface)
    return [iface] if iface else rdma.cabled_ports(lab, name)


def _device_gone(lab, name, iface):
    for i in _ports(lab, name, iface) if lab.fleet.verbs == "rxe" else []:
        rdma.remove_device(lab, name, i)


def _device_back(lab, name, iface):
    for i in _ports(lab, name, iface) if lab.fleet.verbs == "rxe" else []:
        rdma.add_device(lab, name, i)


def _gid_index2(lab, name, iface):
    """With real devices, another address comes first; a modelled Mac needs only the word."""
    for k, i in enumerate(_ports(lab, name, iface) if lab.fleet.verbs == "rxe" else []):
        kernel.ip_batch([f"addr flush dev {i} scope global",
                         f"addr add 198.51.100.{k * 4 + 1}/30 dev {i}",
                         *network.address_lines(lab, name, i)], lab.netns(name))


def _gid_index2_mend(lab, name, iface):
    for i in _ports(lab, name, iface) if lab.fleet.verbs == "rxe" else []:
        _address_again(lab, name, i)


def _late_mark(lab, name, argument):
    return f"{lab.node_dir(name)}/lab/marks/gid-late.{argument.partition(':')[0]}"


def _gid_late(lab, name, argument):
    iface, _, seconds = argument.partition(":")
    if not port(lab, name, iface).mac or not seconds.isdigit():
        raise LabError("gid-late takes enX:SECONDS of a Mac")
    kernel.write(_late_mark(lab, name, argument), "1\n")


def _gid_late_mend(lab, name, argument):
    with contextlib.suppress(OSError):
        os.unlink(_late_mark(lab, name, argument))


def _permit(mode):
    def act(lab, name, _):
        if lab.fleet.verbs != "rxe":
            raise LabError("only a fleet with verbs = \"rxe\" has device files")
        rdma.permit(lab, name, mode)
    return act


# name: (argument, break, mend)
BY_LAB = {
    "iperf3-missing": ("", _iperf3_missing, _iperf3_mend),
    "iperf3-busy": ("[PORT]", _busy, _busy_mend),
    "iperf3-hang": ("", _iperf3_says("exec sleep 3600"), _iperf3_mend),
    "iperf3-garbage": ("", _iperf3_says("printf '{ \"start\": { \"connected\": [ nan, '"),
                       _iperf3_mend),
    "no-forwarding": ("", _sshd_option("AllowTcpForwarding no\n"), _sshd_option("")),
    "memlock": ("KIB", _memlock, _memlock_mend),
    "no-address": ("enX", _no_address, _address_again),
    "port-down": ("enX", _port_down, _port_up),
    "device-gone": ("[enX]", _device_gone, _device_back),
    "gid-index2": ("[enX]", _gid_index2, _gid_index2_mend),
    "gid-late": ("enX:SECONDS", _gid_late, _gid_late_mend),
    "device-forbidden": ("", _permit(0o600), _permit(0o666)),
}
# Those that a boot undoes and that hold again after it.
AGAIN_AFTER_BOOT = ("memlock", "no-address", "port-down", "gid-index2", "gid-late")
