"""What stands behind a segment with `router = true`: the last address of its subnet, a name server
on it that knows the nodes, and 8.8.8.8, so that something far away answers."""

import os
import socket
import struct
import subprocess
import sys

FAR_AWAY = "8.8.8.8"
_A, _IN, _NXDOMAIN = 1, 1, 3


def start(lab):
    from . import kernel, node  # pylint: disable=import-outside-toplevel
    places = [s.router_address for s in lab.fleet.segments.values() if s.router]
    if not places:
        return
    hosts = f"{lab.dir}/router.hosts"
    kernel.write(hosts, "".join(f"{a} {n.name}\n" for n in lab.fleet.nodes.values()
                                for a in list(n.addresses.values())[:1]))
    kernel.ip_batch([f"addr add {FAR_AWAY}/32 dev lo"], lab.hub)
    with kernel.in_netns(lab.hub):
        p = subprocess.Popen([sys.executable, "-I", "-S", os.path.abspath(__file__), hosts,
                              *places], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    node.keep_process(lab, "router", p.pid)
    p.stdout.readline()


def resolv_conf(address):
    return f"nameserver {address}\n"


def answer(question, names):
    """One question of RFC 1035: the address of a node, else that there is no such name."""
    number, _, questions = struct.unpack("!HHH", question[:6])
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode("ascii", "replace").lower())
        at += 1 + question[at]
    kind, _ = struct.unpack("!HH", question[at + 1:at + 5])
    asked = question[12:at + 5]
    address = names.get(labels[0]) if len(labels) in (1, 2) and questions == 1 else None
    record = b""
    if address and kind == _A:
        record = b"\xc0\x0c" + struct.pack("!HHIH", _A, _IN, 60, 4) + socket.inet_aton(address)
    flags = 0x8180 | (0 if address else _NXDOMAIN)
    return struct.pack("!HHHHHH", number, flags, 1, bool(record), 0, 0) + asked + record


def serve(hosts, places):
    with open(hosts, encoding="utf-8") as f:
        names = {name: address for address, name in map(str.split, f)}
    sockets = []
    for place in places:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((place, 53))
        sockets.append(s)
    print("ready", flush=True)
    import select  # pylint: disable=import-outside-toplevel
    while True:
        for s in select.select(sockets, [], [])[0]:
            question, asker = s.recvfrom(1500)
            try:
                s.sendto(answer(question, names), asker)
            except (IndexError, struct.error, OSError):
                pass


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
