#!/usr/bin/python3
"""Holds every export against the format that its reader documents, and against the inventory.

    check_exports.py BRINGUP        runs it on the fleets in tests/output/export
    check_exports.py BRINGUP FILE…  on these inventories

Shares no code with bringup: it has its own reader of the inventory and its own JACCL.
"""

import ipaddress
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
FORMATS = ["mlx-hostfile", "ibv-matrix", "jaccl-env", "nccl-env", "ssh-config", "ansible", "mpi",
           "hosts", "dot"]
COORDINATOR = "192.168.1.10"


class Wrong(Exception):
    pass


def need(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(w) for w in what))


class Fleet:
    """What an inventory says; addresses as the planner cuts them when nothing else is said."""

    def __init__(self, path):
        with open(path, "rb") as f:
            text = tomllib.load(f)
        self.nodes = {name: {**text.get("defaults", {}), **node}
                      for name, node in text["nodes"].items()}
        self.names = sorted(self.nodes, key=lambda n: self.nodes[n].get(
            "rank", list(self.nodes).index(n)))
        pool = ipaddress.ip_network(text["fleet"].get("address_pool", "10.254.0.0/24"))
        cut = pool.subnets(new_prefix=30)
        self.links = []
        for link in text.get("links", []):
            subnet = ipaddress.ip_network(link["subnet"]) if "subnet" in link else next(cut)
            hosts = list(subnet.hosts())
            ends = []
            for letter, own in (("a", hosts[0]), ("b", hosts[1])):
                node, port = link[letter].split(":")
                ends.append((node, port, link.get(f"{letter}_address", str(own))))
            self.links.append((ends, link.get("rdma", link["kind"] == "thunderbolt5")))
        self.segments = text.get("segments", [])
        self.proxies = text.get("proxies", {})

    def devices(self, a, b):
        """Of a, toward b, in the order of the links."""
        found = []
        for ends, rdma in self.links:
            for own, other in (ends, ends[::-1]):
                if rdma and (own[0], other[0]) == (a, b):
                    found.append(f"rdma_{own[1]}")
        return found

    def addresses(self, a, b):
        """Of a, on the links to b."""
        return [own[2] for ends, _ in self.links for own, other in (ends, ends[::-1])
                if (own[0], other[0]) == (a, b)]


# JACCL's own judgement (jaccl.cpp: Config::is_valid_mesh, is_valid_ring, init).

def as_lists(matrix):
    need(isinstance(matrix, list), "the device file should start with an array")
    rows = []
    for row in matrix:
        need(isinstance(row, list), "the device file should have an array of arrays")
        need(len(row) == len(matrix), "a row is too short or too long")
        rows.append([])
        for cell in row:
            need(cell is None or isinstance(cell, (str, list)), "not null, string or array:", cell)
            names = [] if cell is None else [cell] if isinstance(cell, str) else cell
            need(all(isinstance(n, str) and n for n in names), "an empty name counts as a device")
            need(cell != [], "an empty array; null is the word for it")
            rows[-1].append(names)
    return rows


def is_mesh(rows):
    n = len(rows)
    return n >= 2 and all((i == j) == (not rows[i][j]) for i in range(n) for j in range(n))


def is_ring(rows):
    n = len(rows)
    if n < 2:
        return False
    count = len(rows[0][1])
    return all(len(rows[i][j]) == count for i in range(n) for j in ((i - 1) % n, (i + 1) % n))


def group_of(matrix, prefer_ring):
    """mesh, ring or an exception: what JACCL would silently make a group of one is wrong."""
    rows = as_lists(matrix)
    for i, row in enumerate(rows):
        flat = [d for cell in row for d in cell]
        need(len(flat) == len(set(flat)), f"rank {i} uses one device for two peers")
    if is_ring(rows) and (prefer_ring or not is_mesh(rows)):
        need(rows[0][1], "a ring without devices: every rank would be a group of one")
        need(len(rows[0][1]) <= 4, "more than four cables to one side")
        return "ring"
    need(is_mesh(rows), "neither mesh nor ring: every rank would be a group of one")
    need(len(rows) <= 8, "a mesh has at most eight nodes")
    return "mesh"


def same_devices(rows, order, fleet, neighbours_only):
    n = len(order)
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            known = fleet.devices(a, b) if i != j else []
            if neighbours_only and (i - j) % n not in (1, n - 1):
                need(not rows[i][j], f"{a} and {b} are no neighbours")
                continue
            need(rows[i][j] == known[:len(rows[i][j])], f"{a} to {b}: {rows[i][j]}, not {known}")
            need(bool(rows[i][j]) == bool(known) or neighbours_only, f"{a} to {b} is missing")
    # Both ends name the same cable at the same place.
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            need(len(rows[i][j]) == len(rows[j][i]), f"{a} and {b} count differently")


def ssh_words(host):
    """mlx.launch puts it into a shell command as it is."""
    need(shlex.split(f"ssh {host} x") == ["ssh", host, "x"], "no bare word:", host)
    need(not host.startswith("-"), "an option of ssh:", host)
    need(host != "127.0.0.1", "would be run on this computer")
    return host.rpartition("@")[2]


def node_of(fleet, host):
    for name, node in fleet.nodes.items():
        if host in (name, node.get("host")):
            return name
    raise Wrong("no node is", host)


def check_mlx_hostfile(text, fleet):
    data = json.loads(text)
    need(json.dumps(data, indent=4) + "\n" == text, "not laid out as MLX does it")
    need(set(data) == {"backend", "envs", "hosts"}, "members:", *data)
    hosts = data["hosts"]
    order = [node_of(fleet, ssh_words(h["ssh"])) for h in hosts]
    need(sorted(order) == sorted(fleet.nodes), "hosts:", *order)
    for host in hosts:
        for ip in host["ips"]:
            ipaddress.IPv4Address(ip)
    n = len(order)
    if data["backend"] == "ring":
        counts = {len(h["ips"]) for h in hosts}
        need(len(counts) == 1 and counts != {0}, "addresses per host:", *counts)
        for k, name in enumerate(order):
            left = order[k - 1]
            need(hosts[k]["ips"] == fleet.addresses(name, left)[:len(hosts[k]["ips"])],
                 f"{name} listens for {left} at", *hosts[k]["ips"])
        return
    need(data["backend"] in ("jaccl", "jaccl-ring"), "backend:", data["backend"])
    # launch.py, launch_jaccl
    need(hosts[0]["ips"], "rank 0 should have an IP reachable from all other ranks")
    need(all(len(h["rdma"]) == n for h in hosts), "malformed hostfile for jaccl backend")
    need(all(h["rdma"][i] is None for i, h in enumerate(hosts)), "malformed: diagonal")
    matrix = [h["rdma"] for h in hosts]
    ring = data["backend"] == "jaccl-ring"
    need(group_of(matrix, ring) == ("ring" if ring else "mesh"), "JACCL would choose otherwise")
    same_devices(as_lists(matrix), order, fleet, ring)


def check_ibv_matrix(text, fleet):
    need(text.count("\n") == 1 and text.endswith("\n"), "not one line")
    matrix = json.loads(text)
    group_of(matrix, False)
    same_devices(as_lists(matrix), fleet.names, fleet, False)


def check_jaccl_env(text, fleet):
    blocks = text.split("\n\n")
    need(len(blocks) == len(fleet.names), len(blocks), "blocks")
    for rank, (block, name) in enumerate(zip(blocks, fleet.names)):
        need(block.startswith(f"# {name}\n"), "the block of", name)
        ran = subprocess.run(["sh", "-eu", "-c", block + "\nenv"], capture_output=True, text=True,
                             check=True, env={"PATH": os.environ["PATH"]}, timeout=30)
        env = dict(line.split("=", 1) for line in ran.stdout.splitlines())
        need(env["MLX_RANK"] == str(rank), name, "has rank", env["MLX_RANK"])
        host, _, port = env["MLX_JACCL_COORDINATOR"].partition(":")
        ipaddress.IPv4Address(host)
        need(port == "32323", "port", port)
        need(env["MLX_IBV_DEVICES"].startswith("/"), "no absolute path")
        mesh = all(fleet.devices(a, b) for a in fleet.names for b in fleet.names if a != b)
        need(("MLX_JACCL_RING" in env) == (not mesh), "the shape of", name)


def check_nccl_env(text, fleet):
    blocks = text.split("\n\n")
    need(len(blocks) == len(fleet.names), len(blocks), "blocks")
    for block, name in zip(blocks, fleet.names):
        need(block.startswith(f"# {name}\n"), "the block of", name)
        ran = subprocess.run(["sh", "-eu", "-c", block + "\nenv"], capture_output=True, text=True,
                             check=True, env={"PATH": os.environ["PATH"]}, timeout=30)
        env = dict(line.split("=", 1) for line in ran.stdout.splitlines())
        ports = [end[1] for ends, rdma in fleet.links for end in ends if rdma and end[0] == name]
        need(env["NCCL_SOCKET_IFNAME"] == "=" + ",".join(ports), "interfaces of", name)
        need(env["NCCL_IB_HCA"] == "=" + ",".join("rdma_" + p for p in ports), "devices of", name)


def check_ssh_config(text, fleet):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write(text)
        f.flush()
        for name, node in {**fleet.proxies, **fleet.nodes}.items():
            ran = subprocess.run(["ssh", "-G", "-F", f.name, name], capture_output=True, text=True,
                                 check=True, timeout=30)
            said = {}
            for line in ran.stdout.splitlines():
                key, _, value = line.partition(" ")
                said.setdefault(key, []).append(value)
            need(said["hostname"] == [node.get("host", name)], name, "is", *said["hostname"])
            if "user" in node:
                need(said["user"] == [node["user"]], name, "user", *said["user"])
            need(said["port"] == [str(node.get("port", 22))], name, "port", *said["port"])
            via = node.get("via", [])
            via = [via] if isinstance(via, str) else via
            need(said.get("proxyjump", []) == ([",".join(via)] if via else []), name, "goes by",
                 *said.get("proxyjump", ["nothing"]))
            if "identity_file" in node:
                need(said["identityfile"] == [node["identity_file"]], *said["identityfile"])


def yaml_subset(text):
    """Mappings by indentation, scalars as JSON writes them: what the export uses of YAML."""
    top = {}
    stack = [(-1, top)]
    for line in text.splitlines():
        found = re.fullmatch(r'( *)("(?:[^"\\]|\\.)*"|[a-z_]+):(?: (.*))?', line)
        need(found, "no line of YAML that is known here:", line)
        indent, key, value = len(found[1]), found[2], found[3]
        key = json.loads(key) if key.startswith('"') else key
        while stack[-1][0] >= indent:
            stack.pop()
        need(key not in stack[-1][1], key, "stands twice")
        stack[-1][1][key] = {} if value is None else json.loads(value)
        if value is None:
            stack.append((indent, stack[-1][1][key]))
    return top


def check_ansible(text, fleet):
    data = yaml_subset(text)
    need(set(data) == {"all"}, "the top:", *data)
    hosts = data["all"]["hosts"]
    need(list(hosts) == fleet.names, "hosts:", *hosts)
    for rank, (name, said) in enumerate(hosts.items()):
        node = fleet.nodes[name]
        need(said["bringup_rank"] == rank, name, "rank")
        need(said["ansible_host"] == node.get("host", name), name, "host")
        need(said.get("ansible_user") == node.get("user"), name, "user")
        via = node.get("via", [])
        via = [via] if isinstance(via, str) else via
        words = shlex.split(said.get("ansible_ssh_common_args", ""))
        need(bool(words) == bool(via), name, "way")
        if via:
            need(words[0] == "-o" and words[1].startswith("ProxyJump="), *words)
            need(words[1].count(",") == len(via) - 1, *words)
    for group, members in data["all"].get("children", {}).items():
        need(set(members["hosts"]) <= set(hosts), group)


def check_mpi(text, fleet):
    lines = text.splitlines()
    need([node_of(fleet, ssh_words(line.split()[0])) for line in lines] == fleet.names, "order")
    for line in lines:
        need(re.fullmatch(r"\S+ slots=1", line), line)


def check_hosts(text, fleet):
    names, addresses = [], []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        address, *words = line.split()
        ipaddress.IPv4Address(address)
        need(len(words) == 1, line)
        need(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", words[0]), "no host name:", line)
        names.append(words[0])
        addresses.append(address)
    need(len(set(names)) == len(names), "a name stands twice")
    expected = [end[2] for ends, _ in fleet.links for end in ends]
    expected += [m.partition("=")[2] for s in fleet.segments for m in s["members"].values()]
    need(sorted(addresses) == sorted(expected), "addresses:", *addresses)


def check_dot(text, fleet):
    string = r'"(?:[^"\\]|\\.)*"'
    attributes = rf" \[[a-z]+=(?:{string}|[a-z]+)(?:, [a-z]+=(?:{string}|[a-z]+))*\]"
    lines = text.splitlines()
    need(re.fullmatch(rf"graph {string} {{", lines[0]) and lines[-1] == "}", "no graph")
    edges = []
    for line in lines[1:-1]:
        edge = re.fullmatch(rf"  ({string}) -- ({string})({attributes})?;", line)
        if edge:
            edges.append((json.loads(edge[1]), json.loads(edge[2])))
        else:
            need(re.fullmatch(rf"  (node|{string}){attributes};", line), "no statement:", line)
    cables = [(ends[0][0], ends[1][0]) for ends, _ in fleet.links]
    need(edges[:len(cables)] == cables, "edges:", *edges)


def exported(bringup, inventory, form):
    argv = [bringup, "export", form, "-i", inventory]
    if form in ("mlx-hostfile", "jaccl-env"):
        argv += ["--coordinator", COORDINATOR]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def main():
    bringup = sys.argv[1]
    paths = sys.argv[2:] or sorted(f"{HERE}/export/{n}" for n in os.listdir(f"{HERE}/export")
                                   if n.endswith(".toml"))
    need(paths, "no inventories")
    wrong = checked = 0
    for path in paths:
        fleet = Fleet(path)
        for form in FORMATS:
            done = exported(bringup, path, form)
            name = f"{os.path.basename(path)} {form}"
            if done.returncode == 2 and re.search("groups of one|no link with RDMA", done.stderr):
                print(f"refused {name}: {done.stderr.splitlines()[0]}")
                continue
            try:
                need(done.returncode == 0, f"exit {done.returncode}:", done.stderr)
                globals()["check_" + form.replace("-", "_")](done.stdout, fleet)
                checked += 1
            except (Wrong, ValueError, KeyError, subprocess.SubprocessError) as error:
                wrong += 1
                print(f"WRONG {name}: {type(error).__name__}: {error}")
    print(f"{checked} exports of {len(paths)} fleets hold, {wrong} do not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
