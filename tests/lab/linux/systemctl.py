#!/usr/bin/python3 -I
"""systemctl of a simulated Linux node, which has no systemd: starts, stops and enables units, their
timers included, and says of them what systemd does. The native daemons below need no unit file; all
others are files of UNITS or those that a generator left in GENERATED. What runs is in RUNNING, one
process id (that of its own session) per unit."""

import fnmatch
import os
import re
import shlex
import signal
import subprocess
import sys
import time

UNITS = "/etc/systemd/system"
GENERATED = "/run/systemd/system"
RUNNING = "/run/lab-units"
LOGS = "/.lab"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DAEMONS = {
    "dbus.service": ["/usr/bin/dbus-daemon", "--system", "--nofork", "--nopidfile"],
    "NetworkManager.service": ["/usr/sbin/NetworkManager", "--no-daemon"],
    "systemd-networkd.service": ["/lib/systemd/systemd-networkd"],
}
# What shows that a daemon is ready for those after it.
READY = {"dbus.service": "/run/dbus/system_bus_socket",
         "NetworkManager.service": "/run/NetworkManager/NetworkManager.state",
         "systemd-networkd.service": "/run/systemd/netif/state"}


def full(name):
    return name if name.rpartition(".")[2] in ("service", "timer", "target", "socket") else (
        f"{name}.service")


def settings(unit):
    """{section: [(key, value)]} of a unit file; None without one."""
    found, section = {}, ""
    try:
        place = UNITS if os.path.exists(f"{UNITS}/{unit}") else GENERATED
        with open(f"{place}/{unit}", encoding="utf-8") as f:
            for line in f:
                line = line.strip()
                if line.startswith("["):
                    section = line.strip("[]")
                elif "=" in line and not line.startswith(("#", ";")):
                    key, _, value = line.partition("=")
                    found.setdefault(section, []).append((key.strip(), value.strip()))
    except OSError:
        return None
    return found


def values(unit, section, key):
    return [v for k, v in (settings(unit) or {}).get(section, []) if k == key]


def seconds(text):
    """A span of systemd.time(7): "60", "1min 30s", "500ms"."""
    factors = {"": 1, "s": 1, "sec": 1, "ms": 0.001, "m": 60, "min": 60, "h": 3600, "d": 86400}
    return sum(float(n) * factors[u] for n, u in re.findall(r"([\d.]+)\s*([a-z]*)", text))


def known(unit):
    if unit in DAEMONS:
        return os.path.exists(DAEMONS[unit][0])
    return settings(unit) is not None


def running(unit):
    """Its process id, or None."""
    try:
        with open(f"{RUNNING}/{unit}", encoding="utf-8") as f:
            pid = int(f.read())
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return None if f.read().rpartition(")")[2].split()[0] in "ZX" else pid
    except (OSError, ValueError):
        return None


def detach(unit, work):
    """`work` in a process of its own session, that process 1 inherits."""
    os.makedirs(RUNNING, exist_ok=True)
    told, ready = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        if os.fork() == 0:
            os.setsid()
            with open(f"{RUNNING}/{unit}", "w", encoding="utf-8") as f:
                f.write(f"{os.getpid()}\n")
            log = os.open(f"{LOGS}/{unit}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            null = os.open("/dev/null", os.O_RDONLY)
            for fd, target in ((null, 0), (log, 1), (log, 2)):
                os.dup2(fd, target)
            os.close(ready)
            os.closerange(3, 256)
            work()
        os._exit(0)  # pylint: disable=protected-access
    os.close(ready)
    os.waitpid(child, 0)
    os.read(told, 1)
    os.close(told)


def become(command):
    os.chdir("/")
    os.execve(command[0], command, {"PATH": PATH, "LANG": "C.UTF-8"})


def run_once(unit):
    """A service's commands, to their end: 0 or the status of the first one that fails."""
    for line in values(unit, "Service", "ExecStart"):
        done = subprocess.run(shlex.split(line.lstrip("-@:+!")), stdin=subprocess.DEVNULL, cwd="/",
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env={"PATH": PATH}, check=False)
        if done.returncode != 0 and not line.startswith("-"):
            return done.returncode
    return 0


def serve(unit):
    """A service of Type=simple: its command, again and again where Restart= says so."""
    restart = (values(unit, "Service", "Restart") or ["no"])[0]
    pause = seconds((values(unit, "Service", "RestartSec") or ["100ms"])[0])
    while True:
        status = run_once(unit)
        if restart != "always" and not (restart == "on-failure" and status != 0):
            return
        time.sleep(pause)


def serve_timer(unit):
    served = (values(unit, "Timer", "Unit") or [unit[:-len("timer")] + "service"])[0]
    first = values(unit, "Timer", "OnBootSec") + values(unit, "Timer", "OnActiveSec")
    again = values(unit, "Timer", "OnUnitActiveSec")
    time.sleep(min(map(seconds, first)) if first else 0)
    while True:
        run_once(served)
        if not again:
            signal.pause()
        time.sleep(max(0.1, min(map(seconds, again))))


def matching(words):
    """Units by name; a pattern means those that run."""
    found = []
    for word in map(full, words):
        if "*" in word:
            there = os.listdir(RUNNING) if os.path.isdir(RUNNING) else []
            found += [u for u in fnmatch.filter(there, word) if running(u)]
        else:
            found.append(word)
    return found


def start(unit):
    if unit.endswith(".target") or running(unit):
        return 0
    if not all(os.access(path, os.X_OK)
               for path in values(unit, "Unit", "ConditionFileIsExecutable")):
        return 0
    if not known(unit):
        return fail(5, f"Failed to start {unit}: Unit {unit} not found.")
    if unit in DAEMONS:
        prepare(unit)
        detach(unit, lambda: become(DAEMONS[unit]))
        for _ in range(500):
            if os.path.exists(READY[unit]) or not running(unit):
                break
            time.sleep(0.01)
        return 0 if running(unit) else fail(1, f"Job for {unit} failed.")
    if unit.endswith(".timer"):
        detach(unit, lambda: serve_timer(unit))
        return 0
    if (values(unit, "Service", "Type") or ["simple"])[0] == "oneshot":
        if run_once(unit) == 0:
            return 0
        return fail(1, f"Job for {unit} failed because the control process exited with error code.")
    detach(unit, lambda: serve(unit))
    return 0


def prepare(unit):
    """What systemd makes for a daemon: RuntimeDirectory= and its owner."""
    if unit == "dbus.service":
        os.makedirs("/run/dbus", exist_ok=True)
        with_socket = READY[unit]
        if os.path.exists(with_socket):
            os.unlink(with_socket)
    elif unit == "systemd-networkd.service":
        import pwd  # pylint: disable=import-outside-toplevel
        user = pwd.getpwnam("systemd-network")
        for folder in ("/run/systemd/netif", "/run/systemd/netif/links", "/run/systemd/netif/leases",
                       "/run/systemd/netif/lldp", "/var/lib/systemd/network"):
            os.makedirs(folder, exist_ok=True)
            os.chown(folder, user.pw_uid, user.pw_gid)
        if os.path.exists(READY[unit]):
            os.unlink(READY[unit])


def stop(unit):
    pid = running(unit)
    if pid is None:
        return 0 if known(unit) else fail(5, f"Failed to stop {unit}: Unit {unit} not loaded.")
    for number, patience in ((signal.SIGTERM, 500), (signal.SIGKILL, 100)):
        try:
            if unit in DAEMONS:
                os.kill(pid, number)
            else:
                os.killpg(pid, number)
        except ProcessLookupError:
            pass
        for _ in range(patience):
            if running(unit) is None:
                os.unlink(f"{RUNNING}/{unit}")
                return 0
            time.sleep(0.01)
    return 1


def links(unit):
    places = [f"{t}.wants" for t in values(unit, "Install", "WantedBy")]
    return [f"{UNITS}/{place}/{unit}" for place in places]


def enable(unit):
    if unit in DAEMONS:
        return 0
    if not known(unit):
        return fail(1, f"Failed to enable unit: Unit file {unit} does not exist.")
    for link in links(unit):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.lexists(link):
            os.symlink(f"{UNITS}/{unit}", link)
            print(f"Created symlink {link} → {UNITS}/{unit}.", file=sys.stderr)
    return 0


def wants(unit):
    """The places where a unit is enabled, also one whose file is gone."""
    return [f"{UNITS}/{folder}/{unit}" for folder in (os.listdir(UNITS) if os.path.isdir(UNITS)
                                                     else []) if folder.endswith(".wants")
            and os.path.lexists(f"{UNITS}/{folder}/{unit}")]


def disable(unit):
    found = wants(unit)
    if not found and not known(unit):
        return fail(1, f"Failed to disable unit: Unit file {unit} does not exist.")
    for link in found:
        os.unlink(link)
        print(f"Removed {link}.", file=sys.stderr)
    return 0


def state_of(unit):
    return "active" if running(unit) else "inactive"


def enabled(unit):
    if unit in DAEMONS and known(unit):
        return "enabled"
    if wants(unit):
        return "enabled"
    if not known(unit):
        return ""
    return "disabled" if links(unit) else "static"


def fail(status, text):
    print(text, file=sys.stderr)
    return status


def boot():
    """Every unit that is enabled, as at the end of a boot."""
    found = set()
    for folder in os.listdir(UNITS) if os.path.isdir(UNITS) else []:
        if folder.endswith(".wants"):
            found |= set(os.listdir(f"{UNITS}/{folder}"))
    return max([start(unit) for unit in sorted(found)] or [0])


def show(units, options, wanted):
    for unit in units:
        all_of = {"Id": unit, "LoadState": "loaded" if known(unit) else "not-found",
                  "ActiveState": state_of(unit), "UnitFileState": enabled(unit),
                  "SubState": "running" if running(unit) else "dead",
                  "MainPID": str(running(unit) or 0)}
        for key in wanted or all_of:
            value = all_of.get(key, "")
            print(value if "--value" in options else f"{key}={value}")
    return 0


def each(act, units):
    return max([act(unit) for unit in units] or [0])


def say(word_of, good, units, quiet, bad_status):
    words = [word_of(unit) for unit in units]
    for unit, word in zip(units, words):
        if not word:
            fail(1, f"Failed to get unit file state for {unit}: No such file or directory")
        elif not quiet:
            print(word)
    if not words and not quiet:
        print("inactive")
    return 0 if any(word == good for word in words) else bad_status


def main(argv):
    options, words, wanted = set(), [], []
    position = 0
    while position < len(argv):
        word = argv[position]
        if word in ("-p", "--property") and position + 1 < len(argv):
            position += 1
            wanted += argv[position].split(",")
        elif word.startswith("--property="):
            wanted += word.partition("=")[2].split(",")
        elif word.startswith("-"):
            options.add(word)
        else:
            words.append(word)
        position += 1
    if "--version" in options:
        print("systemd 252 (lab)")
        return 0
    if not words:
        return fail(1, "systemctl: the lab's lists no units")
    verb, units = words[0], matching(words[1:])
    quiet = bool(options & {"-q", "--quiet"})
    if verb == "is-active":
        return say(state_of, "active", units, quiet, 3)
    if verb == "is-enabled":
        return say(enabled, "enabled", units, quiet, 1)
    if verb == "show":
        return show(units, options, wanted)
    if verb in ("status", "cat"):
        return each(lambda u: print(f"{u}: {state_of(u)}") or (0 if running(u) else 3), units)
    if verb in ("daemon-reload", "reset-failed"):
        return 0
    if os.geteuid() != 0:
        return fail(1, f"Failed to {verb} {' '.join(units)}: Access denied")
    acts = {"start": [start], "stop": [stop], "restart": [stop, start],
            "reload-or-restart": [stop, start],
            "try-restart": [lambda u: max(stop(u), start(u)) if running(u) else 0],
            "enable": [enable] + ([start] if "--now" in options else []),
            "disable": ([stop] if "--now" in options else []) + [disable]}
    if verb == "boot":
        return boot()
    if verb not in acts:
        return fail(1, f"systemctl: the lab's has no {verb}")
    status = 0
    for act in acts[verb]:
        status = max(status, each(act, units))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
