"""Real verbs devices for a fleet with `verbs = "rxe"`: one Soft-RoCE device per cabled port, each
seen by its own node only. The kernel must be one that supports rxe in network namespaces."""

import os
import shutil
import stat
import subprocess

from . import kernel
from .errors import LabError

_CLASS = "/sys/class/infiniband"
_VERBS = "/sys/class/infiniband_verbs"
_DEVICES = "/dev/infiniband"


def device(name, iface):
    """Names are global in a kernel, hence the node's name within."""
    return f"rxe_{name}_{iface}"


def cabled_ports(lab, name):
    return [i for i in lab.fleet.nodes[name].ports() if lab.cable_at(name, i)]


def check():
    if not os.path.isdir(_CLASS):
        raise LabError("this fleet wants verbs devices and this kernel has none: "
                       "lab up --vm raises it in a virtual machine")


def create(lab, name):
    """All devices of a node whose interfaces exist."""
    _change(lab, name, [f"link add {device(name, i)} type rxe netdev {i}"
                        for i in cabled_ports(lab, name)])
    show(lab, name)


def remove_device(lab, name, iface):
    _change(lab, name, [f"link delete {device(name, iface)}"])
    show(lab, name)


def add_device(lab, name, iface):
    _change(lab, name, [f"link add {device(name, iface)} type rxe netdev {iface}"])
    show(lab, name)


def _change(lab, name, lines):
    if not lines:
        return
    with kernel.in_netns(lab.netns(name)):
        done = subprocess.run(["rdma", "-b", "-"], input="\n".join(lines) + "\n", text=True,
                              capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"rdma ({name}): {done.stderr.strip()}")


def folder(lab, name):
    """lab-init binds its parts over the node's /dev/infiniband and /sys/class/infiniband*."""
    return f"{lab.node_dir(name)}/lab/rdma"


def _fresh(path):
    # The folder itself stays: nodes have it mounted.
    os.makedirs(path, exist_ok=True)
    for entry in os.listdir(path):
        os.unlink(f"{path}/{entry}")


def show(lab, name):
    """Lets the node see its own devices and no others."""
    base = folder(lab, name)
    for part in ("dev", "class", "verbs"):
        _fresh(f"{base}/{part}")
    mine = {device(name, i) for i in cabled_ports(lab, name)}
    for entry in os.listdir(_CLASS):
        if entry in mine:
            os.symlink(f"/sys/devices/virtual/infiniband/{entry}", f"{base}/class/{entry}")
    for entry in os.listdir(_VERBS):
        if not os.path.exists(f"{_VERBS}/{entry}/ibdev"):
            continue
        with open(f"{_VERBS}/{entry}/ibdev", encoding="utf-8") as f:
            if f.read().strip() not in mine:
                continue
        os.symlink(f"/sys/devices/virtual/infiniband_verbs/{entry}", f"{base}/verbs/{entry}")
        with open(f"{_VERBS}/{entry}/dev", encoding="utf-8") as f:
            _device_node(f"{base}/dev/{entry}", f.read())
    shutil.copyfile(f"{_VERBS}/abi_version", f"{base}/verbs/abi_version")
    if os.path.exists(f"{_DEVICES}/rdma_cm"):
        number = os.stat(f"{_DEVICES}/rdma_cm").st_rdev
        _device_node(f"{base}/dev/rdma_cm", f"{os.major(number)}:{os.minor(number)}")


def _device_node(path, number):
    major, minor = number.strip().split(":")
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(int(major), int(minor)))
    os.chmod(path, 0o666)


def permit(lab, name, mode):
    base = f"{folder(lab, name)}/dev"
    for entry in os.listdir(base):
        if entry.startswith("uverbs"):
            os.chmod(f"{base}/{entry}", mode)
