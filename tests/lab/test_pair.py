#!/usr/bin/python3
"""How the tool is asked: verbs, selection, confirmation, passwords, on a pair."""

import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import PASSWORD, LabCase, SecretWatch  # noqa: E402
from password_pair import ENDS, PasswordPair  # noqa: E402

QUESTION = "[y/N]"


class Pair(LabCase):
    fleet = "pair"

    def assert_pair_linked(self):
        state = self.lab.state()
        for node, address in ENDS.items():
            self.assert_linked(state, node, "en3", address)
            self.assertEqual(json.loads(state["nodes"][node]["matrix"]["text"]),
                             [[None, "rdma_en3"], ["rdma_en3", None]])
        return state

    def assert_all_untouched(self):
        for node in ENDS:
            self.assert_untouched(node)


class Asked(Pair):
    def test_apply_twice(self):
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "2 of 2 pings pass")
        self.assert_harmless(done)
        state = self.assert_pair_linked()
        again = self.lab.apply()
        self.assert_exit(again, 0)
        self.assert_said(again, "2 nodes, 0 changes, 2 of 2 pings pass")
        self.assertEqual(self.lab.state(), state)

    def test_flags_instead_of_an_inventory(self):
        done = self.lab.bringup("apply", "--node", "admin@studio1:en3:10.254.0.5", "--node",
                                "admin@studio2:en3:10.254.0.6", "--yes", inventory=False)
        self.assert_exit(done, 0)
        state = self.lab.state()
        self.assert_linked(state, "studio1", "en3", "10.254.0.5/30")
        self.assert_linked(state, "studio2", "en3", "10.254.0.6/30")

    def test_a_hyphen_in_proxy_gets_the_error_that_people_know(self):
        done = self.lab.bringup("apply", "--node", "a:en3:10.254.0.5", "--node", "b:en3:10.254.0.6",
                                "--proxy", "a-b", "--yes", inventory=False)
        self.assert_exit(done, 2)
        self.assert_said(done, "Invalid --proxy format: 'a-b' (expected proxy_host:target_host)")
        self.assert_all_untouched()

    def test_a_wrong_inventory_is_refused_before_anything_is_contacted(self):
        self.lab.count_connections("studio1")
        self.addCleanup(self.lab.stop_counting, "studio1")
        done = self.lab.apply(inventory=self.edited(("studio2:en3", "studoi2:en3")))
        self.assert_exit(done, 2)
        self.assert_said(done, "edited.toml:", "studoi2", "studio2")
        self.assertEqual(self.lab.connections("studio1"), 0)

    def test_limit(self):
        done = self.lab.apply("--limit", "studio1")
        self.assert_linked(self.lab.state(), "studio1", "en3", ENDS["studio1"])
        self.assert_untouched("studio2")
        self.assert_exit(done, 0)

    def test_limit_to_nobody(self):
        self.assert_exit(self.lab.apply("--limit", "studio9"), 2)
        self.assert_all_untouched()

    def test_exec_folds_what_is_the_same(self):
        done = self.lab.bringup("exec", "--", "sw_vers", "-buildVersion")
        self.assert_exit(done, 0)
        self.assertEqual(done.out, "studio[1-2] (2)\n  25C56\n")
        done = self.lab.bringup("exec", "--", "hostname")
        self.assert_exit(done, 0)
        self.assertEqual(done.out, "studio1 (1)\n  studio1\nstudio2 (1)\n  studio2\n")

    def test_exec_tells_a_failed_command(self):
        done = self.lab.bringup("exec", "--", "test $(hostname) = studio1 || exit 7")
        self.assert_exit(done, 5)
        self.assert_said(done, "studio2 (1) ✗ exit status 7")

    def test_exec_prints_nothing_that_a_terminal_would_obey(self):
        done = self.lab.bringup("exec", "--", r"printf 'a\033]0;owned\007\033[2Jb\233\n'")
        self.assert_exit(done, 0)
        self.assert_harmless(done)

    def test_exec_in_json(self):
        done = self.lab.bringup("exec", "--format", "json", "--", "hostname")
        self.assert_exit(done, 0)
        nodes = json.loads(done.out)["nodes"]
        self.assertEqual([(n["node"], n["stdout"], n["exit_status"]) for n in nodes],
                         [("studio1", "studio1\n", 0), ("studio2", "studio2\n", 0)])

    def test_events_as_lines_and_result_in_a_file(self):
        path = f"{self.scratch()}/out.json"
        done = self.lab.apply("--format", "json", "--output", path)
        self.assert_exit(done, 0)
        self.assertEqual(done.out, "")
        with open(path, encoding="utf-8") as f:
            done.out = f.read()
        self.document(done, "apply")

    def test_verify_one_check_only(self):
        self.assert_exit(self.lab.apply(), 0)
        done = self.lab.bringup("verify", "--only", "route", "--format", "json")
        self.assert_exit(done, 0)
        cell = self.cell(self.document(done, "verify"), "studio1", "studio2")
        self.assertEqual((cell["route"]["interface"], cell["ping"]), ("en3", None))
        self.assert_exit(self.lab.bringup("verify", "--only", "tea"), 2)

    def test_verify_of_a_fleet_that_nobody_has_brought_up(self):
        before = self.lab.state()
        done = self.lab.bringup("verify", "--format", "json")
        self.assert_exit(done, 6)
        document = self.document(done, "verify")
        self.assertEqual(document["summary"]["fail"], 2)
        diagnosis = self.cell(document, "studio1", "studio2")["diagnosis"]
        self.assertEqual((diagnosis["layer"], diagnosis["cure"]), ("bridge", "bringup apply"))
        self.assertEqual(self.lab.state(), before)

    def test_slower_than_expected_is_said(self):
        self.assert_exit(self.lab.apply(), 0)
        done = self.lab.bringup("verify", "--format", "json",
                                inventory=self.edited(("rtt_avg_ms = 500", "rtt_avg_ms = 0.001")))
        self.assert_exit(done, 6)
        self.assertEqual(self.document(done, "verify")["summary"]["slow"], 2)

    def test_quiet_says_the_result_only(self):
        done = self.lab.apply("-q")
        self.assert_exit(done, 0)
        self.assertEqual(done.err, "")

    def test_the_run_is_kept_and_private(self):
        self.assert_exit(self.lab.apply(), 0)
        folder = self.lab.runs()[-1]
        self.assertIn("-apply-", folder)
        self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
        for name in ("events.jsonl", "plan.json", "report.json", "nodes/studio1/thunderbolt.json",
                     "nodes/studio2/thunderbolt.json"):
            self.assertTrue(os.path.getsize(f"{folder}/{name}") > 0, name)
        with open(f"{folder}/nodes/studio1/thunderbolt.json", encoding="utf-8") as f:
            self.assertIn("SPThunderboltDataType", json.load(f))
        with open(f"{folder}/events.jsonl", encoding="utf-8") as f:
            events = [json.loads(line) for line in f]
        self.assertTrue(any(e.get("text", "").endswith("deletem en3") for e in events))


class Confirmed(Pair):
    def test_without_a_terminal_nothing_is_changed(self):
        done = self.lab.bringup("apply")
        self.assert_exit(done, 2)
        self.assert_said(done, "--yes")
        self.assert_all_untouched()

    def test_no(self):
        for reply in ("n\n", "\n", "maybe\n"):
            done = self.lab.on_terminal("apply", replies=[(QUESTION, reply)])
            self.assert_exit(done, 0)
            self.assert_said(done, "Nothing was changed")
        self.assert_all_untouched()

    def test_yes(self):
        done = self.lab.on_terminal("apply", replies=[(QUESTION, "y\n")])
        self.assert_exit(done, 0)
        self.assert_said(done, "ifconfig bridge0 deletem en3")
        self.assert_pair_linked()

    def test_interrupted_while_asked(self):
        done = self.lab.on_terminal("apply", replies=[(QUESTION, "\x03")])
        self.assert_exit(done, 130)
        self.assert_all_untouched()

    def test_is_not_asked_when_there_is_nothing_to_do(self):
        self.assert_exit(self.lab.apply(), 0)
        done = self.lab.bringup("apply")
        self.assert_exit(done, 0)
        self.assert_said(done, "0 changes")

    def test_colours_only_on_a_terminal(self):
        self.assertIn("\x1b[", self.lab.on_terminal("verify").out)
        plain = self.lab.on_terminal("verify", "--no-color")
        self.assertNotRegex(plain.out, r"\x1b\[[0-9;]*m")
        self.assert_harmless(self.lab.bringup("verify"))


class BecomePassword(Pair):
    """sudo wants a password, and the inventory knows."""

    def setUp(self):
        super().setUp()
        for node in ENDS:
            self.lab.break_(node, "sudo-password")
        self.asking = self.edited(('user = "admin"', 'user = "admin"\nbecome = "sudo-password"'))

    def apply(self, password):
        return self.lab.on_terminal("apply", "--yes", "--ask-become-pass", inventory=self.asking,
                                    replies=[("password", password + "\n")])

    def kept_files(self):
        for folder, _, names in os.walk(f"{self.lab.dir}/controller/xdg"):
            for name in names:
                with open(f"{folder}/{name}", "rb") as f:
                    yield name, f.read()

    def test_is_given_once_and_shows_up_nowhere(self):
        with SecretWatch(PASSWORD) as watch:
            done = self.apply(PASSWORD)
        self.assert_exit(done, 0)
        self.assert_pair_linked()
        self.assertEqual(len(re.findall("password", done.out)), 1, done)
        self.assertNotIn(PASSWORD, done.out)
        self.assertGreater(watch.rounds, 5)
        self.assertEqual(watch.found, set())
        files = dict(self.kept_files())
        self.assertIn("events.jsonl", files)
        self.assertEqual([n for n, text in files.items() if PASSWORD.encode() in text], [])

    def test_a_wrong_one_is_said_and_nothing_is_changed(self):
        began = time.monotonic()
        done = self.apply("not-it")
        self.assert_exit(done, 5)
        self.assert_said(done, "password was refused", "--ask-become-pass")
        self.assertLess(time.monotonic() - began, 60)
        state = self.lab.state()
        for node in ENDS:
            self.assert_bridged(state, node, "en3")
        self.assertEqual([n for n, text in self.kept_files() if b"not-it" in text], [])

    def test_is_not_asked_for_without_the_flag(self):
        done = self.lab.apply(inventory=self.asking)
        self.assert_exit(done, 2)
        self.assert_said(done, "--ask-become-pass")
        self.assert_all_untouched()

    def test_needs_a_terminal(self):
        done = self.lab.apply("--ask-become-pass", inventory=self.asking)
        self.assert_exit(done, 2)
        self.assert_all_untouched()


class LoginPassword(PasswordPair, Pair):
    """No key opens the node: --ask-pass."""

    def test_is_asked_once_for_the_fleet(self):
        with SecretWatch(PASSWORD) as watch:
            done = self.lab.on_terminal("apply", "--yes", "--ask-pass",
                                        replies=[("assword", PASSWORD + "\n")])
        self.assert_exit(done, 0)
        self.assert_pair_linked()
        self.assertEqual(watch.found, set())
        refused = self.lab.apply()
        self.assert_exit(refused, 4)
        self.assert_said(refused, "--ask-pass")


if __name__ == "__main__":
    unittest.main()
