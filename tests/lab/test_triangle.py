#!/usr/bin/python3
"""Every cable of a triangle and of a mesh of four comes up, stays, and is proved."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import BRINGUP, INVENTORIES, MATRIX, Lab, LabCase  # noqa: E402

# node: {interface: address}, as the planner cuts them in the order of the links.
TRIANGLE = {
    "studio1": {"en3": "10.254.0.1/30", "en4": "10.254.0.5/30"},
    "studio2": {"en3": "10.254.0.2/30", "en4": "10.254.0.9/30"},
    "studio3": {"en3": "10.254.0.6/30", "en4": "10.254.0.10/30"},
}
MESH = {
    "studio1": {"en3": "10.254.0.1/30", "en4": "10.254.0.5/30", "en5": "10.254.0.9/30"},
    "studio2": {"en3": "10.254.0.2/30", "en4": "10.254.0.13/30", "en5": "10.254.0.17/30"},
    "book3": {"en1": "10.254.0.6/30", "en6": "10.254.0.14/30", "en2": "10.254.0.21/30"},
    "mini4": {"en2": "10.254.0.10/30", "en3": "10.254.0.18/30", "en4": "10.254.0.22/30"},
}


class Fleet(LabCase):
    """What holds of every fully linked fleet."""

    def assert_all_linked(self, wanted, before):
        state = self.lab.state()
        for node, ends in wanted.items():
            for interface, address in ends.items():
                self.assert_linked(state, node, interface, address)
            # Ports that no link names are where they were, and the bridge is still up.
            was, now = before["nodes"][node], state["nodes"][node]
            left = [n for n in was["bridges"]["bridge0"] if n not in ends]
            self.assertEqual(now["bridges"], {"bridge0": left}, node)
            self.assertTrue(now["interfaces"]["bridge0"]["up"], node)
        return state

    def assert_matrix(self, state, expected):
        """The same rows of devices, by rank, on every node."""
        texts = {state["nodes"][n]["matrix"]["text"] for n in self.macs}
        self.assertEqual(len(texts), 1, texts)
        self.assertEqual(json.loads(texts.pop()), expected)
        for node in self.macs:
            self.assertEqual(state["nodes"][node]["matrix"]["mode"], "0o644")


class Triangle(Fleet):
    fleet = "triangle"

    def test_apply_brings_every_link_up_and_a_second_one_touches_nothing(self):
        before = self.lab.state()
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "6 of 6 pings pass", "✓ en3 removed from bridge0",
                         "✓ address 10.254.0.10/30", f"✓ IBV matrix written: {MATRIX}",
                         "[3/3] studio3 (en3 → 10.254.0.6/30, en4 → 10.254.0.10/30)")
        self.assert_not_said(done, "✗", "⚠")
        state = self.assert_all_linked(TRIANGLE, before)
        # Each row names the devices of the row's own node.
        self.assert_matrix(state, [[None, "rdma_en3", "rdma_en4"], ["rdma_en3", None, "rdma_en4"],
                                   ["rdma_en3", "rdma_en4", None]])

        verified = self.lab.bringup("verify", "--format", "json")
        self.assert_exit(verified, 0)
        document = self.document(verified, "verify")
        self.assertEqual(document["summary"]["pass"], 6)
        self.assertTrue(document["summary"]["green"])
        self.assertEqual({(c["from"], c["to"]) for c in document["cells"]},
                         {(a, b) for a in TRIANGLE for b in TRIANGLE if a != b})
        for cell in document["cells"]:
            # A slow average on a busy machine is measured again, with more of them.
            self.assertEqual(cell["ping"]["received"], cell["ping"]["transmitted"])
            self.assertGreaterEqual(cell["ping"]["received"], 3)
            self.assertTrue(cell["route"]["ok"])
            self.assertEqual(cell["route"]["interface"], cell["from_interface"])

        again = self.lab.apply()
        self.assert_exit(again, 0)
        self.assert_said(again, "3 nodes, 0 changes, 6 of 6 pings pass")
        # Addresses, flags, indices, bridges; content, inode and times of the file.
        self.assertEqual(self.lab.state(), state)

        third = self.lab.apply("--format", "json")
        self.assert_exit(third, 0)
        document = self.document(third, "apply")
        self.assertEqual((document["summary"]["changed"], document["summary"]["failed"]), (0, 0))
        self.assertEqual(document["verify"]["summary"]["pass"], 6)
        self.assertEqual(self.lab.state(), state)

    def test_apply_in_json_says_what_the_kernel_says(self):
        done = self.lab.apply("--format", "json")
        self.assert_exit(done, 0)
        document = self.document(done, "apply")
        # Two ports each: out of the bridge and an address; and the file.
        self.assertEqual(document["summary"], {"nodes": 3, "changed": 15, "failed": 0,
                                               "warnings": 0, "nodes_not_done": 0})
        self.assertEqual([n["node"] for n in document["nodes"]], list(TRIANGLE))

    def test_detailed_exit_status_before_and_after(self):
        before = self.lab.state()
        self.assert_exit(self.lab.bringup("plan", "--detailed-exitcode"), 3)
        self.assert_exit(self.lab.bringup("plan"), 0)
        self.assertEqual(self.lab.state(), before)
        self.assert_exit(self.lab.apply(), 0)
        done = self.lab.bringup("plan", "--detailed-exitcode")
        self.assert_exit(done, 0)
        self.assert_not_said(done, "deletem", "inet", "mktemp")

    def test_plan_lists_only_what_is_wrong(self):
        self.assert_exit(self.lab.apply(), 0)
        self.lab.exec("studio2", "ifconfig", "en4", "inet", "10.254.0.9", "delete")
        done = self.lab.bringup("plan", "--width", "200")
        self.assert_exit(done, 0)
        self.assert_said(done, "en4 has no IPv4 address; the link needs 10.254.0.9/30",
                         "[dry-run] studio2: sudo ifconfig en4 inet 10.254.0.9 netmask "
                         "255.255.255.252", "3 nodes, 1 change")
        self.assert_not_said(done, "deletem", "mktemp", "studio1: sudo")

    def test_plan_in_json(self):
        done = self.lab.bringup("plan", "--format", "json")
        self.assert_exit(done, 0)
        document = self.document(done, "plan")
        self.assertEqual([n["node"] for n in document["nodes"]], list(TRIANGLE))

    def test_dry_run_is_the_plan(self):
        before = self.lab.state()
        plan = self.lab.bringup("plan")
        dry = self.lab.apply("--dry-run")
        self.assert_exit(dry, 0)
        self.assertEqual(dry.out, plan.out)
        self.assertEqual(self.lab.state(), before)

    def test_saved_plan_runs_as_saved(self):
        before = self.lab.state()
        path = f"{self.scratch()}/plan.json"
        self.assert_exit(self.lab.bringup("plan", "--out", path), 0)
        self.assertEqual(self.lab.state(), before)
        done = self.lab.bringup("apply", path)
        self.assert_exit(done, 0)
        self.assert_said(done, "15 changes, 6 of 6 pings pass")
        self.assert_all_linked(TRIANGLE, before)

    def test_saved_plan_is_refused_where_the_node_has_changed_since(self):
        path = f"{self.scratch()}/plan.json"
        self.assert_exit(self.lab.bringup("plan", "--out", path), 0)
        self.lab.exec("studio2", "ifconfig", "bridge0", "deletem", "en3")
        before = self.lab.state()["nodes"]["studio2"]
        done = self.lab.bringup("apply", path)
        self.assert_exit(done, 5)
        self.assert_said(done, "the saved plan is stale", "bringup plan --out FILE",
                         "nothing was changed on this node")
        state = self.lab.state()
        self.assertEqual(state["nodes"]["studio2"], before)
        for node in ("studio1", "studio3"):
            for interface, address in TRIANGLE[node].items():
                self.assert_linked(state, node, interface, address)
        # A plan made anew finishes the work.
        self.assert_exit(self.lab.apply(), 0)

    def test_saved_plan_of_another_inventory_is_refused(self):
        path = f"{self.scratch()}/plan.json"
        self.assert_exit(self.lab.bringup("plan", "--out", path), 0)
        other = self.edited(("10.254.0.0/24", "10.253.0.0/24"))
        done = self.lab.bringup("apply", path, inventory=other)
        self.assert_exit(done, 2)
        self.assert_said(done, "another inventory")
        for node in self.macs:
            self.assert_untouched(node)

    def test_limit_changes_only_the_chosen(self):
        done = self.lab.apply("--limit", "studio[1-3],!studio3")
        state = self.lab.state()
        for node in ("studio1", "studio2"):
            for interface, address in TRIANGLE[node].items():
                self.assert_linked(state, node, interface, address)
        self.assert_untouched("studio3")
        self.assert_said(done, "studio1 → studio2 ✓", "studio2 → studio1 ✓")
        # Links to a node that was left out are not judged.
        self.assert_exit(done, 0)

    def test_one_end_of_a_pair_alone_is_not_green(self):
        self.assert_exit(self.lab.apply(), 0)
        self.lab.exec("studio3", "ifconfig", "en4", "down")
        done = self.lab.bringup("verify", "--format", "json")
        self.assert_exit(done, 6)
        document = self.document(done, "verify")
        self.assertEqual(document["summary"]["fail"], 2)
        for ends in (("studio2", "studio3"), ("studio3", "studio2")):
            diagnosis = self.cell(document, *ends)["diagnosis"]
            self.assertEqual((diagnosis["layer"], diagnosis["node"], diagnosis["target"]),
                             ("interface", "studio3", "en4"))
        self.assertEqual(self.cell(document, "studio1", "studio3")["status"], "pass")

    def test_a_foreign_file_is_replaced_and_its_neighbours_are_not(self):
        self.assert_exit(self.lab.apply(), 0)
        state = self.lab.state()
        self.lab.exec("studio2", "sh", "-c", f"echo '[[null]]' >{MATRIX}")
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "3 nodes, 1 change, 6 of 6 pings pass")
        after = self.lab.state()
        self.assertEqual(after["nodes"]["studio2"]["matrix"]["text"],
                         state["nodes"]["studio1"]["matrix"]["text"])
        self.assertEqual(after["nodes"]["studio1"], state["nodes"]["studio1"])

    def test_reboot_loses_what_a_mac_loses_and_apply_restores_it(self):
        self.assert_exit(self.lab.apply(), 0)
        self.lab("reboot", "studio2")
        self.assertIsNone(self.lab.state()["nodes"]["studio2"]["matrix"])
        self.assert_exit(self.lab.bringup("verify"), 6)
        done = self.lab.apply()
        self.assert_exit(done, 0)
        # Two addresses and the file; the ports stayed out of the bridge.
        self.assert_said(done, "3 nodes, 3 changes, 6 of 6 pings pass")


class Mesh(Fleet):
    fleet = "mesh-4"

    def test_four_different_macs_all_to_all(self):
        before = self.lab.state()
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "12 of 12 pings pass")
        state = self.assert_all_linked(MESH, before)
        self.assert_matrix(state, [[None, "rdma_en3", "rdma_en4", "rdma_en5"],
                                   ["rdma_en3", None, "rdma_en4", "rdma_en5"],
                                   ["rdma_en1", "rdma_en6", None, "rdma_en2"],
                                   ["rdma_en2", "rdma_en3", "rdma_en4", None]])
        verified = self.lab.bringup("verify", "--format", "json")
        self.assert_exit(verified, 0)
        self.assertEqual(self.document(verified, "verify")["summary"]["pass"], 12)
        again = self.lab.apply()
        self.assert_exit(again, 0)
        self.assert_said(again, "4 nodes, 0 changes")
        self.assertEqual(self.lab.state(), state)

    def test_a_ring_leaves_two_pairs_unlinked_not_failed(self):
        """The mesh is cabled; the inventory names only a ring of it."""
        with open(self.lab.inventory(), encoding="utf-8") as f:
            head, *links = f.read().split("[[links]]")
        ring = f"{self.scratch()}/ring.toml"
        with open(ring, "w", encoding="utf-8") as f:
            f.write("[[links]]".join([head, links[0], links[3], links[2], links[5]]))
        done = self.lab.apply("--format", "json", inventory=ring)
        self.assert_exit(done, 0)
        summary = self.document(done, "apply")["verify"]["summary"]
        self.assertEqual((summary["pass"], summary["unlinked"], summary["fail"]), (8, 4, 0))
        state = self.lab.state()
        self.assert_bridged(state, "studio1", "en4")
        self.assert_bridged(state, "book3", "en1")
        text = state["nodes"]["mini4"]["matrix"]["text"]
        self.assertEqual(json.loads(text)[0], [None, "rdma_en3", None, "rdma_en5"])


class Adhoc(LabCase):
    """The three machines of the script that people know, given by its flags alone."""

    FLEET = """[lab]
start = "reinit"
reinit_rdma = "on"
[nodes.machine-a]
[nodes.machine-b]
[nodes.machine-c]
[[cables]]
a = "machine-a:en3"
b = "machine-b:en3"
[[cables]]
a = "machine-a:en5"
b = "machine-c:en5"
[[cables]]
a = "machine-b:en5"
b = "machine-c:en3"
"""
    ENDS = {"machine-a": {"en3": "10.254.0.1", "en5": "10.254.0.5"},
            "machine-b": {"en3": "10.254.0.2", "en5": "10.254.0.9"},
            "machine-c": {"en5": "10.254.0.6", "en3": "10.254.0.10"}}
    FLAGS = ["--node", "admin@machine-a:en3:10.254.0.1", "--node", "machine-b:en3:10.254.0.2",
             "--node", "machine-a:en5:10.254.0.5", "--node", "machine-c:en5:10.254.0.6",
             "--node", "machine-b:en5:10.254.0.9", "--node", "machine-c:en3:10.254.0.10"]

    @classmethod
    def setUpClass(cls):
        path = f"/run/bringup-test-{os.getpid()}.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(cls.FLEET)
        try:
            cls.lab = Lab(path)
        finally:
            os.unlink(path)
        cls.macs = list(cls.ENDS)

    def flags(self):
        """With the login's user from ssh_config, as such users have it."""
        path = f"{self.scratch()}/ssh_config"
        with open(path, "w", encoding="utf-8") as f:
            f.write("Host machine-*\n  User admin\n")
        return [*self.FLAGS, "--ssh-config", path]

    def test_old_style_without_a_verb(self):
        done = self.lab.bringup(*self.flags(), "--netmask", "30", "--yes", inventory=False)
        self.assert_exit(done, 0)
        self.assert_said(done, "6 of 6 pings pass")
        state = self.lab.state()
        for node, ends in self.ENDS.items():
            for interface, address in ends.items():
                self.assert_linked(state, node, interface, address + "/30")
        self.assertEqual(json.loads(state["nodes"]["machine-c"]["matrix"]["text"]),
                         [[None, "rdma_en3", "rdma_en5"], ["rdma_en3", None, "rdma_en5"],
                          ["rdma_en5", "rdma_en3", None]])

    def test_old_style_dry_run(self):
        before = self.lab.state()
        done = self.lab.bringup(*self.flags(), "--dry-run", "--width", "200", inventory=False)
        self.assert_exit(done, 0)
        self.assert_said(done, "[dry-run] machine-b: sudo ifconfig bridge0 deletem en5",
                         "[dry-run] machine-c: sudo ifconfig en3 inet 10.254.0.10 netmask "
                         "255.255.255.252")
        self.assertEqual(self.lab.state(), before)

    def test_with_a_verb(self):
        flags = self.flags()
        self.assert_exit(self.lab.bringup("apply", *flags, "--yes", inventory=False), 0)
        done = self.lab.bringup("verify", *flags, inventory=False)
        self.assert_exit(done, 0)
        again = self.lab.bringup("apply", *flags, "--yes", inventory=False)
        self.assert_exit(again, 0)
        self.assert_said(again, "0 changes")


class Offline(unittest.TestCase):
    """Without any lab: nothing is there to connect to."""

    def test_every_command_from_scratch_without_connecting(self):
        with_empty_home = {**os.environ, "HOME": "/nonexistent", "XDG_STATE_HOME": "/nonexistent"}
        done = subprocess.run(
            ["unshare", "--net", BRINGUP, "plan", "--offline", "--width", "200", "-i",
             f"{INVENTORIES}/triangle.toml"], capture_output=True, text=True, timeout=60,
            env=with_empty_home, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for node, ends in TRIANGLE.items():
            for interface, address in ends.items():
                self.assertIn(f"[dry-run] {node}: sudo ifconfig {interface} inet "
                              f"{address.partition('/')[0]} netmask 255.255.255.252", done.stdout)
                self.assertIn(f"deletem {interface}", done.stdout)


if __name__ == "__main__":
    unittest.main()
