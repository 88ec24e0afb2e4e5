#!/usr/bin/python3
"""Full matrices of ping, MTU, TCP and iperf; their rounds and what they take; a link that one end
or the cable slows down stands out, is measured again and blamed on the right one."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import INSTRUMENTED, LabCase  # noqa: E402

CHECKS = ["ping", "mtu", "tcp", "iperf"]
PINGS = 10
# What cables of the lab carry depends on the machine's load.
FLOORS = ("rtt_avg_ms = 500", "rtt_avg_ms = 500\niperf_gbps = 0.01\nrdma_gbps = 0.01")


class Verified(LabCase):
    """Every link is up."""

    def setUp(self):
        super().setUp()
        self.inventory = self.edited(FLOORS)
        self.assert_exit(self.lab.apply(), 0)
        self.lab.mark()

    def verify(self, *args, status=0):
        done = self.lab.bringup("verify", "--format", "json", *args, inventory=self.inventory)
        self.assert_exit(done, status)
        return done, self.document(done, "verify")

    def phases(self):
        """What the last run announced, in its order."""
        with open(f"{self.lab.runs()[-1]}/events.jsonl", encoding="utf-8") as f:
            events = [json.loads(line) for line in f]
        return [e["text"] for e in events if e["kind"] == "phase"]


class Matrix(Verified):
    def check(self, nodes, links, rounds, widest, seconds, *args):
        """One full matrix against its estimate."""
        # Should the machine's load make pings slow, they are sent again: these take a second.
        args = ["--only", ",".join(CHECKS), "--seconds", str(seconds), "--count", str(PINGS),
                "--interval", "0.1", *args]
        told = self.lab.bringup("verify", *args, "--estimate", "--format", "json",
                                inventory=self.inventory)
        self.assert_exit(told, 0)
        estimate = json.loads(told.out)
        self.assertEqual((estimate["links"], estimate["rounds"], estimate["widest"]),
                         (links, rounds, widest), told.out)
        done, document = self.verify(*args)
        self.assertTrue(document["summary"]["green"])
        self.assertEqual({(c["from"], c["to"]) for c in document["cells"]},
                         {(a, b) for a in nodes for b in nodes if a != b})
        for cell in document["cells"]:
            self.assert_figures(cell, seconds)
        announced = [p for p in self.phases() if p.startswith("iperf, round")]
        self.assertEqual(announced, [f"iperf, round {k + 1} of {rounds}: {widest} "
                                     f"link{'' if widest == 1 else 's'}" for k in range(rounds)])
        if not INSTRUMENTED:
            # A busy machine adds its own; scripts/bench verify holds the estimate to a fifth.
            self.assertLess(abs(estimate["total_s"] - done.seconds), 0.4 * done.seconds,
                            f"{told.out}\n{done}")
        self.assert_nothing_left()

    def assert_figures(self, cell, seconds):
        self.assertEqual(cell["status"], "pass", cell)
        self.assertEqual((cell["ping"]["received"], cell["ping"]["loss_percent"]), (PINGS, 0), cell)
        self.assertGreater(cell["ping"]["avg_ms"], 0)
        mtu = cell["mtu"]
        self.assertEqual((mtu["largest_packet"], mtu["mtu_from"], mtu["mtu_to"]),
                         (1500, 1500, 1500), cell)
        self.assertEqual(cell["tcp"],
                         [{"port": 22, "reachable": True, "by": "forward", "error": ""}])
        self.assertIsNone(cell["iperf"]["failure"])
        self.assertGreater(cell["iperf"]["gbps"], 0.01)
        self.assertEqual(cell["iperf"]["streams"], 4)
        self.assertLess(abs(cell["iperf"]["seconds"] - seconds), 0.5)


class TriangleMatrix(Matrix):
    fleet = "triangle"

    def test_every_pair_both_ways_in_the_time_that_was_estimated(self):
        self.check(["studio1", "studio2", "studio3"], 3, 3, 1, 2)


class MeshMatrix(Matrix):
    fleet = "mesh-4"
    NODES = ["studio1", "studio2", "book3", "mini4"]

    def test_disjoint_links_run_at_once(self):
        self.check(self.NODES, 6, 3, 2, 2)

    def test_stress_runs_every_link_at_once(self):
        self.check(self.NODES, 6, 1, 6, 3, "--stress")


class Shaped(Verified):
    """Every cable does 1 Gb/s, so that the machine's load moves no figure, but for the slow one."""

    fleet = "mesh-4"
    FAST, SLOW = "1gbit", "400mbit"
    CABLES = ["studio1:en3", "studio1:en4", "studio1:en5", "studio2:en4", "studio2:en5",
              "book3:en2"]
    ONLY = ["--only", "iperf", "--seconds", "1", "--stress"]

    def setUp(self):
        super().setUp()
        for place in self.CABLES:
            self.lab("shape", place, self.FAST)

    def findings(self, document, of):
        return [f for f in document["findings"] if f["id"] == of]

    def assert_measured_again(self, times):
        again = [p for p in self.phases() if p.startswith("iperf, again")]
        self.assertEqual(again, ["iperf, again: 1 link"] * times)

    def assert_slow(self, document, *pairs):
        slow = {(c["from"], c["to"]) for c in document["cells"] if c["status"] != "pass"}
        self.assertEqual(slow, set(pairs))
        for pair in pairs:
            cell = self.cell(document, *pair)
            self.assertEqual(cell["status"], "slow")
            self.assertLess(abs(cell["iperf"]["gbps"] - 0.38), 0.06)

    def verdicts(self, cell):
        return {v["source"]: v["status"] for v in cell["verdicts"] if v["check"] == "iperf"}

    def test_an_end_that_sends_at_less_than_half_its_rate(self):
        _, good = self.verify(*self.ONLY)
        self.assertTrue(good["summary"]["green"])
        self.assert_measured_again(0)
        # Its inventory's end b, so that a blame that always names the first is found out.
        self.lab("shape", "studio2:en4", self.SLOW, "--end", "book3:en6")
        done, document = self.verify(*self.ONLY, "--baseline", "last", status=6)
        self.assertLess(done.seconds, 60)
        self.assert_slow(document, ("book3", "studio2"))
        cell = self.cell(document, "book3", "studio2")
        self.assertEqual(self.verdicts(cell),
                         {"expectation": "pass", "peers": "slow", "baseline": "slow"})
        self.assertEqual((cell["diagnosis"]["layer"], cell["diagnosis"]["node"],
                          cell["diagnosis"]["target"]), ("peers", "book3", "en6"))
        self.assertIn("book3:en6 (sending side) is to blame", cell["diagnosis"]["means"])
        for of in ("peer-slow", "baseline-slow"):
            found = self.findings(document, of)
            self.assertEqual([f["target"] for f in found], ["book3:en6"], document["findings"])
            self.assertTrue(found[0]["cure"])
        self.assert_measured_again(2)
        self.assert_nothing_left()

    def test_a_node_that_receives_slowly_from_everyone(self):
        for place, other in (("studio1:en4", "studio1:en4"), ("studio2:en4", "studio2:en4"),
                             ("book3:en2", "mini4:en4")):
            self.lab("shape", place, self.SLOW, "--end", other)
        _, document = self.verify(*self.ONLY, status=6)
        self.assert_slow(document, *((n, "book3") for n in ("studio1", "studio2", "mini4")))
        for found in self.findings(document, "peer-slow"):
            self.assertIn("book3", found["target"])
            self.assertIn("(receiving side) is to blame", found["means"])
        self.assert_nothing_left()

    def test_a_cable_that_is_slow_both_ways(self):
        self.lab("shape", "studio2:en4", self.SLOW)
        _, document = self.verify(*self.ONLY, status=6)
        self.assert_slow(document, ("book3", "studio2"), ("studio2", "book3"))
        for pair in (("book3", "studio2"), ("studio2", "book3")):
            self.assertIn("the cable studio2:en4 - book3:en6 is to blame",
                          self.cell(document, *pair)["diagnosis"]["means"])
        found = self.findings(document, "peer-slow")
        self.assertEqual(len(found), 1, found)  # of one cable, with both figures
        self.assertEqual(found[0]["seen"].count("Gb/s"), 2, found)
        self.assertTrue(found[0]["cure"])
        self.assert_measured_again(2)
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
