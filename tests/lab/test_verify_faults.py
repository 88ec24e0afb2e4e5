#!/usr/bin/python3
"""What is broken on a link is named at its layer, on its node and with its cure, in bounded time,
and nothing is left on the nodes. studio2 is the broken one, unless a test says otherwise."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import INSTRUMENTED, LabCase  # noqa: E402

# What cables of the lab carry depends on the machine's load.
FLOORS = ("rtt_avg_ms = 500", "rtt_avg_ms = 500\niperf_gbps = 0.01\nrdma_gbps = 0.0001")
BOTH = [("studio1", "studio2"), ("studio2", "studio1")]


class VerifyFaults(LabCase):
    fleet = "pair"

    def setUp(self):
        super().setUp()
        self.inventory = self.edited(FLOORS)
        self.assert_exit(self.lab.apply(), 0)

    def verify(self, *args, status=6, within=30):
        """Within that many seconds, whatever is broken."""
        done = self.lab.bringup("verify", "--format", "json", *args, inventory=self.inventory)
        self.assert_exit(done, status)
        self.assertLess(done.seconds, within * (3 if INSTRUMENTED else 1), str(done))
        return self.document(done, "verify")

    def named(self, document, of):
        """The one finding with that id."""
        found = [f for f in document["findings"] if f["id"] == of]
        self.assertEqual(len(found), 1, json.dumps(document["findings"], indent=1))
        for word in ("seen", "expected", "means", "cure"):
            self.assertTrue(found[0][word], found)
        return found[0]

    def assert_named(self, document, of, layer, target, *cure):
        """It is said once, and is what both directions are diagnosed with."""
        finding = self.named(document, of)
        self.assertEqual((finding["layer"], finding["target"]), (layer, target), finding)
        for word in cure:
            self.assertIn(word, finding["cure"])
        self.assertFalse(document["summary"]["green"])
        for pair in BOTH:
            diagnosis = self.cell(document, *pair)["diagnosis"]
            self.assertEqual((diagnosis["id"], diagnosis["layer"]), (of, layer), diagnosis)
            place = diagnosis["node"] + (f":{diagnosis['target']}" if diagnosis["target"] else "")
            self.assertEqual(place, target, diagnosis)
        return finding

    def chain(self, place, *args):
        """{layer: (state, text)} of that end, as `status` shows it; and all that it says."""
        done = self.lab.bringup("status", "--format", "json", *args, inventory=self.inventory)
        document = self.document(done, "status")
        for link in document["links"]:
            for end in link["ends"]:
                if f"{end['node']}:{end['interface']}" == place:
                    return {one["layer"]: (one["state"], one["text"])
                            for one in end["layers"]}, link["first_broken"]
        raise AssertionError(f"no end {place}: {done}")


class Settings(VerifyFaults):
    """What plain verify and status read."""

    def setUp(self):
        super().setUp()
        self.lab.mark()

    def test_port_in_a_bridge(self):
        self.lab("reinit", "--keep-rdma", "studio2")
        self.lab.mark()
        self.assert_named(self.verify(), "bridge-member", "bridge", "studio2:en3", "bringup apply")
        self.assert_nothing_left()

    def test_address_missing(self):
        self.lab.break_("studio2", "no-address:en3")
        finding = self.assert_named(self.verify(), "address-missing", "address", "studio2:en3",
                                    "bringup apply")
        self.assertIn("10.254.0.2/30", finding["expected"])
        self.assert_nothing_left()

    def test_mtu_of_one_end(self):
        for node in ("studio1", "studio2"):
            self.lab("mtu", f"{node}:en3", "9000")
        document = self.verify(status=0)
        self.assertEqual([c["mtu"]["largest_packet"] for c in document["cells"]], [8212, 8212],
                         "a Mac's largest ping")
        self.lab("mtu", "studio2:en3", "1500")
        document = self.verify()
        finding = self.named(document, "mtu-differs")
        self.assertEqual(finding["layer"], "mtu")
        self.assertIn("studio2:en3", finding["seen"])
        self.assertIn("9000", finding["seen"])
        self.assertIn("1500", finding["seen"])
        self.assertIn("mtu", finding["cure"].lower())
        for pair in BOTH:
            self.assertEqual(self.cell(document, *pair)["ping"]["loss_percent"], 0)
        self.assert_nothing_left()

    def test_five_percent_of_loss(self):
        self.lab("loss", "studio1:en3", "5")
        document = self.verify("--only", "ping", "--count", "120", "--interval", "0.1", within=60)
        found = [f for f in document["findings"] if f["id"] == "ping-loss"]
        self.assertTrue(found, document["findings"])
        for finding in found:
            self.assertEqual(finding["layer"], "ping")
            self.assertIn("cable between", finding["cure"])
        for pair in BOTH:
            self.assertEqual(self.cell(document, *pair)["ping"]["transmitted"], 120)
        self.assert_nothing_left()

    def test_cable_of_forty_gigabits(self):
        self.lab("recable", "studio1:en3", "--speed", "40")
        try:
            layers, first = self.chain("studio2:en3")
            verified = self.verify("--full", "--probe", "none", "--seconds", "1", within=60)
        finally:
            self.lab("recable", "studio1:en3", "--speed", "80")
        self.assertEqual(layers["speed"][0], "broken", layers)
        self.assertEqual(layers["port"][0], "broken", layers)
        for lower in ("ssh", "cable"):
            self.assertEqual(layers[lower][0], "ok", layers)
        # The first broken one is the cause, not what follows from it.
        self.assertEqual((first["id"], first["layer"]), ("speed-below", "speed"), first)
        self.assertIn("80 Gb/s", first["cure"])
        for cell in verified["cells"]:
            self.assertIsNotNone(cell["rdma"]["failure"], cell)
        self.assert_nothing_left()

    def test_rdma_disabled_at_one_end(self):
        self.lab.break_("studio2", "rdma-disabled")
        layers, first = self.chain("studio2:en3")
        self.assertEqual(layers["gid"][0], "broken", layers)
        layers, first = self.chain("studio1:en3")
        self.assertEqual(layers["port"][0], "broken", layers)
        self.assertEqual((first["id"], first["node"]), ("rdma-disabled", "studio2"), first)
        self.assertIn("Recovery", first["cure"])
        self.assert_nothing_left()

    def test_no_device(self):
        self.lab.break_("studio2", "device-gone")
        layers, first = self.chain("studio2:en3")
        self.assertEqual(layers["gid"][0], "broken", layers)
        self.assertEqual(self.chain("studio1:en3")[0]["gid"][0], "ok")
        self.assert_nothing_left()

    def test_gid_at_index_2(self):
        self.lab.break_("studio2", "gid-index2")
        layers, first = self.chain("studio2:en3")
        self.assertEqual(layers["gid"][0], "broken", layers)
        self.assertIn("index 2", first["seen"])
        self.assertIn("errno 22", first["means"])
        # RDMA itself works, since the tool takes the index where the GID is.
        verified = self.verify("--only", "rdma", "--probe", "none", status=0, within=60)
        cell = self.cell(verified, "studio1", "studio2")
        self.assertEqual((cell["rdma"]["from_gid_index"], cell["rdma"]["to_gid_index"]), (1, 2))
        self.assert_nothing_left()


class Throughput(VerifyFaults):
    """Of iperf3 and TCP."""

    IPERF = ["--only", "iperf", "--seconds", "1"]

    def setUp(self):
        super().setUp()
        self.lab.mark()

    def broken(self, fault, *args, within=30):
        self.lab.break_("studio2", fault)
        self.lab.mark("studio2")  # the fault's own listener is the lab's
        return self.verify(*(args or self.IPERF), within=within)

    def assert_failed(self, document, kind, node="studio2"):
        for pair in BOTH:
            failure = self.cell(document, *pair)["iperf"]["failure"]
            self.assertEqual((failure["kind"], failure["node"]), (kind, node), failure)

    def test_iperf3_missing(self):
        document = self.broken("iperf3-missing")
        self.assert_failed(document, "missing")
        self.assert_named(document, "iperf-missing", "iperf", "studio2:en3", "brew install iperf3")
        self.assert_nothing_left()

    def test_iperf3_port_busy(self):
        document = self.broken("iperf3-busy:15201")
        self.assert_failed(document, "port-busy")
        self.assert_named(document, "iperf-busy", "iperf", "studio2:en3", "--iperf-port", "15201")
        self.verify(*self.IPERF, "--iperf-port", "15202", status=0)
        self.assert_nothing_left()

    def test_iperf3_that_never_ends(self):
        for node in ("studio1", "studio2"):
            with self.subTest(node):
                self.lab.break_(node, "iperf3-hang")
                document = self.verify(*self.IPERF, within=45)
                for pair in BOTH:
                    self.assertIsNotNone(self.cell(document, *pair)["iperf"]["failure"])
                self.assertTrue([f for f in document["findings"] if f["layer"] == "iperf"])
                self.lab.mend_all()
                self.assert_nothing_left()

    def test_iperf3_that_talks_nonsense(self):
        for node in ("studio1", "studio2"):
            with self.subTest(node):
                self.lab.break_(node, "iperf3-garbage")
                document = self.verify(*self.IPERF, within=45)
                for pair in BOTH:
                    self.assertIsNotNone(self.cell(document, *pair)["iperf"]["failure"])
                    self.assertIsNone(self.cell(document, *pair)["iperf"]["gbps"])
                self.assertTrue([f for f in document["findings"] if f["layer"] == "iperf"])
                self.lab.mend_all()
                self.assert_nothing_left()

    def test_cable_pulled_in_mid_test(self):
        run = self.lab.start("verify", "--only", "ping,iperf", "--seconds", "8", "--format",
                             "json", inventory=self.inventory)
        self.wait_for(lambda: any("iperf3 -c" in c or "iperf3 -s" in c
                                  for c in self.lab.processes("studio2").values()))
        time.sleep(2)
        self.lab("unplug", "studio1:en3")
        done = run.wait(120)
        self.assert_exit(done, 6)
        self.assertLess(done.seconds, 60)
        document = self.document(done, "verify")
        for pair in BOTH:
            cell = self.cell(document, *pair)
            self.assertEqual(cell["status"], "fail", cell)
            self.assertIsNotNone(cell["iperf"]["failure"])
            self.assertEqual(cell["diagnosis"]["layer"], "iperf")
        self.lab("plug", "studio1:en3")
        self.assert_nothing_left(patience=20)

    def test_forwarding_refused(self):
        document = self.verify("--only", "tcp", status=0)
        self.assertEqual({c["tcp"][0]["by"] for c in document["cells"]}, {"forward"})
        self.lab.break_("studio2", "no-forwarding")
        self.lab.mark("studio2")
        document = self.verify("--only", "tcp", status=0)
        self.assertEqual(self.cell(document, "studio1", "studio2")["tcp"][0]["by"], "forward")
        tried = self.cell(document, "studio2", "studio1")["tcp"][0]
        self.assertEqual((tried["by"], tried["reachable"]), ("nc", True))
        # Nobody listens there: both ways of trying say so.
        document = self.verify("--only", "tcp", "--ports", "4444")
        for pair in BOTH:
            self.assertFalse(self.cell(document, *pair)["tcp"][0]["reachable"])
            self.assertEqual(self.cell(document, *pair)["diagnosis"]["id"], "tcp-refused")
        self.assert_nothing_left()

    def wait_for(self, true, patience=60):
        end = time.monotonic() + patience
        while not true():
            self.assertLess(time.monotonic(), end, "did not come about")
            time.sleep(0.05)


class Pingpong(VerifyFaults):
    """No probe for these nodes: the Mac's own ibv_uc_pingpong."""

    RDMA = ["--only", "rdma", "--probe", "none"]

    def setUp(self):
        super().setUp()
        self.lab.mark()

    def failures(self, document):
        return [self.cell(document, *pair)["rdma"]["failure"] for pair in BOTH]

    def test_it_passes_unbroken(self):
        document = self.verify(*self.RDMA, status=0, within=60)
        for cell in document["cells"]:
            self.assertEqual((cell["rdma"]["means"], cell["rdma"]["qp"]), ("ibv_uc_pingpong", "UC"))
            self.assertEqual(cell["rdma"]["from_device"], "rdma_en3")
            self.assertGreater(cell["rdma"]["bandwidth"][0]["gbps"], 0)
        self.assert_nothing_left()

    def test_errno_22(self):
        self.lab.break_("studio2", "pingpong-errno22")
        document = self.verify(*self.RDMA, within=90)
        for failure in self.failures(document):
            self.assertEqual((failure["errno"], failure["node"]), (22, "studio2"), failure)
            self.assertTrue(failure["cure"])
        self.assert_named(document, "rdma-errno-22", "rdma", "studio2:en3", "IPv4 address")
        self.assert_nothing_left()

    def test_it_never_ends(self):
        self.lab.break_("studio2", "pingpong-hang")
        document = self.verify(*self.RDMA, within=90)
        for failure in self.failures(document):
            self.assertIsNotNone(failure)
            self.assertTrue(failure["cure"])
        self.assert_nothing_left()

    def test_rdma_disabled_at_one_end(self):
        self.lab.break_("studio2", "rdma-disabled")
        document = self.verify(*self.RDMA, within=90)
        self.assert_named(document, "rdma-disabled", "gid", "studio2:en3", "Recovery",
                          "rdma_ctl enable")
        self.assert_nothing_left()

    def test_no_device(self):
        self.lab.break_("studio2", "device-gone")
        document = self.verify(*self.RDMA, within=90)
        self.assert_named(document, "rdma-no-devices", "gid", "studio2:en3", "rdma = false")
        self.assert_nothing_left()


class OlderMac(VerifyFaults):
    """mini2 has Thunderbolt 4, and the inventory says thunderbolt5."""

    fleet = "pair-tb4"

    def test_nobody_is_sent_to_recovery(self):
        self.lab.mark()
        layers, first = self.chain("mini2:en2")
        self.assertEqual(layers["speed"][0], "broken", layers)
        self.assertIn("thunderbolt4", first["cure"])
        verified = self.lab.bringup("verify", "--only", "ping,rdma", "--probe", "none", "--format",
                                    "json", inventory=self.inventory)
        self.assert_exit(verified, 6)
        self.assertLess(verified.seconds, 60)
        document = self.document(verified, "verify")
        finding = self.named(document, "speed-hardware")
        self.assertEqual(finding["layer"], "speed")
        self.assertIn('kind = "thunderbolt4"', finding["cure"])
        for text in (verified.text, json.dumps(layers), json.dumps(first)):
            self.assertNotIn("Recovery", text)
        self.assert_nothing_left()

    def test_declared_as_it_is_all_is_well(self):
        self.lab.mark()
        self.inventory = self.edited(FLOORS, ('kind = "thunderbolt5"', 'kind = "thunderbolt4"'))
        with open(self.inventory, "a", encoding="utf-8") as f:
            f.write("[expectations.thunderbolt4]\nrtt_avg_ms = 500\n")
        document = self.verify("--only", "ping,rdma", "--probe", "none", status=0)
        self.assertEqual(document["findings"], [])
        layers, first = self.chain("mini2:en2")
        self.assertIsNone(first)
        self.assertEqual([layers[one][0] for one in ("speed", "gid", "port", "rdma")],
                         ["ok", "skipped", "skipped", "skipped"], layers)
        self.assert_nothing_left()


class OddPair(VerifyFaults):
    """Another build on each, and a cable beside the Ethernet port: no failure, but to be known."""

    fleet = "pair-odd"

    def warned(self, document, of, target):
        finding = self.named(document, of)
        self.assertEqual((finding["layer"], finding["target"], finding["severity"]),
                         ("node", target, "warning"), finding)
        return finding

    def test_port_beside_ethernet(self):
        self.lab.mark()
        document = self.verify(status=0)
        self.warned(document, "ethernet-port", "studio1:en2")
        self.assert_nothing_left()

    def test_other_builds(self):
        self.lab.mark()
        finding = self.warned(self.verify(status=0), "os-differs", "studio2")
        for build in ("25C56", "25D10"):
            self.assertIn(build, finding["seen"])
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
