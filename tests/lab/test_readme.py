#!/usr/bin/python3
"""Every command of the README does what it says, in the order in which it stands there."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import BRINGUP, RELAXED, TOP, LabCase, Running, on_terminal  # noqa: E402

QUESTION = "[y/N]"


def blocks(language):
    with open(f"{TOP}/README.md", encoding="utf-8") as f:
        return re.findall(rf"^```{language}\n(.*?)^```$", f.read(), re.MULTILINE | re.DOTALL)


def commands():
    """Every line of every sh block, without its remark."""
    found = []
    for block in blocks("sh"):
        for line in block.splitlines():
            line = re.sub(r"\s+#.*", "", line).strip()
            if line:
                found.append(line.split())
    return found


class Readme(LabCase):
    fleet = "readme"

    def test_every_command_runs(self):
        folder = self.scratch()
        inventory, = blocks("toml")
        with open(f"{folder}/bringup.toml", "w", encoding="utf-8") as f:
            f.write(inventory + RELAXED)
        # What a user has: a name to log in with, for hosts that only flags name.
        with open(f"{self.lab.dir}/controller/ssh/config", "w", encoding="utf-8") as f:
            f.write("Host studio*\n  User admin\n")
        ran = []
        for words in commands():
            ran.append(words[:2])
            if words[0] == "bringup":
                done = self.tool(words[1:], folder)
            else:
                self.assertTrue(words[0].startswith("scripts/"), words)
                if words[0] == "scripts/test":
                    continue  # this is it
                done = Running([f"{TOP}/{words[0]}", *words[1:]]).wait(900)
            self.assert_exit(done, 0)
        for verb in ("check", "plan", "apply", "verify", "recover", "rollback", "discover"):
            self.assertIn(["bringup", verb], ran)
        self.assertIn(["scripts/demo"], ran)
        # The last of them that changes something undoes the one before it.
        for node in ("studio1", "studio2"):
            self.assert_untouched(node)

    def tool(self, words, folder):
        """As typed in that folder. What asks gets a yes."""
        argv = self.lab.argv(*words, inventory=False)
        asks = words[0] in ("apply", "rollback")
        replies = [(QUESTION, "y\n")] if asks else []
        here = ["env", "-C", folder]
        at = argv.index(BRINGUP)
        return on_terminal([*argv[:at], *here, *argv[at:]], replies)


class Packages(unittest.TestCase):
    """The README's list for Homebrew names what the build asks CMake for."""

    def test_homebrew_list(self):
        with open(f"{TOP}/README.md", encoding="utf-8") as f:
            listed = re.search(r"`brew install ([^`]*)`", f.read()).group(1).split()
        with open(f"{TOP}/cmake/Dependencies.cmake", encoding="utf-8") as f:
            wanted = set(re.findall(r"(?:find_package\(|IMPORTED_TARGET )([A-Za-z0-9_-]+)", f.read()))
        names = {"nlohmann_json": "nlohmann-json", "CLI11": "cli11", "OpenSSL": "openssl@3",
                 "PkgConfig": "pkg-config", "GTest": "googletest"}
        for name in sorted(wanted - {"Threads"}):
            self.assertIn(names.get(name, name), listed)
