"""Namespaces, mounts and processes: the few system calls that Python 3.11 lacks, and ip(8)."""

import contextlib
import ctypes
import errno
import os
import select
import signal
import subprocess

from .errors import LabError

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
NETNS = "/run/netns/"
_FINIT_MODULE = 313  # x86-64


def _check(result, what):
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, f"{what}: {os.strerror(e)}")


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(path, flags=0):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(fd, flags), f"setns {path}")
    finally:
        os.close(fd)


def mount(source, target, kind=None, flags=0, data=None):
    enc = lambda s: None if s is None else s.encode()  # noqa: E731
    _check(_libc.mount(enc(source), enc(target), enc(kind), ctypes.c_ulong(flags), enc(data)),
           f"mount {target}")


def load_module(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.syscall(_FINIT_MODULE, fd, b"", 0), path)
    finally:
        os.close(fd)


def umount(target):
    if _libc.umount2(target.encode(), MNT_DETACH) < 0:
        e = ctypes.get_errno()
        if e not in (errno.EINVAL, errno.ENOENT):
            raise OSError(e, f"umount {target}: {os.strerror(e)}")


@contextlib.contextmanager
def in_netns(name):
    """Runs the body in that network namespace; /proc/sys/net follows."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(NETNS + name, CLONE_NEWNET)
        yield
    finally:
        _check(_libc.setns(own, CLONE_NEWNET), "setns back")
        os.close(own)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def ip_batch(lines, netns=None, ignore_errors=False):
    """All lines in one ip(8); stops at the first that fails unless told to go on."""
    if not lines:
        return
    argv = ["ip"] + (["-n", netns] if netns else []) + (["-force"] if ignore_errors else [])
    done = subprocess.run(argv + ["-batch", "-"], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, check=False)
    if done.returncode != 0 and not ignore_errors:
        raise LabError(f"ip ({netns or 'host'}): {done.stderr.strip()}")


def ip_batches(batches):
    """Several namespaces at once: {netns: lines}."""
    running = []
    for netns, lines in batches.items():
        p = subprocess.Popen(["ip", "-n", netns, "-batch", "-"], stdin=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        p.stdin.write("\n".join(lines) + "\n")
        p.stdin.close()
        running.append((netns, p))
    problems = []
    for netns, p in running:
        text = p.stderr.read()
        if p.wait() != 0:
            problems.append(f"ip ({netns}): {text.strip()}")
    if problems:
        raise LabError(problems[0])


def start_time(pid):
    """The kernel's start time of a process that runs: a pid that was used again has another, and
    one that only waits for its parent to notice has none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            fields = f.read().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def alive(pid, started):
    return pid is not None and started is not None and start_time(pid) == started


def end(pid, started, wait_seconds=5.0, signal_number=signal.SIGKILL):
    """Ends exactly that process, waits for it, and never another that has its number now."""
    if pid is None:
        return
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if start_time(pid) != started:
            return
        signal.pidfd_send_signal(fd, signal_number)
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        poller.poll(int(wait_seconds * 1000))
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def processes_in(netns_names):
    """Ids of the processes that live in one of these network namespaces."""
    wanted = set()
    for name in netns_names:
        with contextlib.suppress(OSError):
            wanted.add(os.stat(NETNS + name).st_ino)
    found = []
    for entry in os.listdir("/proc") if wanted else []:
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{entry}/ns/net").st_ino in wanted:
                found.append(int(entry))
    return found
