"""`lab state`: the kernel's truth of every node, read from outside, so that no test has to
believe the tool that it tests."""

import json
import os
import subprocess

from . import faults_routes, node as nodes
from .faults_routes import ip_json

MATRIX = "mlx_ibv_devices.json"


def _interfaces(lab, name):
    done = subprocess.run(["ip", "-n", lab.netns(name), "-j", "-d", "addr"], capture_output=True,
                          text=True, check=False)
    out = {}
    for i in json.loads(done.stdout or "[]"):
        if not i:
            continue
        out[i["ifname"]] = {
            "up": "UP" in i["flags"], "carrier": "LOWER_UP" in i["flags"], "mtu": i["mtu"],
            "mac": i.get("address"), "master": i.get("master"), "index": i["ifindex"],
            "inet": [f"{a['local']}/{a['prefixlen']}" for a in i["addr_info"]
                     if a["family"] == "inet"],
            "inet6": [f"{a['local']}/{a['prefixlen']}" for a in i["addr_info"]
                      if a["family"] == "inet6"],
            "bridge": i.get("linkinfo", {}).get("info_kind") == "bridge"}
    return out


def _routing(lab, name):
    routes = [{"to": r["dst"], "via": r.get("gateway"), "dev": r.get("dev"),
               "metric": r.get("metric", 0), "protocol": r.get("protocol")}
              for r in ip_json(lab, name, "-4", "route", "show", "table", "main")]
    return {"routes": routes,
            # The first one is the one that is used.
            "default_routes": sorted((r for r in routes if r["to"] == "default"),
                                     key=lambda r: r["metric"]),
            # Those that somebody set; the others come and go by themselves.
            "neighbours": [{"ip": n["dst"], "mac": n.get("lladdr"), "dev": n["dev"]}
                           for n in ip_json(lab, name, "-4", "neigh", "show", "nud", "permanent")],
            "forwarding": faults_routes.forwarding(lab, name)}


def _name_servers(lab, name):
    """/etc/resolv.conf as it stands; None while the node is off."""
    try:
        with open(f"{nodes.root_of(lab, name)}/etc/resolv.conf", encoding="utf-8",
                  errors="replace") as f:
            return f.read(1 << 16)
    except (OSError, nodes.LabError):
        return None


def _matrix(lab, name):
    """Content, inode and times of the IBV matrix file; None when there is none."""
    try:
        path = f"{nodes.tmp_of(lab, name)}/{MATRIX}"
        st = os.lstat(path)
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read(1 << 20)
    except (OSError, nodes.LabError):
        return None
    return {"text": text, "inode": st.st_ino, "mtime_ns": st.st_mtime_ns,
            "mode": oct(st.st_mode & 0o7777), "uid": st.st_uid}


def collect(lab):
    out = {"name": lab.name, "nodes": {}, "cables": [], "wan_ms": lab.state["wan"]}
    for cable in lab.fleet.cables:
        out["cables"].append({"a": cable.a, "b": cable.b, "speed": cable.speed,
                              "plugged": lab.plugged(cable),
                              "shaped": {e: lab.state["shaped"].get(e) for e in cable.ends()},
                              "loss": {e: lab.state["lossy"].get(e) for e in cable.ends()}})
    out["switches"] = {s.name: {end: s.key(end) not in lab.state["unplugged"] for end in s.ports}
                       for s in lab.fleet.switches}
    for name, node in lab.fleet.nodes.items():
        interfaces = _interfaces(lab, name)
        out["nodes"][name] = {
            "os": node.os, "model": node.model, "addresses": node.addresses,
            "up": nodes.init_pid(lab, name) is not None, "rdma": lab.rdma_on(name),
            "faults": lab.state["faults"].get(name, []), "interfaces": interfaces,
            "bridges": {b: sorted(i for i, x in interfaces.items() if x["master"] == b)
                        for b, y in interfaces.items() if y["bridge"]},
            "matrix": _matrix(lab, name), "resolv_conf": _name_servers(lab, name),
            **_routing(lab, name)}
    return out
