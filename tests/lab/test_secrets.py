#!/usr/bin/python3
"""Passwords are given to the terminal and shown nowhere: not in a file, an argument, an environment
or a word of the tool, on the controller or on the nodes."""

import base64
import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from password_pair import ENDS, PasswordPair  # noqa: E402

# Distinct, in no other file of this machine, and with every character that something may escape.
LOGIN = f"Lg7f'{os.urandom(4).hex()} $z%&\"kP"
BECOME = f"Bc9w'{os.urandom(4).hex()} `q\\#!+/Z"
MOST = 64 << 20


def forms(secret):
    """{how: bytes}: the secret as something may have written it. Base64 has three, by what stands
    before it; the digits that neighbours share are left out."""
    raw = secret.encode()
    found = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(),
             "json": json.dumps(secret)[1:-1].encode(),
             "url": urllib.parse.quote(secret, safe="").encode(),
             "url lower": urllib.parse.quote(secret, safe="").lower().encode(),
             "url plus": urllib.parse.quote_plus(secret).encode(),
             "shell": shlex.quote(secret)[1:-1].encode(),
             "shell backslash": secret.replace("'", r"'\''").encode()}
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw)
        body = text[(0, 2, 3)[before]:]
        body = body.rstrip(b"=")
        body = body[:len(body) - 1] if (before + len(raw)) % 3 else body
        found[f"base64 {before}"] = body
        found[f"base64url {before}"] = body.replace(b"+", b"-").replace(b"/", b"_")
    return found


class Needles:
    def __init__(self, *secrets):
        self.all = [(f"secret {k} {how}", text) for k, secret in enumerate(secrets)
                    for how, text in forms(secret).items()]

    def in_text(self, text):
        if isinstance(text, str):
            text = text.encode("utf-8", "replace")
        return [how for how, needle in self.all if needle in text]

    def in_files(self, *folders, newer=0.0, skip=()):
        """[(path, how)] below these folders; and in the names."""
        found = []
        for top in folders:
            for folder, _, names in os.walk(top):
                for name in names:
                    path = f"{folder}/{name}"
                    if path.endswith(tuple(skip)):
                        continue
                    found += [(path, how) for how in self.in_text(path)]
                    with contextlib.suppress(OSError):
                        about = os.lstat(path)
                        if about.st_mtime < newer or about.st_size > MOST:
                            continue
                        if not os.path.isfile(path) or os.path.islink(path):
                            continue
                        with open(path, "rb") as f:
                            found += [(path, how) for how in self.in_text(f.read())]
        return found


class Watch:
    """Every command line and environment of the machine, and with it of all nodes, again and again.
    Processes that were there before are looked at less often."""

    def __init__(self, needles):
        self.needles, self.found, self.rounds = needles, set(), 0
        self.seconds = 0.0
        self._old = set(filter(str.isdigit, os.listdir("/proc")))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._began

    def _watch(self):
        while not self._stop.is_set():
            self.rounds += 1
            for pid in filter(str.isdigit, os.listdir("/proc")):
                if pid in self._old and self.rounds % 50:
                    continue
                for part in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        with open(f"/proc/{pid}/{part}", "rb") as f:
                            text = f.read()
                        self.found.update((part, how, text[:200])
                                          for how in self.needles.in_text(text))


class SearchCanFail(unittest.TestCase):
    """What finds nothing must be able to find something."""

    def test_every_form_in_a_file(self):
        needles = Needles(LOGIN, BECOME)
        for secret in (LOGIN, BECOME):
            written = {how: text for how, text in forms(secret).items()}
            written["basic"] = base64.b64encode(f"user:{secret}@".encode())
            written["basic 2"] = base64.b64encode(f"{secret}\n".encode())
            written["basic 3"] = base64.b64encode(f"\0u\0{secret}!".encode())
            written["dump"] = json.dumps({"text": f"x{secret}y"}).encode()
            for how, text in written.items():
                with self.subTest(how), tempfile.TemporaryDirectory() as folder:
                    os.mkdir(f"{folder}/inner")
                    with open(f"{folder}/inner/file", "wb") as f:
                        f.write(b"before" + text + b"after")
                    self.assertTrue(needles.in_files(folder), how)
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/file", "wb") as f:
                f.write(b"nothing of the kind")
            self.assertEqual(needles.in_files(folder), [])

    def test_in_arguments_and_environment(self):
        for secret in (LOGIN, BECOME):
            for argv, env in ((["sh", "-c", "sleep 0.3; :", secret], {}),
                              (["sh", "-c", "sleep 0.3; :"], {"X": secret})):
                with Watch(Needles(secret)) as watch:
                    subprocess.run(argv, env={**os.environ, **env}, check=True)
                self.assertTrue(watch.found)
        with Watch(Needles(LOGIN, BECOME)) as watch:
            subprocess.run(["sh", "-c", "sleep 0.3; :"], check=True)
        self.assertEqual(watch.found, set())


class Secrets(PasswordPair):
    defaults = 'sudo = "password"\n'
    login = 'user = "admin"\nbecome = "sudo-password"'

    def setUp(self):
        super().setUp()
        self.began = time.time() - 2
        for node in ENDS:
            self.lab.break_(node, "slow-ifconfig:0.2")  # what runs as root is there to be seen
            self.root(node, "rm -f /etc/sudoers.d/bringup")
            for user, secret in (("admin", LOGIN), ("root", BECOME)):
                hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=secret + "\n",
                                        capture_output=True, text=True, check=True).stdout.strip()
                self.root(node, f"sed -i 's|^{user}:[^:]*|{user}:{hashed}|' /etc/shadow")
            # sudo's password is another than the login's.
            self.root(node, "grep -q rootpw /etc/sudoers || echo 'Defaults rootpw' >>/etc/sudoers")

    def node_folders(self):
        found = []
        for node in ENDS:
            with open(f"{self.lab.dir}/nodes/{node}/pid", encoding="utf-8") as f:
                top = f"/proc/{f.read().split()[0]}/root"
            found += [f"{top}/{folder}" for folder in
                      ("private/tmp", "var/tmp", "Users", "run", "dev/shm", "etc", "root",
                       "Library", "var/log")]
            found.append(f"{self.lab.dir}/nodes/{node}/lab")
        return found

    def asked(self, *args, order=("sudo password: ", "SSH password: "), status=0):
        """One run with both passwords on a terminal, watched; and its traces."""
        answers = {"sudo password: ": BECOME + "\n", "SSH password: ": LOGIN + "\n"}
        needles = Needles(LOGIN, BECOME)
        with Watch(needles) as watch:
            done = self.lab.on_terminal(args[0], "--ask-pass", "--ask-become-pass", "-vvv",
                                        *args[1:], replies=[(q, answers[q]) for q in order])
        self.assert_exit(done, status)
        self.assertEqual(needles.in_text(done.out), [], "on the terminal")
        self.assertEqual(watch.found, set())
        self.assertGreater(watch.rounds, 10 * watch.seconds, "looked too seldom")
        self.assertEqual(needles.in_files(f"{self.lab.dir}/controller", self.lab.folder),
                         [])
        self.assertEqual(needles.in_files("/tmp", "/var/tmp", newer=self.began), [])
        self.assertEqual(needles.in_files(*self.node_folders(),
                                          skip=("/etc/shadow", "/etc/shadow-")), [])
        return done

    def assert_linked_pair(self):
        state = self.lab.state()
        for node, address in ENDS.items():
            self.assert_linked(state, node, "en3", address)

    def test_the_search_sees_the_nodes(self):
        needles = Needles(LOGIN, BECOME)
        for node in ENDS:
            for script, argument in (("sleep 0.5; :", BECOME),
                                     (f"X={shlex.quote(LOGIN)}; export X; sleep 0.5", "")):
                with Watch(needles) as watch:
                    self.lab("exec", node, "sh", "-c", script, argument)
                self.assertTrue(watch.found, script)
            for place in ("/Users/admin/.bringup", "/tmp", "/var/tmp", "/run", "/etc/sudoers.d"):
                self.root(node, f"mkdir -p {place}; echo {BECOME.encode().hex()} >{place}/planted")
                try:
                    self.assertTrue(needles.in_files(*self.node_folders()), place)
                finally:
                    self.root(node, f"rm -f {place}/planted; rmdir {place} 2>/dev/null || :")
        with open(f"{self.lab.dir}/controller/xdg/cache/planted", "w", encoding="utf-8") as f:
            f.write(LOGIN)
        self.addCleanup(os.unlink, f.name)
        self.assertTrue(needles.in_files(f"{self.lab.dir}/controller"))

    def test_plan_apply_and_rollback(self):
        plan = f"{self.lab.folder}/plan.json"
        self.asked("plan", "--out", plan)
        self.asked("apply", plan, "--yes")
        self.assert_linked_pair()
        self.asked("rollback", "--yes")

    def test_guarded_apply(self):
        """The guard's detached processes hold sudo's password, and hand it to nobody but sudo."""
        self.asked("apply", "--yes", "--guard", "always")
        self.assert_linked_pair()

    def test_recover(self):
        self.asked("recover", "--yes")
        self.assert_linked_pair()

    def test_what_a_command_is_given(self):
        done = self.asked("exec", "--", "env; set; cat /proc/$$/cmdline")
        self.assertIn("SSH_CONNECTION", done.out)

    def test_bootstrap(self):
        self.asked("bootstrap", "studio1", "studio2", "--yes",
                   order=("SSH password: ", "sudo password: "))
        done = self.lab.bringup("exec", "--", "sudo -k -n true")
        self.assert_exit(done, 0)

    def test_wrong_ones_are_kept_secret_too(self):
        needles = Needles(LOGIN + "x", BECOME + "x")
        with Watch(needles) as watch:
            done = self.lab.on_terminal(
                "bootstrap", "studio1", "--yes", "--ask-pass", "--ask-become-pass", "-vvv",
                replies=[("SSH password: ", LOGIN + "\n"), ("sudo password: ", BECOME + "x\n")])
        self.assert_exit(done, 5)
        self.assert_said(done, "sudo refused the password")
        self.assertEqual((needles.in_text(done.out), watch.found), ([], set()))
        self.assertEqual(needles.in_files(f"{self.lab.dir}/controller", *self.node_folders()), [])


if __name__ == "__main__":
    unittest.main()
