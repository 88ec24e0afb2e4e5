"""What every lab test needs: a fleet, the tool run as a user would, and the kernel's own state."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
LAB = TOP / "tests" / "lab" / "lab"
FLEETS = TOP / "tests" / "lab" / "fleets"
INVENTORIES = TOP / "tests" / "lab" / "inventories"
PRESET = os.environ.get("BRINGUP_PRESET", "release")
BRINGUP = TOP / "build" / PRESET / "bin" / "bringup"
MATRIX = "/tmp/mlx_ibv_devices.json"
# Instrumented builds and a busy machine are slow; nothing may hang for ever.
PATIENCE = 240


class Lab:
    """One raised fleet. Its kernel state is read from outside the nodes, never from the tool."""

    def __init__(self, fleet, plain=0):
        self.name = f"t{os.getpid()}{abs(hash((fleet, time.time()))) % 10000}"
        self.fleet = fleet
        args = ["--plain", str(plain)] if plain else [str(FLEETS / f"{fleet}.toml")]
        self.lab("up", *args)

    def lab(self, verb, *args, check=True, timeout=PATIENCE):
        # The lab's own output goes to files: a node's processes must not hold a pipe of ours open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run([str(LAB), verb, "--name", self.name, *args], stdout=out, stderr=err,
                                  stdin=subprocess.DEVNULL, timeout=timeout)
            out.seek(0)
            err.seek(0)
            text, errors = out.read(), err.read()
        if check and done.returncode != 0:
            raise AssertionError(f"lab {verb} {args}: {done.returncode}\n{text}{errors}")
        return text

    def down(self):
        self.lab("down", check=False)

    def state(self):
        return json.loads(self.lab("state"))

    def command(self, *argv):
        """argv for running something in the controller's namespace."""
        return [str(LAB), "ctl", "--name", self.name, *map(str, argv)]

    def bringup(self, *args, inventory=None, timeout=PATIENCE, env=None, stdin=None):
        argv = list(args)
        if inventory is None:
            inventory = INVENTORIES / f"{self.fleet}.toml"
        if inventory is not False:
            argv = [argv[0], "-i", str(inventory), *argv[1:]]
        began = time.monotonic()
        done = subprocess.run(self.command(BRINGUP, *argv), capture_output=True, text=True,
                              errors="replace", timeout=timeout, input=stdin,
                              env={**os.environ, **(env or {})})
        done.seconds = time.monotonic() - began
        return done

    def json(self, *args, **more):
        done = self.bringup(*args, "--format", "json", **more)
        try:
            return done, json.loads(done.stdout)
        except ValueError as error:
            raise AssertionError(f"no JSON from {args}: {error}\n{show(done)}") from error

    def start(self, *args, inventory=None):
        """bringup in the background, in a process group of its own, for signals."""
        if inventory is None:
            inventory = INVENTORIES / f"{self.fleet}.toml"
        return subprocess.Popen(self.command(BRINGUP, args[0], "-i", str(inventory), *args[1:]),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                errors="replace", start_new_session=True)


def interrupt(process):
    os.killpg(process.pid, signal.SIGINT)


def show(done):
    return f"exit {done.returncode}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"


class LabCase(unittest.TestCase):
    """A test class with one fleet for all its tests; each test starts from the re-initialised state."""

    fleet = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.fleet)

    @classmethod
    def tearDownClass(cls):
        cls.lab.down()

    def setUp(self):
        self.lab.lab("mend", "--all")
        self.lab.lab("reinit", "--all", "--keep-rdma")

    def assert_exit(self, done, status):
        self.assertEqual(done.returncode, status, show(done))

    def assert_said(self, done, *words):
        text = done.stdout + done.stderr
        for word in words:
            self.assertIn(word, text, show(done))

    def node(self, name):
        return self.lab.state()["nodes"][name]

    def interface(self, node, name):
        return self.node(node)["interfaces"][name]

    def assert_up(self, node, interface, address):
        """The kernel's word: out of every bridge, administratively up, holding the address."""
        seen = self.interface(node, interface)
        self.assertIsNone(seen["master"], f"{node}:{interface} {seen}")
        self.assertTrue(seen["up"], f"{node}:{interface} {seen}")
        self.assertIn(address, seen["addresses"], f"{node}:{interface} {seen}")

    def steps(self, document, node):
        for entry in document["nodes"]:
            if entry["node"] == node:
                return entry["steps"]
        raise AssertionError(f"{node} is not in {document}")
