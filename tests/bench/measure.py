"""Timing of whole commands: wall clock, and CPU of the command with all its children."""
import os
import statistics
import subprocess
import time


class Run:
    def __init__(self, wall, cpu, status):
        self.wall, self.cpu, self.status = wall, cpu, status


def once(argv, env=None, stdin=None, log=None):
    """One run. `cpu` counts every descendant that was waited for."""
    full = {**os.environ, **(env or {})}
    source = subprocess.DEVNULL if stdin is None else open(stdin, "rb")
    sink = subprocess.DEVNULL if log is None else open(log, "ab")
    began = time.monotonic()
    process = subprocess.Popen(argv, stdin=source, stdout=sink, stderr=sink, env=full)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    for stream in (source, sink):
        if stream is not subprocess.DEVNULL:
            stream.close()
    return Run(wall, usage.ru_utime + usage.ru_stime, process.returncode)


def interleaved(contenders, rounds, before=None):
    """contenders: {label: callable returning Run or a list of Runs to add up}. A B C A B C …"""
    runs = {label: [] for label in contenders}
    for _ in range(rounds):
        for label, go in contenders.items():
            if before:
                before(label)
            result = go()
            if isinstance(result, list):
                result = Run(sum(r.wall for r in result), sum(r.cpu for r in result),
                             max(r.status for r in result))
            runs[label].append(result)
    return runs


def table(title, runs, reference, hosts):
    """Medians, and each contender's wall over the reference's of the same rounds."""
    print(f"\n{title}")
    print(f"  {'':34} {'wall s':>8} {'CPU s':>8} {'ms CPU/host':>12} {'wall ratio':>11}  status")
    base = runs[reference]
    for label, done in runs.items():
        wall = statistics.median(r.wall for r in done)
        cpu = statistics.median(r.cpu for r in done)
        ratio = statistics.median(r.wall / b.wall for r, b in zip(done, base))
        status = max(r.status for r in done)
        print(f"  {label:34} {wall:8.3f} {cpu:8.3f} {1000 * cpu / hosts:12.2f} {ratio:10.2f}x  "
              f"{'ok' if status == 0 else f'FAILED ({status})'}", flush=True)
