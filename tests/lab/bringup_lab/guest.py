"""Process 1 of the virtual machine: brings up what a lab needs, then the lab, then reaps."""

import json
import os
import resource
import subprocess
import traceback

from . import calls, fleet as fleets, kernel, vm, vm_kernel
from .errors import LabError

SSHD = """Port 22
ListenAddress 10.98.0.15
HostKey {key}
AuthorizedKeysFile {authorized}
StrictModes no
PasswordAuthentication no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
MaxSessions 100
PidFile /run/sshd.pid
"""


def run(lab, main):
    shared = vm.shared(lab.name)
    try:
        with open(f"{shared}/config.json", encoding="utf-8") as f:
            config = json.load(f)
        _prepare(config["needed"])
        vm_kernel.load(config["kernel"])
        os.environ["BRINGUP_LAB_BIN"] = config["helpers"]
        _network()
        with lab.locked():
            lab.up(fleets.Fleet.from_json(config["fleet"]))
        # Where the host finds what the controller's tools keep.
        kernel.mount(f"{shared}/state", f"{lab.dir}/controller/xdg/state", None, kernel.MS_BIND)
        _sshd(shared)
        said = "ok\n"
    except (LabError, OSError) as e:
        said = f"{e}\n"
    except BaseException:  # pylint: disable=broad-except
        said = traceback.format_exc()
    kernel.write(f"{shared}/ready.new", said)
    os.rename(f"{shared}/ready.new", f"{shared}/ready")
    calls.serve(main)


def _prepare(needed):
    # What /init could not do without the host's tools.
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    os.environ["HOME"] = "/root"
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    held = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in needed]
    for target, kind, data in (("/tmp", "tmpfs", "mode=1777"),
                               ("/root", "tmpfs", "mode=700"), ("/var/tmp", "tmpfs", "mode=1777"),
                               ("/dev/pts", "devpts", "gid=5,mode=620,ptmxmode=666"),
                               ("/dev/shm", "tmpfs", "mode=1777")):
        os.makedirs(target, exist_ok=True)
        kernel.mount(kind, target, kind, 0, data)
    # The checkout may lie below one of these.
    for path, place in held:
        if not os.path.exists(path):
            os.makedirs(path)
            kernel.mount(f"/proc/self/fd/{place}", path, None, kernel.MS_BIND)
        os.close(place)
    for folder in ("/run/sshd", "/run/netns"):
        os.makedirs(folder, exist_ok=True)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                         ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
        if not os.path.lexists(f"/dev/{name}"):
            os.symlink(target, f"/dev/{name}")
    kernel.write("/proc/sys/kernel/hostname", "lab")


def _network():
    kernel.ip_batch(["link set lo up", "addr add 10.98.0.15/24 dev eth0", "link set eth0 up"])


def _sshd(shared):
    kernel.write("/run/sshd_config", SSHD.format(key="/run/host_key",
                                                 authorized=f"{shared}/authorized_keys"))
    with open(f"{shared}/guest", encoding="utf-8") as f:
        kernel.write("/run/host_key", f.read())
    os.chmod("/run/host_key", 0o600)
    subprocess.run(["/usr/sbin/sshd", "-f", "/run/sshd_config", "-E", f"{shared}/sshd.log"],
                   check=True)
