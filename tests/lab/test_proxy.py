#!/usr/bin/python3
"""Through a node that is a proxy, and through a chain of two bastions, when there is no other way:
everything works, over one connection to each hop."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import LabCase  # noqa: E402

ENDS = {"studio1": "10.254.0.1/30", "studio2": "10.254.0.2/30"}


class Behind(LabCase):
    hops = ()

    def setUp(self):
        super().setUp()
        for hop in self.hops:
            self.lab.count_connections(hop)
            self.addCleanup(self.lab.stop_counting, hop)

    def connections(self):
        return {hop: self.lab.connections(hop) for hop in self.hops}

    def assert_pair_linked(self):
        state = self.lab.state()
        for node, address in ENDS.items():
            self.assert_linked(state, node, "en3", address)
            self.assertIsNotNone(state["nodes"][node]["matrix"])
        return state

    def assert_only_way_is(self, hop):
        """No address of any other node answers the controller, by name or by number."""
        nodes = self.lab.state()["nodes"]
        reached = {name for name, node in nodes.items() for address in node["addresses"].values()
                   if self.lab("ctl", "bash", "-c", f"exec 3<>/dev/tcp/{address}/22",
                               check=False).status == 0}
        self.assertEqual(reached, {hop})

    def everything(self):
        """apply, verify, apply: each with one connection to each hop. The guard of a hop that is a
        node of the fleet takes connections of its own: test_guard."""
        start = self.connections()
        done = self.lab.apply("--guard", "never")
        self.assert_exit(done, 0)
        self.assert_said(done, "2 of 2 pings pass")
        self.assertEqual(self.connections(), {hop: start[hop] + 1 for hop in self.hops})
        state = self.assert_pair_linked()

        verified = self.lab.bringup("verify", "--format", "json")
        self.assert_exit(verified, 0)
        self.assertEqual(self.document(verified, "verify")["summary"]["pass"], 2)
        self.assertEqual(self.connections(), {hop: start[hop] + 2 for hop in self.hops})

        again = self.lab.apply()
        self.assert_exit(again, 0)
        self.assert_said(again, "2 nodes, 0 changes, 2 of 2 pings pass")
        self.assertEqual(self.connections(), {hop: start[hop] + 3 for hop in self.hops})
        self.assertEqual(self.lab.state(), state)

    def assert_no_way(self, done, *nodes):
        self.assert_exit(done, 4)
        self.assert_harmless(done)
        for node in nodes:
            self.assert_said(done, node)

    def assert_works_again(self):
        self.lab.mend_all()
        self.assert_exit(self.lab.apply(), 0)
        self.assert_pair_linked()


class Proxy(Behind):
    """studio2 is reached through studio1, which is itself a node of the fleet."""

    fleet = "pair-behind-proxy"
    hops = ("studio1",)

    def test_everything_works_over_one_connection(self):
        self.assert_only_way_is("studio1")
        self.everything()

    def test_flags_instead_of_an_inventory(self):
        done = self.lab.bringup("--node", "admin@studio1:en3:10.254.0.1", "--node",
                                "admin@studio2:en3:10.254.0.2", "--proxy", "studio1:studio2",
                                "--yes", inventory=False)
        self.assert_exit(done, 0)
        self.assert_pair_linked()
        # studio1 leads to studio2: its change is guarded, and two new connections confirm it.
        self.assertEqual(self.connections(), {"studio1": 3})

    def test_proxy_down(self):
        self.lab.break_("studio1", "down")
        done = self.lab.apply("--connect-timeout", "3")
        self.assert_no_way(done, "studio1", "studio2")
        entry = self.report_of_last_run("studio2")
        self.assertIn("studio1", entry["error"]["message"] + entry["error"]["hint"])
        self.assert_works_again()

    def test_target_down(self):
        self.lab.break_("studio2", "down")
        done = self.lab.apply("--connect-timeout", "3")
        self.assert_no_way(done, "studio2")
        self.assertLess(done.seconds, 60)
        self.assert_linked(self.lab.state(), "studio1", "en3", ENDS["studio1"])
        self.assertIn("studio2", self.report_of_last_run("studio2")["error"]["message"])
        self.assert_works_again()

    def test_target_with_a_changed_key(self):
        self.lab.break_("studio2", "changed-host-key")
        done = self.lab.apply()
        self.assert_no_way(done, "host key has changed", "bringup trust studio2")
        self.assert_linked(self.lab.state(), "studio1", "en3", ENDS["studio1"])
        self.assert_untouched("studio2")

    def test_proxy_that_forbids_forwarding(self):
        """One sshd setting away from every bastion: the proxy itself is done, the target named."""
        self.lab.exec("studio1", "sh", "-c",
                      "cp /etc/ssh/sshd_config /etc/ssh/kept && "
                      "sed -i '1i AllowTcpForwarding no' /etc/ssh/sshd_config")
        self.addCleanup(self.lab.exec, "studio1", "cp", "/etc/ssh/kept", "/etc/ssh/sshd_config")
        self.lab("reinit", "--keep-rdma", "studio1")
        done = self.lab.apply()
        self.assert_no_way(done, "studio2", "AllowTcpForwarding")
        self.assert_linked(self.lab.state(), "studio1", "en3", ENDS["studio1"])

    def report_of_last_run(self, node):
        with open(f"{self.lab.runs()[-1]}/report.json", encoding="utf-8") as f:
            return self.node_entry(json.load(f), node)


class Chain(Behind):
    """Both Macs stand behind two bastions that are not nodes of the fleet."""

    fleet = "pair-behind-chain"
    hops = ("bastion1", "bastion2")

    def test_everything_works_over_one_connection_to_each_hop(self):
        self.assert_only_way_is("bastion1")
        self.everything()

    def test_exec_and_plan(self):
        done = self.lab.bringup("exec", "--", "sw_vers", "-buildVersion")
        self.assert_exit(done, 0)
        self.assertEqual(done.out, "studio[1-2] (2)\n  25C56\n")
        self.assert_exit(self.lab.bringup("plan", "--detailed-exitcode"), 3)

    def test_each_bastion_down(self):
        for bastion in self.hops:
            with self.subTest(bastion):
                self.lab.break_(bastion, "down")
                done = self.lab.apply("--connect-timeout", "3")
                self.assert_no_way(done, bastion, "studio1", "studio2")
                self.assertLess(done.seconds, 60)
                self.lab.mend_all()
        for node in ENDS:
            self.assert_untouched(node)
        self.assert_works_again()

    def test_bastion_that_says_nothing(self):
        self.lab.break_("bastion2", "sshd-silent")
        done = self.lab.apply("--connect-timeout", "3")
        self.assert_no_way(done, "bastion2")
        self.assertLess(done.seconds, 60)
        self.assert_works_again()

    def test_bastion_with_a_changed_key(self):
        self.lab.break_("bastion2", "changed-host-key")
        done = self.lab.apply()
        self.assert_no_way(done, "bastion2", "host key has changed")
        for node in ENDS:
            self.assert_untouched(node)

    def test_target_down_and_the_other_done(self):
        self.lab.break_("studio2", "down")
        done = self.lab.apply("--connect-timeout", "3")
        self.assert_no_way(done, "studio2")
        self.assert_linked(self.lab.state(), "studio1", "en3", ENDS["studio1"])
        self.assert_works_again()

    def test_cut_in_the_middle_behind_the_chain(self):
        self.lab.break_("studio2", "cut-on:10.254.0.2")
        done = self.lab.apply()
        self.assert_exit(done, 5)
        self.assert_linked(self.lab.state(), "studio1", "en3", ENDS["studio1"])
        self.assert_works_again()

    def test_interrupted_behind_the_chain(self):
        residents = {n: set(self.lab.processes(n).values()) for n in (*self.hops, *ENDS)}
        process = self.lab.start("exec", "--", "sleep 1000")
        end = time.monotonic() + 60
        while not all("sleep 1000" in " ".join(self.lab.processes(n).values()) for n in ENDS):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        process.interrupt()
        self.assert_exit(process.wait(60), 130)
        self.assert_no_strangers(residents)


if __name__ == "__main__":
    unittest.main()
