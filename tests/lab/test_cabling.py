"""Cables as they are: fleets that nobody has written down, and every way to plug a cable wrong."""

import json
import os
import re
import stat

from harness import RELAXED, LabCase


class Discover(LabCase):
    """Inventories made of what is plugged bring the fleet up as they are."""

    fleet = None

    @classmethod
    def setUpClass(cls):
        if cls.fleet:
            super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        if cls.fleet:
            super().tearDownClass()

    def discover(self, *more):
        hosts = [f"admin@{n}.local" for n in self.macs]
        path = f"{self.scratch()}/found.toml"
        done = self.lab.bringup("discover", *hosts, "-o", path, *more, inventory=False)
        self.assert_exit(done, 0)
        with open(path, encoding="utf-8") as f:
            return path, f.read()

    def bring_up(self, path, text):
        """Checked and applied unedited; only then are busy machines allowed for."""
        self.assert_exit(self.lab.bringup("check", inventory=path), 0)
        done = self.lab.apply(inventory=path)
        self.assertIn(done.status, (0, 6), str(done))  # 6: slow replies of a busy machine
        with open(path, "w", encoding="utf-8") as f:
            f.write(text + RELAXED)
        self.assert_exit(self.lab.bringup("verify", "--only", "cable,route,ping", inventory=path),
                         0)

    def links(self, text):
        """{frozenset of ends} of the inventory's links."""
        return {frozenset(pair) for pair in re.findall(r'^a = "(\S+)".*\nb = "(\S+)"', text, re.M)}

    def cables(self):
        return {frozenset((c["a"], c["b"])) for c in self.lab.state()["cables"] if c["plugged"]}


class Mesh(Discover):
    fleet = "mesh-4"

    def test_a_mesh_is_found_and_brought_up(self):
        path, text = self.discover()
        self.assertEqual(self.links(text), self.cables())
        self.assertEqual(text.count('kind = "thunderbolt5"  # 80 Gb/s'), 6, text)
        self.assertNotIn("left out", text)
        self.bring_up(path, text)
        matrix = json.loads(self.lab.state()["nodes"]["book3"]["matrix"]["text"])
        self.assertEqual(matrix[2], ["rdma_en1", "rdma_en6", None, "rdma_en2"])

    def test_what_is_not_named_is_told(self):
        done = self.lab.bringup("discover", "admin@studio1", "admin@studio2", "nobody.invalid",
                                inventory=False)
        self.assert_exit(done, 4)
        self.assertEqual(self.links(done.out), {frozenset(("studio1:en3", "studio2:en3"))})
        self.assertIn("# studio1:en4 (Thunderbolt 3) leads to a Mac that was not named or not "
                      "reached: MacBook Pro Mac17,7", done.out)
        self.assertIn("# nobody (nobody.invalid) was not reached", done.out)

    def test_a_graph(self):
        done = self.lab.bringup("discover", "admin@studio1", "admin@studio2", "--dot",
                                inventory=False)
        self.assert_exit(done, 0)
        self.assertTrue(done.out.startswith('graph "discovered" {'), str(done))
        self.assertIn('"studio1" -- "studio2" [label="en3 - en3, 80 Gb/s"];', done.out)

    def test_through_a_hop(self):
        done = self.lab.bringup("discover", "admin@studio2", "--via", "admin@studio1",
                                inventory=False)
        self.assert_exit(done, 0)
        self.assertIn('[proxies.studio1]', done.out)
        self.assertIn('via = ["studio1"]', done.out)

    def test_an_exo_installation_is_told_with_its_cure(self):
        self.lab.break_("studio2", "exo")
        _, text = self.discover()
        self.assertIn("daemon io.exo.networksetup", text)
        for verb in (("plan", "--format", "json"), ("verify", "--only", "cable"), ("status",)):
            done = self.lab.bringup(*verb)
            found = " ".join(done.out.split())
            for word in ("io.exo.networksetup", "location", "EXO Thunderbolt 1",
                         "every 30 minutes", "launchctl bootout system/io.exo.networksetup",
                         "-switchtolocation Automatic"):
                self.assertIn(word, found, str(done))


class Ring(Discover):
    fleet = "ring-5"

    def test_a_ring_is_found_and_brought_up(self):
        path, text = self.discover()
        self.assertEqual(self.links(text), self.cables())
        self.bring_up(path, text)


class Dock(Discover):
    fleet = "pair-dock"

    def test_a_pair_through_a_dock_is_found_and_brought_up(self):
        path, text = self.discover()
        self.assertEqual(self.links(text), self.cables())
        self.assertIn('kind = "thunderbolt4"  # 40 Gb/s', text)
        self.assertIn("# through ThunderBay Flex 8: not for RDMA", text)
        self.bring_up(path, text)


class Miswired(LabCase):
    """Each kind is found; what the advice says, done with the lab's own hands, makes it green."""

    fleet = "triangle"

    def setUp(self):
        super().setUp()
        self.lab("recable", "studio1:en3-studio2:en3", "--speed", "80", "--dock", "")

    def cable_check(self, status, inventory=None):
        done = self.lab.bringup("verify", "--only", "cable", "--format", "json",
                                inventory=inventory)
        self.assert_exit(done, status)
        return self.document(done, "verify")

    def found(self, kind, status=6, inventory=None):
        """The one finding, which plan and verify tell alike."""
        findings = self.cable_check(status, inventory)["findings"]
        self.assertEqual([f["id"] for f in findings], [kind], findings)
        planned = self.document(self.lab.bringup("plan", "--format", "json", inventory=inventory),
                                "plan")
        told = [f for n in planned["nodes"] for f in n["findings"] if f["layer"] == "cable"]
        self.assertEqual([(f["seen"], f["cure"]) for f in told],
                         [(findings[0]["seen"], findings[0]["cure"])])
        return findings[0]

    def mended(self, inventory=None):
        self.assertEqual(self.cable_check(0, inventory)["findings"], [])

    def test_a_missing_cable(self):
        self.lab("unplug", "studio1:en3")
        found = self.found("cable-missing")
        self.assertIn("plug a cable into studio1:en3 (Thunderbolt 2) and studio2:en3",
                      found["cure"])
        self.lab("plug", "studio1:en3-studio2:en3")
        self.mended()

    def test_a_wrong_port(self):
        self.lab("unplug", "studio1:en3")
        self.lab("plug", "studio1:en6-studio2:en3")
        found = self.found("cable-wrong-port")
        self.assertIn("on studio1 move the plug from studio1:en6 (Thunderbolt 5) to studio1:en3",
                      found["cure"])
        self.lab("unplug", "studio1:en6")
        self.lab("plug", "studio1:en3-studio2:en3")
        self.mended()

    def test_a_wrong_peer(self):
        self.lab("unplug", "studio1:en3")
        self.lab("plug", "studio1:en3-studio3:en6")
        found = self.found("cable-wrong-peer")
        self.assertIn("move its plug from studio3:en6 (Thunderbolt 5) to studio2:en3",
                      found["cure"])
        self.lab("unplug", "studio3:en6")
        self.lab("plug", "studio1:en3-studio2:en3")
        self.mended()

    def swap(self):
        self.lab("unplug", "studio1:en3")
        self.lab("unplug", "studio1:en4")
        self.lab("plug", "studio1:en3-studio3:en3")
        self.lab("plug", "studio1:en4-studio2:en3")

    def test_a_swapped_pair(self):
        self.swap()
        found = self.found("cable-swapped")
        self.assertIn("studio1:en3 - studio3:en3 and studio1:en4 - studio2:en3", found["seen"])
        self.assertIn("exchange the two plugs on studio1: studio1:en3 (Thunderbolt 2) and "
                      "studio1:en4 (Thunderbolt 3)", found["cure"])
        # The silent pings are blamed on the plugs.
        self.assert_exit(self.lab.bringup("plan"), 0)
        self.lab.apply()
        done = self.lab.bringup("status", "--format", "json")
        self.assertEqual([link["first_broken"]["id"] for link in self.document(done, "status")
                          ["links"] if link["first_broken"]], ["cable-swapped"] * 2)
        self.lab("unplug", "studio1:en3")
        self.lab("unplug", "studio1:en4")
        self.lab("plug", "studio1:en4-studio3:en3")
        self.lab("plug", "studio1:en3-studio2:en3")
        self.mended()
        self.assert_exit(self.lab.bringup("verify"), 0)

    def test_an_extra_cable(self):
        self.lab("plug", "studio1:en6-studio2:en6")
        found = self.found("cable-extra", status=0)
        self.assertIn("take it out", found["cure"])
        self.lab("unplug", "studio1:en6")
        self.mended()

    def test_a_dock(self):
        self.lab("recable", "studio1:en3-studio2:en3", "--dock", "TS4")
        found = self.found("speed-dock")
        self.assertIn("runs through TS4", found["seen"])
        self.lab("recable", "studio1:en3-studio2:en3", "--dock", "")
        self.mended()

    def test_a_slow_cable(self):
        self.lab("recable", "studio1:en3-studio2:en3", "--speed", "40")
        found = self.found("speed-below")
        self.assertIn("use a Thunderbolt 5 cable", found["cure"])
        self.lab("recable", "studio1:en3-studio2:en3", "--speed", "80")
        self.mended()

    def test_one_side_alone_tells(self):
        self.lab.break_("studio2", "profiler-blind:en3")
        found = self.found("cable-one-sided", status=0)
        self.assertIn("studio2 sees nothing there", found["seen"])
        self.assertIn("take the plug out of studio2:en3", found["cure"])
        self.lab("mend", "studio2", "profiler-blind")
        self.mended()

    def test_the_port_beside_ethernet(self):
        self.lab("unplug", "studio1:en3")
        self.lab("plug", "studio1:en2-studio2:en3")
        path = self.edited(("studio1:en3", "studio1:en2"))
        found = self.found("ethernet-port", status=0, inventory=path)
        self.assertIn("move the plug on studio1 to studio1:en3 (Thunderbolt 2), then: bringup plan "
                      "--adopt", found["cure"])
        self.lab("unplug", "studio1:en2")
        self.lab("plug", "studio1:en3-studio2:en3")
        self.assert_exit(self.lab.bringup("plan", "--adopt", "--yes", inventory=path), 0)
        self.mended(path)

    def test_wedged_controllers(self):
        self.lab.break_("studio1", "wedged")
        self.lab.break_("studio2", "wedged")
        found = self.found("cable-all-empty")
        self.assertIn("restart studio1, studio2, studio3", found["cure"])
        self.lab("reboot", "studio1", "studio2", "studio3")
        self.mended()

    def test_adopting_rewrites_the_ends_alone(self):
        self.swap()
        with open(self.lab.inventory(), encoding="utf-8") as f:
            before = "# by hand\n" + f.read()
        path = f"{self.scratch()}/adopt.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(before)
        os.chmod(path, 0o640)
        # Nobody to ask: shown, and nothing written.
        done = self.lab.bringup("plan", "--adopt", inventory=path)
        self.assert_exit(done, 2)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), before)
        self.assert_exit(self.lab.bringup("plan", "--adopt", "--yes", "--dry-run",
                                          inventory=path), 0)
        with open(path, encoding="utf-8") as f:
            self.assertEqual(f.read(), before)
        done = self.lab.bringup("plan", "--adopt", "--yes", inventory=path)
        self.assert_exit(done, 0)
        changed = [line for line in done.out.splitlines()
                   if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        self.assertEqual(changed, ['-a = "studio1:en3"', '+a = "studio1:en4"',
                                   '-a = "studio1:en4"', '+a = "studio1:en3"'], str(done))
        with open(path, encoding="utf-8") as f:
            after = f.read()
        self.assertEqual(after.splitlines()[0], "# by hand")
        self.assertEqual(len(after.splitlines()), len(before.splitlines()))
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        self.mended(path)
        again = self.lab.bringup("plan", "--adopt", "--yes", inventory=path)
        self.assert_exit(again, 0)
        self.assertEqual(again.out, "")
