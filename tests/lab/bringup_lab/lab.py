"""One standing lab: its state folder, names, and what its parts ask of each other."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import time

from . import (controller, fleet as fleets, kernel, layers, leftovers, network, node, rdma,
               truth)
from .errors import LabError

BASE = "/run/bringup-lab"
_END = "[a-z][a-z0-9-]*:[a-zA-Z0-9]+"


def _here():
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def find_helpers():
    """The folder of lab-mac, lab-init and lab-delay: $BRINGUP_LAB_BIN or the newest build."""
    given = os.environ.get("BRINGUP_LAB_BIN")
    if given:
        return given
    build = os.path.join(os.path.dirname(os.path.dirname(_here())), "build")
    found = []
    with contextlib.suppress(OSError):
        for preset in os.listdir(build):
            path = f"{build}/{preset}/bin/lab-init"
            if os.path.exists(path):
                # Instrumented helpers work but are slow; any plain build goes first.
                found.append((preset == "release", os.path.getmtime(path), os.path.dirname(path)))
    if not found:
        raise LabError("the lab's helpers are not built: "
                       "cmake --preset release && cmake --build --preset release")
    return max(found)[2]


class Lab:
    ROOM_PREFIX = "lab."  # of network namespaces: lab.NAME.ROOM; names hold no dots
    ssh_users = BASE + "/ssh-users"  # a file for each lab that mounts over ~/.ssh
    made_ssh = BASE + "/made-ssh"  # holds the ~/.ssh that a lab had to make

    def __init__(self, name, state_dir=None):
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
            raise LabError(f"--name {name!r}: lower case letters, digits and hyphens only")
        self.name = name
        self.dir = os.path.abspath(state_dir or f"{BASE}/{name}")
        self.prefix = f"{self.ROOM_PREFIX}{name}."
        self.hub, self.wire = self.prefix + "hub.", self.prefix + "wire."
        self.controller = self.prefix + "controller."
        self.fleet = None
        self.state = None

    def netns(self, name):
        return self.prefix + name

    def node_dir(self, name):
        return f"{self.dir}/nodes/{name}"

    @contextlib.contextmanager
    def locked(self):
        """One command at a time changes a lab."""
        os.makedirs(os.path.dirname(self.dir), mode=0o755, exist_ok=True)
        path = self.dir + ".lock"
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), os.stat(path)):
                    break
            os.close(fd)  # `down` took the file away while this waited for it
        try:
            yield
        finally:
            os.close(fd)

    def load(self):
        try:
            with open(f"{self.dir}/lab.json", encoding="utf-8") as f:
                data = json.load(f)
        except OSError as e:
            raise LabError(f"no lab named {self.name} stands (lab up first)") from e
        self.fleet = fleets.Fleet.from_json(data["fleet"])
        self.state = data["state"]
        return self

    def save(self):
        text = json.dumps({"fleet": self.fleet.to_json(), "state": self.state}, indent=1)
        kernel.write(f"{self.dir}/lab.json.new", text)
        os.replace(f"{self.dir}/lab.json.new", f"{self.dir}/lab.json")
        truth.publish(self)

    # What is true now.

    def cable_at(self, name, iface):
        """The cable in that port, else one that was pulled out of it."""
        found = [c for c in self.fleet.cables if f"{name}:{iface}" in c.ends()]
        return next((c for c in found if self.plugged(c)), found[0] if found else None)

    def plugged(self, cable):
        return cable.key not in self.state["unplugged"]

    def rdma_on(self, name):
        return self.state["rdma"][name] and not self.fault_on(name, "rdma-disabled")

    def running(self, name):
        return name not in self.state["off"]

    def fault_on(self, name, fault, argument=None):
        return any(f["name"] == fault and argument in (None, f["argument"])
                   for f in self.state["faults"].get(name, []))

    def known_node(self, name):
        if name not in self.fleet.nodes:
            raise LabError(f"no node {name!r}; there are {', '.join(self.fleet.nodes)}")
        return self.fleet.nodes[name]

    def cable_named(self, link):
        """`studio1:en3`, either end, or both joined by a hyphen."""
        found = []
        for cable in self.fleet.cables:
            a, b = cable.ends()
            if link in (a, b, f"{a}-{b}", f"{b}-{a}"):
                found.append(cable)
        found.sort(key=lambda c: not self.plugged(c))
        if found:
            return found[0]
        raise LabError(f"no cable {link!r}; there are "
                       + ", ".join(f"{c.a}-{c.b}" for c in self.fleet.cables))

    # Life.

    def rooms(self):
        """This lab's network namespaces that exist."""
        with contextlib.suppress(OSError):
            return [n for n in os.listdir(kernel.NETNS) if n.startswith(self.prefix)]
        return []

    def up(self, fleet):
        if os.path.exists(f"{self.dir}/lab.json") or self.rooms():
            raise LabError(f"a lab named {self.name} stands already, or its remains do: "
                           f"lab down --name {self.name}")
        helpers = find_helpers()
        self.fleet = fleet
        if fleet.verbs == "rxe":
            rdma.check()
        try:
            self._raise(fleet, helpers)
        except BaseException:
            self.down()
            raise

    def _raise(self, fleet, helpers):
        os.makedirs(self.dir, mode=0o755, exist_ok=True)
        os.makedirs(BASE, mode=0o755, exist_ok=True)
        kernel.mount("tmpfs", self.dir, "tmpfs", 0, "mode=755,size=2g")
        self.state = {"unplugged": [], "off": [], "faults": {}, "helpers": helpers, "wan": None,
                      "cables": len(fleet.cables),
                      "shaped": {}, "lossy": {}, "mtus": {},
                      "rdma": {n: x.rdma for n, x in fleet.nodes.items()},
                      "boot_time": {n: int(time.time()) for n in fleet.nodes}}
        controller.create(self)
        os.makedirs(f"{self.dir}/layers/common")
        layers.build_common(f"{self.dir}/layers/common")
        if any(n.mac for n in fleet.nodes.values()):
            os.makedirs(f"{self.dir}/layers/mac")
            layers.build_mac(f"{self.dir}/layers/mac", f"{helpers}/lab-mac", fleet.verbs)
        for name in fleet.nodes:
            node.prepare(self, name)
        self.save()
        network.create(self)
        for name in fleet.nodes:
            node.start(self, name)
        node.wait_for_sshd(self, fleet.nodes)
        for name in fleet.nodes:
            leftovers.mark(self, name)

    def down(self):
        """Takes everything away, also after a crash and also when nothing stands."""
        for pid, started in node.kept_processes(self):
            kernel.end(pid, started)
        rooms = self.rooms()
        family = _ancestors()
        for pid in kernel.processes_in(rooms):
            if pid not in family:
                kernel.end(pid, kernel.start_time(pid))
        kernel.ip_batch([f"netns del {n}" for n in rooms], ignore_errors=True)
        for _ in range(8):
            if not os.path.ismount(self.dir):
                break
            kernel.umount(self.dir)
        controller.forget(self)
        if os.path.isdir(self.dir):
            shutil.rmtree(self.dir)

    def remove_traces(self):
        """After `down`, with the lock held: the lock itself, and the base when it is empty."""
        with contextlib.suppress(OSError):
            os.unlink(self.dir + ".lock")
        with contextlib.suppress(OSError):
            os.rmdir(BASE)

    def _switch_cable(self, link, up):
        """Whether that is a port whose cable goes to a switch."""
        found = network.switch_of(self, link)
        if found is None:
            return False
        key = found[1].key(link)
        if up and key in self.state["unplugged"]:
            network.check_free(self, [link])
            self.state["unplugged"].remove(key)
        elif not up and key not in self.state["unplugged"]:
            self.state["unplugged"].append(key)
        kernel.ip_batch([network.switch_line(self, link, up)], self.wire)
        self.save()
        return True

    def unplug(self, link):
        if self._switch_cable(link, up=False):
            return
        cable = self.cable_named(link)
        if self.plugged(cable):
            self.state["unplugged"].append(cable.key)
        kernel.ip_batch(network.wire_lines(self, cable, up=False), self.wire)
        self.save()

    def plug(self, link):
        """A cable that was pulled; or, with two free ends that none joins, one more."""
        if self._switch_cable(link, up=True):
            return
        try:
            cable = self.cable_named(link)
        except LabError:
            ends = re.fullmatch(rf"({_END})-({_END})", link)
            if ends is None:
                raise
            cable = network.add_cable(self, *ends.groups())
        if not self.plugged(cable):
            network.check_free(self, cable.ends())
            self.state["unplugged"].remove(cable.key)
        kernel.ip_batch(network.wire_lines(self, cable, up=True), self.wire)
        self.save()

    def exec(self, name, command):
        self.known_node(name)
        pid = node.init_pid(self, name)
        if pid is None:
            raise LabError(f"{name} is off")
        os.execvpe("nsenter", ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "--",
                               *command], {"PATH": layers.MAC_PATH, "HOME": "/root",
                                           "TERM": os.environ.get("TERM", "dumb")})


def _ancestors():
    """This process and those that wait for it: never ended by `down`."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                pid = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found

