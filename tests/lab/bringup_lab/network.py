"""Interfaces: the management segments, the cables, and what a Mac's ports are like after boot.

A cable is two veth pairs whose inner ends meet in a bridge of their own in the `wire` namespace:
unplugging takes both inner ends down, so that both nodes lose the carrier while their own
administrative state stays what it was.
"""

import ipaddress
import os

from . import kernel, rdma, router
from .errors import LabError
from .fleet import Cable
from .truth import mac_of

# Room for jumbo frames on the wire; what a node may send is its own interface's business.
WIRE_MTU = 9216


def _sysctl(path, value):
    kernel.write("/proc/sys/net/" + path, value)


def _prepare(netns, seed, verbs):
    with kernel.in_netns(netns):
        # A Mac answers ARP for an address only on the interface that holds it.
        _sysctl("ipv4/conf/all/arp_ignore", "1")
        _sysctl("ipv4/conf/all/arp_announce", "2")
        _sysctl("ipv4/ping_group_range", "0 2147483647")
        # Answers may leave by another way than the question came: Macs do not mind.
        _sysctl("ipv4/conf/all/rp_filter", "0")
        _sysctl("ipv4/conf/default/rp_filter", "0")
        if os.path.exists("/proc/sys/net/ipv6/conf/default/accept_dad"):
            _sysctl("ipv6/conf/default/accept_dad", "0")
            # Link-local addresses that are not EUI-64, like the Mac's "secured" ones. A real
            # device would have one more GID for it, before the IPv4 address's.
            if verbs != "rxe":
                _sysctl("ipv6/conf/default/stable_secret", f"2001:db8::{seed:x}")


def create(lab):
    """Namespaces and every interface, down to the nodes' state right after boot."""
    fleet = lab.fleet
    rooms = [lab.netns(n) for n in fleet.nodes] + [lab.hub, lab.wire, lab.controller]
    kernel.ip_batch([f"netns add {n}" for n in rooms])
    for k, name in enumerate(fleet.nodes):
        _prepare(lab.netns(name), k + 1, fleet.verbs)
    kernel.ip_batch(_segments(lab), lab.hub)
    kernel.ip_batch(_cables(lab), lab.wire)
    batches = {lab.netns(n): boot_lines(lab, n, fleet.start == "reinit") for n in fleet.nodes}
    controller = ["link set lo up"]
    for k, s in enumerate(x for x in fleet.segments.values() if x.controller):
        controller += [f"addr add {s.controller}/{s.bits} dev eth{k}", f"link set eth{k} up"]
    batches[lab.controller] = controller
    kernel.ip_batches(batches)
    router.start(lab)
    for name in fleet.nodes if fleet.verbs == "rxe" else []:
        rdma.create(lab, name)


def _segments(lab):
    lines = ["link set lo up"]
    controller_ends = 0
    for k, s in enumerate(lab.fleet.segments.values()):
        lines += [f"link add {bridge_of(k)} type bridge stp_state 0 forward_delay 0 "
                  "mcast_snooping 0", f"link set {bridge_of(k)} up"]
        if s.router:
            lines.append(f"addr add {s.router_address}/{s.bits} dev {bridge_of(k)}")
        if s.controller:
            lines += [f"link add ctl{k} type veth peer name eth{controller_ends} "
                      f"netns {lab.controller}", f"link set ctl{k} master {bridge_of(k)} up"]
            controller_ends += 1
    for node in lab.fleet.nodes.values():
        for position, (iface, _, segment) in enumerate(node.lan_interfaces()):
            end = hub_end(node, position)
            lines.append(f"link add {end} type veth peer name {iface} address "
                         f"{mac_of(node.name, iface)} netns {lab.netns(node.name)}")
            if segment is not None:
                k = list(lab.fleet.segments).index(segment)
                lines.append(f"link set {end} master {bridge_of(k)} up")
    return lines


def bridge_of(segment_index):
    return f"seg{segment_index}"


def hub_end(node, position):
    return f"m{node.index}.{position}"


def wire_end(node, iface):
    return _fitting(f"w{node.index}.", node, iface)


def limbo(node, iface):
    """What a port is called while it is not in its node."""
    return _fitting(f"x{node.index}.", node, iface)


def _fitting(prefix, node, iface):
    # The kernel takes 15 characters.
    name = prefix + iface
    return name if len(name) <= 15 else f"{prefix}{node.ports().index(iface)}"


def switch_of(lab, end):
    """(bridge in the wire, switch) that this port's cable goes to, or None."""
    for k, switch in enumerate(lab.fleet.switches):
        if end in switch.ports:
            return f"s{k}", switch
    return None


def switch_line(lab, end, up):
    """The cable between a port and its switch."""
    bridge, _ = switch_of(lab, end)
    node, _, iface = end.partition(":")
    state = f"master {bridge} up" if up else "down"
    return f"link set {wire_end(lab.fleet.nodes[node], iface)} {state}"


def _cables(lab):
    lines = ["link set lo up"]
    for node in lab.fleet.nodes.values():
        for iface in node.ports():
            lines.append(f"link add {wire_end(node, iface)} mtu {WIRE_MTU} type veth peer name "
                         f"{iface} address {mac_of(node.name, iface)} "
                         f"netns {lab.netns(node.name)}")
    for k, cable in enumerate(lab.fleet.cables):
        lines += _bridge_lines(k)
        for end in cable.ends():
            name, _, iface = end.partition(":")
            lines.append(f"link set {wire_end(lab.fleet.nodes[name], iface)} master c{k} up")
    for k, switch in enumerate(lab.fleet.switches):
        lines += [f"link add s{k} mtu {WIRE_MTU} type bridge stp_state 0 forward_delay 0 "
                  "mcast_snooping 0", f"link set s{k} up"]
        lines += [switch_line(lab, end, up=True) for end in switch.ports]
    return lines


def wire_lines(lab, cable, up):
    """Plugging puts the ends into the cable's own bridge: they may have been another's since."""
    state = f"master c{lab.fleet.cables.index(cable)} up" if up else "down"
    return [f"link set {wire_end(lab.fleet.nodes[e.partition(':')[0]], e.partition(':')[2])} "
            f"{state}" for e in cable.ends()]


def check_free(lab, ends):
    for end in ends:
        node, _, iface = end.partition(":")
        if iface not in lab.known_node(node).ports():
            raise LabError(f"{node} has no port {iface!r}")
        there = lab.cable_at(node, iface)
        if there is not None and lab.plugged(there):
            raise LabError(f"{end} has a cable in: {there.key}")
        switched = switch_of(lab, end)
        if switched and len(ends) == 2 and switched[1].key(end) not in lab.state["unplugged"]:
            raise LabError(f"{end} has a cable in: to {switched[1].name}")


def add_cable(lab, a, b):
    """A cable that the fleet's file does not know; `calm` takes it away again."""
    cable = Cable(a, b)
    check_free(lab, cable.ends())
    lab.fleet.cables.append(cable)
    kernel.ip_batch(_bridge_lines(len(lab.fleet.cables) - 1), lab.wire)
    return cable


def drop_added_cables(lab):
    for k, cable in list(enumerate(lab.fleet.cables))[lab.state["cables"]:]:
        if lab.plugged(cable):
            kernel.ip_batch(wire_lines(lab, cable, up=False), lab.wire)
        else:
            lab.state["unplugged"].remove(cable.key)
        kernel.ip_batch([f"link del c{k}"], lab.wire)
    del lab.fleet.cables[lab.state["cables"]:]


def _bridge_lines(k):
    # ageing 0: a cable learns nothing.
    return [f"link add c{k} mtu {WIRE_MTU} type bridge stp_state 0 forward_delay 0 "
            "ageing_time 0 mcast_snooping 0", f"link set c{k} up"]


def boot_lines(lab, name, bridged):
    """A node's interfaces as they are after a boot, from whatever they are now or nothing."""
    node = lab.fleet.nodes[name]
    lines = ["link set lo up", "route flush table main"]
    for iface, _, segment in node.lan_interfaces():
        lines += [f"addr flush dev {iface}", f"neigh flush dev {iface} nud permanent"]
        if node.daemon:  # which finds it down, and sets the rest
            lines.append(f"link set {iface} down")
            continue
        if segment is not None:
            bits = lab.fleet.segments[segment].bits
            lines.append(f"addr add {node.addresses[segment]}/{bits} brd + dev {iface}")
        lines.append(f"link set {iface} up")
    way_out = lab.fleet.router_of(node)
    if way_out and not node.daemon:
        lines.append(f"route add default via {way_out[1].router_address} dev {way_out[0]}")
    ports = [p for p in node.ports() if not lab.fault_on(name, "interface-missing", p)]
    for iface in ports:
        cable = lab.cable_at(name, iface)
        # Down and up: the flush takes the link-local address, the way up brings it back.
        lines += [f"addr flush dev {iface}", f"link set {iface} nomaster",
                  f"link set {iface} down", f"link set {iface} mtu {cable.mtu if cable else 1500}"]
        if node.daemon != "NetworkManager":
            lines.append(f"link set {iface} up")
        lines += address_lines(lab, name, iface)
    if not node.mac:
        return lines
    lines.append("link add bridge0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
    for iface in node.thunderbolt().values() if bridged else []:
        if iface in ports:
            lines += member_lines(node, iface)
    lines.append("link set bridge0 up")
    return lines


def member_lines(node, iface):
    """Isolated: three bridged Macs in a triangle would otherwise be a storm."""
    isolated = "off" if node.bridge == "forward" else "on"
    return [f"link set {iface} master bridge0",
            f"link set {iface} type bridge_slave isolated {isolated}"]


def address_lines(lab, name, iface):
    """The address that a boot gives to a port, in fleets that start addressed."""
    cable = lab.cable_at(name, iface)
    if cable is None or lab.fleet.start != "addressed":
        return []
    address = cable.a_address if cable.a == f"{name}:{iface}" else cable.b_address
    return [f"addr add {address} brd + dev {iface}"] if address else []


def forget(lab, name):
    """What a reboot takes: bridges and forwarding; the boot then sets the rest anew."""
    node = lab.fleet.nodes[name]
    if node.mac:
        with kernel.in_netns(lab.netns(name)):
            bridges = [i for i in _bridges_here()]
        kernel.ip_batch([f"link del {b}" for b in bridges], lab.netns(name), ignore_errors=True)
    with kernel.in_netns(lab.netns(name)):
        _sysctl("ipv4/ip_forward", "0")


def _bridges_here():
    # /sys shows the machine's own namespace here, /proc the one that was entered.
    with open("/proc/net/dev", encoding="utf-8") as f:
        names = [line.split(":")[0].strip() for line in f.readlines()[2:]]
    return [n for n in names if n.startswith("bridge")]
