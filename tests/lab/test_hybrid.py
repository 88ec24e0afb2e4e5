#!/usr/bin/python3
"""The hybrid fleet: simulated Macs that keep their Thunderbolt bridge and forward, boards behind
them with the real NetworkManager, and DGX Sparks with other managers. Default routes and name
servers are looked at before and after everything."""

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import PASSWORD, LabCase  # noqa: E402

RELAXED = """
[expectations.ethernet-1g]
rtt_avg_ms = 500
[expectations.roce-200g]
rtt_avg_ms = 500
[expectations.routed]
rtt_avg_ms = 500
"""
BOARDS = {"pi5": ("192.168.50.2/24", "192.168.50.1"), "pi4": ("192.168.51.4/24", "192.168.51.2"),
          "jetson": ("192.168.51.5/24", "192.168.51.2")}


def way_out(state):
    return {name: (node["default_routes"], node["resolv_conf"])
            for name, node in state["nodes"].items()}


def kernel(state):
    """What changes are about, of every node."""
    return {name: ({i: (x["up"], x["master"], x["mtu"], x["inet"])
                    for i, x in node["interfaces"].items()},
                   [r for r in node["routes"] if r.get("via")], node["forwarding"],
                   node["neighbours"]) for name, node in state["nodes"].items()}


class Routed(LabCase):
    fleet = "smolcluster-hybrid"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(cls.lab.inventory(), "a", encoding="utf-8") as f:
            f.write(RELAXED)

    def setUp(self):
        self.lab("calm")
        self.lab.broken.clear()
        self.lab("reinit", *self.lab.nodes())
        self.before = self.lab.state()

    def up(self, *args, **more):
        done = self.lab.apply(*args, **more)
        self.assert_exit(done, 0)
        return done

    def reaches(self, source, target):
        wait = "2000" if source.startswith("mini") else "2"
        return self.lab("exec", source, "ping", "-c", "1", "-W", wait, target,
                        check=False).status == 0

    def assert_up(self):
        state = self.lab.state()
        for name, (address, gateway) in BOARDS.items():
            node = state["nodes"][name]
            self.assertEqual(node["interfaces"]["eth0"]["inet"], [address], name)
            self.assertIn(("10.10.0.0/24", gateway, "eth0"),
                          [(r["to"], r.get("via"), r["dev"]) for r in node["routes"]], name)
        for name, forwards in (("mini1", True), ("mini2", False), ("mini3", True)):
            self.assertEqual(state["nodes"][name]["forwarding"], forwards, name)
        self.assertEqual(way_out(state), way_out(self.before))
        return state

    def reach(self, done, source, target):
        for entry in self.document(done, "verify")["reach"]:
            if entry["from"] == source and entry["to"] == target:
                return entry
        raise AssertionError(f"{source} to {target} is not in {done}")

    def verify(self, *args, **more):
        return self.lab.bringup("verify", "--only", "reach", "--format", "json", *args, **more)


class Hybrid(Routed):
    def test_from_nothing_and_again(self):
        self.up()
        first = self.assert_up()
        self.assertEqual(set(first["nodes"]["mini2"]["bridges"]), {"bridge0"})
        self.assertIn("en2", first["nodes"]["mini2"]["bridges"]["bridge0"])
        for board in BOARDS:
            self.assertTrue(self.reaches(board, "10.10.0.1"), board)
        self.assertTrue(self.reaches("mini2", "192.168.51.4"))
        self.assertFalse(self.reaches("pi5", "192.168.51.4"))
        self.assertFalse(self.reaches("pi4", "192.168.50.2"))
        done, document = self.applied()
        self.assert_exit(done, 0)
        steps = [s for n in document["nodes"] for s in n["steps"]
                 if s["task"] not in ("profiler.collect", "rdma.check")]
        self.assertEqual(steps, [])
        self.assertEqual(kernel(self.lab.state()), kernel(first))

    def test_rolled_back_field_by_field(self):
        was = kernel(self.lab.state())
        self.up()
        done = self.lab.bringup("rollback", "--yes")
        self.assert_exit(done, 0)
        self.assertEqual(kernel(self.lab.state()), was)
        self.assertEqual(way_out(self.lab.state()), way_out(self.before))
        profiles = self.lab("exec", "pi5", "nmcli", "-t", "-f", "NAME", "connection").out
        self.assertNotIn("bringup", profiles)

    def test_an_interface_that_is_named_no_more_loses_its_profile(self):
        self.up()
        without = self.edited((', jetson = "eth0=192.168.51.5"', ""),
                              ('"pi4", "jetson"]', '"pi4"]'))
        self.assert_exit(self.lab.apply(inventory=without), 0)
        state = self.lab.state()["nodes"]
        self.assertEqual(state["jetson"]["interfaces"]["eth0"]["inet"], [])
        self.assertEqual(state["pi4"]["interfaces"]["eth0"]["inet"], ["192.168.51.4/24"])
        self.assertEqual(way_out(self.lab.state()), way_out(self.before))

    def test_recovered_after_a_reboot_of_all(self):
        self.up()
        self.lab("reboot", *self.lab.nodes())
        self.assertEqual(self.lab.state()["nodes"]["pi5"]["interfaces"]["eth0"]["inet"], [])
        self.assert_exit(self.lab.bringup("recover", "--yes"), 0)
        self.assert_up()

    def test_what_persists_needs_no_controller(self):
        lasting = self.edited(('name = "smolcluster-hybrid"',
                               'name = "smolcluster-hybrid"\npersist = true'))
        self.up(inventory=lasting)
        self.lab("reboot", *self.lab.nodes())
        for _ in range(8):
            done = self.verify(inventory=lasting)
            if done.status == 0:
                break
        self.assert_exit(done, 0)
        self.assert_up()
        self.up()  # without the key
        self.lab("reboot", *self.lab.nodes())
        state = self.lab.state()["nodes"]
        self.assertEqual(state["pi5"]["interfaces"]["eth0"]["inet"], [])
        self.assertFalse(state["mini1"]["forwarding"])

    def test_the_server_on_the_fabric(self):
        self.up()
        self.lab.break_("mini1", "service-bound:10.10.0.1:65432")
        done = self.lab.bringup("verify", "--only", "services", "--format", "json")
        self.assert_exit(done, 0)
        cells = self.document(done, "verify")["services"]
        self.assertEqual(sorted(c["from"] for c in cells),
                         ["jetson", "mini2", "mini3", "pi4", "pi5"])
        self.lab.mend("mini1")
        self.lab.break_("mini1", "service-bound:192.168.50.1:65432")
        done = self.lab.bringup("verify", "--only", "services")
        self.assert_exit(done, 6)
        self.assert_said(done, "192.168.50.1", "10.10.0.1")


class Broken(Routed):
    """Each fault is named with its cure."""

    def diagnosed(self, fault_node, fault, source, target, want):
        self.up()
        self.lab.break_(fault_node, fault)
        done = self.verify()
        self.assert_exit(done, 6)
        entry = self.reach(done, source, target)
        self.assertNotEqual(entry["status"], "pass", entry)
        self.assertEqual(entry["diagnosis"]["id"], want, str(entry))
        self.assertTrue(entry["diagnosis"]["cure"], entry)
        return entry

    def mended_by_apply(self):
        self.assert_exit(self.lab.apply(), 0)
        self.assert_up()

    def test_forwarding_off(self):
        entry = self.diagnosed("mini1", "forwarding-off", "pi5", "mini2", "forwarding-off")
        self.assertIn("sysctl -w net.inet.ip.forwarding=1", entry["diagnosis"]["cure"])
        self.lab.mend_all()
        self.mended_by_apply()

    def test_missing_route(self):
        entry = self.diagnosed("pi5", "route-missing:10.10.0.0/24", "pi5", "mini2",
                               "route-missing")
        self.assertIn("pi5", entry["diagnosis"]["seen"])
        self.mended_by_apply()

    def test_missing_way_back(self):
        entry = self.diagnosed("mini2", "route-missing:192.168.50.0/24", "pi5", "mini2",
                               "route-missing")
        self.assertIn("mini2", entry["diagnosis"]["seen"])
        self.mended_by_apply()

    def test_the_interface_became_the_default_route(self):
        self.up()
        self.lab.break_("pi5", "default-route:eth0")
        done = self.lab.bringup("verify", "--only", "reach")
        self.assert_exit(done, 6)
        self.assert_said(done, "never-default")
        self.mended_by_apply()

    def test_wrong_mask(self):
        self.diagnosed("pi5", "wrong-mask:eth0:16", "pi5", "mini1", "wrong-mask")
        self.mended_by_apply()

    def test_stale_neighbour(self):
        entry = self.diagnosed("pi5", "stale-neighbour:eth0:192.168.50.1", "pi5", "mini1",
                               "stale-neighbour")
        self.assertIn("ip neigh", entry["diagnosis"]["cure"])

    def test_two_mtus_on_one_cable(self):
        self.up()
        self.lab.exec("mini1", "ifconfig", "en8", "mtu", "9000")
        self.addCleanup(self.lab.exec, "mini1", "ifconfig", "en8", "mtu", "1500")
        done = self.verify()
        self.assert_exit(done, 6)
        entry = self.reach(done, "mini1", "pi5")
        self.assertEqual(entry["large"], {"bytes": 8212, "answer": "none"})
        self.assertEqual(entry["diagnosis"]["id"], "mtu-differs")
        self.assertEqual(entry["diagnosis"]["cure"], "`sudo ifconfig en8 mtu 1500` on mini1")
        self.lab.exec("mini1", "ifconfig", "en8", "mtu", "1500")
        self.assert_up()

    def test_large_packets_that_vanish_on_the_way(self):
        self.up()
        self.lab.wall("mini1", "forward", 'ip daddr 10.10.0.2 meta length > 1400 drop')
        self.addCleanup(self.lab.unwall, "mini1")
        done = self.verify()
        self.assert_exit(done, 6)
        entry = self.reach(done, "pi5", "mini2")
        self.assertEqual(entry["diagnosis"]["id"], "mtu-vanishes", entry)
        self.assertEqual(self.reach(done, "pi5", "mini3")["large"],
                         {"bytes": 1500, "answer": "replies"})

    def test_a_smaller_mtu_that_is_told(self):
        """Path MTU discovery is no fault."""
        self.up()
        self.lab.exec("mini1", "ifconfig", "bridge0", "mtu", "1400")
        self.addCleanup(self.lab.exec, "mini1", "ifconfig", "bridge0", "mtu", "1500")
        done = self.verify()
        entry = self.reach(done, "pi5", "mini2")
        self.assertEqual((entry["status"], entry["large"]),
                         ("pass", {"bytes": 1500, "answer": "told"}))

    def test_only_icmp_filtered(self):
        entry = self.diagnosed("mini2", "icmp-filtered", "pi5", "mini2", "icmp-filtered")
        self.assertIn("mini2", entry["diagnosis"]["seen"] + entry["diagnosis"]["cure"])


class Sparks(LabCase):
    """Two rails a cable; netplan, networkd and nobody."""

    fleet = "dgx-spark-ring-3"
    expected = {"spark1": ("netplan", 4), "spark2": ("networkd", 4), "spark3": ("none", 4)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(cls.lab.inventory(), encoding="utf-8") as f:
            text = f.read()
        # The lab has no verbs devices for them.
        lines = [line for line in text.splitlines()
                 if not line.startswith(("a_device", "b_device"))]
        text = "\n".join(line.split(", a_device")[0] + " }]" if ", a_device" in line else line
                         for line in lines)
        text = text.replace('kind = "roce-200g"', 'kind = "roce-200g"\nrdma = false')
        with open(cls.lab.inventory(), "w", encoding="utf-8") as f:
            f.write(text + RELAXED)

    def setUp(self):
        self.lab("calm")
        self.lab("reinit", *self.lab.nodes())

    def test_up_again_and_back(self):
        before = self.lab.state()
        was = kernel(before)
        self.assert_exit(self.lab.apply(), 0)
        state = self.lab.state()
        for name in self.expected:
            rails = {i: x for i, x in state["nodes"][name]["interfaces"].items()
                     if i.startswith(("enp1", "enP2"))}
            held = [x for x in rails.values() if x["inet"]]
            self.assertEqual([x["mtu"] for x in held], [9000] * self.expected[name][1], name)
            self.assertEqual(len({x["inet"][0] for x in held}), self.expected[name][1], name)
        self.assertEqual(way_out(state), way_out(before))
        done, document = self.applied()
        self.assert_exit(done, 0)
        self.assertEqual([s for n in document["nodes"] for s in n["steps"]
                          if s["task"].startswith("settings")], [])
        done = self.lab.bringup("verify", "--only", "ping,mtu")
        self.assert_exit(done, 0)
        self.assert_exit(self.lab.bringup("rollback", "--yes", self.lab_run()), 0)
        self.assertEqual(kernel(self.lab.state()), was)
        self.assertEqual(way_out(self.lab.state()), way_out(before))

    def lab_run(self):
        """The first apply of this test: the one that changed something."""
        return os.path.basename([r for r in self.lab.runs() if "-apply-" in r][-2])

    def test_what_persists_outlives_a_reboot_and_vanishes(self):
        lasting = self.edited(("[fleet]", "[fleet]\npersist = true"))
        self.assert_exit(self.lab.apply(inventory=lasting), 0)
        self.lab("reboot", *self.lab.nodes())
        for _ in range(8):
            done = self.lab.bringup("verify", inventory=lasting)
            if done.status == 0:
                break
        self.assert_exit(done, 0)
        self.assert_exit(self.lab.apply(), 0)
        self.lab("reboot", *self.lab.nodes())
        for name in self.expected:
            held = [x["inet"] for i, x in self.lab.state()["nodes"][name]["interfaces"].items()
                    if i.startswith(("enp1", "enP2")) and x["inet"]]
            self.assertEqual(held, [], name)


    def addressed(self, state, name):
        return [x["inet"] for i, x in state["nodes"][name]["interfaces"].items()
                if i.startswith(("enp1", "enP2")) and x["inet"]]

    def test_with_the_limited_sudo_alone(self):
        for persist in ("false", "true"):
            path = self.edited(("[fleet]", f"[fleet]\npersist = {persist}"))
            self.lab("reinit", *self.lab.nodes())
            was = kernel(self.lab.state())
            for name in self.expected:
                self.lab.exec(name, "rm", "-f", "/etc/sudoers.d/bringup")
                self.lab.break_(name, "sudo-password")
            refused = self.lab.apply(inventory=path)
            self.assert_exit(refused, 5)
            self.assert_said(refused, "bringup bootstrap spark1 --ask-pass")
            done = self.lab.on_terminal("bootstrap", *self.expected, "--yes", "--ask-become-pass",
                                        inventory=path, replies=[("assword", PASSWORD + "\n")])
            self.assert_exit(done, 0)
            for name in self.expected:
                self.addCleanup(self.lab.exec, name, "rm", "-f", "/etc/sudoers.d/bringup")
                shadow = self.lab.bringup("exec", "--limit", name, "--",
                                          "sudo -k -n cat /etc/shadow", inventory=path)
                self.assert_exit(shadow, 5)
            self.assert_exit(self.lab.apply(inventory=path), 0)
            for name, (_, held) in self.expected.items():
                self.assertEqual(len(self.addressed(self.lab.state(), name)), held, name)
            self.assert_exit(self.lab.bringup("plan", "--detailed-exitcode", inventory=path), 0)
            self.assert_exit(self.lab.bringup("rollback", "--yes", inventory=path), 0)
            self.assertEqual(kernel(self.lab.state()), was)
            guarded = self.lab.apply("--guard", "always", inventory=path)
            self.assert_exit(guarded, 0)
            self.assert_exit(self.lab.bringup("rollback", "--yes", inventory=path), 0)
            self.assertEqual(kernel(self.lab.state()), was)

    def test_a_port_that_negotiated_less(self):
        """veth has no speed to negotiate: a stand-in for ethtool tells one."""
        place = "/usr/local/bin/ethtool"
        words = ("case $1 in -i) echo bus-info: 0000:01:00.0 ;; "
                 "*) printf '\\tSpeed: 100000Mb/s\\n' ;; esac")
        self.lab.exec("spark1", "sh", "-c",
                      f"printf '%s\\n' '#!/bin/sh' \"$0\" >{place}; chmod 755 {place}", words)
        self.addCleanup(self.lab.exec, "spark1", "rm", "-f", place)
        self.assert_exit(self.lab.apply(), 0)
        done = self.lab.bringup("status")
        self.assert_said(done, "spark1:enp1s0f1np1 has negotiated 100 Gb/s", "200 Gb/s",
                         "swap the cable and see `ethtool enp1s0f1np1` at both ends")
        self.assert_not_said(done, "spark2:enp1s0f1np1 has negotiated")

    def test_guarded_changes_that_nobody_confirms_go_back(self):
        path = self.edited(("[fleet]", "[fleet]\npersist = true"))
        was = self.lab.state()
        process = self.lab.start("apply", "--yes", "--guard", "always", "--guard-seconds", "15",
                                 inventory=path)
        end = time.monotonic() + 60
        while not self.addressed(self.lab.state(), "spark1"):
            self.assertIsNone(process.process.poll(), "ended before anything was changed")
            self.assertLess(time.monotonic(), end, "nothing was changed")
        os.killpg(process.process.pid, signal.SIGKILL)
        process.wait()
        end = time.monotonic() + 90
        while kernel(self.lab.state()) != kernel(was) and time.monotonic() < end:
            time.sleep(0.5)
        self.assertEqual(kernel(self.lab.state()), kernel(was))
        self.assertEqual(way_out(self.lab.state()), way_out(was))
        self.assert_exit(self.lab.apply("--guard", "always", inventory=path), 0)
        for name, (_, held) in self.expected.items():
            self.assertEqual(len(self.addressed(self.lab.state(), name)), held, name)
        self.assert_exit(self.lab.bringup("rollback", "--yes", inventory=path), 0)


class SparkPair(Sparks):
    """NetworkManager on both."""

    fleet = "dgx-spark-pair"
    expected = {"spark1": ("networkmanager", 2), "spark2": ("networkmanager", 2)}


if __name__ == "__main__":
    unittest.main()
