#!/usr/bin/python3
"""What runs leave behind, undoing them, going on with them, and two controllers at once."""

import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import LabCase  # noqa: E402

LOCK = "/var/tmp/bringup.lock"


class Kept(LabCase):
    fleet = "pair"

    def facts(self, run, which):
        """before.json or after.json of a run, held against its schema, without digests: these
        hold more than can be returned (flags, MTU of the moment)."""
        with open(f"{run}/{which}.json", encoding="utf-8") as f:
            text = f.read()
        self.document(type("Text", (), {"out": text, "text": text})(), "facts")
        nodes = json.loads(text)["nodes"]
        for node in nodes:
            del node["digest"]
        return nodes

    def last(self):
        return self.lab.runs()[-1]

    def wait_for_lock(self, node, held, patience=30):
        end = time.monotonic() + patience
        while (self.lab("exec", node, "test", "-e", LOCK, check=False).status == 0) != held:
            self.assertLess(time.monotonic(), end, f"the lock of {node} is not {held}: " + self.lab(
                "exec", node, "sh", "-c", f"date +%s; ls -la /var/tmp; cat {LOCK}; "
                                          "ps -A -o pid,ppid,pgid,args").text)
            time.sleep(0.1)


class Undone(Kept):
    def undo(self, *args):
        """Rolls back and holds every recorded field against what it was before the run."""
        done = self.lab.bringup("rollback", "--yes", *args)
        self.assert_exit(done, 0)
        return done

    def test_an_apply(self):
        self.assert_exit(self.lab.apply(), 0)
        run = self.last()
        self.undo()
        self.assertEqual(self.facts(self.last(), "after"), self.facts(run, "before"))
        for node in ("studio1", "studio2"):
            self.assert_untouched(node)
        again = self.lab.bringup("rollback", "--yes")
        self.assert_exit(again, 0)
        self.assert_said(again, "There is nothing to undo")

    def test_a_rollback(self):
        self.assert_exit(self.lab.apply(), 0)
        self.undo()
        run = self.last()
        self.undo(os.path.basename(run))
        self.assertEqual(self.facts(self.last(), "after"), self.facts(run, "before"))
        state = self.lab.state()
        self.assert_linked(state, "studio1", "en3", "10.254.0.1/30")
        self.assert_linked(state, "studio2", "en3", "10.254.0.2/30")

    def test_a_recover(self):
        self.assert_exit(self.lab.apply(), 0)
        self.lab("reboot", "studio1")
        self.assert_exit(self.lab.bringup("recover", "--yes", "--wait", "60s"), 0)
        run = self.last()
        self.undo()
        before = [n for n in self.facts(run, "before") if n["node"] == "studio1"]  # alone changed
        self.assertEqual(self.facts(self.last(), "after"), before)

    def test_another_address_and_another_matrix(self):
        self.assert_exit(self.lab.apply(), 0)
        for node, address in (("studio1", "10.77.0.1"), ("studio2", "10.77.0.2")):
            self.lab("exec", node, "ifconfig", "en3", "inet", address, "netmask",
                     "255.255.255.0")
            self.lab("exec", node, "sh", "-c", "echo old >/tmp/mlx_ibv_devices.json")
        self.assert_exit(self.lab.apply(), 0)
        run = self.last()
        self.undo()
        self.assertEqual(self.facts(self.last(), "after"), self.facts(run, "before"))
        self.assertEqual(self.interface("studio1", "en3")["inet"], ["10.77.0.1/24"])
        self.assertEqual(self.lab.state()["nodes"]["studio2"]["matrix"]["text"], "old\n")

    def test_a_run_whose_controller_was_killed(self):
        self.lab.break_("studio1", "slow-ifconfig:3")
        running = self.lab.start("apply", "--yes")
        self.wait_for_lock("studio1", True)
        time.sleep(2)
        os.killpg(running.process.pid, signal.SIGKILL)
        running.wait()
        self.lab.mend_all()
        listed = self.lab.bringup("runs", inventory=False)
        self.assert_said(listed, "broken off")
        run = self.last()
        self.wait_for_lock("studio1", False)
        self.undo()
        self.assertEqual(self.facts(self.last(), "after"), self.facts(run, "before"))

    def test_asks_and_shows(self):
        self.assert_exit(self.lab.apply(), 0)
        done = self.lab.bringup("rollback", "--dry-run")
        self.assert_exit(done, 0)
        self.assert_said(done, "ifconfig bridge0 addm en3", "ifconfig en3 inet 10.254.0.1 -alias")
        asked = self.lab.on_terminal("rollback", replies=[("[y/N]", "n\n")])
        self.assert_exit(asked, 0)
        self.assert_linked(self.lab.state(), "studio1", "en3", "10.254.0.1/30")
        self.assert_exit(self.lab.bringup("rollback", "--yes", "20000101-000000-apply-abcdef"), 2)

    def test_json(self):
        self.assert_exit(self.lab.apply(), 0)
        done = self.lab.bringup("rollback", "--yes", "--format", "json")
        document = self.document(done, "rollback")
        self.assertEqual([n["returned"] for n in document["nodes"]], [True, True])
        self.assertEqual([n["differences"] for n in document["nodes"]], [[], []])


class Resumed(Kept):
    def test_goes_on_with_what_was_cut_short(self):
        self.assert_exit(self.lab.bringup("apply", "--resume", "--yes"), 2)
        self.lab.break_("studio1", "cut-on:2")
        self.assert_exit(self.lab.apply(), 5)
        self.lab.mend_all()
        done = self.lab.bringup("apply", "--resume", "--yes")
        self.assert_exit(done, 0)
        self.assert_said(done, "Going on with the run", "done before: studio2")
        state = self.lab.state()
        self.assert_linked(state, "studio1", "en3", "10.254.0.1/30")
        self.assert_linked(state, "studio2", "en3", "10.254.0.2/30")
        self.assert_exit(self.lab.bringup("apply", "--resume", "--yes"), 2)


class Listed(Kept):
    def test_runs(self):
        self.assert_exit(self.lab.apply(), 0)
        listed = self.lab.bringup("runs", "--format", "json", inventory=False)
        document = self.document(listed, "runs")
        self.assertEqual(document["runs"][-1]["verb"], "apply")
        self.assertEqual(document["runs"][-1]["exit_status"], 0)
        shown = self.lab.bringup("runs", "show", inventory=False)
        self.assert_said(shown, "result done", "en3 removed from bridge0", "address 10.254.0.2/30")
        with open(f"{self.last()}/run.json", encoding="utf-8") as f:
            text = f.read()
        self.document(type("Text", (), {"out": text, "text": text})(), "run")
        with open(f"{self.last()}/events.jsonl", encoding="utf-8") as f:
            for line in f:
                self.document(type("Text", (), {"out": line, "text": line})(), "journal")
        for folder, _, _ in os.walk(self.last()):
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700, folder)


class TwoControllers(Kept):
    def test_one_wins_and_the_other_says_so(self):
        for node in ("studio1", "studio2"):
            self.lab.break_(node, "slow-ifconfig:1")
        pair = [self.lab.start("apply", "--yes") for _ in range(2)]
        done = [running.wait() for running in pair]
        self.assertEqual(sorted(d.status for d in done), [0, 5], f"{done[0]}{done[1]}")
        loser = next(d for d in done if d.status == 5)
        self.assert_said(loser, "is being changed by", "since", "nothing was changed", "-apply-")
        self.lab.mend_all()
        state = self.lab.state()
        self.assert_linked(state, "studio1", "en3", "10.254.0.1/30")
        self.assert_linked(state, "studio2", "en3", "10.254.0.2/30")
        # The loser sent no change: its journal has none.
        sent = []
        for run in self.lab.runs()[-2:]:
            with open(f"{run}/events.jsonl", encoding="utf-8") as f:
                sent.append("planned" in f.read())
        self.assertEqual(sorted(sent), [False, True])
        for node in ("studio1", "studio2"):
            self.wait_for_lock(node, False, patience=5)

    def test_the_lock_is_dropped_after_ctrl_c(self):
        self.lab.break_("studio1", "slow-ifconfig:2")
        running = self.lab.start("apply", "--yes")
        self.wait_for_lock("studio1", True)
        running.interrupt()
        self.assert_exit(running.wait(), 130)
        self.wait_for_lock("studio1", False, patience=15)

    def test_a_stale_lock_is_taken_over_with_a_word(self):
        stale = ("bringup lock 1\\ntoken=00\\nrun=r-apply-1\\nwho=ops@laptop\\npid=7\\nsince=1\\n"
                 "until=99999999999\\nsession=1\\nstart=never\\n")
        self.lab("exec", "studio1", "sh", "-c", f"printf '{stale}' >{LOCK}; chmod 644 {LOCK}; "
                                                f"chown admin {LOCK}")
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "took over the stale lock of ops@laptop (process 7)")
        self.wait_for_lock("studio1", False, patience=5)

    def test_a_lock_past_its_time_is_stale_though_its_session_lives(self):
        late = ("bringup lock 1\\ntoken=00\\nwho=ops@laptop\\nsince=1\\nuntil=2\\nsession=1\\n"
                "start=$(ps -o lstart= -p 1 | tr -s ' ' '_')\\n")
        self.lab("exec", "studio1", "sh", "-c", f"printf \"{late}\" >{LOCK}; chown admin {LOCK}")
        self.assert_exit(self.lab.apply(), 0)

    def test_a_lock_of_a_run_that_is_known_to_be_over_is_taken_over(self):
        """As when the controller died while the node was out of reach: sshd there has not noticed."""
        self.lab.bringup("status")
        run = os.path.basename(self.last())
        self.hold("studio2", run)
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "studio2: ⚠ took over the stale lock of ops@laptop")
        self.wait_for_lock("studio2", False, patience=5)

    def hold(self, node, run):
        """A lock of a session that lives."""
        held = (f"bringup lock 1\\ntoken=00\\nrun={run}\\nwho=ops@laptop\\npid=7\\nsince=1\\n"
                "until=9999999999\\nsession=1\\nstart=$(ps -o lstart= -p 1 | tr -s ' ' '_')\\n")
        self.lab("exec", node, "sh", "-c", f"printf \"{held}\" >{LOCK}; chmod 644 {LOCK}; "
                                           f"chown admin {LOCK}")
        self.addCleanup(self.lab, "exec", node, "rm", "-f", LOCK)

    def test_a_lock_of_a_living_session_is_left_alone(self):
        self.hold("studio2", "x")
        done = self.lab.apply()
        self.assert_exit(done, 5)
        self.assert_said(done, "studio2 is being changed by ops@laptop (process 7) since 1970-01-01")
        for node in ("studio1", "studio2"):
            self.assert_untouched(node)
        self.wait_for_lock("studio1", False, patience=5)


if __name__ == "__main__":
    unittest.main()
