#!/usr/bin/python3
"""`bringup verify --only rdma` on real verbs devices (Soft-RoCE in the virtual machine): by the
probe, without it, and with faults. No figure is judged: an emulated machine has none to be proud of.
"""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import TOP, LabCase  # noqa: E402

RDMA = ("--only", "rdma", "--format", "json")
# The longest that a check of one link may take, whatever happens: an exchange with all its retries
# and messages that never come, on an emulated machine.
LONGEST = 150


class RdmaCase(LabCase):
    vm = True

    def setUp(self):
        super().setUp()
        self.lab.mark(*self.lab.nodes())

    def verified(self, status, *more, inventory=None):
        done = self.lab.bringup("verify", *RDMA, *more, inventory=inventory, timeout=LONGEST)
        self.assert_exit(done, status)
        return done, self.document(done, "verify")

    def finding(self, document, layer):
        found = [f for f in document["findings"] if f["layer"] == layer]
        self.assertTrue(found, json.dumps(document["findings"], indent=1))
        for one in found:
            self.assertTrue(one["cure"], one)
        return found[0]

    def assert_figures(self, cell, means, queue_pair):
        rdma = cell["rdma"]
        self.assertEqual((rdma["means"], rdma["qp"], rdma["failure"]), (means, queue_pair, None))
        self.assertTrue(rdma["latency"])
        for one in rdma["latency"]:
            self.assertEqual(one["lost"], 0)
            self.assertGreater(one["p50_us"] or one["mean_us"], 0)
        self.assertTrue(rdma["bandwidth"])
        for one in rdma["bandwidth"]:
            self.assertGreater(one["gbps"], 0)


class Pair(RdmaCase):
    fleet = "rdma-pair"

    def test_unreliable_connection_by_the_probe(self):
        _, document = self.verified(0)
        for source, target in (("box1", "box2"), ("box2", "box1")):
            cell = self.cell(document, source, target)
            self.assert_figures(cell, "bringup-probe", "UC")
            self.assertEqual([x["bytes"] for x in cell["rdma"]["latency"]], [64, 4096])
            self.assertEqual(cell["rdma"]["from_device"], f"rxe_{source}_en5")
            self.assertEqual(cell["rdma"]["from_gid_index"], 1)
        self.assert_nothing_left()

    def test_reliable_connection_by_the_probe(self):
        _, document = self.verified(0, "--qp", "rc")
        self.assert_figures(self.cell(document, "box1", "box2"), "bringup-probe", "RC")
        self.assert_nothing_left()

    def test_the_device_is_found_by_the_links_address(self):
        inventory = self.edited(('a_device = "rxe_box1_en5"\n', ""),
                                ('b_device = "rxe_box2_en5"', ""))
        _, document = self.verified(0, inventory=inventory)
        self.assertEqual(self.cell(document, "box2", "box1")["rdma"]["from_device"], "rxe_box2_en5")

    def test_without_a_probe_by_the_nodes_own_tool(self):
        done, document = self.verified(0, "--probe", "none")
        self.assert_figures(self.cell(document, "box1", "box2"), "ibv_uc_pingpong", "UC")
        text = self.lab.bringup("verify", "--only", "rdma", "--probe", "none", timeout=LONGEST)
        self.assert_said(text, "by ibv_uc_pingpong (UC)")
        self.assert_not_said(text, "bringup-probe")
        self.assert_nothing_left()
        self.assertEqual(done.err.count("Traceback"), 0)

    def test_the_address_at_another_index(self):
        self.lab.break_("box1", "gid-index2:en5")
        _, document = self.verified(0)
        cell = self.cell(document, "box1", "box2")
        self.assertEqual((cell["rdma"]["from_gid_index"], cell["rdma"]["to_gid_index"]), (2, 1))

    def test_lost_messages_are_counted_and_nothing_hangs(self):
        self.lab("loss", "box1:en5", "10")
        done, document = self.verified(6)
        self.finding(document, "rdma")
        lost = [x for cell in document["cells"] if cell["rdma"]
                for x in cell["rdma"]["latency"] + cell["rdma"]["bandwidth"] if x["lost"]]
        self.assertTrue(lost, str(done))
        self.assert_nothing_left()

    def test_address_missing(self):
        self.lab.break_("box2", "no-address:en5")
        done, document = self.verified(6)
        found = self.finding(document, "address")
        self.assertEqual(found["target"], "box2:en5")
        self.assertLess(done.seconds, 60)

    def test_wrong_mtu_at_one_end(self):
        self.lab("mtu", "box2:en5", "1500")
        done = self.lab.bringup("verify", "--only", "mtu,rdma", "--format", "json", timeout=LONGEST)
        self.assert_exit(done, 6)
        found = self.finding(self.document(done, "verify"), "mtu")
        self.assertEqual(found["target"], "box2:en5")

    def test_too_little_memory_may_be_locked(self):
        self.lab.break_("box1", "memlock:64")
        _, document = self.verified(6)
        found = self.finding(document, "rdma")
        self.assertEqual(found["target"], "box1:en5")
        self.assertIn("ibv_reg_mr", found["seen"])
        self.assertIn("memlock", found["cure"])
        self.assert_nothing_left()

    def test_no_device(self):
        self.lab.break_("box1", "device-gone:en5")
        _, document = self.verified(6)
        self.assertEqual(self.finding(document, "gid")["target"], "box1:en5")
        self.assert_nothing_left()

    def test_link_down_in_mid_test(self):
        running = self.lab.start("verify", *RDMA)
        self.wait_for_probe("box1")
        self.lab("unplug", "box1:en5")
        done = running.wait(LONGEST)
        self.assert_exit(done, 6)
        self.finding(self.document(done, "verify"), "rdma")
        self.assert_nothing_left()

    def test_probe_killed(self):
        running = self.lab.start("verify", *RDMA)
        pid = self.wait_for_probe("box2")
        self.lab("exec", "box2", "kill", "-9", pid)
        done = running.wait(LONGEST)
        self.assert_exit(done, 6)
        document = self.document(done, "verify")
        self.assertTrue([f for f in document["findings"] if f["target"] == "box2:en5"],
                        json.dumps(document["findings"], indent=1))
        self.assert_nothing_left()

    def wait_for_probe(self, node):
        """The process id of the probe, as the node counts, once it runs."""
        look = ("for p in /proc/[0-9]*; do case $(readlink $p/exe) in */bringup-probe) "
                "echo ${p#/proc/};; esac; done")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = self.lab("exec", node, "sh", "-c", look, check=False).out.split()
            if found:
                return found[0]
        self.fail(f"no probe ran on {node}")


class Rails(RdmaCase):
    """One cable, two interfaces at each end, each a subnet of its own: up from nothing, then both
    kinds of queue pairs over both, and what NCCL is to be told."""

    fleet = "rdma-rails"

    def test_up_then_both_queue_pairs_over_both_rails_and_what_nccl_is_told(self):
        # An emulated machine's pings are now and then slower than their peers.
        self.assertIn(self.lab.apply(timeout=LONGEST).status, (0, 6))
        for words, queue_pair in (((), "UC"), (("--qp", "rc"), "RC")):
            _, document = self.verified(0, *words)
            found = {(c["from"], c["rdma"]["from_device"]): c for c in document["cells"]}
            self.assertEqual(sorted(found), [(n, f"rxe_{n}_{i}") for n in ("spark1", "spark2")
                                             for i in ("en5", "en6")])
            for cell in found.values():
                self.assert_figures(cell, "bringup-probe", queue_pair)
        self.assert_nothing_left()
        done = self.lab.bringup("export", "nccl-env", "--measure", timeout=LONGEST)
        self.assert_exit(done, 0)
        self.assertEqual(done.out, "\n".join(f"""# {n}
export NCCL_SOCKET_IFNAME='=en5,en6'
export NCCL_IB_HCA='=rxe_{n}_en5,rxe_{n}_en6'
export NCCL_IB_GID_INDEX=1
""" for n in ("spark1", "spark2")))


class Triangle(RdmaCase):
    fleet = "rdma-triangle"

    def test_all_three_links(self):
        _, document = self.verified(0)
        self.assertEqual(document["summary"]["pass"], 6)
        for cell in document["cells"]:
            self.assert_figures(cell, "bringup-probe", "UC")
        self.assert_nothing_left()


class Macs(RdmaCase):
    """Nodes that say they are Macs: the probe beside the tool is not for them."""

    fleet = "rdma-macs"

    def test_no_probe_for_this_system_and_one_that_is_named(self):
        _, document = self.verified(0)
        self.assert_figures(self.cell(document, "studio1", "studio2"), "ibv_uc_pingpong", "UC")
        _, document = self.verified(0, "--probe", f"{TOP}/build/release/bin/bringup-probe")
        self.assert_figures(self.cell(document, "studio1", "studio2"), "bringup-probe", "UC")
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
