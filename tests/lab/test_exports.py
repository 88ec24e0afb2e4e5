#!/usr/bin/python3
"""What is collected from a fleet can be replayed, anonymously too; what is exported is true."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import BRINGUP, TOP, Done, Lab, LabCase  # noqa: E402

FILES = {"thunderbolt.json", "hardware-ports.txt", "ifconfig.txt", "routes.txt", "sw_vers.txt",
         "rdma_ctl.txt", "ibv_devices.txt", "ibv_devinfo.txt", "host.txt"}
CHECKER = f"{TOP}/tests/output/check_exports.py"


def here(*args):
    """bringup on this machine: no lab, no network it could use."""
    ran = subprocess.run(["unshare", "-n", BRINGUP, *args], capture_output=True, text=True,
                         check=False, timeout=60)
    return Done([BRINGUP, *args], ran.returncode, ran.stdout, ran.stderr)


def states(document):
    """Everything of a status but names and addresses."""
    links = []
    for link in document["links"]:
        ends = [[(layer["layer"], layer["state"]) for layer in end["layers"]]
                for end in link["ends"]]
        broken = link["first_broken"]
        links.append((link["kind"], ends, broken and (broken["id"], broken["layer"])))
    return links


class Collect(LabCase):
    fleet = "triangle"

    def collect(self, *more):
        folder = f"{self.scratch()}/out"
        done = self.lab.bringup("collect", "--output", folder, *more)
        self.assert_exit(done, 0)
        return folder

    def status(self, folder, *more, expect=0):
        done = here("status", "--from", folder, "--format", "json", *more)
        self.assert_exit(done, expect)
        return self.document(done, "status")

    def test_every_file_is_there_and_nobody_else_can_read_it(self):
        for node in self.macs:
            self.lab.count_connections(node)
        folder = self.collect()
        for node in self.macs:
            self.assertEqual(self.lab.connections(node), 1)
            self.lab.stop_counting(node)
            self.assertEqual(set(os.listdir(f"{folder}/{node}")), FILES)
            with open(f"{folder}/{node}/ifconfig.txt", encoding="utf-8") as f:
                self.assertEqual(f.read(), self.lab.exec(node, "ifconfig", "-a").out)
            with open(f"{folder}/{node}/host.txt", encoding="utf-8") as f:
                self.assertIn("== swap\ntotal = 2048.00M", f.read())
        self.assertEqual(set(os.listdir(folder)), {*self.macs, "manifest.json"})
        for top, _, names in os.walk(folder):
            self.assertEqual(stat.S_IMODE(os.stat(top).st_mode), 0o700, top)
            for name in names:
                self.assertEqual(stat.S_IMODE(os.stat(f"{top}/{name}").st_mode), 0o600, name)
        with open(f"{folder}/manifest.json", encoding="utf-8") as f:
            self.document(Done([], 0, f.read(), ""), "collect")
        again = self.lab.bringup("collect", "--output", folder)
        self.assert_exit(again, 2)
        self.assert_said(again, "is not an empty folder")

    def test_a_replay_says_what_the_nodes_said(self):
        self.assert_exit(self.lab.apply("-q"), 0)
        self.lab.break_("studio2", "rdma-disabled")
        self.lab("unplug", "studio1:en4")
        live = self.document(self.lab.bringup("status", "--format", "json"), "status")
        folder = self.collect()
        replayed = self.status(folder)
        measured = {"route", "ping", "mtu", "tcp", "iperf", "rdma"}
        for was, now in zip(live["links"], replayed["links"]):
            for end, again in zip(was["ends"], now["ends"]):
                self.assertEqual([x for x in end["layers"] if x["layer"] not in measured],
                                 [x for x in again["layers"] if x["layer"] not in measured])
                for layer in again["layers"]:
                    if layer["layer"] in measured:
                        self.assertEqual(layer["state"] in ("unknown", "skipped"), True, layer)
        broken = {link["link"]: link["first_broken"] for link in replayed["links"]}
        self.assertEqual(broken["studio1:en4 - studio3:en3"]["layer"], "cable")
        self.assertNotIn(None, broken.values())

    def test_an_anonymous_replay_says_the_same_and_names_nobody(self):
        self.assert_exit(self.lab.apply("-q"), 0)
        self.lab("unplug", "studio1:en4")
        plain, folder = self.collect(), self.collect("--anonymise")
        self.assertEqual(states(self.status(plain)), states(self.status(folder)))
        self.assertEqual(set(os.listdir(folder)), {"node1", "node2", "node3", "manifest.json"})
        text = ""
        for top, _, names in os.walk(folder):
            for name in names:
                with open(f"{top}/{name}", encoding="utf-8") as f:
                    text += f.read()
        secrets = set()
        for node in self.macs:
            secrets |= set(re.findall(r"ether ([0-9a-f:]{17})",
                                      self.lab.exec(node, "ifconfig", "-a").out))
            secrets |= set(re.findall(r"inet ((?!127)[0-9.]+)",
                                      self.lab.exec(node, "ifconfig", "-a").out))
            secrets |= set(re.findall(r"inet6 (fe80:[0-9a-f:]+)",
                                      self.lab.exec(node, "ifconfig", "-a").out))
            profiler = self.lab.exec(node, "system_profiler", "SPThunderboltDataType", "-json").out
            secrets |= set(re.findall(r'uuid_key" : "([^"]+)"', profiler))
            secrets |= set(re.findall(r'switch_uid_key" : "([^"]+)"', profiler))
        self.assertGreater(len(secrets), 40)
        for secret in secrets | {"studio1", "studio2", "studio3", "admin", "10.254.0."}:
            self.assertNotRegex(text, rf"(?i)(?<![0-9a-z]){re.escape(secret)}(?![0-9a-z])")
        # The cabling can still be told: each side names the other's UUID.
        uuids = re.findall(r'domain_uuid_key" : "([^"]+)"', text)
        self.assertTrue(any(uuids.count(u) > 1 for u in uuids))

    def test_an_inventory_is_discovered_in_it_as_from_the_nodes(self):
        folder = self.collect()
        done = here("discover", "--from", folder)
        self.assert_exit(done, 0)
        path = f"{self.scratch()}/found.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(done.out)
        self.assert_exit(self.lab.bringup("apply", "--yes", inventory=path), 0)
        self.assert_exit(self.lab.bringup("verify", inventory=path), 0)
        ends = {end["node"] + ":" + end["interface"]
                for link in self.document(self.lab.bringup(
                    "status", "--format", "json", inventory=path), "status")["links"]
                for end in link["ends"]}
        self.assertEqual(ends, {"studio1:en3", "studio1:en4", "studio2:en3", "studio2:en4",
                                "studio3:en3", "studio3:en4"})
        shutil.rmtree(f"{folder}/studio3")
        done = here("discover", "--from", folder)
        self.assertEqual(done.out.count("[[links]]"), 1, done.out)
        self.assertIn("studio3", done.out)
        self.assert_exit(here("discover", "--from", f"{folder}/nowhere"), 2)
        self.assert_exit(here("discover"), 2)

    def test_missing_files_are_unknown(self):
        self.assert_exit(self.lab.apply("-q"), 0)
        folder = self.collect()
        os.remove(f"{folder}/studio1/ifconfig.txt")
        shutil.rmtree(f"{folder}/studio3")
        document = self.status(folder)
        for link in document["links"]:
            self.assertIsNone(link["first_broken"], link)
            for end in link["ends"]:
                for layer in end["layers"]:
                    if end["node"] != "studio2" and layer["layer"] in ("bridge", "interface",
                                                                       "address"):
                        self.assertEqual(layer["state"], "unknown", (end["node"], layer))
        os.remove(f"{folder}/manifest.json")
        done = here("status", "--from", folder)
        self.assert_exit(done, 2)
        self.assert_said(done, "no manifest.json")

    def test_links_that_lead_out_of_the_folder_are_not_followed(self):
        folder = self.collect()
        os.remove(f"{folder}/studio1/ifconfig.txt")
        os.symlink(f"{folder}/studio2/ifconfig.txt", f"{folder}/studio1/ifconfig.txt")
        done = here("status", "--from", folder)
        self.assert_said(done, "studio1: ifconfig: no answer")

    def test_a_node_that_is_away_stands_in_it_with_its_error(self):
        self.lab.break_("studio3", "down")
        folder = f"{self.scratch()}/out"
        done = self.lab.bringup("collect", "--output", folder, "--connect-timeout", "3")
        self.assert_exit(done, 4)
        self.assertEqual(set(os.listdir(folder)), {"studio1", "studio2", "manifest.json"})
        document = self.status(folder, expect=4)
        broken = [link["first_broken"]["layer"] for link in document["links"]
                  if "studio3" in link["link"]]
        self.assertEqual(broken, ["ssh", "ssh"])


class Exports(LabCase):
    """Exports of whole fleets, measured by their nodes."""

    fleet = "triangle"

    def hostfile(self, lab, *more):
        done = lab.bringup("export", "mlx-hostfile", "--measure", *more)
        self.assert_exit(done, 0)
        return done, json.loads(done.out)

    def test_the_coordinator_is_where_all_reach_it(self):
        done, hosts = self.hostfile(self.lab, "-v")
        self.assertEqual(hosts["backend"], "jaccl")
        self.assertEqual(hosts["hosts"][0]["ips"], ["10.99.0.10"])
        self.assert_said(done, "10.99.0.10 on en0: Ethernet, private; reached by studio2, studio3",
                         "coordinator: studio1 at 10.99.0.10, which 2 of 2 other nodes reach")

    def test_nodes_that_forward_nothing_try_by_themselves(self):
        self.lab.break_("studio2", "no-forwarding")
        _, hosts = self.hostfile(self.lab)
        self.assertEqual(hosts["hosts"][0]["ssh"], "admin@studio1")

    def test_a_node_that_is_away_is_named(self):
        self.lab.break_("studio3", "down")
        done = self.lab.bringup("export", "mlx-hostfile", "--measure", "--connect-timeout", "3")
        self.assert_exit(done, 4)
        self.assertEqual(done.out, "")
        self.assert_said(done, "studio3")

    def test_other_fleets(self):
        for fleet, backend in (("pair", "jaccl"), ("mesh-4", "jaccl"), ("ring-5", "jaccl-ring")):
            lab = Lab(fleet)
            self.addCleanup(lab.down)
            if not os.path.exists(lab.inventory()):
                found = lab.bringup("discover", *(f"admin@{n}" for n in lab.state()["nodes"]),
                                    "--output", lab.inventory(), inventory=False)
                self.assert_exit(found, 0)
            _, hosts = self.hostfile(lab)
            self.assertEqual(hosts["backend"], backend)
            checked = subprocess.run([sys.executable, CHECKER, BRINGUP, lab.inventory()],
                                     capture_output=True, text=True, check=False, timeout=120)
            self.assertEqual(checked.returncode, 0, checked.stdout)


if __name__ == "__main__":
    unittest.main()
