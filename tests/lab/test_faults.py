#!/usr/bin/python3
"""One node of a triangle is broken: the right node, layer and cure are named, the rest is done, and
the exit status says what happened."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import MATRIX, PASSWORD, LabCase  # noqa: E402

ENDS = {
    "studio1": {"en3": "10.254.0.1/30", "en4": "10.254.0.5/30"},
    "studio2": {"en3": "10.254.0.2/30", "en4": "10.254.0.9/30"},
    "studio3": {"en3": "10.254.0.6/30", "en4": "10.254.0.10/30"},
}


class Broken(LabCase):
    """studio2 is the broken one."""

    fleet = "triangle"

    def assert_linked_ends(self, *nodes):
        state = self.lab.state()
        for node in nodes:
            for interface, address in ENDS[node].items():
                self.assert_linked(state, node, interface, address)
            self.assertIsNotNone(state["nodes"][node]["matrix"], node)
        return state

    def assert_rest_done(self, document):
        self.assert_linked_ends("studio1", "studio3")
        for ends in (("studio1", "studio3"), ("studio3", "studio1")):
            self.assertEqual(self.cell(document["verify"], *ends)["status"], "pass")
        for node in ("studio1", "studio3"):
            entry = self.node_entry(document, node)
            self.assertIsNone(entry["error"])
            self.assertEqual([s for s in entry["steps"] if s["status"] in ("failed", "skipped")], [])

    def assert_blamed(self, document, *ends, layer, node="studio2", target=None):
        for pair in ends:
            diagnosis = self.cell(document["verify"], *pair)["diagnosis"]
            self.assertIsNotNone(diagnosis, pair)
            seen = (diagnosis["layer"], diagnosis["node"])
            self.assertEqual(seen, (layer, node), diagnosis)
            if target:
                self.assertEqual(diagnosis["target"], target, diagnosis)
            self.assertTrue(diagnosis["cure"], diagnosis)

    def assert_green_after_mending(self):
        self.lab.mend_all()
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "6 of 6 pings pass")
        self.assert_linked_ends(*ENDS)


BOTH_LINKS = (("studio1", "studio2"), ("studio2", "studio1"), ("studio2", "studio3"),
              ("studio3", "studio2"))
FIRST_LINK = BOTH_LINKS[:2]


class NoWayIn(Broken):
    def refused(self, *args):
        done, document = self.applied(*args)
        self.assert_exit(done, 4)
        entry = self.node_entry(document, "studio2")
        self.assertEqual((entry["state"], entry["steps"]), ("unreachable", []))
        self.assert_rest_done(document)
        self.assert_blamed(document, *BOTH_LINKS, layer="ssh")
        self.assert_untouched("studio2")
        return done, entry["error"]

    def test_node_down(self):
        self.lab.break_("studio2", "down")
        done, error = self.refused("--connect-timeout", "3")
        self.assertEqual(error["code"], "unreachable")
        self.assertIn("studio2", error["message"])
        self.assertTrue(error["hint"])
        self.assert_said(done, error["message"][:40], "studio1 → studio3 ✓")
        verified = self.lab.bringup("verify", "--connect-timeout", "3", "--format", "json")
        self.assert_exit(verified, 4)
        # Nothing could be asked of studio2; its peers pinged in vain, and the reason is named.
        summary = self.document(verified, "verify")["summary"]
        self.assertEqual((summary["pass"], summary["unreachable"], summary["fail"]), (2, 2, 2))
        self.assert_green_after_mending()

    def test_wrong_key(self):
        self.lab.break_("studio2", "wrong-key")
        _, error = self.refused()
        self.assertEqual(error["code"], "unauthorized")
        self.assertIn("studio2", error["message"])
        self.assertIn("id_ed25519", error["message"] + error["hint"])
        self.assert_green_after_mending()

    def fingerprint(self, key):
        done = subprocess.run(["ssh-keygen", "-lf", f"{self.lab.dir}/keys/{key}.pub"], text=True,
                              capture_output=True, check=True)
        return done.stdout.split()[1]

    def test_changed_host_key(self):
        self.lab.break_("studio2", "changed-host-key")
        done, error = self.refused()
        self.assertEqual(error["code"], "unauthorized")
        for word in ("host key has changed", self.fingerprint("studio2"),
                     self.fingerprint("other-studio2-host")):
            self.assertIn(word, error["message"])
        self.assertIn("bringup trust studio2", error["hint"])
        self.assert_said(done, "bringup trust studio2")

    def test_changed_host_key_is_trusted_on_purpose(self):
        self.lab.break_("studio2", "changed-host-key")
        self.assert_exit(self.lab.bringup("trust", "studio2", "--yes"), 0)
        self.assert_exit(self.lab.apply(), 0)
        self.lab.mend("studio2")  # the old key is not the trusted one any more
        self.assert_exit(self.lab.apply(), 4)
        self.assert_exit(self.lab.bringup("trust", "studio2", "--yes"), 0)
        self.assert_exit(self.lab.apply(), 0)

    def test_name_that_nobody_knows(self):
        path = self.edited(("[nodes.studio2]", "[nodes.studio2]\nhost = \"studio2.nowhere\""))
        done = self.lab.apply(inventory=path)
        self.assert_exit(done, 4)
        self.assert_said(done, "studio2.nowhere")
        self.assert_linked_ends("studio1", "studio3")


class NoRoot(Broken):
    def refused(self):
        done, document = self.applied()
        self.assert_exit(done, 5)
        entry = self.node_entry(document, "studio2")
        self.assertEqual(entry["state"], "refused")
        self.assert_rest_done(document)
        self.assert_untouched("studio2")
        found = [f for f in entry["findings"] if f["layer"] == "sudo"]
        self.assertEqual([f["severity"] for f in found], ["error"])
        self.assert_said(done, "nothing was changed on this node")
        return found[0]

    def test_sudo_wants_a_password(self):
        self.lab.break_("studio2", "sudo-password")
        found = self.refused()
        self.assertIn("password", found["seen"])
        self.assertIn("--ask-become-pass", found["cure"])
        self.assert_green_after_mending()

    def test_sudo_absent(self):
        self.lab.break_("studio2", "sudo-absent")
        found = self.refused()
        self.assertIn("no sudo", found["seen"])
        self.assertTrue(found["cure"])
        self.assert_green_after_mending()

    def test_not_in_the_sudoers_file(self):
        """`sudo -n` asks such a user for a password first: only the given one brings the truth."""
        self.lab.break_("studio2", "no-sudo")
        found = self.refused()
        self.assertIn("bringup bootstrap studio2 --ask-pass", found["cure"])
        asking = self.edited(("[nodes.studio2]", "[nodes.studio2]\nbecome = \"sudo-password\""))
        done = self.lab.on_terminal("apply", "--yes", "--ask-become-pass", inventory=asking,
                                    replies=[("password", PASSWORD + "\n")])
        self.assert_exit(done, 5)
        self.assert_said(done, "must be an administrator")
        self.assert_untouched("studio2")
        self.assert_green_after_mending()


class Ports(Broken):
    def test_interface_missing(self):
        self.lab.break_("studio2", "interface-missing:en4")
        done, document = self.applied()
        self.assert_exit(done, 5)
        found = [f for f in self.node_entry(document, "studio2")["findings"]
                 if (f["layer"], f["target"]) == ("interface", "en4")]
        self.assertEqual([f["severity"] for f in found], ["error"], document)
        self.assertIn("no interface en4", found[0]["seen"])
        self.assertIn("networksetup", found[0]["cure"])
        self.assert_rest_done(document)
        self.assert_blamed(document, *BOTH_LINKS[2:], layer="interface", target="en4")
        self.assert_green_after_mending()

    def test_deletem_that_reports_success_and_leaves_the_member(self):
        self.lab.break_("studio2", "deletem-stuck:en3")
        done, document = self.applied()
        self.assert_exit(done, 5)
        step = self.step(document, "studio2", "bridge.detach", "en3")
        self.assertEqual(step["status"], "failed")
        self.assertIn("bridge0", step["seen"])
        self.assertTrue(step["cure"])
        # What needs it is not tried; the node's other port is done.
        self.assertEqual(self.step(document, "studio2", "address.assign", "en3")["status"],
                         "skipped")
        state = self.lab.state()
        self.assert_bridged(state, "studio2", "en3")
        self.assert_linked(state, "studio2", "en4", "10.254.0.9/30")
        self.assert_rest_done(document)
        self.assert_blamed(document, *FIRST_LINK, layer="bridge", target="en3")
        self.assert_green_after_mending()

    def test_port_left_down_by_deletem_is_brought_up(self):
        self.lab.break_("studio2", "deletem-leaves-down")
        done, document = self.applied()
        self.assert_exit(done, 0)
        self.assertEqual(self.step(document, "studio2", "interface.up", "en3")["status"], "done")
        self.assert_said(done, "✓ en3 up ✓ en4 up ✓", "6 of 6 pings pass")
        self.assert_linked_ends(*ENDS)

    def test_address_refused(self):
        self.lab.break_("studio2", "address-refused:en3")
        done, document = self.applied()
        self.assert_exit(done, 5)
        step = self.step(document, "studio2", "address.assign", "en3")
        self.assertEqual(step["status"], "failed")
        self.assertIn("10.254.0.2/30", step["text"])
        self.assertIn("ifconfig", step["seen"])  # its own words
        self.assertTrue(step["cure"])
        self.assert_rest_done(document)
        self.assert_linked(self.lab.state(), "studio2", "en4", "10.254.0.9/30")
        self.assert_blamed(document, *FIRST_LINK, layer="address", target="en3")
        self.assert_green_after_mending()

    def test_address_that_does_not_stay(self):
        self.lab.break_("studio2", "address-lost:en3")
        done, document = self.applied()
        self.assert_exit(done, 5)
        step = self.step(document, "studio2", "address.assign", "en3")
        self.assertEqual(step["status"], "failed")
        self.assertIn("although ifconfig reported success", step["seen"])
        self.assert_rest_done(document)
        self.assert_green_after_mending()

    def test_subnet_that_the_lan_has_already(self):
        self.lab.break_("studio2", "lan-overlap:10.254.0.0/24")
        done, document = self.applied()
        self.assert_exit(done, 5)
        entry = self.node_entry(document, "studio2")
        self.assertEqual(entry["state"], "refused")
        self.assertIn("10.254.0.254/24 on en0, which overlaps 10.254.0.0/30",
                      entry["findings"][0]["seen"])
        self.assertIn("address_pool", entry["findings"][0]["cure"])
        self.assert_untouched("studio2")
        self.assert_rest_done(document)
        self.assert_green_after_mending()

    def test_ports_named_the_wrong_way_round(self):
        """The inventory has two cables crossed: addresses are set, no peer answers."""
        path = self.edited(('b = "studio2:en3"', 'b = "studio2:enX"'),
                           ('a = "studio2:en4"', 'a = "studio2:en3"'),
                           ('b = "studio2:enX"', 'b = "studio2:en4"'))
        done = self.lab.apply(inventory=path)
        self.assert_exit(done, 6)
        self.assert_said(done, "studio1 → studio3 ✓", "studio1 → studio2 ✗")


class Files(Broken):
    def tmp(self):
        return [n for n in self.lab.exec("studio2", "ls", "-A", "/tmp/.").out.split()
                if "mlx" in n or "bringup" in n]

    def test_disk_full_leaves_the_old_file(self):
        self.lab.exec("studio2", "sh", "-c", f"echo '[[null]]' >{MATRIX}")
        before = self.lab.state()["nodes"]["studio2"]["matrix"]
        self.lab.break_("studio2", "disk-full")
        done, document = self.applied()
        self.assert_exit(done, 5)
        step = self.step(document, "studio2", "file.write", MATRIX)
        self.assertEqual(step["status"], "failed")
        self.assertIn("full", step["seen"])
        self.assertIn("free space on studio2", step["cure"])
        self.assertEqual(self.lab.state()["nodes"]["studio2"]["matrix"], before)
        self.assertEqual(self.tmp(), ["mlx_ibv_devices.json"])
        # All else is done, on this node too: six pings pass.
        self.assert_rest_done(document)
        self.assertEqual(document["verify"]["summary"]["pass"], 6)
        self.assert_green_after_mending()

    def test_disk_full_and_no_file(self):
        self.lab.break_("studio2", "disk-full")
        done, document = self.applied()
        self.assert_exit(done, 5)
        self.assertEqual(self.step(document, "studio2", "file.write", MATRIX)["status"], "failed")
        self.assertEqual(self.tmp(), [])
        self.assert_rest_done(document)
        self.assert_green_after_mending()

    def test_folder_in_the_files_place(self):
        self.lab.exec("studio2", "mkdir", MATRIX)
        done, document = self.applied()
        self.assert_exit(done, 5)
        step = self.step(document, "studio2", "file.write", MATRIX)
        self.assertEqual(step["status"], "failed")
        self.assertIn("ibv_path", step["cure"])
        self.assertEqual(self.tmp(), ["mlx_ibv_devices.json"])
        self.lab.exec("studio2", "rmdir", MATRIX)
        self.assert_green_after_mending()

    def test_file_of_another_user(self):
        """/tmp is sticky: only root can replace it."""
        self.lab.exec("studio2", "sh", "-c", f"echo '[[null]]' >{MATRIX}; chmod 600 {MATRIX}")
        self.assertEqual(self.lab.state()["nodes"]["studio2"]["matrix"]["uid"], 0)
        self.assert_exit(self.lab.apply(), 0)
        nodes = self.lab.state()["nodes"]
        for key in ("text", "mode"):
            self.assertEqual(nodes["studio2"]["matrix"][key], nodes["studio1"]["matrix"][key])
        self.assertEqual(self.tmp(), ["mlx_ibv_devices.json"])


class Rdma(Broken):
    """The links are up and pings pass: RDMA is warned of, and nothing is said to have failed."""

    def warned(self):
        done, document = self.applied()
        self.assert_exit(done, 0)
        self.assert_linked_ends(*ENDS)
        self.assertEqual(document["verify"]["summary"]["pass"], 6)
        steps = [self.step(document, "studio2", "rdma.check", f"rdma_en{k}") for k in (3, 4)]
        self.assertEqual({s["status"] for s in steps}, {"warning"})
        self.assertGreater(document["summary"]["warnings"], 0)
        self.assert_said(done, "⚠ RDMA:")
        return done, document, steps[0]

    def test_disabled(self):
        self.lab.break_("studio2", "rdma-disabled")
        done, document, step = self.warned()
        self.assertEqual(self.node_entry(document, "studio2")["rdma"], "disabled")
        self.assertIn("Recovery", step["cure"])
        self.assertIn("rdma_ctl enable", step["cure"])
        self.assert_said(done, "⚠ RDMA: disabled (enable it in Recovery: rdma_ctl enable)",
                         "RDMA:disabled")

    def test_rdma_ctl_missing(self):
        self.lab.break_("studio2", "rdma-ctl-missing")
        done, document, step = self.warned()
        self.assertEqual(self.node_entry(document, "studio2")["rdma"], "no-tool")
        self.assertIn("26.2", step["cure"])
        self.assert_said(done, "no rdma_ctl")

    def test_ibv_devices_missing(self):
        self.lab.break_("studio2", "ibv-missing")
        _, _, step = self.warned()
        self.assertIn("ibv_devices", step["cure"])

    def test_exo_is_there(self):
        """exo's daemon destroys bridge0 and takes addresses away: it is warned of."""
        self.lab.break_("studio2", "exo")
        done, document = self.applied()
        self.assert_exit(done, 0)
        found = [f for f in self.node_entry(document, "studio2")["findings"]
                 if "exo" in (f["seen"] + f["cure"]).lower()]
        self.assertEqual([f["severity"] for f in found], ["warning"], document)
        self.assertIn("io.exo.networksetup", found[0]["seen"] + found[0]["cure"])


class Wires(Broken):
    def test_cable_out_and_in_again(self):
        self.assert_exit(self.lab.apply(), 0)
        state = self.lab.state()
        self.lab("unplug", "studio1:en3")
        self.addCleanup(self.lab, "plug", "studio1:en3")
        done = self.lab.bringup("verify", "--format", "json")
        self.assert_exit(done, 6)
        document = self.document(done, "verify")
        self.assertEqual((document["summary"]["pass"], document["summary"]["fail"]), (4, 2))
        for ends in FIRST_LINK:
            diagnosis = self.cell(document, *ends)["diagnosis"]
            self.assertEqual(diagnosis["layer"], "cable")
            self.assertIn("unplugged", diagnosis["seen"])
            self.assertIn("plug the cable in", diagnosis["cure"])
        self.lab("plug", "studio1:en3")
        self.assert_exit(self.lab.bringup("verify"), 0)
        self.assertEqual(self.lab.state()["nodes"], state["nodes"])

    def test_apply_without_a_cable_sets_everything_and_says_so(self):
        self.lab("unplug", "studio1:en3")
        self.addCleanup(self.lab, "plug", "studio1:en3")
        done, document = self.applied()
        self.assert_exit(done, 6)
        self.assert_linked_ends(*ENDS)
        self.assert_said(done, "unplugged")
        for ends in FIRST_LINK:
            self.assertEqual(self.cell(document["verify"], *ends)["diagnosis"]["layer"], "cable")
        self.lab("plug", "studio1:en3")
        self.assert_exit(self.lab.bringup("verify"), 0)

    def test_nothing_answers_on_a_sound_link(self):
        self.assert_exit(self.lab.apply(), 0)
        self.lab.break_("studio2", "ping-loss:en3:100")
        done = self.lab.bringup("verify", "--format", "json")
        self.assert_exit(done, 6)
        document = self.document(done, "verify")
        for ends in FIRST_LINK:
            cell = self.cell(document, *ends)
            self.assertEqual((cell["status"], cell["diagnosis"]["layer"]), ("fail", "ping"))
            self.assertEqual(cell["ping"]["received"], 0)
            self.assertIsNone(cell["ping"]["avg_ms"])
        self.assertEqual(document["summary"]["pass"], 4)

    def test_some_pings_are_lost(self):
        self.assert_exit(self.lab.apply(), 0)
        self.lab.break_("studio2", "ping-loss:en3:50")
        done = self.lab.bringup("verify", "--count", "30", "--interval", "0.1", "--format", "json")
        self.assert_exit(done, 6)
        document = self.document(done, "verify")
        cell = self.cell(document, "studio1", "studio2")
        self.assertIn(cell["status"], ("slow", "fail"))
        self.assertTrue(0 < cell["ping"]["loss_percent"] < 100, cell)
        self.assertEqual(cell["ping"]["transmitted"], 30)
        self.assertEqual(cell["diagnosis"]["layer"], "ping")


if __name__ == "__main__":
    unittest.main()
