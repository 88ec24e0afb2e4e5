#!/usr/bin/python3
"""The inventories that come with the program: each brings up a fleet that is cabled as it says."""

import os
import sys
import tempfile
import tomllib
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import INVENTORIES, RELAXED, TOP, Lab, LabCase  # noqa: E402

SHIPPED = f"{TOP}/inventories"
USER = '[defaults]\nuser = "admin"\n\n'
# The lab has fleets for these; its copies of the inventories say as whom to log in.
COPIED = ("smolcluster-hybrid", "dgx-spark-pair", "dgx-spark-ring-3")
HEAD = """[lab]
start = "reinit"
reinit_rdma = "on"

"""
RACK = """[segments.office]
subnet = "10.99.0.0/24"
hosts = ["controller", "studio1"]
[segments.rack]
subnet = "10.99.1.0/24"
hosts = ["studio1", "studio2"]

"""


def shipped(name):
    with open(f"{SHIPPED}/{name}.toml", encoding="utf-8") as f:
        return f.read()


class Shipped(LabCase):
    segments = ""

    @classmethod
    def setUpClass(cls):
        text = shipped(cls.inventory)
        told = tomllib.loads(text)
        lines = [HEAD + cls.segments]
        lines += [f"[nodes.{name}]\n" for name in told["nodes"]]
        lines += [f'[[cables]]\na = "{link["a"]}"\nb = "{link["b"]}"\n' for link in told["links"]]
        with tempfile.NamedTemporaryFile("w", prefix="bringup-lab-", suffix=".toml",
                                         encoding="utf-8") as fleet:
            fleet.write("".join(lines))
            fleet.flush()
            cls.lab = Lab(fleet.name)
        cls.macs = list(told["nodes"])
        cls.ports = [end for link in told["links"] for end in (link["a"], link["b"])]
        first = text.index("[nodes.")
        with open(cls.lab.inventory(), "w", encoding="utf-8") as f:
            f.write(text[:first] + USER + text[first:] + RELAXED)


class Brings:
    """Up from a re-initialisation, and nothing to do after it."""

    def test_up_and_again(self):
        self.assert_exit(self.lab.bringup("check"), 0)
        self.assert_exit(self.lab.apply(), 0)
        state = self.lab.state()
        held = set()
        for port in self.ports:
            node, name = port.split(":")
            interface = state["nodes"][node]["interfaces"][name]
            self.assertIsNone(interface["master"], port)
            self.assertEqual(len(interface["inet"]), 1, port)
            held.add(interface["inet"][0])
        self.assertEqual(len(held), len(self.ports))
        self.assert_exit(self.lab.bringup("plan", "--detailed-exitcode"), 0)
        self.assert_exit(self.lab.bringup("verify", "--only", "ping"), 0)


class Pair(Brings, Shipped):
    inventory = "studio-pair"


class Triangle(Brings, Shipped):
    inventory = "studio-triangle"


class Mesh(Brings, Shipped):
    inventory = "studio-mesh-4"


class Ring(Brings, Shipped):
    inventory = "studio-ring-5"


class Behind(Brings, Shipped):
    inventory = "pair-behind-proxy"
    segments = RACK


class Copies(unittest.TestCase):
    def test_the_labs_inventories_are_the_shipped_ones(self):
        for name in COPIED:
            with open(f"{INVENTORIES}/{name}.toml", encoding="utf-8") as f:
                lab = tomllib.loads(f.read())
            self.assertEqual(lab.pop("defaults"), {"user": "admin"}, name)
            self.assertEqual(lab, tomllib.loads(shipped(name)), name)

    def test_there_are_no_others(self):
        tried = {c.inventory for c in (Pair, Triangle, Mesh, Ring, Behind)}
        found = {f.removesuffix(".toml") for f in os.listdir(SHIPPED)}
        self.assertEqual(found, tried | set(COPIED))


if __name__ == "__main__":
    unittest.main()
