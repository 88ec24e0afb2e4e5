"""What launchd does with one job: `lab-launchd load PLIST` and `lab-launchd unload LABEL`, on the
node itself. A job that is loaded has a mark, gone with the boot: its plist and the process that
runs it, as launchd would: at load, at an interval, when kickstarted (SIGUSR1)."""

import os
import plistlib
import signal
import subprocess
import sys

MARKS = "/.lab/marks"
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
AWAITED = (signal.SIGUSR1, signal.SIGTERM)


def run(job):
    """Once, to its end; ended with the job when that is unloaded meanwhile. True: go on."""
    command = job.get("ProgramArguments") or [job["Program"]]
    streams = {}
    for name, key in (("stdout", "StandardOutPath"), ("stderr", "StandardErrorPath")):
        streams[name] = open(job.get(key, "/dev/null"), "ab")  # pylint: disable=consider-using-with
    try:
        child = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(word) for word in command], stdin=subprocess.DEVNULL, env=ENVIRONMENT,
            start_new_session=True,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED), **streams)
    except OSError:
        return True
    finally:
        for stream in streams.values():
            stream.close()
    while child.poll() is None:
        got = signal.sigtimedwait([signal.SIGTERM], 0.05)
        if got is not None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            return False
    return True


def serve(job, ready):
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(ready)
    go_on = run(job) if job.get("RunAtLoad") else True
    interval = job.get("StartInterval")
    while go_on:
        got = signal.sigtimedwait(AWAITED, interval) if interval else signal.sigwaitinfo(AWAITED)
        if got is not None and got.si_signo == signal.SIGTERM:
            return
        go_on = run(job)


def load(plist):
    try:
        with open(plist, "rb") as f:
            job = plistlib.load(f)
        label = str(job["Label"])
        st = os.stat(plist)
    except (OSError, KeyError, TypeError, ValueError):
        return 5
    # launchd refuses what others than root could have written.
    if st.st_uid != 0 or st.st_mode & 0o022 or os.path.exists(f"{MARKS}/launchd.{label}"):
        return 5
    told, ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        try:
            serve(job, ready)
        finally:
            os._exit(0)  # pylint: disable=protected-access
    os.close(ready)
    os.read(told, 1)  # its signals are blocked, its descriptors are its own
    with open(f"{MARKS}/launchd.{label}", "w", encoding="utf-8") as f:
        f.write(f"{plist}\n{pid}\n")
    return 0


def send(label, number):
    try:
        with open(f"{MARKS}/launchd.{label}", encoding="utf-8") as f:
            pid = int(f.read().split("\n")[1])
        os.kill(pid, number)
    except (OSError, ValueError, IndexError):
        return 3
    return 0


def main(argv):
    verb, what = argv
    if verb == "load":
        return load(what)
    if verb == "kickstart":
        return send(what, signal.SIGUSR1)
    send(what, signal.SIGTERM)
    os.unlink(f"{MARKS}/launchd.{what}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
