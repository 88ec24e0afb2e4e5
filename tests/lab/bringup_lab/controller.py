"""The operator's machine: a network namespace, and private files bound over the machine's own."""

import contextlib
import fcntl
import os
import pwd
import subprocess

from . import kernel
from .errors import LabError


def _ssh_home():
    # OpenSSH asks the user database, not $HOME.
    return pwd.getpwuid(os.getuid()).pw_dir + "/.ssh"


def create(lab):
    """Keys for the operator and every node, known_hosts, hosts."""
    base = f"{lab.dir}/controller"
    os.makedirs(f"{base}/ssh", mode=0o700)
    os.makedirs(f"{lab.dir}/keys", mode=0o700)
    for folder in ("state", "config", "cache", "data", "runtime"):
        os.makedirs(f"{base}/xdg/{folder}", mode=0o700)
    wanted = {f"{base}/ssh/id_ed25519": "operator@lab"}
    wanted |= {f"{lab.dir}/keys/{n}": n for n in lab.fleet.nodes}
    make_keys(wanted)
    lines = []
    for name, node in lab.fleet.nodes.items():
        names = ",".join([name, f"{name}.local", *node.addresses.values()])
        lines.append(f"{names} {public_key(f'{lab.dir}/keys/{name}')}")
    kernel.write(f"{base}/ssh/known_hosts", "\n".join(lines) + "\n")
    kernel.write(f"{base}/ssh/config", "")
    for name in ("known_hosts", "config"):
        os.chmod(f"{base}/ssh/{name}", 0o600)
    kernel.write(f"{base}/hosts", _hosts(lab))
    kernel.write(f"{base}/resolv.conf", "")
    kernel.write(f"{base}/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
    _place_for_ssh(lab)


@contextlib.contextmanager
def _alone(lab):
    """Other labs may come and go at the same moment: one at a time in here."""
    base = os.open(os.path.dirname(lab.ssh_users), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(base, fcntl.LOCK_EX)
        yield
    finally:
        os.close(base)


def _place_for_ssh(lab):
    """The private ~/.ssh needs a folder to be mounted on. One that the labs made is noted, and
    goes with the last lab that uses it."""
    with _alone(lab):
        os.makedirs(lab.ssh_users, exist_ok=True)
        kernel.write(f"{lab.ssh_users}/{lab.name}", "")
        if not os.path.isdir(_ssh_home()):
            os.mkdir(_ssh_home(), 0o700)
            kernel.write(lab.made_ssh, _ssh_home())


def forget(lab):
    """With the lab's namespaces gone already."""
    with contextlib.suppress(OSError), _alone(lab):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{lab.ssh_users}/{lab.name}")
        os.rmdir(lab.ssh_users)  # not while another lab is in it
        with open(lab.made_ssh, encoding="utf-8") as f:
            place = f.read()
        os.unlink(lab.made_ssh)
        os.rmdir(place)


def public_key(path):
    with open(path + ".pub", encoding="utf-8") as f:
        return " ".join(f.read().split()[:2])


def make_keys(wanted):
    """{path: comment}, four ssh-keygen at a time."""
    left, running = list(wanted.items()), []
    while left or running:
        while left and len(running) < 4:
            path, comment = left.pop()
            running.append(subprocess.Popen(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path],
                stdin=subprocess.DEVNULL))
        if running.pop(0).wait() != 0:
            raise LabError("ssh-keygen failed")


def _hosts(lab):
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    reached = {s.name for s in lab.fleet.segments.values() if s.controller}
    for node in lab.fleet.nodes.values():
        for segment, address in node.addresses.items():
            if segment in reached:
                lines.append(f"{address} {node.name} {node.name}.local")
    return "\n".join(lines) + "\n"


def _make_missing(base, files):
    """A bare Debian has no /etc/hosts. The place to mount it on is made in a layer over /etc that
    this process alone sees."""
    missing = [file for file in files if os.path.dirname(file) == "/etc"]
    if not missing:
        return
    layer = f"{base}/etc.{os.getpid()}"
    os.makedirs(f"{layer}/upper")
    os.makedirs(f"{layer}/work")
    kernel.mount("overlay", "/etc", "overlay", 0,
                 f"lowerdir=/etc,upperdir={layer}/upper,workdir={layer}/work")
    for file in missing:
        kernel.write(file, "")


def run(lab, command):
    """Becomes the command, on the controller."""
    base = f"{lab.dir}/controller"
    _place_for_ssh(lab)
    kernel.setns(kernel.NETNS + lab.controller, kernel.CLONE_NEWNET)
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    places = ((f"{base}/ssh", _ssh_home()), (f"{base}/hosts", "/etc/hosts"),
              (f"{base}/resolv.conf", os.path.realpath("/etc/resolv.conf")),
              (f"{base}/nsswitch.conf", "/etc/nsswitch.conf"))
    _make_missing(base, [target for _, target in places if not os.path.exists(target)])
    for source, target in places:
        if os.path.exists(target):
            kernel.mount(source, target, None, kernel.MS_BIND)
    env = dict(os.environ)
    env.pop("SSH_AUTH_SOCK", None)
    for key, folder in (("STATE", "state"), ("CONFIG", "config"), ("CACHE", "cache"),
                        ("DATA", "data")):
        env[f"XDG_{key}_HOME"] = f"{base}/xdg/{folder}"
    env["XDG_RUNTIME_DIR"] = f"{base}/xdg/runtime"
    try:
        os.execvpe(command[0], command, env)
    except OSError as e:
        raise LabError(f"{command[0]}: {e.strerror}") from e
