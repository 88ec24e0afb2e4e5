"""`lab up --vm`: the same lab inside a virtual machine, whose kernel has real verbs devices.

The guest's root is the host's, read-only by 9p under a layer of memory; one folder is shared for
writing. Its process 1 is this lab (guest.py). Every other command of `lab` goes in by SSH. The
emulator runs without KVM: a machine that runs in a virtual machine itself often has one that opens
and does not work.
"""

import contextlib
import json
import os
import py_compile
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import calls, kernel, layers, linux, vm_kernel
from .controller import make_keys, public_key
from .errors import LabError

BASE = "/run/bringup-lab"
BOOT_SECONDS = 240
# Nobody needs one for longer; what crashed must not run for ever.
LIFE_SECONDS = 7200
MEMORY_MIB = 1024
KEPT = ("PATH", "TERM", "NO_COLOR", "COLUMNS", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS",
        "TSAN_OPTIONS")


def folder(name):
    """Of the machine, on the host. A dot is in no lab's name."""
    return f"{BASE}/{name}.vm"


def shared(name):
    """Seen at the same place by host and guest: the controller's XDG state is below it."""
    return f"{folder(name)}/shared"


def stands(name):
    return os.path.isdir(folder(name))


def up(name, fleet, helpers, script):
    """When the raising began, by the monotonic clock: after the kernel was there."""
    if stands(name) or os.path.exists(f"{BASE}/{name}"):
        raise LabError(f"a lab named {name} stands already, or its remains do: "
                       f"lab down --name {name}")
    if shutil.which("qemu-system-x86_64") is None or not os.path.exists("/usr/bin/busybox"):
        raise LabError("a virtual machine needs the packages qemu-system-x86 and busybox-static")
    if not os.path.exists(f"{helpers}/lab-call"):
        raise LabError(f"{helpers} has no lab-call: build it again")
    image = vm_kernel.prepare()
    started = time.monotonic()
    try:
        _up(name, fleet, helpers, script, image)
    except BaseException:
        down(name)
        raise
    return started


def _up(name, fleet, helpers, script, image):
    base = folder(name)
    os.makedirs(f"{shared(name)}/state", mode=0o755)
    os.chmod(base, 0o700)
    make_keys({f"{base}/client": "host@lab", f"{base}/shared/guest": "guest@lab"})
    _compile(script, f"{shared(name)}/tool")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    kernel.write(f"{base}/known_hosts",
                 f"[127.0.0.1]:{port} {public_key(f'{base}/shared/guest')}\n")
    kernel.write(f"{shared(name)}/authorized_keys", public_key(f"{base}/client") + "\n")
    kernel.write(f"{shared(name)}/config.json", json.dumps(
        {"fleet": fleet.to_json(), "helpers": helpers, "kernel": image,
         "needed": [os.path.realpath(f"{os.path.dirname(script)}/../.."), helpers, image]}))
    kernel.write(f"{base}/vm.json", json.dumps({"port": port, "helpers": helpers}))
    vm_kernel.initramfs(image, os.path.dirname(script) + "/vm/init", f"{base}/initrd", shared(name),
                        command_in_guest(name, ["guest", "--name", name]))
    emulator = _start(name, image, port)
    try:
        _wait(name, emulator)
    except BaseException:
        emulator.terminate()  # it may not have written its id yet
        raise


def _compile(script, out):
    """The lab as byte code: compiling would take the guest a second at every command."""
    os.makedirs(f"{out}/bringup_lab")
    shutil.copy(script, f"{out}/lab")
    source = os.path.dirname(script) + "/bringup_lab"
    for entry in os.listdir(source):
        if entry.endswith(".py"):
            py_compile.compile(f"{source}/{entry}", f"{out}/bringup_lab/{entry}c", doraise=True)
    # What is copied into nodes.
    for path in (layers.LAUNCHD, linux.SYSTEMCTL):
        place = f"{out}/{os.path.basename(os.path.dirname(path))}"
        os.makedirs(place)
        shutil.copy(path, place)


def command_in_guest(name, arguments):
    return ["/usr/bin/python3", "-I", "-S", f"{shared(name)}/tool/lab", *arguments]


def _start(name, image, port):
    base = folder(name)
    append = ("console=ttyS0 quiet loglevel=3 mitigations=off nokaslr panic=-1 audit=0 "
              "random.trust_cpu=on tsc=reliable")
    argv = ["timeout", "-k", "5", str(LIFE_SECONDS), "qemu-system-x86_64",
            "-accel", "tcg,thread=multi,tb-size=256", "-M", "q35", "-cpu", "max,la57=off",
            "-smp", "2", "-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config",
            "-display", "none", "-serial", f"file:{base}/console.log", "-no-reboot",
            "-pidfile", f"{base}/qemu.pid", "-kernel", f"{image}/vmlinux",
            "-initrd", f"{base}/initrd",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,"
                       "multidevs=remap",
            "-virtfs", f"local,path={shared(name)},mount_tag=shared,security_model=none",
            "-netdev", "user,id=m,net=10.98.0.0/24,restrict=on,ipv6=off,"
                       f"hostfwd=tcp:127.0.0.1:{port}-10.98.0.15:22",
            "-device", "virtio-net-pci,netdev=m,romfile=", "-append", append]
    with open(f"{base}/qemu.log", "wb") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                start_new_session=True)


def _tail(path):
    with contextlib.suppress(OSError):
        with open(path, encoding="utf-8", errors="replace") as f:
            return " | ".join(line.strip() for line in f.read().splitlines()[-6:])
    return ""


def _wait(name, emulator):
    deadline = time.monotonic() + BOOT_SECONDS
    said = None
    while said is None:
        time.sleep(0.05)
        with contextlib.suppress(OSError):
            with open(f"{shared(name)}/ready", encoding="utf-8") as f:
                said = f.read()
        if said is None and (emulator.poll() is not None or time.monotonic() > deadline):
            raise LabError("the virtual machine did not come up: "
                           + _tail(f"{folder(name)}/qemu.log")
                           + _tail(f"{folder(name)}/console.log"))
    if said != "ok\n":
        raise LabError(f"in the virtual machine: {said.strip()}")


def _ssh(name):
    base = folder(name)
    with open(f"{base}/vm.json", encoding="utf-8") as f:
        port = json.load(f)["port"]
    return ["ssh", "-q", "-F", "/dev/null", "-i", f"{base}/client", "-o", "BatchMode=yes",
            "-o", f"UserKnownHostsFile={base}/known_hosts", "-o", "ConnectTimeout=120",
            "-o", "KexAlgorithms=curve25519-sha256", "-o", "Ciphers=chacha20-poly1305@openssh.com",
            "-o", "ControlMaster=auto", "-o", f"ControlPath={base}/master",
            "-o", "ControlPersist=600", "-p", str(port), "root@127.0.0.1"]


def forward(name, arguments):
    """Becomes `lab ARGUMENTS` in the guest, in the same folder."""
    kept = [f"{k}={v}" for k, v in os.environ.items() if k in KEPT or k.startswith("BRINGUP_")]
    if sys.stdin.isatty():
        # A terminal has to be the command's own.
        terminal, command = ["-t"], command_in_guest(name, arguments)
    else:
        with open(f"{folder(name)}/vm.json", encoding="utf-8") as f:
            helpers = json.load(f)["helpers"]
        terminal, command = [], [f"{helpers}/lab-call", calls.SOCKET, *arguments]
    where = shlex.quote(os.getcwd())
    text = f"cd {where} 2>/dev/null || cd /; exec env {shlex.join([*kept, *command])}"
    ssh = _ssh(name)
    os.execvp("ssh", [*ssh[:-1], *terminal, ssh[-1], text])


def down(name):
    base = folder(name)
    if not stands(name):
        return
    if os.path.exists(f"{base}/master"):
        ssh = _ssh(name)
        subprocess.run([*ssh[:-1], "-O", "exit", ssh[-1]], stdin=subprocess.DEVNULL,
                       capture_output=True, check=False, timeout=30)
    pid = _emulator(name)
    if pid is not None:
        kernel.end(pid, kernel.start_time(pid), signal_number=signal.SIGTERM)
        kernel.end(pid, kernel.start_time(pid))
    shutil.rmtree(base, ignore_errors=True)


def _emulator(name):
    """Its id, if the process of that id is still this machine's."""
    with contextlib.suppress(OSError, ValueError):
        with open(f"{folder(name)}/qemu.pid", encoding="utf-8") as f:
            pid = int(f.read())
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as f:
            if f"{folder(name)}/qemu.pid" in f.read():
                return pid
    return None
