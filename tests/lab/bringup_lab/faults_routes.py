"""Faults of routed fleets: forwarding, routes, masks, neighbours, filters, services.

As in faults.py: each function takes (lab, name, argument). What a fault takes away is kept in the
lab's state until it is mended; what is set anew meanwhile, by whomever, stays.
"""

import contextlib
import ipaddress
import json
import re
import subprocess
import sys

from . import kernel, node
from .errors import LabError

# Nobody's: locally administered.
WRONG_MAC = "02:00:5e:00:53:99"
_FORWARDING = "/proc/sys/net/ipv4/ip_forward"


def ip_json(lab, name, *words):
    done = subprocess.run(["ip", "-n", lab.netns(name), "-j", *words], capture_output=True,
                          text=True, check=False)
    return [x for x in json.loads(done.stdout or "[]") if x]


def _keep(lab, name, word, what):
    lab.state.setdefault("kept", {})[f"{name} {word}"] = what


def _kept(lab, name, word):
    return lab.state.setdefault("kept", {}).pop(f"{name} {word}", None)


def interface(lab, name, iface):
    """Any interface that the node has, its bridge included."""
    if not ip_json(lab, name, "link", "show", "dev", iface):
        raise LabError(f"{name} has no interface {iface!r}")
    return iface


def forwarding(lab, name):
    with kernel.in_netns(lab.netns(name)):
        with open(_FORWARDING, encoding="utf-8") as f:
            return f.read().strip() == "1"


def _forwarding_off(lab, name, _):
    if f"{name} forwarding-off" not in lab.state.get("kept", {}):
        _keep(lab, name, "forwarding-off", forwarding(lab, name))
    with kernel.in_netns(lab.netns(name)):
        kernel.write(_FORWARDING, "0")


def _forwarding_mend(lab, name, _):
    if _kept(lab, name, "forwarding-off"):
        with kernel.in_netns(lab.netns(name)):
            kernel.write(_FORWARDING, "1")


def _route_line(route):
    words = [route["dst"]]
    for key, word in (("gateway", "via"), ("dev", "dev"), ("protocol", "proto"),
                      ("metric", "metric"), ("scope", "scope"), ("prefsrc", "src")):
        if key in route:
            words += [word, str(route[key])]
    return " ".join(words)


def _route_missing(lab, name, subnet):
    try:
        wanted = ipaddress.ip_network(subnet)
    except ValueError as e:
        raise LabError("route-missing takes a subnet") from e
    found = [r for r in ip_json(lab, name, "route", "show", "table", "main")
             if r["dst"] != "default" and ipaddress.ip_network(r["dst"]) == wanted]
    if not found:
        raise LabError(f"{name} has no route to {subnet}")
    _keep(lab, name, f"route-missing:{subnet}", [_route_line(r) for r in found])
    kernel.ip_batch([f"route del {_route_line(r)}" for r in found], lab.netns(name))


def _route_mend(lab, name, subnet):
    lines = _kept(lab, name, f"route-missing:{subnet}") or []
    kernel.ip_batch([f"route replace {line}" for line in lines], lab.netns(name),
                    ignore_errors=True)


def _defaults(lab, name):
    return ip_json(lab, name, "route", "show", "default")


def _default_route(lab, name, iface):
    """Another default route wins: those that are there get a metric behind its own."""
    interface(lab, name, iface)
    there = _defaults(lab, name)
    own = [a for i in ip_json(lab, name, "-4", "addr", "show", "dev", iface)
           for a in i["addr_info"]]
    gateway = ""
    if own:
        net = ipaddress.ip_interface(f"{own[0]['local']}/{own[0]['prefixlen']}")
        far = [h for h in (net.network[1], net.network[2]) if h != net.ip]
        gateway = f"via {far[0]} "
    added = f"default {gateway}dev {iface} metric 5"
    lines = []
    for route in there:
        if route.get("metric", 0) <= 5:
            behind = dict(route, metric=1000 + route.get("metric", 0))
            lines += [f"route add {_route_line(behind)}", f"route del {_route_line(route)}"]
    kernel.ip_batch([*lines, f"route add {added}"], lab.netns(name))
    _keep(lab, name, f"default-route:{iface}",
          {"added": added, "before": [_route_line(r) for r in there],
           "behind": [line.removeprefix("route add ") for line in lines if " add " in line]})


def _default_route_mend(lab, name, iface):
    kept = _kept(lab, name, f"default-route:{iface}")
    if kept is None:
        return
    kernel.ip_batch([f"route del {kept['added']}", *(f"route del {r}" for r in kept["behind"])],
                    lab.netns(name), ignore_errors=True)
    if kept["behind"]:
        kernel.ip_batch([f"route replace {r}" for r in kept["before"]], lab.netns(name),
                        ignore_errors=True)


def _wrong_mask(lab, name, argument):
    iface, _, bits = argument.partition(":")
    interface(lab, name, iface)
    if not bits.isdigit() or not 1 <= int(bits) <= 32:
        raise LabError("wrong-mask takes IF:BITS")
    found = [f"{a['local']}/{a['prefixlen']}"
             for i in ip_json(lab, name, "-4", "addr", "show", "dev", iface)
             for a in i["addr_info"]]
    if not found:
        raise LabError(f"{name}:{iface} has no IPv4 address")
    _remask(lab, name, iface, found, [f"{a.partition('/')[0]}/{bits}" for a in found])
    _keep(lab, name, f"wrong-mask:{argument}", found)


def _remask(lab, name, iface, old, new):
    # The routes through this interface's gateways outlive the moment between.
    routes = [_route_line(r) for r in ip_json(lab, name, "route", "show", "dev", iface)
              if "gateway" in r]
    routes = [r if " dev " in r else f"{r} dev {iface}" for r in routes]
    lines = [f"addr del {a} dev {iface}" for a in old if a not in new]
    lines += [f"addr replace {a} brd + dev {iface}" for a in new]
    kernel.ip_batch(lines, lab.netns(name), ignore_errors=True)
    kernel.ip_batch([f"route replace {r}" for r in routes], lab.netns(name), ignore_errors=True)


def _mask_mend(lab, name, argument):
    iface, _, bits = argument.partition(":")
    right = _kept(lab, name, f"wrong-mask:{argument}") or []
    # An address that was set right, or removed, meanwhile is not ours any more.
    held = [f"{a['local']}/{a['prefixlen']}"
            for i in ip_json(lab, name, "-4", "addr", "show", "dev", iface)
            for a in i["addr_info"]]
    wrong = [a for a in right if f"{a.partition('/')[0]}/{bits}" in held]
    _remask(lab, name, iface, [f"{a.partition('/')[0]}/{bits}" for a in wrong], wrong)


def _neighbour(argument):
    iface, _, address = argument.partition(":")
    try:
        ipaddress.IPv4Address(address)
    except ValueError as e:
        raise LabError("stale-neighbour takes IF:IP") from e
    return iface, address


def _stale(lab, name, argument):
    iface, address = _neighbour(argument)
    interface(lab, name, iface)
    kernel.ip_batch([f"neigh replace {address} lladdr {WRONG_MAC} dev {iface} nud permanent"],
                    lab.netns(name))


def _stale_mend(lab, name, argument):
    iface, address = _neighbour(argument)
    for entry in ip_json(lab, name, "neigh", "show", address, "dev", iface):
        if entry.get("lladdr") == WRONG_MAC:
            kernel.ip_batch([f"neigh del {address} dev {iface}"], lab.netns(name))


def nft(lab, name, text):
    done = subprocess.run(["nsenter", f"--net={kernel.NETNS}{lab.netns(name)}", "nft", "-f", "-"],
                          input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"nft: {done.stderr.strip()}")


def _filter(kind, match):
    """Without an interface: on all but those of the segments."""
    def table(iface):
        return f"lab-{kind}-{re.sub('[^a-zA-Z0-9]', '-', iface) or 'all'}"

    def act(lab, name, iface):
        if iface:
            interface(lab, name, iface)
            where = f'iifname "{iface}"'
        else:
            lans = [i for i, _, _ in lab.fleet.nodes[name].lan_interfaces()] + ["lo"]
            where = "iifname != { " + ", ".join(f'"{i}"' for i in lans) + " }"
        nft(lab, name, f"table inet {table(iface)} {{\n  chain input {{\n"
                       f"    type filter hook input priority 0; policy accept;\n"
                       f"    {where} {match} drop\n  }}\n}}\n")

    def mend(lab, name, iface):
        nft(lab, name, f"delete table inet {table(iface)}\n")

    return "[IF]", act, mend


# Accepts and says nothing, also on an address that the node does not have at the moment.
_SERVICE = """
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IP, 15, 1)
s.bind((sys.argv[1], int(sys.argv[2]))); s.listen(64); print("ready", flush=True); kept = []
while True: kept = kept[-200:] + [s.accept()]
"""


def service(argument):
    """(address, port)"""
    address, _, port = argument.rpartition(":")
    try:
        ipaddress.IPv4Address(address)
    except ValueError as e:
        raise LabError("service-bound takes ADDRESS:PORT") from e
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise LabError("service-bound takes ADDRESS:PORT")
    return address, port


def _service(lab, name, argument):
    address, port = service(argument)
    label = f"{name}.service{address}.{port}"
    node.end_process(lab, label)
    with kernel.in_netns(lab.netns(name)):
        p = subprocess.Popen([sys.executable, "-S", "-c", _SERVICE, address, port],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    node.keep_process(lab, label, p.pid)
    if p.stdout.readline() != b"ready\n":
        node.forget_process(lab, label)
        raise LabError(f"{name}: {argument} is taken")


def _service_mend(lab, name, argument):
    address, port = service(argument)
    node.end_process(lab, f"{name}.service{address}.{port}")


# name: (argument, break, mend)
BY_LAB = {
    "forwarding-off": ("", _forwarding_off, _forwarding_mend),
    "route-missing": ("SUBNET", _route_missing, _route_mend),
    "default-route": ("IF", _default_route, _default_route_mend),
    "wrong-mask": ("IF:BITS", _wrong_mask, _mask_mend),
    "stale-neighbour": ("IF:IP", _stale, _stale_mend),
    "icmp-filtered": _filter("icmp", "icmp type echo-request"),
    "udp-filtered": _filter("udp", "meta l4proto udp"),
    "service-bound": ("ADDRESS:PORT", _service, _service_mend),
}
AGAIN_AFTER_BOOT = ("forwarding-off", "service-bound")
# A boot undoes these, and that is that.
CURED_BY_BOOT = ("route-missing", "default-route", "wrong-mask", "stale-neighbour")


def forget(lab, name, fault):
    """A boot has cured it."""
    with contextlib.suppress(KeyError):
        del lab.state["kept"][f"{name} {fault['name']}:{fault['argument']}"]
