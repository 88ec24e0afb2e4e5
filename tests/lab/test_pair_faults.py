#!/usr/bin/python3
"""Nodes that hang, shout, forge, vanish or are interrupted: the run stays bounded, tells what it
knows, leaves nothing behind, and the next one finishes the work. studio2 is the broken one."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import INSTRUMENTED, LabCase  # noqa: E402

ENDS = {"studio1": "10.254.0.1/30", "studio2": "10.254.0.2/30"}
# Sanitizers keep freed memory and shadow all of it.
MEMORY_MIB = 1500 if INSTRUMENTED else 100


class PairFaults(LabCase):
    fleet = "pair"

    def assert_studio1_done(self):
        state = self.lab.state()
        self.assert_linked(state, "studio1", "en3", ENDS["studio1"])
        self.assertIsNotNone(state["nodes"]["studio1"]["matrix"])

    def assert_next_apply_converges(self):
        self.lab.mend_all()
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assert_said(done, "2 of 2 pings pass")
        state = self.lab.state()
        for node, address in ENDS.items():
            self.assert_linked(state, node, "en3", address)
        again = self.lab.apply()
        self.assert_said(again, "0 changes")
        self.assertEqual(self.lab.state(), state)


class Silent(PairFaults):
    def test_sshd_that_says_nothing(self):
        self.lab.break_("studio2", "sshd-silent")
        done, document = self.applied("--connect-timeout", "3")
        self.assert_exit(done, 4)
        self.assertLess(done.seconds, 60)
        error = self.node_entry(document, "studio2")["error"]
        self.assertEqual(error["code"], "unreachable")
        self.assertTrue(error["hint"])
        self.assert_said(done, "studio2")
        self.assert_studio1_done()
        self.assert_next_apply_converges()

    def test_profiler_that_never_ends(self):
        self.lab.break_("studio2", "profiler-hang")
        residents = self.residents()
        done = self.lab.apply("--timeout", "8")
        self.assertLess(done.seconds, 90)
        self.assertIn(done.status, (0, 4, 5, 6), str(done))
        self.assert_said(done, "studio2")
        self.assert_studio1_done()
        self.assert_no_strangers(residents)
        self.assert_next_apply_converges()

    def test_profiler_that_is_slow(self):
        self.lab.break_("studio2", "profiler-slow:3")
        self.assert_exit(self.lab.apply(), 0)

    def test_a_command_that_never_ends(self):
        residents = self.residents()
        done = self.lab.bringup("exec", "--timeout", "3", "--",
                                "test $(hostname) = studio1 || sleep 1000")
        self.assertIn(done.status, (4, 5), str(done))
        self.assert_said(done, "studio1 (1)", "studio2 (1)")
        self.assertLess(done.seconds, 60)
        self.assert_no_strangers(residents)


class Loud(PairFaults):
    """Only the profiler's record is lost: everything else of the node is done."""

    def warned(self):
        done, document = self.applied()
        self.assert_exit(done, 0)
        self.assert_harmless(done)
        self.assertLess(done.peak_mib, MEMORY_MIB)
        step = self.step(document, "studio2", "profiler.collect", "SPThunderboltDataType")
        self.assertEqual(step["status"], "warning", str(done))
        self.assertTrue(step["cure"])
        good = self.step(document, "studio1", "profiler.collect", "SPThunderboltDataType")
        self.assertEqual(good["status"], "ok")
        state = self.lab.state()
        for node, address in ENDS.items():
            self.assert_linked(state, node, "en3", address)
        return done

    def test_a_hundred_megabytes(self):
        self.lab.break_("studio2", "flood:100")
        self.warned()

    def test_rubbish_and_escape_sequences(self):
        self.lab.break_("studio2", "garbage")
        self.warned()

    def test_a_profile_that_looks_like_the_tools_own_frames(self):
        """Whoever answers the profiler's question cannot know this run's nonce."""
        self.assert_exit(self.lab.apply(), 0)
        with open(f"{self.lab.runs()[-1]}/raw/studio2.facts.txt", "rb") as f:
            raw = f.read()
        self.assertIn(b"\n@@", raw)
        path = f"{self.scratch()}/said"
        with open(path, "wb") as f:  # a replay: frames that were genuine a run ago
            f.write(raw.replace(b"en3", b"en9").replace(b"26.2", b"\x1b[31m66.6"))
        self.lab("reinit", "--keep-rdma", *self.macs)
        self.lab.break_("studio2", f"profiler-says:{path}")
        done = self.warned()
        self.assert_not_said(done, "66.6", "en9")

    def test_an_empty_profile_is_not_an_error(self):
        self.lab.break_("studio2", "profiler-empty")
        self.assert_exit(self.lab.apply(), 0)

    def test_a_command_that_prints_without_end(self):
        done = self.lab.bringup("exec", "--", "test $(hostname) = studio1 || cat /dev/zero",
                                "--output", f"{self.scratch()}/out")
        self.assert_exit(done, 5)
        self.assertLess(done.peak_mib, MEMORY_MIB)
        self.assertLess(done.seconds, 60)


class Cut(PairFaults):
    def cut(self, fault, *args):
        """Returns the entry of studio2."""
        self.lab.break_("studio2", fault)
        done, document = self.applied(*args)
        self.assert_exit(done, 5)
        self.assertLess(done.seconds, 90)
        entry = self.node_entry(document, "studio2")
        self.assertIsNotNone(entry["error"], str(done))
        self.assertIn("apply again", entry["error"]["hint"] + "".join(
            s["cure"] for s in entry["steps"]))
        self.assert_studio1_done()
        return entry

    def statuses(self, entry):
        return {(s["task"], s["target"]): s["status"] for s in entry["steps"]}

    def test_cut_before_the_first_change(self):
        entry = self.cut("cut-on:1")
        self.assert_untouched("studio2")
        self.assertNotIn("done", self.statuses(entry).values())
        self.assert_next_apply_converges()

    def test_cut_in_the_middle(self):
        """Just before the address is set: the port has left the bridge, and the report knows."""
        entry = self.cut("cut-on:10.254.0.2")
        state = self.lab.state()
        seen = state["nodes"]["studio2"]["interfaces"]["en3"]
        self.assertEqual((seen["master"], seen["inet"]), (None, []))
        statuses = self.statuses(entry)
        self.assertEqual(statuses[("bridge.detach", "en3")], "done", entry)
        self.assertEqual(statuses[("address.assign", "en3")], "skipped", entry)
        self.assert_next_apply_converges()

    def test_node_vanishes_in_the_middle(self):
        self.cut("vanish-on:10.254.0.2", "--timeout", "8")
        self.assert_next_apply_converges()


class Interrupted(PairFaults):
    def interrupted(self, process):
        began = time.monotonic()
        process.interrupt()
        done = process.wait(60)
        self.assert_exit(done, 130)
        self.assertLess(time.monotonic() - began, 30 if INSTRUMENTED else 10)
        self.assertNotIn("terminate called", done.text)
        return done

    def test_in_the_middle_of_apply(self):
        residents = self.residents()
        for node in ENDS:
            self.lab.break_(node, "slow-ifconfig:4")
        process = self.lab.start("apply", "--yes")
        self.wait_for(lambda: any("ifconfig bridge0 deletem" in c
                                  for n in ENDS for c in self.lab.processes(n).values()))
        self.interrupted(process)
        self.assert_no_strangers(residents)
        folder = self.lab.runs()[-1]
        with open(f"{folder}/events.jsonl", encoding="utf-8") as f:
            self.assertIn("deletem en3", f.read())  # what may have been changed is on record
        self.assert_next_apply_converges()

    def test_while_facts_are_read(self):
        residents = self.residents()
        self.lab.break_("studio2", "profiler-hang")
        process = self.lab.start("apply", "--yes")
        self.wait_for(lambda: any("system_profiler" in c
                                  for c in self.lab.processes("studio2").values()))
        self.interrupted(process)
        self.assert_no_strangers(residents)
        for node in ENDS:
            self.assert_untouched(node)

    def test_while_connecting(self):
        self.lab.break_("studio2", "sshd-silent")
        process = self.lab.start("apply", "--yes", "--connect-timeout", "60")
        time.sleep(2)
        self.interrupted(process)
        self.assert_untouched("studio1")

    def test_exec(self):
        residents = self.residents()
        process = self.lab.start("exec", "--", "sleep 1000")
        self.wait_for(lambda: all("sleep 1000" in " ".join(self.lab.processes(n).values())
                                  for n in ENDS))
        self.interrupted(process)
        self.assert_no_strangers(residents)

    def wait_for(self, true, patience=60):
        end = time.monotonic() + patience
        while not true():
            self.assertLess(time.monotonic(), end, "did not come about")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
