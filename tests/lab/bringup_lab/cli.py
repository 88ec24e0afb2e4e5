"""The lab command."""

import argparse
import json
import os
import sys
import time

from . import (controller, faults, fleet as fleets, guest, leftovers, node, report, vm, wan,
               wire)
from .errors import LabError
from .lab import BASE, Lab, find_helpers

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _parser():
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=os.environ.get("BRINGUP_LAB", "lab"),
                        help="which lab, when several stand (default: $BRINGUP_LAB or lab)")
    common.add_argument("--state-dir", help=f"where it lives (default: {BASE}/NAME)")
    top = argparse.ArgumentParser(prog="lab", description="A fleet of simulated Macs.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name, text, **more):
        return verbs.add_parser(name, parents=[common], help=text, description=text, **more)

    p = verb("up", "raise a fleet")
    p.add_argument("fleet", nargs="?", metavar="FLEET.toml",
                   help="a file, or the name of a fleet that comes with the lab")
    p.add_argument("--vm", action="store_true",
                   help="in a virtual machine, whose kernel has Soft-RoCE (verbs = \"rxe\")")
    p.add_argument("--plain", type=int, metavar="N", help="N plain Linux nodes instead")
    verb("down", "take it away, and all that it left")
    p = verb("exec", "run a command in a node, as root, without SSH")
    p.add_argument("node")
    p.add_argument("command", nargs=argparse.REMAINDER)
    p = verb("ctl", "run a command on the controller")
    p.add_argument("command", nargs=argparse.REMAINDER)
    for name, text in (("reboot", "reboot nodes"),
                       ("reinit", "re-initialise nodes: reboot, ports back in bridge0")):
        p = verb(name, text)
        p.add_argument("nodes", nargs="+", metavar="NODE")
        p.add_argument("--delay", type=float, default=0, metavar="S",
                       help="seconds until they are back; the command returns at once")
        if name == "reinit":
            p.add_argument("--rdma", choices=("on", "off"),
                           help="RDMA afterwards (default: the fleet's reinit_rdma)")
            p.add_argument("--keep-rdma", action="store_true", help="leave RDMA as it is")
            p.add_argument("--new-host-key", action="store_true")
    for name, text in (("unplug", "pull a cable"), ("plug", "put it back")):
        verb(name, text).add_argument("link", help="node:enX, or both ends joined by a hyphen")
    p = verb("break", "give a node a fault", epilog="faults: " + " ".join(faults.catalogue()))
    p.add_argument("node")
    p.add_argument("fault")
    p = verb("mend", "take a fault away, or all")
    p.add_argument("node")
    p.add_argument("fault", nargs="?")
    for name, text, value in (("shape", "limit a cable's speed", "RATE|off"),
                              ("loss", "let a cable lose frames", "PERCENT|off")):
        p = verb(name, text)
        p.add_argument("link")
        p.add_argument("value", metavar=value)
        p.add_argument("--end", metavar="NODE:PORT", help="only what this end sends")
    p = verb("mtu", "set one end's MTU, until the next boot")
    p.add_argument("end", metavar="NODE:PORT")
    p.add_argument("bytes")
    p = verb("recable", "put another cable between the same ports")
    p.add_argument("link")
    p.add_argument("--speed", type=int, metavar="GBITS")
    p.add_argument("--dock", help="the name of a dock at its first end, or nothing")
    verb("calm", "all faults mended, all cables in, at full speed, without loss")
    p = verb("leftovers", "print processes, files and listening ports that a node did not have at "
                          "boot or at the last --mark")
    p.add_argument("node")
    p.add_argument("--mark", action="store_true", help="from now on, what is there now counts not")
    verb("wan", "add a one-way delay between controller and nodes").add_argument("ms")
    verb("state", "print the kernel's truth of every node as JSON")
    # Process 1 of the virtual machine.
    verbs.add_parser("guest", parents=[common])
    # Used by `reboot --delay` only.
    p = verbs.add_parser("boot-later", parents=[common])
    for word in ("node", "how", "seconds"):
        p.add_argument(word)
    return top


def _fleet(args):
    if args.plain is not None:
        return fleets.plain(args.plain)
    if not args.fleet:
        raise LabError("up takes a FLEET.toml or --plain N")
    known = f"{HERE}/fleets/{args.fleet}.toml"
    return fleets.load(known if os.path.exists(known) else args.fleet)


def _command(args):
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise LabError(f"{args.verb} takes a command")
    return command


def _macs(lab, names):
    for name in names:
        lab.known_node(name)
    return names


def _reboot(lab, args):
    node.restart(lab, _macs(lab, args.nodes), lambda n: lab.fleet.nodes[n].rebridge, args.delay)
    _after(lab, args)


def _reinit(lab, args):
    _macs(lab, args.nodes)
    for name in args.nodes:
        if not args.keep_rdma:
            lab.state["rdma"][name] = (args.rdma or lab.fleet.reinit_rdma) == "on"
        if args.new_host_key:
            node.replace_host_key(lab, name)
    node.restart(lab, args.nodes, lambda n: lab.fleet.start != "addressed", args.delay,
                 wiped=True)
    _after(lab, args)


def _after(lab, args):
    if not args.delay:
        for name in args.nodes:
            faults.after_boot(lab, name)
            leftovers.mark(lab, name)


def _boot_later(lab, args):
    time.sleep(float(args.seconds))
    with lab.locked():
        lab.load()
        # Its own entry goes first: nobody may end this process from here on.
        node.forget_process(lab, f"{args.node}.boot")
        node.boot(lab, args.node, args.how == "bridged")
        faults.after_boot(lab, args.node)
        leftovers.mark(lab, args.node)


def _calm(lab, _):
    for name in lab.fleet.nodes:
        if lab.state["faults"].get(name):
            faults.mend(lab, name)
    wire.calm(lab)


def _leftovers(lab, args):
    if args.mark:
        leftovers.mark(lab, args.node)
        return
    for line in leftovers.since_mark(lab, args.node):
        print(line)


def _wan(lab, args):
    if args.ms == "off":
        wan.off(lab)
        return
    try:
        wan.on(lab, float(args.ms))
    except ValueError as e:
        raise LabError("wan takes milliseconds or off") from e


_CHANGES = {
    "reboot": _reboot,
    "reinit": _reinit,
    "unplug": lambda lab, a: lab.unplug(a.link),
    "plug": lambda lab, a: lab.plug(a.link),
    "break": lambda lab, a: faults.break_(lab, a.node, a.fault),
    "mend": lambda lab, a: faults.mend(lab, a.node, a.fault),
    "wan": _wan,
    "shape": lambda lab, a: wire.shape(lab, a.link, a.value, a.end),
    "loss": lambda lab, a: wire.loss(lab, a.link, a.value, a.end),
    "mtu": lambda lab, a: wire.set_mtu(lab, a.end, a.bytes),
    "recable": lambda lab, a: wire.recable(lab, a.link, a.speed, a.dock),
    "calm": _calm,
    "leftovers": _leftovers,
}


def _run(args):
    lab = Lab(args.name, args.state_dir)
    if args.verb == "guest":
        guest.run(lab, main)
    if vm.stands(lab.name) and args.verb not in ("up", "down") and os.getpid() != 1:
        if not lab.rooms():  # else this is the guest, which has the folder as well
            vm.forward(lab.name, sys.argv[1:])
    if args.verb == "up":
        fleet = _fleet(args)
        started = time.monotonic()
        if args.vm:
            # Without the time that fetching the kernel took.
            started = vm.up(lab.name, fleet, find_helpers(), f"{HERE}/lab")
        else:
            with lab.locked():
                lab.up(fleet)
        print(f"lab {lab.name}: {len(fleet.nodes)} nodes, {len(fleet.cables)} cables up in "
              f"{time.monotonic() - started:.2f} s")
    elif args.verb == "down":
        vm.down(lab.name)
        with lab.locked():
            lab.down()
            lab.remove_traces()
    elif args.verb == "boot-later":
        _boot_later(lab, args)
    elif args.verb == "ctl":
        controller.run(lab.load(), _command(args))
    elif args.verb == "exec":
        lab.load().exec(args.node, _command(args))
    elif args.verb == "state":
        json.dump(report.collect(lab.load()), sys.stdout, indent=1)
        print()
    else:
        lab.load()
        with lab.locked():
            _CHANGES[args.verb](lab.load(), args)


def main():
    args = _parser().parse_args()
    if os.geteuid() != 0:
        print("lab: needs root (network namespaces, mounts): run it with sudo", file=sys.stderr)
        return 1
    try:
        _run(args)
    except (LabError, OSError) as e:
        print(f"lab: {e}", file=sys.stderr)
        return 1
    return 0
