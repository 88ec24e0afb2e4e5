#!/usr/bin/python3
"""After reboots and re-initialisations: what was lost is said and restored."""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import LabCase  # noqa: E402

NODES = ("studio1", "studio2", "studio3")
ENDS = {("studio1", "en3"): "10.254.0.1/30", ("studio2", "en3"): "10.254.0.2/30",
        ("studio1", "en4"): "10.254.0.5/30", ("studio3", "en3"): "10.254.0.6/30",
        ("studio2", "en4"): "10.254.0.9/30", ("studio3", "en4"): "10.254.0.10/30"}


class Recovered(LabCase):
    fleet = "triangle"

    def setUp(self):
        super().setUp()
        self.lab("reinit", "--rdma", "on", *NODES)  # some tests leave it off
        self.assert_exit(self.lab.apply(), 0)

    def recover(self, *args, wait="90s"):
        return self.lab.bringup("recover", "--yes", "--wait", wait, *args)

    def assert_all_linked(self):
        state = self.lab.state()
        for (node, interface), address in ENDS.items():
            self.assert_linked(state, node, interface, address)
            self.assertIsNotNone(state["nodes"][node]["matrix"], node)

    def assert_row(self, done, node, item, lost, restored):
        self.assertTrue(re.search(
            rf"^ *{node} +{re.escape(item)} +{re.escape(lost)} +{restored}$", done.out, re.M),
            f"no row {node} {item} {lost} {restored}: {done}")


class Rebooted(Recovered):
    def test_nothing_lost(self):
        done = self.lab.bringup("recover", "--yes")
        self.assert_exit(done, 0)
        self.assert_said(done, "nothing was lost", "nothing differs")

    def test_one(self):
        self.lab("reboot", "studio2")
        done = self.recover()
        self.assert_exit(done, 0)
        self.assert_row(done, "studio2", "address of en3", "10.254.0.2/30", "yes")
        self.assert_row(done, "studio2", "route through en4", "10.254.0.8/30", "yes")
        self.assert_row(done, "studio2", "matrix file", "/tmp/mlx_ibv_devices.json", "yes")
        self.assertNotRegex(done.out, r"studio[13] +address")
        self.assert_said(done, "Since the last good run", "nothing differs")
        self.assert_all_linked()

    def test_some_of_which_one_returns_late(self):
        self.lab("reboot", "studio1")
        self.lab("reboot", "--delay", "12", "studio3")
        time.sleep(1)
        self.lab.count_connections("studio3")
        self.addCleanup(self.lab.stop_counting, "studio3")
        done = self.recover()
        self.assert_exit(done, 0)
        self.assert_said(done, "waiting for", "left", "studio3 is there: 5 items lost")
        self.assert_row(done, "studio3", "address of en4", "10.254.0.10/30", "yes")
        self.assert_all_linked()

    def test_all(self):
        self.lab("reboot", *NODES)
        done = self.recover("--format", "json")
        self.assert_exit(done, 0)
        document = self.document(done, "recover")
        for node in document["nodes"]:
            self.assertEqual(len(node["items"]), 5, node)
            self.assertTrue(all(item["restored"] for item in node["items"]), node)
            self.assertEqual(node["differences"], [])
        self.assert_all_linked()

    def test_one_that_stays_away(self):
        self.lab("reboot", "studio1")
        self.lab.break_("studio2", "down")
        began = time.monotonic()
        done = self.recover(wait="8s")
        self.assert_exit(done, 4)
        self.assertGreater(time.monotonic() - began, 7)
        self.assert_row(done, "studio1", "address of en3", "10.254.0.1/30", "yes")
        self.assert_said(done, "studio2")


class Reinitialised(Recovered):
    def test_one_with_everything_else_kept(self):
        self.lab("reinit", "--keep-rdma", "studio1")
        done = self.recover()
        self.assert_exit(done, 0)
        self.assert_row(done, "studio1", "en3 alone", "back in bridge0", "yes")
        self.assert_row(done, "studio1", "address of en4", "10.254.0.5/30", "yes")
        self.assert_all_linked()

    def test_all_with_rdma_off(self):
        self.lab("reinit", "--rdma", "off", *NODES)
        done = self.lab.bringup("recover", "--yes")
        self.assert_exit(done, 6)
        for node in NODES:
            self.assert_row(done, node, "RDMA", "disabled", "no")
        self.assert_said(done, "RDMA is off on studio1, studio2, studio3", "rdma_ctl enable",
                         "hold the power button")
        self.assert_all_linked()

    def test_rdma_off_until_a_later_reboot(self):
        self.lab("reinit", "--rdma", "off", "studio2")
        running = self.lab.start("recover", "--yes", "--wait", "120s")
        end = time.monotonic() + 60
        while "RDMA is off until" not in "".join(running.so_far()):
            self.assertLess(time.monotonic(), end, running.so_far())
            time.sleep(0.2)
        self.lab("reinit", "--rdma", "on", "studio2")  # Recovery, and its restart
        done = running.wait()
        self.assert_exit(done, 0)
        self.assert_row(done, "studio2", "RDMA", "disabled", "yes")
        self.assert_not_said(done, "RDMA is off on")
        self.assert_all_linked()

    def test_a_changed_host_key_is_refused_until_it_is_trusted(self):
        self.lab("reinit", "--keep-rdma", "--new-host-key", "studio3")
        done = self.lab.bringup("recover", "--yes")
        self.assert_exit(done, 4)
        self.assert_row(done, "studio3", "host key", "changed", "no")
        said = " ".join(done.out.split())
        self.assertEqual(len(set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", said))), 2, said)
        self.assert_said(done, "bringup trust studio3")
        self.assert_bridged(self.lab.state(), "studio3", "en3")

        running = self.lab.start("recover", "--yes", "--wait", "90s")
        end = time.monotonic() + 60
        while "waiting for studio3" not in "".join(running.so_far()):
            self.assertLess(time.monotonic(), end, running.so_far())
            time.sleep(0.2)
        self.assert_exit(self.lab.bringup("trust", "studio3", "--yes"), 0)
        done = running.wait()
        self.assert_exit(done, 0)
        self.assert_row(done, "studio3", "host key", "changed", "yes")
        self.assert_all_linked()

    def test_a_changed_host_key_is_asked_for_on_a_terminal(self):
        self.lab("reinit", "--keep-rdma", "--new-host-key", "studio1")
        done = self.lab.on_terminal("recover", "--wait", "60s", replies=[
            ("Trust the key that it shows?", "y\n"), ("Restore with", "y\n")])
        self.assert_exit(done, 0)
        self.assert_all_linked()

    def test_a_lost_login_is_told_and_not_tried_again(self):
        self.lab.break_("studio2", "wrong-key")
        self.addCleanup(self.lab.mend_all)
        self.lab.count_connections("studio2")
        self.addCleanup(self.lab.stop_counting, "studio2")
        done = self.recover("--limit", "studio1,studio2", wait="15s")
        self.assert_exit(done, 4)
        self.assert_row(done, "studio2", "login with a key", "refused", "no")
        self.assert_said(done, "bringup bootstrap studio2 --ask-pass")
        self.assertEqual(self.lab.connections("studio2"), 1)

    def test_lost_sudo_is_told(self):
        self.lab("reinit", "--keep-rdma", "studio2")
        self.lab.break_("studio2", "sudo-password")
        self.addCleanup(self.lab.mend_all)
        done = self.recover()
        self.assert_exit(done, 5)
        self.assert_row(done, "studio2", "sudo", "without a password", "no")
        self.assert_said(done, "bringup bootstrap studio2 --ask-pass")


if __name__ == "__main__":
    unittest.main()
