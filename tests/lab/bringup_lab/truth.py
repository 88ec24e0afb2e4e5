"""Writes what is true of each Mac where its commands read it (/.lab/node.json)."""

import hashlib
import json
import os
import uuid

_SPACE = uuid.UUID("6a2f3a0e-5b0c-4c58-9d50-3b1d6a1a7c11")


def domain_of(node, iface):
    return str(uuid.uuid5(_SPACE, f"{node}:{iface}")).upper()


def mac_of(node, iface):
    digest = hashlib.sha256(f"{node}:{iface}".encode()).digest()
    return "36:4d:" + ":".join(f"{b:02x}" for b in digest[:4])


def _switch_uid(node, iface):
    return "0x05AC" + hashlib.sha256(f"switch {node}:{iface}".encode()).hexdigest()[:12].upper()


def wedged(lab, cable):
    """A Thunderbolt controller that hangs takes both ends of its cables along."""
    return any(lab.fault_on(end.partition(":")[0], "wedged") for end in cable.ends())


def _port(lab, node, receptacle, iface):
    port = {"receptacle": receptacle, "iface": iface, "mac": mac_of(node.name, iface),
            "domain": domain_of(node.name, iface), "switch_uid": _switch_uid(node.name, iface),
            "speed": 0, "dock": "", "peer": None}
    cable = lab.cable_at(node.name, iface)
    if cable is None or not lab.plugged(cable):
        return port
    if lab.fault_on(node.name, "profiler-blind", iface):
        return port
    mine = f"{node.name}:{iface}"
    far = cable.b if cable.a == mine else cable.a
    far_node, _, far_iface = far.partition(":")
    peer = lab.fleet.nodes[far_node]
    if not lab.running(far_node) or wedged(lab, cable):
        return port
    port["speed"] = cable.speed
    port["dock"] = cable.dock if cable.a == mine else ""
    port["peer"] = {"model": peer.hardware.identifier, "family": peer.hardware.family,
                    "domain": domain_of(far_node, far_iface), "rdma": lab.rdma_on(far_node)}
    return port


def of(lab, name):
    node = lab.fleet.nodes[name]
    hardware = node.hardware
    faults = lab.state["faults"].get(name, [])
    exo = any(f["name"] == "exo" for f in faults)
    ports = [_port(lab, node, r, i) for r, i in sorted(node.thunderbolt().items())]
    return {"name": name, "os_version": node.version, "os_build": node.build,
            "model": hardware.identifier, "family": hardware.family, "chip": hardware.chip,
            "memory": hardware.memory << 30, "cores": hardware.cores,
            "thunderbolt": hardware.thunderbolt,
            "boot_time": lab.state["boot_time"].get(name, 0), "rdma": lab.rdma_on(name),
            "location": "exo" if exo else "Automatic",
            "services": [f"EXO Thunderbolt {p['receptacle']}" for p in ports] if exo else [],
            "ports": ports,
            "bridge": node.bridge,
            "lans": [{"iface": i, "port": p, "mac": mac_of(name, i), "cabled": False}
                     for i, p, _ in node.lan_interfaces()]
            + [{"iface": i, "port": "USB 10/100/1G/2.5G LAN" + (f" {k}" if k else ""),
                "mac": mac_of(name, i), "cabled": True} for k, i in enumerate(node.ethernet)],
            "faults": [{"name": f["name"], "argument": f["argument"]} for f in faults]}


def publish(lab):
    """Rewrites every Mac's file, since one Mac's state shows at its peers'."""
    for name, node in lab.fleet.nodes.items():
        if not node.mac:
            continue
        path = f"{lab.node_dir(name)}/lab/node.json"
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(of(lab, name), f, indent=1)
        os.chmod(path + ".new", 0o644)
        os.replace(path + ".new", path)
