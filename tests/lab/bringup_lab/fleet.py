"""FLEET.toml: what is physically true. README.md describes the format."""

import ipaddress
import re
import tomllib
from dataclasses import asdict, dataclass, field

from .errors import LabError
from .models import MODELS

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}$")
IFACE = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,14}$")
MANAGERS = ("none", "networkmanager", "networkd", "netplan")
RENDERERS = ("networkd", "NetworkManager")


@dataclass
class Node:
    name: str
    os: str = "mac"  # mac | linux
    model: str = "mac-studio-m3-ultra"
    version: str = "26.2"
    build: str = "25C56"
    rdma: bool = True
    sudo: str = "nopasswd"  # nopasswd | password | none
    sh: str = "bash"  # bash | dash: what /bin/sh is
    shell: str = "/bin/bash"
    user: str = "admin"
    ssh_auth: str = "key"  # key | password
    rebridge: bool = False  # whether a plain reboot puts the ports back into bridge0
    missing: list = field(default_factory=list)  # commands that this node lacks
    ethernet: list = field(default_factory=list)  # sockets beside a Mac's Thunderbolt ports
    lans: list = field(default_factory=list)  # a Linux node's names of them; default eth0, eth1 …
    manager: str = "none"  # of a Linux node's network: one of MANAGERS
    renderer: str = "networkd"  # netplan's
    profile: str = ""  # auto: the user has a profile with DHCP for every port (networkmanager)
    bridge: str = "isolated"  # forward: bridge0 is a segment, frames pass from member to member
    index: int = 0
    addresses: dict = field(default_factory=dict)  # segment -> address
    wired: list = field(default_factory=list)  # a Linux node's ports, from cables and switches

    @property
    def mac(self):
        return self.os == "mac"

    @property
    def hardware(self):
        return MODELS[self.model]

    @property
    def daemon(self):
        """What carries out this node's network settings: NetworkManager, systemd-networkd or "".
        It has the LAN interfaces as well."""
        return {"networkmanager": "NetworkManager", "networkd": "systemd-networkd", "none": "",
                "netplan": {"networkd": "systemd-networkd"}.get(self.renderer, self.renderer)
                }[self.manager]

    def thunderbolt(self):
        """{receptacle: interface}"""
        return dict(self.hardware.ports) if self.mac else {}

    def ports(self):
        """The interfaces that a cable can go into; a Linux node has those that one names."""
        return list(dict.fromkeys([*self.thunderbolt().values(), *self.wired, *self.ethernet]))

    def lan_interfaces(self):
        """(interface, hardware port, segment or None), in the order of the segments."""
        segments = list(self.addresses)
        if not self.mac:
            names = self.lans or [f"eth{k}" for k in range(len(segments))]
            if len(names) < len(segments):
                raise LabError(f"{self.name}: {len(names)} lans, {len(segments)} segments name it")
            return [(i, i, s) for i, s in zip(names, segments)]
        known = list(self.hardware.lans)
        if len(segments) > len(known):
            raise LabError(f"{self.name}: a {self.model} has {len(known)} LAN interfaces, "
                           f"{len(segments)} segments name it")
        segments += [None] * (len(known) - len(segments))
        return [(i, p, s) for (i, p), s in zip(known, segments)]


@dataclass
class Cable:
    a: str  # node:interface
    b: str
    speed: int = 80
    dock: str = ""  # a dock at end a: the profiler there shows the peer one level deeper
    mtu: int = 1500  # of both ports after a boot
    a_address: str = ""  # with prefix length; held after a boot where start is "addressed"
    b_address: str = ""

    def ends(self):
        return (self.a, self.b)

    @property
    def key(self):
        return f"{self.a}-{self.b}"


@dataclass
class Switch:
    """Ports of any number of nodes in one subnet."""
    name: str
    ports: list  # node:interface

    def key(self, end):
        """What the lab calls that cable to the switch."""
        return f"{self.name}/{end}"


@dataclass
class Segment:
    name: str
    subnet: str
    hosts: list
    router: bool = False  # one that gives every node a default route and a name server
    controller: str = ""  # the controller's address, empty when it is not on this segment

    @property
    def router_address(self):
        """The last of the subnet; empty without one."""
        return str(ipaddress.ip_network(self.subnet)[-2]) if self.router else ""

    @property
    def bits(self):
        return ipaddress.ip_network(self.subnet).prefixlen


@dataclass
class Fleet:
    nodes: dict
    cables: list
    segments: dict
    # reinit: ports in bridge0 | fresh: bridge0 empty | addressed: that, and the cables' addresses
    start: str = "reinit"
    reinit_rdma: str = "off"  # what `lab reinit` leaves of RDMA
    verbs: str = "model"  # model: lab-mac plays the ibv tools | rxe: real devices (rdma.py)
    switches: list = field(default_factory=list)

    def to_json(self):
        return asdict(self)

    @staticmethod
    def from_json(data):
        return Fleet({k: Node(**v) for k, v in data["nodes"].items()},
                     [Cable(**c) for c in data["cables"]],
                     {k: Segment(**s) for k, s in data["segments"].items()},
                     data["start"], data["reinit_rdma"], data["verbs"],
                     [Switch(**s) for s in data["switches"]])

    def router_of(self, node):
        """The first router that this node sees: (its interface, the segment), or None."""
        for iface, _, segment in node.lan_interfaces():
            if segment is not None and self.segments[segment].router:
                return iface, self.segments[segment]
        return None


def _take(cls, where, given):
    unknown = set(given) - set(cls.__dataclass_fields__)
    if unknown:
        raise LabError(f"{where}: unknown key {sorted(unknown)[0]!r}")
    return cls(**given)


def _one_of(where, value, allowed):
    if value not in allowed:
        raise LabError(f"{where}: {value!r} is none of {', '.join(allowed)}")


def _check_node(n):
    if not NAME.match(n.name):
        raise LabError(f"node {n.name!r}: lower case letters, digits and hyphens only")
    _one_of(f"{n.name}: os", n.os, ("mac", "linux"))
    _one_of(f"{n.name}: model", n.model, tuple(MODELS))
    _one_of(f"{n.name}: sudo", n.sudo, ("nopasswd", "password", "none"))
    _one_of(f"{n.name}: sh", n.sh, ("bash", "dash"))
    _one_of(f"{n.name}: ssh_auth", n.ssh_auth, ("key", "password"))
    _one_of(f"{n.name}: manager", n.manager, MANAGERS)
    _one_of(f"{n.name}: renderer", n.renderer, RENDERERS)
    _one_of(f"{n.name}: profile", n.profile, ("", "auto"))
    _one_of(f"{n.name}: bridge", n.bridge, ("isolated", "forward"))
    for iface in (*n.ethernet, *n.lans):
        if not IFACE.match(iface):
            raise LabError(f"{n.name}: interface {iface!r}")
    if n.mac and (n.lans or n.manager != "none" or n.profile):
        raise LabError(f"{n.name}: lans, manager and profile are a Linux node's")
    if n.profile and n.daemon != "NetworkManager":
        raise LabError(f"{n.name}: a profile is NetworkManager's")


def _address_segments(fleet):
    for s in fleet.segments.values():
        net = ipaddress.ip_network(s.subnet)
        if "controller" in s.hosts:
            s.controller = str(net[1])
        for host in s.hosts:
            if host == "controller":
                continue
            if host not in fleet.nodes:
                raise LabError(f"segment {s.name}: unknown host {host!r}")
            fleet.nodes[host].addresses[s.name] = str(net[10 + fleet.nodes[host].index])


def _wire_linux(fleet):
    """The ports of Linux nodes, and the addresses that nobody chose: the tool's own plan."""
    for end in [e for c in fleet.cables for e in c.ends()] + [
            p for s in fleet.switches for p in s.ports]:
        node, _, iface = end.partition(":")
        if node in fleet.nodes and not fleet.nodes[node].mac and IFACE.match(iface):
            fleet.nodes[node].wired.append(iface)
    for k, cable in enumerate(fleet.cables):
        net = ipaddress.ip_network("10.254.0.0/16")[4 * k]
        cable.a_address = cable.a_address or f"{net + 1}/30"
        cable.b_address = cable.b_address or f"{net + 2}/30"


def _check_cables(fleet):
    used = set()
    for ends in [c.ends() for c in fleet.cables] + [s.ports for s in fleet.switches]:
        for end in ends:
            node, _, iface = end.partition(":")
            if node not in fleet.nodes or iface not in fleet.nodes[node].ports():
                raise LabError(f"cable end {end!r}: no such port")
            if iface in [i for i, _, _ in fleet.nodes[node].lan_interfaces()]:
                raise LabError(f"cable end {end!r}: it is in a segment")
            if end in used:
                raise LabError(f"cable end {end!r}: two cables in one port")
            used.add(end)


def _check_loops(fleet):
    """Bridges that forward, joined in a ring, would be a storm."""
    root = {name: name for name, n in fleet.nodes.items() if n.bridge == "forward"}

    def find(name):
        while root[name] != name:
            name = root[name]
        return name

    for cable in fleet.cables:
        ends = [e.partition(":") for e in cable.ends()]
        if any(n not in root or i not in fleet.nodes[n].thunderbolt().values()
               for n, _, i in ends):
            continue
        a, b = (find(n) for n, _, _ in ends)
        if a == b:
            raise LabError(f"cable {cable.key}: a loop of bridges that forward")
        root[a] = b


def load(path):
    try:
        with open(path, "rb") as f:
            raw = tomllib.load(f)
    except (OSError, tomllib.TOMLDecodeError) as e:
        raise LabError(f"{path}: {e}") from e
    unknown = set(raw) - {"lab", "defaults", "nodes", "cables", "segments", "switches"}
    if unknown:
        raise LabError(f"{path}: unknown table {sorted(unknown)[0]!r}")
    defaults = raw.get("defaults", {})
    nodes = {}
    for index, (name, given) in enumerate(raw.get("nodes", {}).items()):
        nodes[name] = _take(Node, name, {**defaults, **given, "name": name, "index": index})
        _check_node(nodes[name])
    if not nodes:
        raise LabError(f"{path}: no nodes")
    segments = {name: _take(Segment, name, {**given, "name": name})
                for name, given in raw.get("segments", {}).items()}
    if not segments:
        segments["lan"] = Segment("lan", "10.99.0.0/24", ["controller", *nodes])
    fleet = Fleet(nodes, [_take(Cable, "cables", c) for c in raw.get("cables", [])], segments,
                  switches=[_take(Switch, "switches", s) for s in raw.get("switches", [])],
                  **raw.get("lab", {}))
    _one_of("lab: start", fleet.start, ("reinit", "fresh", "addressed"))
    _one_of("lab: reinit_rdma", fleet.reinit_rdma, ("off", "on"))
    _one_of("lab: verbs", fleet.verbs, ("model", "rxe"))
    _address_segments(fleet)
    _wire_linux(fleet)
    _check_cables(fleet)
    _check_loops(fleet)
    for n in nodes.values():
        n.lan_interfaces()
    return fleet


def plain(count):
    """N Linux nodes n1..nN on one segment, nothing else: for benches of SSH alone."""
    if not 1 <= count <= 1000:
        raise LabError("--plain takes 1 to 1000")
    nodes = {f"n{k + 1}": Node(f"n{k + 1}", os="linux", index=k) for k in range(count)}
    segment = Segment("lan", "10.99.0.0/16", ["controller", *nodes])
    fleet = Fleet(nodes, [], {"lan": segment}, start="fresh")
    _address_segments(fleet)
    return fleet
