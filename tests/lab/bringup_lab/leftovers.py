"""`lab leftovers NODE`: what is on a node now and was not when it was marked (at boot, or by
`--mark`): processes, files where a tool may leave them, listening ports."""

import contextlib
import json
import os

from . import kernel, layers, node
from .errors import LabError

PLACES = ("/tmp", "/private/tmp", "/var/tmp", "/dev/shm", "/root", "/run")
# Their own comings and goings are no tool's traces.
NOT_OURS = ("/run/sshd", "/run/sudo", "/run/lock", "/run/NetworkManager", "/run/systemd/netif",
            "/run/dbus", "/run/lab-units")
# Started and ended by the system's bus as it likes.
NOT_PROCESSES = ("/usr/libexec/nm-", "/usr/lib/NetworkManager/", "/usr/bin/dbus-daemon")
# sudo's own note in a home.
NOT_FILES = (".sudo_as_admin_successful",)
_LISTEN = "0A"


def _namespace(pid, kind):
    with contextlib.suppress(OSError):
        return os.stat(f"/proc/{pid}/ns/{kind}").st_ino
    return None


def _command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            stat = f.read()
    except OSError:
        return None
    if stat.rpartition(")")[2].split()[0] in "ZX":
        return None
    return words or stat[stat.index("("):stat.rindex(")") + 1]


def _processes(lab, name):
    """{pid: command line} of everything in the node's PID or network namespace."""
    init = node.init_pid(lab, name)
    kept = {pid for pid, _ in node.kept_processes(lab)}
    pids, net = _namespace(init, "pid"), _namespace(init, "net")
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        pid = int(entry)
        if pid in kept or (_namespace(pid, "pid") != pids and _namespace(pid, "net") != net):
            continue
        words = _command_line(pid)
        if words is not None and not words.startswith(NOT_PROCESSES):
            found[str(pid)] = words
    return found


def _files(lab, name):
    """{path: what tells that it changed}"""
    root = node.root_of(lab, name)
    found = {}
    for place in (*PLACES, layers.home_of(lab.fleet.nodes[name])):
        # A Mac's /tmp is a link; what it points to is a place of its own.
        if os.path.islink(root + place):
            continue
        for folder, folders, files in os.walk(root + place):
            inside = folder[len(root):]
            folders[:] = [d for d in folders if f"{inside}/{d}" not in NOT_OURS]
            for entry in folders:
                found[f"{inside}/{entry}/"] = ""
            for entry in (f for f in files if f not in NOT_FILES):
                with contextlib.suppress(OSError):
                    st = os.lstat(f"{folder}/{entry}")
                    found[f"{inside}/{entry}"] = f"{st.st_ino} {st.st_size} {st.st_mtime_ns}"
    return found


def _ports(lab, name):
    init = node.init_pid(lab, name)
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{init}/net/{table}", encoding="utf-8") as f:
                for line in f.readlines()[1:]:
                    words = line.split()
                    if table.startswith("udp") or words[3] == _LISTEN:
                        port = int(words[1].rpartition(":")[2], 16)
                        found.add(f"{table.rstrip('6')}/{port}")
    for f in lab.state["faults"].get(name, []):
        if f["name"] == "iperf3-busy":
            found.discard(f"tcp/{f['argument'] or 5201}")
        if f["name"] == "service-bound":
            found.discard(f"tcp/{f['argument'].rpartition(':')[2]}")
    return sorted(found)


def _look(lab, name):
    if node.init_pid(lab, name) is None:
        raise LabError(f"{name} is off")
    return {"processes": _processes(lab, name), "files": _files(lab, name),
            "ports": _ports(lab, name)}


def _mark_path(lab, name):
    return f"{lab.node_dir(name)}/mark.json"


def mark(lab, name):
    lab.known_node(name)
    kernel.write(_mark_path(lab, name), json.dumps(_look(lab, name)))


def since_mark(lab, name):
    """Lines such as `process 41 iperf3 -s`, `file /tmp/x`, `port tcp/5201`."""
    lab.known_node(name)
    now = _look(lab, name)
    with open(_mark_path(lab, name), encoding="utf-8") as f:
        before = json.load(f)
    lines = [f"process {pid} {words}" for pid, words in now["processes"].items()
             if before["processes"].get(pid) != words]
    lines += [f"file {path}" for path, stamp in sorted(now["files"].items())
              if before["files"].get(path) != stamp]
    return lines + [f"port {p}" for p in now["ports"] if p not in before["ports"]]
