"""`lab break` and `lab mend`: every fault that a test can ask for, and its undoing.

Most faults are words in the node's truth that its Mac commands act on; the others are done to the
node from outside by a pair of functions here. Each function takes (lab, name, argument).
"""

import contextlib
import ipaddress
import os
import shutil

from . import faults_links, faults_routes, kernel, layers, network, node
from .controller import make_keys
from .errors import LabError
from .faults_links import port as _port
from .layers import SBIN

# Faults that the Mac's commands carry out, and what their argument is ("": takes none).
BY_COMMANDS = {
    "deletem-stuck": "enX", "deletem-leaves-down": "enX", "address-refused": "enX",
    "address-lost": "enX", "rdma-disabled": "", "flood": "[MB]", "garbage": "",
    "profiler-slow": "SECONDS", "profiler-hang": "", "profiler-empty": "", "cut-on": "N|WORD",
    "vanish-on": "N|WORD", "slow-ifconfig": "SECONDS", "profiler-blind": "enX", "pingpong-hang": "", "pingpong-errno22": "",
    "app-firewall": "",
}


def _mgmt_links(lab, name, state):
    ends = [f"link set {network.hub_end(lab.fleet.nodes[name], k)} {state}"
            for k, (_, _, segment) in enumerate(lab.fleet.nodes[name].lan_interfaces()) if segment]
    kernel.ip_batch(ends, lab.hub)


def _down(lab, name, _):
    node.stop_sshd(lab, name)
    _mgmt_links(lab, name, "down")


def _down_mend(lab, name, _):
    _mgmt_links(lab, name, "up")
    node.resume_sshd(lab, name)


def _authorized(lab, name):
    n = lab.fleet.nodes[name]
    return f"{node.root_of(lab, name)}{layers.home_of(n)}/.ssh/authorized_keys"


def _other_key(lab, label):
    path = f"{lab.dir}/keys/other-{label}"
    if not os.path.exists(path):
        make_keys({path: label})
    return path


def _wrong_key(lab, name, _):
    shutil.copyfile(_other_key(lab, f"{name}-user") + ".pub", _authorized(lab, name))


def _wrong_key_mend(lab, name, _):
    shutil.copyfile(f"{lab.dir}/controller/ssh/id_ed25519.pub", _authorized(lab, name))


def set_host_key(lab, name, key):
    shutil.copyfile(key, f"{node.root_of(lab, name)}/etc/ssh/ssh_host_ed25519_key")
    node.stop_sshd(lab, name)
    node.resume_sshd(lab, name)


def _host_key(lab, name, _):
    set_host_key(lab, name, _other_key(lab, f"{name}-host"))


def _host_key_mend(lab, name, _):
    set_host_key(lab, name, f"{lab.dir}/keys/{name}")


def _sudo(mode):
    def act(lab, name, _):
        n = lab.fleet.nodes[name]
        path = f"{node.root_of(lab, name)}/etc/sudoers"
        kernel.write(path, layers.sudoers(n.user, mode or n.sudo))
    return act


def _command_path(lab, name, command):
    folder = "usr/sbin" if command in SBIN else "usr/bin"
    return f"{node.root_of(lab, name)}/{folder}/{command}"


def _without(*commands):
    def act(lab, name, _):
        for command in commands:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_command_path(lab, name, command))
    return act


def _with(*commands):
    def act(lab, name, _):
        for command in commands:
            path = _command_path(lab, name, command)
            if os.path.lexists(path):
                continue
            if command == "sudo":
                shutil.copyfile("/usr/bin/sudo", path)
                os.chmod(path, 0o4755)
            else:
                os.symlink("/usr/libexec/lab-mac", path)
    return act


def _missing(lab, name, iface):
    limbo = network.limbo(_port(lab, name, iface), iface)
    kernel.ip_batch([f"link set {iface} nomaster", f"link set {iface} down"], lab.netns(name),
                    ignore_errors=True)
    kernel.ip_batch([f"link set {iface} netns {lab.wire} name {limbo}"], lab.netns(name))


def _missing_mend(lab, name, iface):
    limbo = network.limbo(_port(lab, name, iface), iface)
    kernel.ip_batch([f"link set {limbo} netns {lab.netns(name)} name {iface}"], lab.wire)
    lines = [f"link set {iface} up"]
    n = lab.fleet.nodes[name]
    if lab.fleet.start == "reinit" and iface in n.thunderbolt().values():
        lines += network.member_lines(n, iface)
    kernel.ip_batch(lines, lab.netns(name))


def _disk_full(lab, name, _):
    path = f"{node.tmp_of(lab, name)}/.full"
    block = b"\0" * 65536
    with open(path, "wb", buffering=0) as f:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while f.write(block[:size]) == size:
                    pass


def _disk_full_mend(lab, name, _):
    with contextlib.suppress(OSError):
        os.unlink(f"{node.tmp_of(lab, name)}/.full")


def _silent(lab, name, _):
    node.stop_sshd(lab, name)
    faults_links.listen_silently(lab, name, 22, "silent")


def _silent_mend(lab, name, _):
    node.end_process(lab, f"{name}.silent")
    node.resume_sshd(lab, name)


def _says(lab, name, path):
    shutil.copyfile(path, f"{lab.node_dir(name)}/lab/marks/profiler-says.text")


def _loss(lab, name, argument):
    iface, _, percent = argument.partition(":")
    _port(lab, name, iface)
    if not percent.isdigit() or not 0 < int(percent) <= 100:
        raise LabError("ping-loss takes enX:PERCENT")
    chance = "" if percent == "100" else f"numgen random mod 100 < {percent}"
    faults_routes.nft(lab, name, f"""table inet lab-loss-{iface} {{
  chain in {{ type filter hook input priority -300;
    iifname {iface} meta l4proto icmp {chance} drop
  }}
}}
""")


def _loss_mend(lab, name, argument):
    faults_routes.nft(lab, name, f"delete table inet lab-loss-{argument.partition(':')[0]}\n")


def _overlap_line(lab, name, subnet, verb):
    net = ipaddress.ip_network(subnet)
    iface = lab.fleet.nodes[name].lan_interfaces()[0][0]
    kernel.ip_batch([f"addr {verb} {net[-2] if net.num_addresses > 4 else net[1]}"
                     f"/{net.prefixlen} dev {iface}"], lab.netns(name))


def cable_is_ethernet(lab, cable):
    """It goes to no Thunderbolt port."""
    ends = [e.partition(":") for e in cable.ends()]
    return not any(i in lab.fleet.nodes[n].thunderbolt().values() for n, _, i in ends)


def _wires(lab, name, up):
    """A wedged Thunderbolt controller: no signal on any of its cables."""
    lines = []
    for cable in lab.fleet.cables:
        if cable_is_ethernet(lab, cable):
            continue
        far = [e.partition(":")[0] for e in cable.ends() if e.partition(":")[0] != name]
        if len(far) == 2 or not lab.plugged(cable):
            continue
        if not up or not any(lab.fault_on(f, "wedged") for f in far):
            lines += network.wire_lines(lab, cable, up=up)
    kernel.ip_batch(lines, lab.wire)


def _wedge(lab, name, _):
    _wires(lab, name, False)


_EXO = "/Library/LaunchDaemons/io.exo.networksetup.plist"
_EXO_PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>Label</key><string>io.exo.networksetup</string>
<key>ProgramArguments</key><array><string>/bin/bash</string>
<string>/Library/Application Support/EXO/disable_bridge.sh</string></array>
<key>RunAtLoad</key><true/><key>StartInterval</key><integer>1786</integer>
</dict></plist>
"""


def _exo(lab, name, _):
    kernel.write(node.root_of(lab, name) + _EXO, _EXO_PLIST)


def _exo_mend(lab, name, _):
    with contextlib.suppress(OSError):
        os.unlink(node.root_of(lab, name) + _EXO)


# name: (argument, break, mend)
BY_LAB = {
    "down": ("", _down, _down_mend),
    "wrong-key": ("", _wrong_key, _wrong_key_mend),
    "changed-host-key": ("", _host_key, _host_key_mend),
    "sudo-password": ("", _sudo("password"), _sudo(None)),
    "no-sudo": ("", _sudo("none"), _sudo(None)),
    "sudo-absent": ("", _without("sudo"), _with("sudo")),
    "rdma-ctl-missing": ("", _without("rdma_ctl"), _with("rdma_ctl")),
    "ibv-missing": ("", _without("ibv_devices", "ibv_devinfo", "ibv_uc_pingpong"),
                    _with("ibv_devices", "ibv_devinfo", "ibv_uc_pingpong")),
    "interface-missing": ("enX", _missing, _missing_mend),
    "disk-full": ("", _disk_full, _disk_full_mend),
    "sshd-silent": ("", _silent, _silent_mend),
    "profiler-says": ("FILE", _says, lambda *_: None),
    "ping-loss": ("enX:PERCENT", _loss, _loss_mend),
    "wedged": ("", _wedge, lambda l, n, _: _wires(l, n, True)),
    "lan-overlap": ("SUBNET", lambda l, n, a: _overlap_line(l, n, a, "add"),
                    lambda l, n, a: _overlap_line(l, n, a, "del")),
    "exo": ("", _exo, _exo_mend),
} | faults_links.BY_LAB | faults_routes.BY_LAB


def catalogue():
    every = {k: v[0] for k, v in BY_LAB.items()} | BY_COMMANDS
    return [k + (f":{a}" if a else "") for k, a in sorted(every.items())]


def _forget_marks(lab, name, fault):
    for suffix in ("", ".fired"):
        with contextlib.suppress(OSError):
            os.unlink(f"{lab.node_dir(name)}/lab/marks/{fault}{suffix}")


def break_(lab, name, word):
    fault, _, argument = word.partition(":")
    n = lab.known_node(name)
    if fault not in BY_LAB and fault not in BY_COMMANDS:
        raise LabError(f"no fault {fault!r}; there are: {' '.join(catalogue())}")
    wanted = BY_LAB[fault][0] if fault in BY_LAB else BY_COMMANDS[fault]
    if not wanted and argument:
        raise LabError(f"{fault} takes no argument")
    if wanted and not argument and wanted != "enX" and not wanted.startswith("["):
        raise LabError(f"{fault} takes an argument: {fault}:{wanted}")
    if not n.mac and (fault in BY_COMMANDS or fault == "exo"):
        raise LabError(f"{name} is not a Mac")
    if lab.fault_on(name, fault, argument):
        return
    _forget_marks(lab, name, fault)
    if fault in BY_LAB:
        BY_LAB[fault][1](lab, name, argument)
    lab.state["faults"].setdefault(name, []).append({"name": fault, "argument": argument})
    lab.save()


def mend(lab, name, word=None):
    """One fault of a node (with or without its argument), or all."""
    lab.known_node(name)
    fault, _, argument = (word or "").partition(":")
    mended = False
    for f in list(lab.state["faults"].get(name, [])):
        if (fault and f["name"] != fault) or (argument and f["argument"] != argument):
            continue
        if f["name"] in BY_LAB:
            BY_LAB[f["name"]][2](lab, name, f["argument"])
        if f["name"] == "vanish-on":
            lans = lab.fleet.nodes[name].lan_interfaces()
            kernel.ip_batch([f"link set {i} up" for i, _, _ in lans], lab.netns(name))
        _forget_marks(lab, name, f["name"])
        lab.state["faults"][name].remove(f)
        mended = True
    if fault and not mended:
        raise LabError(f"{name} has no fault {word!r}")
    lab.save()


def after_boot(lab, name):
    """Lets the faults that a boot has undone hold again, and ends the one that a boot cures."""
    if lab.fault_on(name, "wedged"):
        mend(lab, name, "wedged")
    for f in list(lab.state["faults"].get(name, [])):
        if f["name"] in faults_routes.CURED_BY_BOOT:
            faults_routes.forget(lab, name, f)
            lab.state["faults"][name].remove(f)
            lab.save()
    for f in lab.state["faults"].get(name, []):
        if f["name"] in ("disk-full", "down", "sshd-silent", "profiler-says", "lan-overlap"):
            if f["name"] != "profiler-says":
                BY_LAB[f["name"]][1](lab, name, f["argument"])
        if f["name"] in faults_links.AGAIN_AFTER_BOOT + faults_routes.AGAIN_AFTER_BOOT:
            BY_LAB[f["name"]][1](lab, name, f["argument"])
