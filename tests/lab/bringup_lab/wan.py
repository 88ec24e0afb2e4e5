"""`lab wan MS`: distance between the controller and its segments."""

import subprocess

from . import kernel, network, node
from .errors import LabError


def _controller_segments(lab):
    return [k for k, s in enumerate(lab.fleet.segments.values()) if s.controller]


def off(lab):
    for k in _controller_segments(lab):
        node.end_process(lab, f"wan{k}")
        kernel.ip_batch([f"link set ctl{k} master {network.bridge_of(k)}"], lab.hub)
        kernel.ip_batch([f"link del wan{k}"], lab.hub, ignore_errors=True)
    lab.state["wan"] = None
    lab.save()


def on(lab, one_way_ms):
    """The controller's end of the segment moves to a bridge of its own, and lab-delay's two TAPs
    join the two."""
    if not 0 < one_way_ms <= 10000:
        raise LabError("wan takes the one-way delay in milliseconds")
    if lab.state["wan"] is not None:
        off(lab)
    for k in _controller_segments(lab):
        p = subprocess.Popen(
            [f"{lab.state['helpers']}/lab-delay", lab.hub, f"near{k}", f"far{k}",
             str(one_way_ms)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True)
        node.keep_process(lab, f"wan{k}", p.pid)
        if p.stdout.readline() != b"ready\n":
            raise LabError("lab-delay did not start (is /dev/net/tun there?)")
        kernel.ip_batch([
            f"link add wan{k} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"link set wan{k} up", f"link set near{k} master wan{k} up",
            f"link set far{k} master {network.bridge_of(k)} up", f"link set ctl{k} master wan{k}",
        ], lab.hub)
    lab.state["wan"] = one_way_ms
    lab.save()
