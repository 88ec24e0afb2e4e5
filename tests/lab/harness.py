"""What the tests of the tool in the lab share: a fleet, the tool run as a user would, and the
kernel's own state, read from outside the nodes.

BRINGUP_PRESET says which build is tested; the lab's helpers are the release ones.
"""

import atexit
import contextlib
import itertools
import json
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
LAB = f"{HERE}/lab"
INVENTORIES = f"{HERE}/inventories"
PRESET = os.environ.get("BRINGUP_PRESET", "release")
BRINGUP = f"{TOP}/build/{PRESET}/bin/bringup"
os.environ.setdefault("BRINGUP_LAB_BIN", f"{TOP}/build/release/bin")
INSTRUMENTED = PRESET in ("asan", "tsan")
MATRIX = "/tmp/mlx_ibv_devices.json"
PASSWORD = "lab-password"
# Instrumented builds and a busy machine are slow; nothing may hang for ever.
PATIENCE = 180

# A machine that is busy with two labs and a build answers pings late. What is slow is judged by one
# test of its own.
RELAXED = """
[expectations.thunderbolt5]
rtt_avg_ms = 500
"""

_numbers = itertools.count()


class Done:
    """An ended run: status, text of stdout and stderr, seconds, peak memory in MiB."""

    def __init__(self, argv, status, out, err, seconds=0.0, peak_mib=0.0):
        self.argv, self.status, self.out, self.err = argv, status, out, err
        self.seconds, self.peak_mib = seconds, peak_mib

    @property
    def text(self):
        return self.out + self.err

    def __str__(self):
        return (f"{' '.join(self.argv)}\nexit {self.status} after {self.seconds:.1f} s\n"
                f"--- stdout\n{self.out[-6000:]}\n--- stderr\n{self.err[-3000:]}")


class Running:
    """A process whose output goes to files: nothing that it leaves behind can hold a pipe open."""

    def __init__(self, argv, env=None):
        self.argv = argv
        self.out = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        self.err = tempfile.TemporaryFile()  # pylint: disable=consider-using-with
        self.began = time.monotonic()
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            argv, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
            start_new_session=True, env={**os.environ, **(env or {})})

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def so_far(self):
        found = []
        for file in (self.out, self.err):
            found.append(os.pread(file.fileno(), 1 << 24, 0).decode("utf-8", "replace"))
        return found

    def wait(self, timeout=PATIENCE):
        killed = threading.Event()

        def kill():
            killed.set()
            os.killpg(self.process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, kill)
        timer.start()
        try:
            _, status, usage = os.wait4(self.process.pid, 0)
        finally:
            timer.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        out, err = self.so_far()
        self.out.close()
        self.err.close()
        done = Done(self.argv, self.process.returncode, out, err, time.monotonic() - self.began,
                    usage.ru_maxrss / 1024)
        if killed.is_set():
            raise AssertionError(f"did not end within {timeout} s: {done}")
        return done


class Lab:
    """One standing fleet, under a name of this process's own; in a virtual machine with real verbs
    devices if `vm`. There, only the shared folder is the same place inside and out: files for the
    tool belong below `folder`, and processes() and count_connections() do not work."""

    def __init__(self, fleet, vm=False):
        self.vm = vm
        self.name = f"u{os.getpid()}-{next(_numbers)}"
        self.fleet = fleet
        self.dir = f"/run/bringup-lab/{self.name}"
        self.broken = set()
        self._folder = None if vm else tempfile.TemporaryDirectory(prefix="bringup-lab-")
        self.folder = f"{self.dir}.vm/shared" if vm else self._folder.name
        atexit.register(self.down)
        self("up", *(["--vm"] if vm else []), fleet)
        if os.path.exists(f"{INVENTORIES}/{fleet}.toml"):
            with open(f"{INVENTORIES}/{fleet}.toml", encoding="utf-8") as f:
                text = f.read() + RELAXED
            with open(self.inventory(), "w", encoding="utf-8") as f:
                f.write(text)

    def __call__(self, verb, *args, check=True):
        done = Running([LAB, verb, "--name", self.name, *args]).wait()
        if check and done.status != 0:
            raise AssertionError(str(done))
        return done

    def down(self):
        atexit.unregister(self.down)
        self("down", check=False)
        if self._folder is not None:
            self._folder.cleanup()

    def state(self):
        return json.loads(self("state").out)

    def nodes(self):
        return list(self.state()["nodes"])

    def exec(self, node, *command):
        return self("exec", node, *command)

    def break_(self, node, fault):
        self.broken.add(node)
        self("break", node, fault)

    def mend(self, node, *fault):
        self("mend", node, *fault)

    def mend_all(self):
        for node in sorted(self.broken):
            self("mend", node)
        self.broken.clear()

    def leftovers(self, node):
        """What `lab leftovers` says: lines such as `process 41 iperf3 -s`, `file /tmp/x`."""
        return self("leftovers", node).out.splitlines()

    def mark(self, *nodes):
        """What is on these nodes (default: all) now counts as theirs from here on."""
        for node in nodes or self.nodes():
            self("leftovers", "--mark", node)

    def inventory(self):
        return f"{self.folder}/fleet.toml"

    # The tool.

    def argv(self, *args, inventory=None):
        """bringup on the controller. `inventory` False: none; a path: that one."""
        if inventory is None:
            inventory = self.inventory()
        named = ["-i", inventory] if inventory else []
        return [LAB, "ctl", "--name", self.name, BRINGUP, *args[:1], *named, *args[1:]]

    def start(self, *args, inventory=None, env=None):
        return Running(self.argv(*args, inventory=inventory), env)

    def bringup(self, *args, inventory=None, env=None, timeout=PATIENCE):
        return self.start(*args, inventory=inventory, env=env).wait(timeout)

    def apply(self, *args, **more):
        return self.bringup("apply", "--yes", *args, **more)

    def on_terminal(self, *args, replies=(), inventory=None, timeout=PATIENCE):
        return on_terminal(self.argv(*args, inventory=inventory), replies, timeout)

    def runs(self):
        """The folders of all runs, the last one last: names tell seconds only."""
        state = f"{self.folder}/state" if self.vm else f"{self.dir}/controller/xdg/state"
        folder = f"{state}/bringup/runs"
        if not os.path.isdir(folder):
            return []
        found = [f"{folder}/{name}" for name in os.listdir(folder)]
        return sorted(found, key=lambda path: os.stat(path).st_mtime_ns)

    # What the nodes and the network are up to, seen from outside.

    def processes(self, node):
        """{pid: command line} of everything in a node's network namespace."""
        wanted = os.stat(f"/run/netns/lab.{self.name}.{node}").st_ino
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{pid}/ns/net").st_ino == wanted:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        found[int(pid)] = f.read().replace(b"\0", b" ").decode("utf-8", "replace")
        return found

    def count_connections(self, node):
        """From now on, new TCP connections to the node's sshd are counted."""
        self._nft(node, """table inet count {
  counter ssh { }
  chain in {
    type filter hook input priority -310;
    tcp dport 22 tcp flags & (syn | ack) == syn counter name ssh
  }
}
""")

    def connections(self, node):
        out = self._nft(node, "list counter inet count ssh\n")
        return int(re.search(r"packets (\d+)", out).group(1))

    def stop_counting(self, node):
        self._nft(node, "delete table inet count\n")

    def wall(self, node, hook, rule):
        """A rule of nft in the node, at `input` or `output`, until unwall()."""
        self._nft(node, f"""table inet wall {{
  chain only {{
    type filter hook {hook} priority 0;
    {rule}
  }}
}}
""")

    def unwall(self, node):
        self._nft(node, "delete table inet wall\n")

    def _nft(self, node, text):
        return subprocess.run(
            ["nsenter", f"--net=/run/netns/lab.{self.name}.{node}", "nft", "-f", "-"], input=text,
            text=True, capture_output=True, check=True, timeout=PATIENCE).stdout


def on_terminal(argv, replies, timeout=PATIENCE):
    """Runs argv on a terminal of its own. Each (text, reply) is typed when the text has come.
    stdout and stderr are one, as on a terminal."""
    began = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execv(argv[0], argv)
        finally:
            os._exit(127)
    text, mark, left = "", 0, list(replies)
    try:
        while time.monotonic() - began < timeout:
            if not select.select([fd], [], [], 0.2)[0]:
                continue
            try:
                chunk = os.read(fd, 65536)
            except OSError:  # EIO: the other side is closed
                break
            if not chunk:
                break
            text += chunk.decode("utf-8", "replace")
            if left and left[0][0] in text[mark:]:
                mark = len(text)
                os.write(fd, left.pop(0)[1].encode())
        else:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"did not end within {timeout} s: {' '.join(argv)}\n{text}")
    finally:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
    if left:
        raise AssertionError(f"never asked {left[0][0]!r}: exit {status}\n{text}")
    return Done(argv, status, text.replace("\r\n", "\n"), "", time.monotonic() - began)


class SecretWatch:
    """Looks for a secret in every command line and environment of the machine while it runs."""

    def __init__(self, secret):
        self.secret, self.found, self.rounds = secret.encode(), set(), 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.is_set():
            self.rounds += 1
            for pid in filter(str.isdigit, os.listdir("/proc")):
                for part in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        with open(f"/proc/{pid}/{part}", "rb") as f:
                            if self.secret in (text := f.read()):
                                self.found.add((part, text))


# A small reader of docs/schema: it knows the words that stand there and refuses others.
_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
          "integer": int, "number": (int, float)}
_WORDS = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "enum", "const",
          "required", "additionalProperties", "properties", "items", "minimum", "oneOf", "pattern"}


def _is(value, word):
    if isinstance(value, bool) and word in ("integer", "number"):
        return False
    return isinstance(value, _TYPES[word])


def schema_problems(schema, value, place="$", root=None):
    root = root or schema
    found = [f"{place}: the schema says {w}, which is not understood" for w in set(schema) - _WORDS]
    if "$ref" in schema:
        inner = root
        for word in schema["$ref"].removeprefix("#/").split("/"):
            inner = inner[word]
        found += schema_problems(inner, value, place, root)
    if "oneOf" in schema:
        tried = [schema_problems(s, value, place, root) for s in schema["oneOf"]]
        if sum(not t for t in tried) != 1:
            found.append(f"{place}: not exactly one of the alternatives holds: {tried}")
    words = schema.get("type", [])
    words = [words] if isinstance(words, str) else words
    if words and not any(_is(value, w) for w in words):
        return found + [f"{place}: {value!r} is not {' or '.join(words)}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{place}: {value!r} is not {schema['const']!r}")
    if "minimum" in schema and value is not None and value < schema["minimum"]:
        found.append(f"{place}: {value} is less than {schema['minimum']}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{place}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, dict):
        found += _members(schema, value, place, root)
    if isinstance(value, list) and "items" in schema:
        for k, inner in enumerate(value):
            found += schema_problems(schema["items"], inner, f"{place}[{k}]", root)
    return found


def _members(schema, value, place, root):
    known = schema.get("properties", {})
    found = [f"{place}: no {k}" for k in schema.get("required", []) if k not in value]
    for key, inner in value.items():
        if key in known:
            found += schema_problems(known[key], inner, f"{place}.{key}", root)
        elif schema.get("additionalProperties") is False:
            found.append(f"{place}: {key} is not in the schema")
    return found


class LabCase(unittest.TestCase):
    """One fleet for the whole class; each test starts from the re-initialised state, unbroken."""

    fleet = None
    vm = False
    lab = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.fleet, cls.vm)
        cls.macs = [n for n, x in cls.lab.state()["nodes"].items() if x["os"] == "mac"]

    @classmethod
    def tearDownClass(cls):
        cls.lab.down()

    def setUp(self):
        self.lab("calm")
        self.lab.broken.clear()
        if self.macs:
            self.lab("reinit", "--keep-rdma", *self.macs)

    def scratch(self):
        """A folder of this test's own."""
        inside = self.lab.folder if self.lab is not None and self.lab.vm else None
        folder = tempfile.TemporaryDirectory(prefix="bringup-lab-", dir=inside)
        self.addCleanup(folder.cleanup)
        return folder.name

    def edited(self, *changes):
        """The fleet's inventory with (old, new) texts replaced."""
        with open(self.lab.inventory(), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = f"{self.scratch()}/edited.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    # The tool's word.

    def applied(self, *args, **more):
        """`apply --yes` as text, and the report that the run kept, held against its schema."""
        before = self.lab.runs()
        done = self.lab.apply(*args, **more)
        new = [r for r in self.lab.runs() if r not in before]
        self.assertEqual(len(new), 1, str(done))
        self.assertTrue(os.path.exists(f"{new[0]}/report.json"), str(done))
        with open(f"{new[0]}/report.json", encoding="utf-8") as f:
            report = Done(done.argv, done.status, f.read(), "")
        return done, self.document(report, "apply")

    def step(self, document, node, task, target):
        for step in self.node_entry(document, node)["steps"]:
            if (step["task"], step["target"]) == (task, target):
                return step
        raise AssertionError(f"{node} has no step {task} {target}: {document}")

    def assert_exit(self, done, status):
        self.assertEqual(done.status, status, str(done))

    def assert_said(self, done, *words):
        """In this order of words, wherever the lines were wrapped."""
        text = " ".join(done.text.split())
        for word in words:
            self.assertIn(word, text, str(done))

    def assert_not_said(self, done, *words):
        for word in words:
            self.assertNotIn(word, " ".join(done.text.split()), str(done))

    def assert_harmless(self, done):
        """Nothing that a terminal would obey: no control characters but the line's end."""
        found = sorted({c for c in done.text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160})
        self.assertEqual(found, [], str(done))

    def document(self, done, what):
        """stdout as JSON, held against docs/schema."""
        try:
            value = json.loads(done.out)
        except ValueError as error:
            raise AssertionError(f"{error}\n{done}") from error
        path = f"{TOP}/docs/schema/{what}-1.json"
        self.assertTrue(os.path.exists(path), f"there is no {path}")
        with open(path, encoding="utf-8") as f:
            self.assertEqual(schema_problems(json.load(f), value), [], str(done))
        return value

    def node_entry(self, document, name):
        for entry in document["nodes"]:
            if entry["node"] == name:
                return entry
        raise AssertionError(f"{name} is not in {document}")

    def cell(self, document, source, target):
        for entry in document["cells"]:
            if (entry["from"], entry["to"]) == (source, target):
                return entry
        raise AssertionError(f"{source} to {target} is not in {document}")

    # The kernel's word.

    def interface(self, node, name):
        return self.lab.state()["nodes"][node]["interfaces"][name]

    def assert_linked(self, state, node, interface, address):
        """Out of every bridge, up, and holding the address."""
        seen = state["nodes"][node]["interfaces"][interface]
        self.assertEqual((seen["master"], seen["up"], seen["inet"]), (None, True, [address]),
                         f"{node}:{interface}")

    def assert_bridged(self, state, node, interface):
        """As a re-initialisation left it."""
        seen = state["nodes"][node]["interfaces"][interface]
        self.assertEqual((seen["master"], seen["inet"]), ("bridge0", []), f"{node}:{interface}")

    def assert_untouched(self, node):
        """The node is as a re-initialisation left it."""
        state = self.lab.state()["nodes"][node]
        self.assertIsNone(state["matrix"], node)
        members = [n for n, x in state["interfaces"].items() if x["master"] == "bridge0"]
        self.assertEqual(state["bridges"], {"bridge0": sorted(members)})
        for name in members:
            self.assertEqual(state["interfaces"][name]["inet"], [], f"{node}:{name}")
        self.assertIn("en3" if "en3" in state["interfaces"] else "en1", members, node)

    def assert_no_strangers(self, before, patience=15):
        """Every node runs what it ran before, by command line."""
        end = time.monotonic() + patience
        while True:
            extra = {n: [c for c in self.lab.processes(n).values() if c and c not in known]
                     for n, known in before.items()}
            if not any(extra.values()):
                return
            if time.monotonic() > end:
                self.fail(f"left on the nodes: {extra}")
            time.sleep(0.3)

    def assert_nothing_left(self, *nodes, allowed=(), patience=5):
        """No process, file or port on these nodes (default: all) that was not there at boot or at
        the last mark(), except lines that contain a word of `allowed`."""
        end = time.monotonic() + patience
        while True:
            left = {n: [line for line in self.lab.leftovers(n)
                        if not any(word in line for word in allowed)]
                    for n in nodes or self.lab.nodes()}
            if not any(left.values()):
                return
            if time.monotonic() > end:
                self.fail(f"left on the nodes: {left}")
            time.sleep(0.3)

    def residents(self):
        return {n: set(self.lab.processes(n).values()) for n in self.macs}
