#!/usr/bin/python3
"""The management path runs over what is changed: the session comes through bridge0, and the port
that carries it, en0, is to leave that bridge and take another address. Whatever happens in the
middle, each node is afterwards as it was before or as it should be, and can be reached.

BRINGUP_GUARD_KILLS is the number of kills at random moments (default 4), in four classes that may
run beside each other."""

import glob
import json
import os
import random
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import LabCase  # noqa: E402

OLD = {"studio1": "10.99.0.10", "studio2": "10.99.0.11"}
NEW = {"studio1": "10.98.0.10", "studio2": "10.98.0.11"}
GUARD = 12
UNDOING = 10
KILLS = int(os.environ.get("BRINGUP_GUARD_KILLS", "4"))

INVENTORY = """
[fleet]
name = "managed"
[defaults]
user = "admin"
[nodes.studio1]
host = "{studio1}"
[nodes.studio2]
host = "{studio2}"
[[links]]
a = "studio1:en0"
b = "studio2:en0"
kind = "ethernet-10g"
rdma = true
subnet = "10.98.0.0/24"
a_address = "10.98.0.10"
b_address = "10.98.0.11"
[expectations.ethernet-10g]
rtt_avg_ms = 500
"""


class Managed(LabCase):
    fleet = "pair"

    def setUp(self):
        super().setUp()
        for node, address in OLD.items():
            self.lab.exec(node, "sh", "-c",
                          "rm -rf /Users/admin/.bringup; ifconfig bridge0 addm en0 && "
                          f"ifconfig en0 inet {address} -alias && "
                          f"ifconfig bridge0 inet {address} netmask 255.255.255.0")
        self.operator_sees_new(False)

    def operator_sees_new(self, sees):
        """Whether the operator's machine is in the subnet of the new addresses, too."""
        self.lab("ctl", "ip", "addr", "add" if sees else "del", "10.98.0.1/24", "dev", "eth0",
                 check=sees)

    def inventory(self, hosts):
        path = f"{self.scratch()}/managed.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(INVENTORY.format(**hosts))
        return path

    def guarded(self, *args, hosts=OLD):
        return self.applied("--guard-seconds", str(GUARD), "--host-keys", "accept-new", *args,
                            inventory=self.inventory(hosts))

    def start_guarded(self, *args):
        return self.lab.start("apply", "--yes", "--guard-seconds", str(GUARD), "--host-keys",
                              "accept-new", *args, inventory=self.inventory(OLD))

    # What is true on the nodes.

    def state_of(self, node):
        """"old", "new", "booted", or what it is instead."""
        state = self.lab.state()["nodes"][node]
        en0, bridge0 = state["interfaces"]["en0"], state["interfaces"].get("bridge0", {})
        seen = (en0["master"], en0["up"], en0["inet"], bridge0.get("inet"),
                state["matrix"] is not None)
        known = {"old": ("bridge0", True, [], [f"{OLD[node]}/24"], False),
                 "new": (None, True, [f"{NEW[node]}/24"], [f"{OLD[node]}/24"], True),
                 "booted": (None, True, [f"{OLD[node]}/24"], [], False)}
        for word, value in known.items():
            if seen == value:
                return word
        return seen

    def home(self, node):
        with open(f"{self.lab.dir}/nodes/{node}/pid", encoding="utf-8") as f:
            return f"/proc/{f.read().split()[0]}/root/Users/admin"

    def guards(self, node):
        """The names of the files in all of the node's guard folders."""
        return [os.path.basename(p) for p in glob.glob(f"{self.home(node)}/.bringup/guard/*/*")]

    def answers(self, node):
        """sshd at the old address or the new, from where the operator is."""
        for address in (OLD[node], NEW[node]):
            done = self.lab("ctl", "sh", "-c", f"echo | nc -w 2 {address} 22", check=False)
            if "SSH-" in done.out:
                return True
        return False

    def assert_whole(self, *allowed):
        """Every node is in one of these states and its guard says the same. Returns the states."""
        found = {}
        for node in OLD:
            seen = self.state_of(node)
            self.assertIn(seen, allowed, f"{node}: {seen}, {self.guards(node)}")
            self.assertTrue(self.answers(node), node)
            self.assertNotIn("rollback-failed", self.guards(node))
            found[node] = seen
        return found

    def settle(self, patience=GUARD + UNDOING):
        """Waits until no guard is open, nor a script at work that could arm one. A lock's watch may
        outlive both, for as long as its session seems to live."""
        end = time.monotonic() + patience
        quiet = time.monotonic()
        while time.monotonic() - quiet < 6:
            self.assertLess(time.monotonic(), end + 6,
                            f"not settled: { {n: self.guards(n) for n in OLD} }")
            if any(x in ("armed", "rolling-back") for n in OLD for x in self.guards(n)):
                quiet = time.monotonic()
            elif (time.monotonic() - quiet > 0.5 and
                  not any(self.is_at_work(n) for n in OLD)):
                return
            time.sleep(0.2)

    def is_at_work(self, node):
        return any(c.startswith("sh -s") or "bringup-guard-" in c
                   for c in self.lab.processes(node).values())

    def assert_converges(self):
        """The next run, with each host where it answers now."""
        self.lab.mend_all()
        self.operator_sees_new(False)
        self.operator_sees_new(True)
        states = {n: self.state_of(n) for n in OLD}
        hosts = {n: NEW[n] if states[n] == "new" else OLD[n] for n in OLD}
        try:
            done, _ = self.guarded(hosts=hosts)
        except AssertionError as error:  # it did not come to its end
            raise AssertionError(f"{error}\n{self.picture()}") from None
        self.assert_exit(done, 0)
        for node in OLD:
            en0 = self.interface(node, "en0")
            self.assertEqual((en0["master"], en0["inet"][0]), (None, f"{NEW[node]}/24"), str(done))
        again, _ = self.guarded(hosts=NEW)
        self.assert_exit(again, 0)
        self.assert_said(again, "0 changes")

    def picture(self):
        """What stands and runs on the nodes, for whoever reads of a failure."""
        look = ("ifconfig -a; ps -A -o pid,ppid,pgid,etime,args; "
                "for f in /Users/admin/.bringup/guard/*/*; do echo \"== $f\"; head -c 400 $f; done; "
                "cat /var/tmp/bringup.lock")
        return "\n".join(f"### {n}\n" + self.lab("exec", n, "sh", "-c", look, check=False).text
                         for n in OLD) + self.lab("ctl", "sh", "-c", "ip neigh; ip addr",
                                                  check=False).text

    def wait_for(self, true, patience=60):
        end = time.monotonic() + patience
        while not true():
            self.assertLess(time.monotonic(), end, "did not come about")
            time.sleep(0.02)

    def has_address(self, node, address):
        return any(x.startswith(address) for x in self.interface(node, "en0")["inet"])

    def office_cable(self, state):
        subprocess.run(["ip", "-n", f"lab.{self.lab.name}.hub.", "link", "set", "m0.0", state],
                       check=True)

    def guard_processes(self, node):
        return sorted(p for p, c in self.lab.processes(node).items() if "bringup-guard-" in c)

    def states_told(self, document):
        return {n: (self.node_entry(document, n)["guard"] or {}).get("state") for n in OLD}


class Ends(Managed):
    def test_a_new_management_address_is_confirmed_there(self):
        self.operator_sees_new(True)
        done, document = self.guarded()
        self.assert_exit(done, 0)
        self.assertEqual(self.assert_whole("new"), {n: "new" for n in OLD})
        self.assertEqual(self.states_told(document), {n: "committed" for n in OLD})
        self.assert_said(done, "confirmed over a new connection")
        self.assertEqual({n: self.guards(n) for n in OLD}, {n: [] for n in OLD})
        again, _ = self.guarded(hosts=NEW)
        self.assert_exit(again, 0)
        self.assert_said(again, "0 changes")

    def test_a_change_that_strands_the_operator_is_rolled_back(self):
        done, document = self.guarded()
        self.assert_exit(done, 5)
        self.assert_said(done, "rolled back, it is as it was before")
        self.assertEqual(self.states_told(document), {n: "rolled-back" for n in OLD})
        self.assert_whole("old")
        self.assert_converges()


class Killing(Managed):
    """The controller is gone from one moment to the next: nothing is confirmed any more, and the
    nodes put themselves right. Twice N moments: before and after each change of a node, before the
    guard is heard of, when all is changed, when one node is confirmed."""

    def kill_when(self, seen):
        self.operator_sees_new(True)
        for node in OLD:
            self.lab.break_(node, "slow-ifconfig:0.4")
        process = self.start_guarded()
        end = time.monotonic() + 60
        while not seen() and process.process.poll() is None:
            self.assertLess(time.monotonic(), end, "the moment did not come")
            time.sleep(0.01)
        os.killpg(process.process.pid, signal.SIGKILL)
        process.wait()
        self.settle()
        # Each node by itself: a controller that dies between two confirmations leaves one of each.
        found = self.assert_whole("old", "new")
        for node, state in found.items():
            for word in ("committed",) if state == "old" else ("rolled-back",):
                self.assertNotIn(word, self.guards(node), f"{node} is {state}")
        self.assert_converges()
        return found

    def runs_on(self, node, command):
        return any(c.startswith("ifconfig " + command) for c in self.lab.processes(node).values())

    def has(self, node, name):
        return name in self.guards(node)

    def kernel_master(self, node):
        return self.interface(node, "en0")["master"]


class KilledAtFirst(Killing):
    def test_before_the_guard(self):
        self.assertEqual(self.kill_when(lambda: self.lab.runs() and self.lab.processes("studio1")
                                        and any("bringup/guard" in c or "sh -s" in c for c in
                                                self.lab.processes("studio1").values())),
                         {n: "old" for n in OLD})

    def test_guard_armed(self):
        self.kill_when(lambda: self.has("studio1", "armed"))

    def test_at_the_first_change(self):
        self.kill_when(lambda: self.runs_on("studio1", "bridge0 deletem en0"))

    def test_after_the_first_change(self):
        self.kill_when(lambda: self.kernel_master("studio1") is None)


class KilledLater(Killing):
    def test_at_the_second_change(self):
        self.kill_when(lambda: self.runs_on("studio1", "en0 up"))

    def test_at_the_third_change(self):
        self.kill_when(lambda: self.runs_on("studio1", "en0 inet"))

    def test_after_the_last_change(self):
        self.kill_when(lambda: self.has("studio1", "applied"))

    def test_at_the_confirmation(self):
        self.kill_when(lambda: any(self.has(n, "committed") for n in OLD))


class AtRandom(Killing):
    """A quarter of the kills at random moments."""

    def test_a_quarter(self):
        for _ in range((KILLS + 3) // 4):
            moment = time.monotonic() + random.uniform(0.1, 6)
            with self.subTest(moment=moment):
                self.setUp()
                self.kill_when(lambda at=moment: time.monotonic() > at)


class AtRandom2(AtRandom):
    pass


class AtRandom3(AtRandom):
    pass


class AtRandom4(AtRandom):
    pass


class Disturbed(Managed):
    def told_as_it_is(self, done, document, *allowed):
        """The report and the nodes agree."""
        self.settle()
        found = self.assert_whole(*allowed)
        for node, told in self.states_told(document).items():
            expected = {"new": "committed", "old": "rolled-back"}.get(found[node])
            if expected and told not in ("none", None):
                self.assertEqual(told, expected, f"{node} is {found[node]}\n{done}")
        return found


class Network(Disturbed):
    def test_the_network_goes_in_the_middle(self):
        """The node's cable to the office is out from the first change on until the time is over."""
        self.operator_sees_new(True)
        self.lab.break_("studio1", "slow-ifconfig:0.5")
        process = self.start_guarded()
        self.wait_for(lambda: self.interface("studio1", "en0")["master"] is None)
        self.office_cable("down")
        self.wait_for(lambda: "rolled-back" in self.guards("studio1"))
        self.office_cable("up")
        done = process.wait()
        self.assert_exit(done, 5)
        self.settle()
        self.assert_whole("old")
        self.assert_converges()

    def test_the_session_is_cut_before_each_change(self):
        for change in (1, 2, 3):
            with self.subTest(change=change):
                self.setUp()
                self.operator_sees_new(True)
                self.lab.break_("studio1", f"cut-on:{change}")
                done, document = self.guarded()
                self.told_as_it_is(done, document, "old", "new")
                self.assert_converges()

    def test_the_node_restarts_within_the_window(self):
        self.operator_sees_new(True)
        self.lab.break_("studio1", "slow-ifconfig:1")
        process = self.start_guarded()
        self.wait_for(lambda: self.has_address("studio1", NEW["studio1"]))
        self.lab("reboot", "studio1")
        done = process.wait()
        self.assert_exit(done, 5)
        self.settle()
        self.assert_whole("old", "booted")
        self.assert_converges()


class Processes(Disturbed):
    def test_the_guards_processes_are_killed(self):
        """One of the two that wait; the other is left to do the work."""
        for which in (0, -1):
            with self.subTest(which=which):
                self.setUp()
                process = self.start_guarded()
                self.wait_for(lambda: "applied" in self.guards("studio1"))
                os.kill(self.guard_processes("studio1")[which], signal.SIGKILL)
                os.killpg(process.process.pid, signal.SIGKILL)
                process.wait()
                self.settle(GUARD + 2 * UNDOING)
                self.assert_whole("old")
                self.assert_converges()

    def test_all_of_its_processes_are_killed(self):
        """Then the controller's own hand is all that is left: it confirms, or it rolls back."""
        self.operator_sees_new(True)
        self.lab.break_("studio1", "slow-ifconfig:1")
        process = self.start_guarded()
        self.wait_for(lambda: "armed" in self.guards("studio1"))
        for pid in self.guard_processes("studio1"):
            os.kill(pid, signal.SIGKILL)
        done = process.wait()
        self.assertIn(done.status, (0, 5), str(done))
        self.settle()
        self.assert_whole("old", "new")
        self.assert_converges()


class Failures(Disturbed):
    def test_a_full_disk(self):
        """The matrix cannot be written: the whole group goes back."""
        self.operator_sees_new(True)
        self.lab.break_("studio1", "disk-full")
        done, document = self.guarded()
        self.assert_exit(done, 5)
        self.assert_said(done, "IBV matrix not written", "rolled back")
        self.assertEqual(self.told_as_it_is(done, document, "old"), {n: "old" for n in OLD})
        self.assert_converges()

    def test_no_room_for_the_guard(self):
        self.operator_sees_new(True)
        self.lab.exec("studio1", "sh", "-c", "mkdir -p /Users/admin/.bringup && "
                      "chown admin /Users/admin/.bringup && : >/Users/admin/.bringup/guard")
        done, document = self.guarded()
        self.lab.exec("studio1", "rm", "-r", "/Users/admin/.bringup")
        self.assert_exit(done, 5)
        self.assert_said(done, "nothing was changed")
        self.assertEqual(self.states_told(document), {"studio1": "none", "studio2": "rolled-back"})
        self.assert_whole("old")
        self.assert_converges()

    def test_one_end_fails_and_both_go_back(self):
        self.operator_sees_new(True)
        self.lab.break_("studio2", "deletem-stuck:en0")
        done, document = self.guarded()
        self.assert_exit(done, 5)
        self.assertEqual(self.told_as_it_is(done, document, "old"), {n: "old" for n in OLD})
        self.assert_said(done, "studio2 failed: en0 is still in bridge0")
        self.assert_converges()

    def test_interrupted(self):
        self.operator_sees_new(True)
        for node in OLD:
            self.lab.break_(node, "slow-ifconfig:1")
        process = self.start_guarded()
        self.wait_for(lambda: "armed" in self.guards("studio1"))
        process.interrupt()
        done = process.wait(60)
        self.assert_exit(done, 130)
        self.settle()
        self.assert_whole("old")
        self.assert_converges()


class Unguarded(Managed):
    def test_never_says_what_it_risks(self):
        self.operator_sees_new(True)
        done = self.lab.bringup("apply", "--guard", "never", "--yes", "--timeout", "10",
                                "--connect-timeout", "3", inventory=self.inventory(OLD))
        self.assert_said(done, "warning: studio1: the session arrives through bridge0",
                         "nothing undoes it")
        self.assertEqual({n: self.guards(n) for n in OLD}, {n: [] for n in OLD})


class Ways(LabCase):
    """--guard always, --serial and --max-fail, and a node through which others are reached."""

    fleet = "triangle"

    def guard_told(self, document, node):
        return (self.node_entry(document, node)["guard"] or {}).get("state")

    def assert_in_turn(self, nodes):
        """The journal's last run began these groups of nodes, each after the one before had ended."""
        with open(f"{self.lab.runs()[-1]}/events.jsonl", encoding="utf-8") as f:
            events = [json.loads(line) for line in f]
        events = [e for e in events if e.get("phase") == "apply"]
        for before, after in zip(nodes, nodes[1:]):
            ended = max(i for i, e in enumerate(events)
                        if e["kind"] == "node_done" and e["node"] in before)
            began = min(i for i, e in enumerate(events)
                        if e["kind"] == "node_started" and e["node"] in after)
            self.assertLess(ended, began, f"{before} before {after}")

    def test_all_are_guarded_when_asked(self):
        done, document = self.applied("--guard", "always")
        self.assert_exit(done, 0)
        for node in self.macs:
            self.assertEqual(self.guard_told(document, node), "committed", str(done))

    def test_none_is_guarded_otherwise(self):
        done, document = self.applied()
        self.assert_exit(done, 0)
        for node in self.macs:
            self.assertIn(self.guard_told(document, node), (None, "none"), str(done))

    def test_one_first_then_that_many(self):
        done, _ = self.applied("--serial", "2")
        self.assert_exit(done, 0)
        self.assert_in_turn([["studio1"], ["studio2", "studio3"]])

    def test_the_first_fails_and_no_other_is_begun(self):
        self.lab.break_("studio1", "deletem-stuck:en3")
        done, document = self.applied("--serial", "2")
        self.assert_exit(done, 5)
        self.assert_said(done, "studio2: not begun: a node failed before",
                         "studio3: not begun: a node failed before")
        for node in ("studio2", "studio3"):
            self.assert_untouched(node)
        self.assertIsNotNone(document)

    def test_so_many_may_fail(self):
        for node in ("studio1", "studio2"):
            self.lab.break_(node, "deletem-stuck:en3")
        done, _ = self.applied("--serial", "1", "--max-fail", "2")
        self.assert_exit(done, 5)
        self.assert_said(done, "studio3: not begun: 2 nodes failed before")
        self.assert_untouched("studio3")

    def through_studio1(self):
        return self.edited(("[nodes.studio3]", '[nodes.studio3]\nvia = ["studio1"]'))

    def test_a_node_that_leads_to_another_is_guarded(self):
        done, document = self.applied("--host-keys", "accept-new",
                                      inventory=self.through_studio1())
        self.assert_exit(done, 0)
        self.assertEqual(self.guard_told(document, "studio1"), "committed", str(done))
        self.assert_said(done, "other nodes are reached through studio1")

    def test_it_goes_back_when_it_fails(self):
        self.lab.break_("studio1", "address-refused:en4")
        done, document = self.applied("--host-keys", "accept-new",
                                      inventory=self.through_studio1())
        self.assert_exit(done, 5)
        self.assertEqual(self.guard_told(document, "studio1"), "rolled-back", str(done))
        for node in self.macs:  # they share links with it, so they stand and fall together
            self.assert_untouched(node)


if __name__ == "__main__":
    unittest.main()
