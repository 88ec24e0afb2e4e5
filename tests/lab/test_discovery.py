#!/usr/bin/python3
"""Discovery by UDP on interfaces with /16 (link-local), /24 and /30; one of them filtered, and what
else can be wrong. Believed is what the kernel did with the datagrams."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import INSTRUMENTED, LabCase  # noqa: E402

BIN = os.environ["BRINGUP_LAB_BIN"]
WAYS = ("broadcast", "limited", "multicast")


class Discovery(LabCase):
    fleet = "discovery"

    def setUp(self):
        super().setUp()
        self.lab.mark()

    def verified(self, status, *more):
        done = self.lab.bringup("verify", "--only", "discovery", "--format", "json", "--probe",
                                f"{BIN}/bringup-probe", *more)
        self.assert_exit(done, status)
        self.assertLess(done.seconds, 40 * (3 if INSTRUMENTED else 1), str(done))
        document = self.document(done, "verify")
        return {(one["from"], one["from_interface"]): one for one in document["discovery"]}, document

    def assert_heard(self, one):
        self.assertEqual(one["status"], "pass", json.dumps(one, indent=1))
        for way in WAYS:
            self.assertGreater(one[way], 0, one)
        self.assertEqual(one["elsewhere"], [])

    def assert_diagnosed(self, one, diagnosis, node, *words):
        self.assertEqual(one["status"], "fail", json.dumps(one, indent=1))
        found = one["diagnosis"]
        self.assertEqual((found["id"], found["node"]), (diagnosis, node), found)
        for word in words:
            self.assertIn(word, found["seen"] + " " + found["cure"])

    def test_every_interface_is_heard_by_every_way(self):
        found, document = self.verified(0)
        self.assertEqual(len(found), 6)
        for one in found.values():
            self.assert_heard(one)
        self.assertTrue(document["summary"]["green"])
        self.assertEqual(document["findings"], [])
        self.assert_nothing_left()

    def test_udp_filtered_on_one_interface(self):
        self.lab.wall("box2", "input", 'iifname "en6" meta l4proto udp drop')
        self.addCleanup(self.lab.unwall, "box2")
        found, _ = self.verified(6)
        self.assert_diagnosed(found["box1", "en6"], "discovery-firewall", "box2", "pings are answered",
                              'iifname "en6" meta l4proto', "sudo nft list ruleset")
        for key, one in found.items():
            if key != ("box1", "en6"):
                self.assert_heard(one)
        self.assert_nothing_left()

    def test_udp_that_may_not_leave(self):
        self.lab.wall("box1", "output", 'oifname "en7" meta l4proto udp drop')
        self.addCleanup(self.lab.unwall, "box1")
        found, _ = self.verified(6)
        self.assert_diagnosed(found["box1", "en7"], "discovery-send", "box1", "denied")
        self.assert_heard(found["box2", "en7"])

    def test_multicast_alone_filtered(self):
        self.lab.wall("box2", "input", 'iifname "en5" ip daddr 239.0.0.0/8 drop')
        self.addCleanup(self.lab.unwall, "box2")
        found, _ = self.verified(6)
        self.assert_diagnosed(found["box1", "en5"], "discovery-partial", "box2", "multicast")

    def test_prefixes_that_differ(self):
        self.lab.exec("box2", "ip", "addr", "del", "10.55.0.2/24", "dev", "en6")
        self.lab.exec("box2", "ip", "addr", "add", "10.55.0.2/25", "brd", "+", "dev", "en6")
        self.addCleanup(self.lab.exec, "box2", "ip", "addr", "add", "10.55.0.2/24", "brd", "+", "dev",
                        "en6")
        self.addCleanup(self.lab.exec, "box2", "ip", "addr", "del", "10.55.0.2/25", "dev", "en6")
        found, document = self.verified(6)
        for node in ("box1", "box2"):
            self.assert_diagnosed(found[node, "en6"], "discovery-subnet-mismatch", "box2",
                                  "10.55.0.2/25", "10.55.0.1/24")
        self.assertEqual(len(document["findings"]), 1)

    def test_broadcast_address_of_another_prefix(self):
        def set_broadcast(address):
            self.lab.exec("box1", "ip", "addr", "del", "10.55.0.1/24", "dev", "en6")
            self.lab.exec("box1", "ip", "addr", "add", "10.55.0.1/24", "broadcast", address, "dev",
                          "en6")

        set_broadcast("10.255.255.255")
        self.addCleanup(set_broadcast, "10.55.0.255")
        found, _ = self.verified(6)
        self.assert_diagnosed(found["box1", "en6"], "discovery-wrong-broadcast", "box1",
                              "10.255.255.255", "ip addr add 10.55.0.1/24 broadcast + dev en6")

    def test_without_a_probe_it_is_untested(self):
        done = self.lab.bringup("verify", "--only", "discovery", "--format", "json", "--probe", "none")
        self.assert_exit(done, 6)
        document = self.document(done, "verify")
        for one in document["discovery"]:
            self.assertEqual((one["status"], one["broadcast"]), ("untested", None))
            self.assertIn("no bringup-probe on box", one["text"])


if __name__ == "__main__":
    unittest.main()
