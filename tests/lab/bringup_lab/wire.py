"""What a cable does to what passes through it: speed, loss, generation; and one end's MTU.

Everything here acts on the cable's inner ends, where neither node can see it. A frame that a node
sends leaves the cable through the *other* end's inner interface: that is where it is held back or
lost.
"""

import re
import subprocess

from . import kernel, network
from .errors import LabError

_RATE = re.compile(r"(\d+(?:\.\d+)?)(k|m|g)bit$")
_UNITS = {"k": 1e3, "m": 1e6, "g": 1e9}


def _split(lab, end):
    node, _, iface = end.partition(":")
    return lab.known_node(node), iface


def _senders(lab, link, end):
    """(the cable, those of its ends whose frames are meant)"""
    cable = lab.cable_named(link)
    if end is None:
        return cable, list(cable.ends())
    if end not in cable.ends():
        raise LabError(f"{end} is no end of {cable.a}-{cable.b}")
    return cable, [end]


def _exit_of(lab, cable, sender):
    """The inner interface through which the frames of that end leave the cable."""
    far = cable.b if sender == cable.a else cable.a
    return network.wire_end(*_split(lab, far))


def shape(lab, link, rate, end=None):
    cable, senders = _senders(lab, link, end)
    if rate != "off" and not _RATE.match(rate):
        raise LabError("shape takes a rate such as 500mbit or 2.5gbit, or off")
    for sender in senders:
        out = _exit_of(lab, cable, sender)
        if rate == "off":
            # An end that was never shaped has nothing to take away.
            subprocess.run(["tc", "-n", lab.wire, "qdisc", "del", "dev", out, "root"],
                           capture_output=True, check=False)
            lab.state["shaped"].pop(sender, None)
            continue
        number, unit = _RATE.match(rate).groups()
        # 5 ms worth, and never less than one of the large packets that veth carries whole.
        burst = max(131072, int(float(number) * _UNITS[unit] / 8 * 0.005))
        _run(["tc", "-n", lab.wire, "qdisc", "replace", "dev", out, "root", "tbf", "rate", rate,
              "burst", str(burst), "latency", "20ms"])
        lab.state["shaped"][sender] = rate
    lab.save()


def loss(lab, link, percent, end=None):
    _, senders = _senders(lab, link, end)
    for sender in senders:
        if percent == "off":
            lab.state["lossy"].pop(sender, None)
            continue
        try:
            share = float(percent)
        except ValueError as e:
            raise LabError("loss takes a percentage or off") from e
        if not 0 < share <= 100:
            raise LabError("loss takes a percentage from 0.01 to 100, or off")
        lab.state["lossy"][sender] = share
    _write_losses(lab)
    lab.save()


def _write_losses(lab):
    """One table for the whole wire. nft, not netem: not every kernel has that."""
    rules = []
    for sender, share in lab.state["lossy"].items():
        out = _exit_of(lab, lab.cable_named(sender), sender)
        rules.append(f'oifname "{out}" numgen random mod 10000 < {round(share * 100)} drop')
    text = "table bridge lab_loss {}\ndelete table bridge lab_loss\n"
    if rules:
        text += ("table bridge lab_loss { chain wire {\n type filter hook forward priority 0;\n "
                 + "\n ".join(rules) + "\n}\n}\n")
    _run(["nsenter", f"--net={kernel.NETNS}{lab.wire}", "nft", "-f", "-"], text)


def set_mtu(lab, end, size):
    node, iface = _split(lab, end)
    if iface not in node.ports():
        raise LabError(f"{node.name} has no port {iface!r}")
    if not size.isdigit() or not 576 <= int(size) <= network.WIRE_MTU:
        raise LabError(f"mtu takes 576 to {network.WIRE_MTU}")
    kernel.ip_batch([f"link set {iface} mtu {size}"], lab.netns(node.name))
    lab.state["mtus"][end] = int(size)
    lab.save()


def recable(lab, link, speed, dock):
    """Another cable between the same ports."""
    cable = lab.cable_named(link)
    if speed is not None:
        cable.speed = speed
    if dock is not None:
        cable.dock = dock
    lab.save()


def calm(lab):
    """Every cable in, at full speed, without loss; MTUs as after a boot."""
    for sender in list(lab.state["shaped"]):
        shape(lab, sender, "off", sender)
    network.drop_added_cables(lab)
    for cable in lab.fleet.cables:
        if not lab.plugged(cable):
            lab.plug(cable.key)
    for end in [e for s in lab.fleet.switches for e in s.ports]:
        lab.plug(end)
    for end in lab.state["mtus"]:
        node, iface = _split(lab, end)
        cable = lab.cable_at(node.name, iface)
        kernel.ip_batch([f"link set {iface} mtu {cable.mtu if cable else 1500}"],
                        lab.netns(node.name))
    lab.state["mtus"].clear()
    if lab.state["lossy"]:
        lab.state["lossy"].clear()
        _write_losses(lab)
    lab.save()


def _run(argv, text=None):
    done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{argv[0]}: {done.stderr.strip()}")
