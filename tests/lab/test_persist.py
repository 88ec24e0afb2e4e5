#!/usr/bin/python3
"""Settings that outlive a reboot: each node keeps its own, without the controller."""

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import MATRIX, LabCase  # noqa: E402

NODES = ("studio1", "studio2")
ENDS = {"studio1": "10.254.0.1/30", "studio2": "10.254.0.2/30"}
LABEL = "dev.bringup.links"
PLIST = f"/Library/LaunchDaemons/{LABEL}.plist"
LOG = "/var/log/bringup-links.log"


class Persisted(LabCase):
    fleet = "pair"

    def setUp(self):
        super().setUp()
        for node in NODES:
            self.lab.exec(node, "rm", "-f", LOG)
        self.kept = self.edited(("[fleet]\n", "[fleet]\npersist = true\n"))

    def install(self):
        done, document = self.applied(inventory=self.kept)
        self.assert_exit(done, 0)
        return document

    def sh(self, node, text):
        return self.lab.exec(node, "sh", "-c", text).out

    def kickstart(self, node):
        """launchd runs the job now, as it does at each interval."""
        before = self.sh(node, "cat /var/run/bringup-links.state")
        time.sleep(1.1)  # the state tells seconds
        self.lab.exec(node, "launchctl", "kickstart", f"system/{LABEL}")
        self.eventually(lambda: self.sh(node, "cat /var/run/bringup-links.state") != before)

    def eventually(self, holds, seconds=20):
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)

    def linked(self):
        state = self.lab.state()
        return all(ENDS[n] in state["nodes"][n]["interfaces"]["en3"]["inet"]
                   and state["nodes"][n]["matrix"] is not None for n in NODES)

    def persistence(self, inventory=None):
        done = self.lab.bringup("status", "--format", "json", inventory=inventory or self.kept)
        document = self.document(done, "status")
        return {one["node"]: one for one in document["persistence"]}

    def bridge_of(self, node, interface):
        return self.interface(node, interface)["master"]

    def is_there(self, node):
        found = self.lab("exec", node, "sh", "-c",
                         f"[ -e {PLIST} ] || launchctl print system/{LABEL}", check=False)
        return found.status == 0


class Installed(Persisted):
    def test_after_a_reboot_all_is_there_without_the_controller(self):
        document = self.install()
        for node in NODES:
            self.assertEqual(self.step(document, node, "persist.install", PLIST)["status"], "done")
            self.assertEqual(self.sh(node, f"stat -f '%Su %Lp' {PLIST}").split(), ["root", "644"])
        again = self.lab.bringup("plan", inventory=self.kept)
        self.assert_said(again, "2 nodes, 0 changes")

        self.lab("reboot", *NODES)
        self.eventually(self.linked)
        self.assert_exit(self.lab.bringup("verify", inventory=self.kept), 0)
        for node, one in self.persistence().items():
            self.assertEqual(one["state"], "ready", node)
            self.assertTrue(one["last_run"]["this_boot"])
            self.assertEqual(one["last_run"]["problem"], "")
            self.assertGreaterEqual(one["last_run"]["changes_since_boot"], 2)
            self.assertIn("en3 given 10.254.0.", self.sh(node, f"cat {LOG}"))
            owner = self.sh(node, f"stat -f '%Su %Lp' {MATRIX}")
            self.assertEqual(owner.split(), ["admin", "644"])
        done = self.lab.bringup("status", inventory=self.kept)
        self.assert_said(done, "Persistence", "✓ studio1 ran ", "✓ studio2 ran ")
        self.assertEqual(self.install()["summary"]["changed"], 0)

    def test_a_run_that_needs_nothing_changes_and_logs_nothing(self):
        self.install()
        for node in NODES:
            self.kickstart(node)
            self.assertEqual(self.sh(node, f"cat {LOG}"), "")
            self.assertEqual(self.persistence()[node]["last_run"]["changes"], 0)

    def test_another_setting_replaces_it_and_nothing_fights_meanwhile(self):
        self.install()
        other = self.edited(("[fleet]\n", "[fleet]\npersist = true\n"),
                            ('"10.254.0.0/24"', '"10.253.0.0/24"'))
        done, document = self.applied(inventory=other)
        self.assert_exit(done, 0)
        tasks = [s["task"] for s in self.node_entry(document, "studio1")["steps"]]
        self.assertEqual(tasks[0], "persist.remove")
        self.lab("reboot", *NODES)
        self.eventually(lambda: "10.253.0.1/30" in
                        self.lab.state()["nodes"]["studio1"]["interfaces"]["en3"]["inet"])

    def test_a_port_put_back_into_the_bridge_is_taken_out_at_the_next_interval(self):
        self.install()
        self.lab.exec("studio1", "ifconfig", "bridge0", "addm", "en3")
        self.assertEqual(self.bridge_of("studio1", "en3"), "bridge0")
        self.eventually(lambda: self.bridge_of("studio1", "en3") is None, 90)
        self.assertIn("en3 taken out of bridge0", self.sh("studio1", f"cat {LOG}"))
        self.assertEqual(self.bridge_of("studio1", "en4"), "bridge0")  # which no link names

    def test_a_lost_matrix_is_written_whatever_lies_in_its_place(self):
        self.install()
        self.sh("studio1", f"rm {MATRIX}; echo root >/etc/precious; "
                           f"sudo -n -u admin ln -s /etc/precious {MATRIX}")
        self.kickstart("studio1")
        self.assertEqual(self.sh("studio1", "cat /etc/precious"), "root\n")
        self.assertIsNotNone(self.lab.state()["nodes"]["studio1"]["matrix"])
        # In a sticky folder somebody else's stays: that is told.
        self.sh("studio1", f"rm {MATRIX}; ln -s /etc/precious {MATRIX}")
        self.kickstart("studio1")
        self.assertEqual(self.sh("studio1", "cat /etc/precious"), "root\n")
        self.assertIn("not written", self.persistence()["studio1"]["last_run"]["problem"])
        self.sh("studio1", f"rm {MATRIX}; mkdir {MATRIX}")
        self.kickstart("studio1")
        self.assertIn("not written: it is a folder",
                      self.persistence()["studio1"]["last_run"]["problem"])
        self.sh("studio1", f"rmdir {MATRIX}")


class Removed(Persisted):
    def test_without_the_key_it_goes_from_every_node(self):
        self.install()
        done, document = self.applied()
        self.assert_exit(done, 0)
        for node in NODES:
            self.assertEqual(self.step(document, node, "persist.remove", PLIST)["status"], "done")
            self.assertFalse(self.is_there(node), node)
        self.assert_said(self.lab.bringup("plan"), "2 nodes, 0 changes")
        self.lab("reboot", *NODES)
        time.sleep(1)
        self.assertFalse(self.linked())

    def test_a_rollback_takes_back_the_install(self):
        self.install()
        done = self.lab.bringup("rollback", "--yes", inventory=self.kept)
        self.assert_exit(done, 0)
        for node in NODES:
            self.assertFalse(self.is_there(node), node)
            self.assert_bridged(self.lab.state(), node, "en3")

    def test_a_reinitialised_node_gets_it_again(self):
        self.install()
        self.lab("reinit", "--keep-rdma", "studio1")
        self.assertFalse(self.is_there("studio1"))
        self.assertEqual(self.persistence()["studio1"]["state"], "missing")
        self.assert_exit(self.lab.bringup("recover", "--yes", inventory=self.kept), 0)
        self.assertTrue(self.is_there("studio1"))


class Guarded(Persisted):
    def killed_before_the_confirmation(self):
        process = self.lab.start("apply", "--yes", "--guard", "always", "--guard-seconds", "12",
                                 inventory=self.kept)
        plist = f"{self.lab.dir}/nodes/studio1/upper{PLIST}"
        self.eventually(lambda: os.path.exists(plist), 60)
        os.killpg(process.process.pid, signal.SIGKILL)
        process.wait()

    def test_a_confirmed_install_stays(self):
        self.assert_exit(self.lab.apply("--guard", "always", inventory=self.kept), 0)
        self.kickstart("studio1")
        self.assertEqual(self.persistence()["studio1"]["last_run"]["problem"], "")

    def test_an_install_that_nobody_confirmed_is_taken_back(self):
        self.killed_before_the_confirmation()
        self.eventually(lambda: not self.is_there("studio1"), 40)
        self.eventually(lambda: self.bridge_of("studio1", "en3") == "bridge0", 20)
        time.sleep(2)
        self.assert_bridged(self.lab.state(), "studio1", "en3")

    def test_a_reboot_makes_nothing_lasting_that_nobody_confirmed(self):
        self.killed_before_the_confirmation()
        self.lab("reboot", "studio1")
        self.eventually(lambda: "waiting: a guarded change is not confirmed" in
                        self.sh("studio1", f"cat {LOG}"))
        self.assertEqual(self.interface("studio1", "en3")["inet"], [])
        self.assert_exit(self.lab.apply(inventory=self.kept), 0)
        self.assertTrue(self.linked())
        self.assertTrue(self.is_there("studio1"))
        self.kickstart("studio1")
        self.assertEqual(self.persistence()["studio1"]["last_run"]["problem"], "")


class Exo(Persisted):
    def test_the_conflict_is_told_and_not_fought(self):
        self.install()
        self.lab.break_("studio1", "exo")
        self.lab.exec("studio1", "launchctl", "bootstrap", "system",
                      "/Library/LaunchDaemons/io.exo.networksetup.plist")
        self.lab.exec("studio1", "ifconfig", "bridge0", "addm", "en3")
        self.kickstart("studio1")
        self.assertEqual(self.bridge_of("studio1", "en3"), "bridge0")
        self.kickstart("studio1")
        self.assertEqual(self.bridge_of("studio1", "en3"), "bridge0")
        log = self.sh("studio1", f"cat {LOG}")
        self.assertEqual(log.count("conflict: io.exo.networksetup is loaded"), 1, log)
        self.assertIn("conflict", self.persistence()["studio1"]["last_run"]["problem"])
        done = self.lab.bringup("plan", inventory=self.kept)
        self.assert_said(done, "persist = true, and exo's daemon is installed on studio1",
                         "launchctl bootout system/io.exo.networksetup")


if __name__ == "__main__":
    unittest.main()
