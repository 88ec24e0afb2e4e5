"""`bringup verify --full` of eight machines, all to all, against its own rounds and a plain loop.

28 cables, each shaped so that two cores can fill four of them at once: the time is what counts
here, and machines of their own would not share processors. iperf runs for the same seconds with
the same streams in both directions in both contenders. The loop runs a sample of the pairs; its
time is scaled to all of them. Arguments: bringup, lab [, seconds [, runs]].
"""
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from measure import once

HERE = pathlib.Path(__file__).resolve().parent
NODES = [f"box{n}" for n in range(1, 9)]
STREAMS = 2
SPEED = "200mbit"
SAMPLE = 3
PORT = 15301


def cables():
    """Every pair once; a node's ports are en1 to en7 in the order of its peers."""
    used = dict.fromkeys(NODES, 0)
    for a, b in itertools.combinations(NODES, 2):
        used[a] += 1
        used[b] += 1
        yield f"{a}:en{used[a]}", f"{b}:en{used[b]}"


def fleet():
    return ('[lab]\nstart = "addressed"\n[defaults]\nos = "linux"\n'
            + "".join(f"[nodes.{node}]\n" for node in NODES)
            + "".join(f'[[cables]]\na = "{a}"\nb = "{b}"\n' for a, b in cables()))


def inventory():
    return ('[fleet]\nname = "verify-bench"\naddress_pool = "10.254.0.0/24"\n'
            '[defaults]\nuser = "admin"\n'
            + "".join(f"[nodes.{node}]\n" for node in NODES)
            + "".join(f'[[links]]\na = "{a}"\nb = "{b}"\nkind = "custom"\n' for a, b in cables()))


def address(execute, end):
    """The address that this port holds, as the kernel of its node says."""
    node, port = end.split(":")
    out = execute(node, "ip", "-4", "-o", "addr", "show", "dev", port)
    return out.split(" inet ")[1].split("/")[0]


def main():
    bringup, lab = sys.argv[1], sys.argv[2]
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 2

    def run(*argv):
        return subprocess.run([lab, *argv], check=True, stdout=subprocess.PIPE, text=True).stdout

    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "said")
        paths = {}
        for name, text in (("fleet", fleet()), ("inventory", inventory())):
            paths[name] = pathlib.Path(folder, f"mesh-8-{name}.toml")
            paths[name].write_text(text)
        run("up", str(paths["fleet"]))
        ends = list(cables())
        for a, _ in ends:
            run("shape", a, SPEED)
        sample = ends[:: len(ends) // SAMPLE][:SAMPLE]
        pairs = [f"{a.split(':')[0]},{address(lambda *c: run('exec', *c), a)},"
                 f"{b.split(':')[0]},{address(lambda *c: run('exec', *c), b)}" for a, b in sample]

        verify = [lab, "ctl", bringup, "verify", "--full", "-q", "-i", str(paths["inventory"]),
                  "--seconds", str(seconds), "--streams", str(STREAMS)]
        said = subprocess.run([*verify, "--estimate", "--format", "json"], check=True,
                              text=True, stdout=subprocess.PIPE).stdout
        estimate = json.loads(said)
        ours, loop = [], []
        for turn in range(rounds):
            ours.append(once(verify, log=log))
            if turn == 0:
                loop.append(once([lab, "ctl", str(HERE / "all-pairs"), str(seconds), str(STREAMS),
                                  str(PORT), *pairs], log=log))
        failed = [one.status for one in ours + loop if one.status != 0]
        if failed:
            print(log.read_text()[-4000:], file=sys.stderr)
        run("down")

    wall = statistics.median(one.wall for one in ours)
    bound = estimate["rounds"] * 2 * seconds
    sequential = loop[0].wall * len(ends) / SAMPLE
    print(f"{len(NODES)} nodes, {len(ends)} links of {SPEED}, iperf {seconds} s in each direction, "
          f"{STREAMS} streams; {estimate['rounds']} rounds, {estimate['widest']} links at once")
    for what, took in (("bringup verify --full", wall),
                       (f"  its rounds: {estimate['rounds']} x 2 x {seconds} s", bound),
                       ("  its --estimate", estimate["total_s"]),
                       ("one pair after another, two ssh each", sequential)):
        print(f"  {what:40} {took:8.1f} s {took / wall:8.2f}x")
    print(f"  each of {rounds} runs: {', '.join(f'{one.wall:.1f} s' for one in ours)}")
    print(f"  overhead over the rounds {100 * (wall / bound - 1):.1f} % (bound: 10 %), estimate "
          f"off by {100 * (estimate['total_s'] / wall - 1):+.1f} % (bound: 20 %)")
    print(f"  the loop ran {SAMPLE} pairs of {len(ends)} in {loop[0].wall:.1f} s; its row is that "
          f"times {len(ends)}/{SAMPLE}")
    late = wall >= 1.1 * bound or abs(estimate["total_s"] / wall - 1) > 0.2
    if failed or late:
        print(f"FAILED: {'a contender failed' if failed else 'out of bounds'}")
        return 1
    return 0


if __name__ == "__main__":
    os.environ.setdefault("BRINGUP_LAB", "bench")
    sys.exit(main())
