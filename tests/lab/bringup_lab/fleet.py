"""FLEET.toml: what is physically true. README.md describes the format."""

import ipaddress
import re
import tomllib
from dataclasses import asdict, dataclass, field

from .errors import LabError
from .models import MODELS

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}$")
IFACE = re.compile(r"[a-z][a-z0-9]{0,9}$")


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
    index: int = 0
    addresses: dict = field(default_factory=dict)  # segment -> address
    wired: list = field(default_factory=list)  # a Linux node's ports, from the cables

    @property
    def mac(self):
        return self.os == "mac"

    @property
    def hardware(self):
        return MODELS[self.model]

    def ports(self):
        """{receptacle: interface}; a Linux node has those that a cable names."""
        return dict(self.hardware.ports) if self.mac else dict(enumerate(self.wired, 1))

    def lans(self):
        """(interface, hardware port, segment or None), in the order of the segments."""
        segments = list(self.addresses)
        if not self.mac:
            return [(f"eth{k}", f"eth{k}", s) for k, s in enumerate(segments)]
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
class Segment:
    name: str
    subnet: str
    hosts: list
    controller: str = ""  # the controller's address, empty when it is not on this segment


@dataclass
class Fleet:
    nodes: dict
    cables: list
    segments: dict
    # reinit: ports in bridge0 | fresh: bridge0 empty | addressed: that, and the cables' addresses
    start: str = "reinit"
    reinit_rdma: str = "off"  # what `lab reinit` leaves of RDMA
    verbs: str = "model"  # model: lab-mac plays the ibv tools | rxe: real devices (rdma.py)

    def to_json(self):
        return asdict(self)

    @staticmethod
    def from_json(data):
        return Fleet({k: Node(**v) for k, v in data["nodes"].items()},
                     [Cable(**c) for c in data["cables"]],
                     {k: Segment(**s) for k, s in data["segments"].items()},
                     data["start"], data["reinit_rdma"], data["verbs"])


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
    for k, cable in enumerate(fleet.cables):
        for end in cable.ends():
            node, _, iface = end.partition(":")
            if node in fleet.nodes and not fleet.nodes[node].mac and IFACE.match(iface):
                fleet.nodes[node].wired.append(iface)
        net = ipaddress.ip_network("10.254.0.0/16")[4 * k]
        cable.a_address = cable.a_address or f"{net + 1}/30"
        cable.b_address = cable.b_address or f"{net + 2}/30"


def _check_cables(fleet):
    used = set()
    for cable in fleet.cables:
        for end in cable.ends():
            node, _, iface = end.partition(":")
            if node not in fleet.nodes or iface not in fleet.nodes[node].ports().values():
                raise LabError(f"cable end {end!r}: no such port")
            if end in used:
                raise LabError(f"cable end {end!r}: two cables in one port")
            used.add(end)


def load(path):
    try:
        with open(path, "rb") as f:
            raw = tomllib.load(f)
    except (OSError, tomllib.TOMLDecodeError) as e:
        raise LabError(f"{path}: {e}") from e
    unknown = set(raw) - {"lab", "defaults", "nodes", "cables", "segments"}
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
                  **raw.get("lab", {}))
    _one_of("lab: start", fleet.start, ("reinit", "fresh", "addressed"))
    _one_of("lab: reinit_rdma", fleet.reinit_rdma, ("off", "on"))
    _one_of("lab: verbs", fleet.verbs, ("model", "rxe"))
    _address_segments(fleet)
    _wire_linux(fleet)
    _check_cables(fleet)
    for n in nodes.values():
        n.lans()
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
