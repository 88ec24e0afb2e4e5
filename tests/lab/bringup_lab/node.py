"""One node: its files, its process 1, reboot and re-initialisation."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

from . import kernel, layers, linux, network
from .controller import make_keys
from .errors import LabError


DAEMONS = "/Library/LaunchDaemons"


def hosts_text(lab, name):
    """A node resolves those it can reach, and nobody else."""
    node = lab.fleet.nodes[name]
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    # sudo wants the node's own name to resolve.
    lines.append(f"{next(iter(node.addresses.values()), '127.0.1.1')} {name} {name}.local")
    for segment in node.addresses:
        for other in lab.fleet.nodes.values():
            if other.name != name and segment in other.addresses:
                lines.append(f"{other.addresses[segment]} {other.name} {other.name}.local")
    return "\n".join(lines) + "\n"


def prepare(lab, name):
    node = lab.fleet.nodes[name]
    base = lab.node_dir(name)
    for folder in ("upper", "work", "root", "lab/marks"):
        os.makedirs(f"{base}/{folder}")
    with open(f"{lab.dir}/controller/ssh/id_ed25519.pub", encoding="utf-8") as f:
        authorized = f.read()
    layers.build_upper(lab.fleet, node, f"{base}/upper", f"{lab.dir}/keys/{name}", authorized,
                       hosts_text(lab, name))


def start(lab, name):
    """Process 1 runs and sshd is on its way when this returns."""
    node = lab.fleet.nodes[name]
    base = lab.node_dir(name)
    lower = [f"{lab.dir}/layers/common", "/"]
    if node.mac:
        lower.insert(0, f"{lab.dir}/layers/mac")
    done = subprocess.run(
        [f"{lab.state['helpers']}/lab-init", lab.netns(name), name, f"{base}/root", f"{base}/lab",
         f"{base}/pid", "16m" if node.mac else "32m", ":".join(lower), f"{base}/upper",
         f"{base}/work"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{name} does not start: {done.stderr.strip()}")
    with open(f"{base}/pid", encoding="utf-8") as f:
        pid = int(f.read())
    kernel.write(f"{base}/pid", f"{pid} {kernel.start_time(pid)}\n")


def keep_process(lab, label, pid):
    """Remembers a process of the lab's own, for `down` and `mend`."""
    os.makedirs(f"{lab.dir}/processes", exist_ok=True)
    kernel.write(f"{lab.dir}/processes/{label}", f"{pid} {kernel.start_time(pid)}\n")


def end_process(lab, label):
    path = f"{lab.dir}/processes/{label}"
    kernel.end(*_read_pid(path))
    with contextlib.suppress(OSError):
        os.unlink(path)


def forget_process(lab, label):
    with contextlib.suppress(OSError):
        os.unlink(f"{lab.dir}/processes/{label}")


def replace_host_key(lab, name):
    """A re-initialised machine may come back with a key that nobody knows."""
    fresh = f"{lab.dir}/keys/{name}.fresh"
    for path in (fresh, fresh + ".pub"):
        with contextlib.suppress(OSError):
            os.unlink(path)
    make_keys({fresh: name})
    shutil.copyfile(fresh, f"{root_of(lab, name)}/etc/ssh/ssh_host_ed25519_key")


def _read_pid(path):
    try:
        with open(path, encoding="utf-8") as f:
            words = f.read().split()
        if len(words) == 1:  # lab-init wrote it and the lab died before it could add the start
            return int(words[0]), kernel.start_time(int(words[0]))
        return int(words[0]), int(words[1])
    except (OSError, ValueError, IndexError):
        return None, None


def kept_processes(lab):
    """(pid, start time) of every process that this lab has started, as its files know them."""
    paths = []
    with contextlib.suppress(OSError):
        paths += [f"{lab.dir}/processes/{p}" for p in os.listdir(f"{lab.dir}/processes")]
    with contextlib.suppress(OSError):
        paths += [f"{lab.dir}/nodes/{n}/pid" for n in os.listdir(f"{lab.dir}/nodes")]
    return [p for p in map(_read_pid, paths) if p[0] is not None]


def init_pid(lab, name):
    pid, started = _read_pid(f"{lab.node_dir(name)}/pid")
    return pid if kernel.alive(pid, started) else None


def root_of(lab, name):
    """The node's file system, from outside. Its links are the node's: follow none blindly."""
    pid = init_pid(lab, name)
    if pid is None:
        raise LabError(f"{name} is off")
    return f"/proc/{pid}/root"


def tmp_of(lab, name):
    return root_of(lab, name) + ("/private/tmp" if lab.fleet.nodes[name].mac else "/tmp")


def _children(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
            return [int(child) for child in f.read().split()]
    return []


def descendants(pid):
    """That process and all that it has started."""
    return [pid] + [d for child in _children(pid) for d in descendants(child)]


def sshd_pid(lab, name):
    """The listener: the child of process 1 of that name."""
    init = init_pid(lab, name)
    if init is not None:
        for child in _children(init):
            with open(f"/proc/{child}/comm", encoding="utf-8") as comm:
                if comm.read().strip() == "sshd":
                    return child
    raise LabError(f"{name}: no sshd runs")


def _listens(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/net/tcp", encoding="utf-8") as f:
            return any(" 00000000:0016 " in line and line.split()[3] == "0A" for line in f)
    return False


def wait_for_sshd(lab, names, seconds=30):
    deadline = time.monotonic() + seconds
    waiting = {n: init_pid(lab, n) for n in names}
    while waiting:
        waiting = {n: p for n, p in waiting.items() if not _listens(p)}
        if waiting and time.monotonic() > deadline:
            raise LabError(f"no sshd on {', '.join(waiting)}; see "
                           f"{lab.node_dir(next(iter(waiting)))}/lab/sshd.log")
        if waiting:
            time.sleep(0.003)
    wait_for_network(lab, names, deadline)


def wait_for_network(lab, names, deadline):
    """A daemon gives the LAN interfaces their addresses, in its own time."""
    waiting = {(n, i): lab.fleet.nodes[n].addresses[s] for n in names if lab.fleet.nodes[n].daemon
               for i, _, s in lab.fleet.nodes[n].lan_interfaces() if s}
    while waiting:
        for (name, iface), address in list(waiting.items()):
            done = subprocess.run(["ip", "-n", lab.netns(name), "-4", "-o", "addr", "show", "dev",
                                   iface], capture_output=True, text=True, check=False)
            if f" {address}/" in done.stdout:
                del waiting[name, iface]
        if waiting and time.monotonic() > deadline:
            name, iface = next(iter(waiting))
            raise LabError(f"{name}: {lab.fleet.nodes[name].daemon} gives {iface} no address; see "
                           f"{lab.node_dir(name)}/lab/*.log")
        if waiting:
            time.sleep(0.05)


def stop_sshd(lab, name):
    """Ends sshd and every session."""
    pid = init_pid(lab, name)
    if pid is not None:
        os.kill(pid, signal.SIGUSR1)


def resume_sshd(lab, name):
    pid = init_pid(lab, name)
    if pid is not None:
        os.kill(pid, signal.SIGUSR2)
        wait_for_sshd(lab, [name])


def _cables_of(lab, name):
    return [c for c in lab.fleet.cables
            if lab.plugged(c) and any(e.partition(":")[0] == name for e in c.ends())]


def _switch_lines(lab, name, up):
    return [network.switch_line(lab, end, up) for s in lab.fleet.switches for end in s.ports
            if end.partition(":")[0] == name and s.key(end) not in lab.state["unplugged"]]


def shut_down(lab, name):
    """Power off: every process is gone, the cables' far ends go dark."""
    node = lab.fleet.nodes[name]
    end_process(lab, f"{name}.boot")
    if name not in lab.state["off"]:
        lab.state["off"].append(name)
    kernel.end(*_read_pid(f"{lab.node_dir(name)}/pid"))
    shutil.rmtree(f"{lab.node_dir(name)}/lab/marks", ignore_errors=True)
    os.makedirs(f"{lab.node_dir(name)}/lab/marks")
    # Only this node's sockets of the wire: the far ends see the carrier go.
    lines = [line for c in _cables_of(lab, name) for line in network.wire_lines(lab, c, up=False)]
    kernel.ip_batch(lines + _switch_lines(lab, name, up=False), lab.wire)
    network.forget(lab, name)
    lab.save()


def boot(lab, name, bridged):
    lab.state["off"] = [n for n in lab.state["off"] if n != name]
    lab.state["boot_time"][name] = int(time.time())
    kernel.ip_batch(network.boot_lines(lab, name, bridged), lab.netns(name))
    lines = _switch_lines(lab, name, up=True)
    for cable in _cables_of(lab, name):
        if all(lab.running(e.partition(":")[0]) for e in cable.ends()):
            lines += network.wire_lines(lab, cable, up=True)
    kernel.ip_batch(lines, lab.wire)
    lab.save()
    start(lab, name)
    wait_for_sshd(lab, [name])
    run_daemons(lab, name)


def restart(lab, names, bridged, delay, wiped=False):
    """Down now; up at once, or `delay` seconds later by a process of the lab's own."""
    for name in names:
        shut_down(lab, name)
        if wiped:
            forget_daemons(lab, name)
    for name in names:
        if not delay:
            boot(lab, name, bridged(name))
        else:
            _boot_later(lab, name, bridged(name), delay)


def _boot_later(lab, name, bridged, delay):
    child = subprocess.Popen(
        [sys.executable, os.path.join(os.path.dirname(os.path.dirname(__file__)), "lab"),
         "boot-later", "--name", lab.name, "--state-dir", lab.dir, name,
         "bridged" if bridged else "free", str(delay)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    keep_process(lab, f"{name}.boot", child.pid)


def _in_node(lab, name, *command):
    """As root, with the node's own files."""
    subprocess.run(["nsenter", "-t", str(init_pid(lab, name)), "-m", "-u", "-i", "-n", "-p", "--",
                    *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False)


def _run_units(lab, name):
    """systemd at boot: /etc/sysctl.d, then what is enabled."""
    etc = f"{root_of(lab, name)}/etc"
    for entry in sorted(os.listdir(f"{etc}/sysctl.d")):
        if entry.endswith(".conf"):
            _in_node(lab, name, "/usr/sbin/sysctl", "-q", "-p", f"/etc/sysctl.d/{entry}")
    if any(e.endswith(".wants") for e in os.listdir(f"{etc}/systemd/system")):
        _in_node(lab, name, "/usr/bin/systemctl", "boot")


def run_daemons(lab, name):
    """launchd at boot: loads all of /Library/LaunchDaemons, as root."""
    if not lab.fleet.nodes[name].mac:
        _run_units(lab, name)
        return
    for entry in sorted(os.listdir(root_of(lab, name) + DAEMONS)):
        if entry.endswith(".plist"):
            _in_node(lab, name, "/usr/libexec/lab-python", "-I", "/usr/libexec/lab-launchd", "load",
                     f"{DAEMONS}/{entry}")


def forget_daemons(lab, name):
    """Re-initialised: what was installed is gone, but for what a fault of the lab puts there."""
    if not lab.fleet.nodes[name].mac:
        linux.reconfigure(lab.fleet, lab.fleet.nodes[name], f"{lab.node_dir(name)}/upper")
        return
    folder = f"{lab.node_dir(name)}/upper{DAEMONS}"
    if not lab.fault_on(name, "exo"):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for entry in os.listdir(folder):
        if not entry.startswith("io.exo."):
            os.unlink(f"{folder}/{entry}")
