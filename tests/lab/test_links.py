#!/usr/bin/python3
"""The lab's own tests of what the checks of links meet: iperf3, shaping, loss, MTU, the model of
ibv_uc_pingpong, GIDs, and what is left on a node. Nothing of bringup itself."""

import json
import re
import time
import unittest

from test_lab import PairCase, Standing

IPERF = "/opt/homebrew/bin/iperf3"
DEVINFO = "ibv_devinfo -v -d rdma_en3"


class LinksCase(PairCase):
    def setUp(self):
        self.lab.must("calm")
        super().setUp()
        self.configure()

    def start(self, host, command):
        """In the background of that node, until the class's lab goes or the node reboots."""
        self.lab.out(host, f"({command}) >/tmp/out 2>&1 </dev/null &")
        time.sleep(0.5)

    def mbits(self, *options):
        self.start("studio2", f"{IPERF} -s -1")
        out = self.lab.out("studio1", f"{IPERF} -c 10.254.0.2 -t 2 -J " + " ".join(options))
        return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e6

    def lost(self, count=100):
        out = self.lab.must("exec", "studio1", "ping", "-c", str(count), "-i", "0.005", "-W", "300",
                            "10.254.0.2")
        return float(re.search(r"([\d.]+)% packet loss", out)[1])

    def left(self, name):
        return self.lab.must("leftovers", name).splitlines()


class Cables(LinksCase):
    def test_shape_holds_back_one_direction_or_both(self):
        self.assertGreater(self.mbits(), 1000)
        self.lab.must("shape", "studio1:en3", "300mbit", "--end", "studio1:en3")
        self.assertTrue(250 < self.mbits() < 310)
        self.assertGreater(self.mbits("-R"), 1000)
        self.lab.must("shape", "studio1:en3", "300mbit")
        self.assertTrue(250 < self.mbits("-R") < 310)
        self.lab.must("shape", "studio1:en3", "off")
        self.assertGreater(self.mbits(), 1000)

    def test_loss(self):
        self.assertEqual(self.lost(), 0)
        self.lab.must("loss", "studio2:en3", "20")
        self.assertTrue(10 < self.lost(200) < 60)
        self.lab.must("loss", "studio2:en3", "off")
        self.assertEqual(self.lost(), 0)

    def test_mtu_of_one_end(self):
        for k in (1, 2):
            self.lab.must("mtu", f"studio{k}:en3", "9000")
        large = ("exec", "studio1", "ping", "-D", "-s", "8000", "-c", "2", "-i", "0.1", "-W", "300",
                 "10.254.0.2")
        self.assertEqual(self.lab(*large).returncode, 0)
        self.lab.must("mtu", "studio2:en3", "1500")
        self.assertEqual(self.lab.node("studio2")["interfaces"]["en3"]["mtu"], 1500)
        self.assertEqual(self.lab(*large).returncode, 2)

    def test_recable(self):
        self.assertIn("PORT_ACTIVE", self.lab.out("studio1", DEVINFO))
        self.lab.must("recable", "studio1:en3", "--speed", "40")
        self.addCleanup(self.lab.must, "recable", "studio1:en3", "--speed", "80")
        for name in ("studio1", "studio2"):
            out = self.lab.out(name, DEVINFO)
            self.assertIn("PORT_DOWN", out)
            self.assertIn("active_width:\t\t4X (2)", out)
        self.assertIn('"40 Gb/s"',
                      self.lab.out("studio1", "system_profiler SPThunderboltDataType -json"))

    def test_calm_undoes_all(self):
        for command in (("shape", "studio1:en3", "9mbit"), ("loss", "studio1:en3", "90"),
                        ("unplug", "studio1:en3"), ("break", "studio1", "iperf3-missing")):
            self.lab.must(*command)
        self.lab.must("calm")
        self.assertEqual(self.lost(), 0)
        self.assertGreater(self.mbits(), 1000)

    def test_refusals(self):
        for args in (("shape", "studio1:en3", "fast"), ("loss", "studio1:en3", "200"),
                     ("shape", "studio1:en3", "1gbit", "--end", "studio1:en4"),
                     ("mtu", "studio1:en3", "99999"), ("loss", "studio1:en9", "1")):
            done = self.lab(*args)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), args)


class Tools(LinksCase):
    def test_iperf3_is_where_homebrew_puts_it(self):
        self.assertEqual(self.lab.ssh("studio1", "command -v iperf3").returncode, 1)
        self.lab.out("studio1", f"{IPERF} --version")
        self.breaks("iperf3-missing")
        self.assertEqual(self.lab.ssh("studio1", f"{IPERF} --version").returncode, 127)
        self.lab.must("mend", "studio1", "iperf3-missing")
        self.lab.out("studio1", f"{IPERF} --version")

    def test_iperf3_busy_hanging_and_talking_nonsense(self):
        for fault, port in (("iperf3-busy", 5201), ("iperf3-busy:5207", 5207)):
            self.breaks(fault)
            done = self.lab.ssh("studio1", f"{IPERF} -s -1 -p {port}")
            self.assertIn("Address already in use", done.stdout + done.stderr)
            done = self.lab.ssh("studio2", f"perl -e 'alarm 2; exec @ARGV' {IPERF} -c 10.254.0.1 "
                                           f"-p {port} -t 1; exit $?")
            self.assertEqual(done.returncode, 142, done.stdout + done.stderr)
            self.assertEqual(self.left("studio1"), [])
        self.breaks("iperf3-hang", "studio2")
        done = self.lab.ssh("studio2", f"perl -e 'alarm 1; exec @ARGV' {IPERF} -s -1; exit $?")
        self.assertEqual(done.returncode, 142)
        self.lab.must("mend", "studio2")
        self.breaks("iperf3-garbage", "studio2")
        self.assertIn("nan", self.lab.out("studio2", f"{IPERF} -c 10.254.0.1 -J"))

    def test_forwarding_is_refused_and_nc_stands_in(self):
        forward = ("ctl", "ssh", "-o", "BatchMode=yes", "-W", "10.254.0.2:22", "admin@studio1")
        self.assertIn("SSH-2.0", self.lab(*forward).stdout)
        self.breaks("no-forwarding")
        done = self.lab(*forward)
        self.assertIn("administratively prohibited", done.stderr)
        self.assertEqual(self.lab.ssh("studio1", "nc -z -w 2 10.254.0.2 22").returncode, 0)
        self.assertEqual(self.lab.ssh("studio1", "nc -z -w 2 10.254.0.2 23").returncode, 1)
        self.lab.must("mend", "studio1")
        self.assertIn("SSH-2.0", self.lab(*forward).stdout)

    def test_memlock(self):
        before = self.lab.out("studio1", "ulimit -l")
        self.breaks("memlock:64")
        self.assertEqual(self.lab.out("studio1", "ulimit -l"), "64\n")
        self.lab.must("mend", "studio1")
        self.assertEqual(self.lab.out("studio1", "ulimit -l"), before)

    def test_a_time_limit_without_timeout(self):
        done = self.lab.ssh("studio1", "perl -e 'alarm 1; exec @ARGV' sleep 20; exit $?")
        self.assertEqual(done.returncode, 142)

    def test_leftovers_names_processes_files_and_ports(self):
        self.assertEqual(self.left("studio2"), [])
        self.start("studio2", f"{IPERF} -s")
        self.lab.out("studio2", "mkdir -p ~/.cache/bringup; echo x >~/.cache/bringup/probe")
        left = self.left("studio2")
        self.assertRegex(left[0], r"^process \d+ /opt/homebrew/bin/iperf3 -s$")
        self.assertEqual(left[1:], ["file /Users/admin/.cache/",
                                    "file /Users/admin/.cache/bringup/",
                                    "file /Users/admin/.cache/bringup/probe",
                                    "file /private/tmp/out", "port tcp/5201"])
        self.lab.must("leftovers", "--mark", "studio2")
        self.assertEqual(self.left("studio2"), [])
        self.lab.out("studio2", "echo y >~/.cache/bringup/probe")
        self.assertEqual(self.left("studio2"), ["file /Users/admin/.cache/bringup/probe"])


class Verbs(LinksCase):
    """What lab-mac plays."""

    def pingpong(self, index=1, server_index=1, limit=4, far="10.254.0.2"):
        self.start("studio2", "perl -e 'alarm 8; exec @ARGV' ibv_uc_pingpong -d rdma_en3 -n 200 -g "
                              f"{server_index}")
        return self.lab.ssh("studio1", f"perl -e 'alarm {limit}; exec @ARGV' ibv_uc_pingpong -d "
                                       f"rdma_en3 -n 200 -g {index} {far}; exit $?")

    def again(self):
        """No server of an earlier try."""
        self.lab.must("reinit", "studio1", "studio2")
        self.configure()

    def test_pingpong(self):
        done = self.pingpong()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, re.compile(
            r"^  local address:  LID 0x0001, QPN 0x[0-9a-f]{6}, PSN 0x[0-9a-f]{6}, "
            r"GID ::ffff:10\.254\.0\.1\n"
            r"  remote address: LID 0x0001, QPN 0x[0-9a-f]{6}, PSN 0x[0-9a-f]{6}, "
            r"GID ::ffff:10\.254\.0\.2\n"
            r"1638400 bytes in \d+\.\d\d seconds = \d+\.\d\d Mbit/sec\n"
            r"200 iters in \d+\.\d\d seconds = \d+\.\d\d usec/iter\n$"))
        self.assertIn("usec/iter", self.lab.out("studio2", "cat /tmp/out"))

    def test_pingpong_fails_at_rtr(self):
        def wrong(index=1):
            self.again()
            done = self.pingpong(index, far="studio2")
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertRegex(done.stderr, "Failed to modify QP to RTR|Couldn't connect to studio2|"
                                          "Couldn't read/write remote address")

        wrong(index=0)
        wrong(index=5)
        self.breaks("pingpong-errno22")
        wrong()
        self.lab.must("mend", "studio1")
        self.breaks("rdma-disabled", "studio2")
        wrong()
        self.lab.must("mend", "studio2")
        self.lab.must("unplug", "studio1:en3")
        wrong()

    def test_pingpong_waits_for_ever_as_an_unreliable_connection_does(self):
        self.breaks("pingpong-hang")
        self.assertEqual(self.pingpong(limit=2).returncode, 142)
        self.lab.must("mend", "studio1")
        self.again()
        self.lab.must("loss", "studio1:en3", "10")
        self.assertEqual(self.pingpong(limit=3, far="studio2").returncode, 142)

    def test_gid_at_index_2(self):
        self.breaks("gid-index2:en3")
        out = self.lab.out("studio1", DEVINFO)
        self.assertRegex(out, r"GID\[  1\]:\t\tfe80::")
        self.assertIn("GID[  2]:\t\t::ffff:10.254.0.1", out)
        self.assertEqual(self.pingpong(index=1).returncode, 1)
        self.again()
        self.assertEqual(self.pingpong(index=2).returncode, 0)

    def test_gid_comes_late(self):
        self.breaks("gid-late:en3:3")
        self.lab.out("studio1", "sudo ifconfig en3 inet 10.254.0.1 netmask 255.255.255.252 alias")
        self.assertNotIn("::ffff", self.lab.out("studio1", DEVINFO))
        deadline = time.monotonic() + 6
        while "::ffff:10.254.0.1" not in self.lab.out("studio1", DEVINFO):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.3)

    def test_devices_gone(self):
        self.breaks("device-gone:en3")
        self.assertNotIn("rdma_en3", self.lab.out("studio1", "ibv_devices"))
        self.assertIn("rdma_en4", self.lab.out("studio1", "ibv_devices"))
        self.lab.must("break", "studio1", "device-gone")
        self.assertEqual(len(self.lab.out("studio1", "ibv_devices").splitlines()), 2)
        self.assertIn("No IB devices found", self.lab.ssh("studio1", "ibv_devinfo").stderr)

    def test_port_down_and_address_gone(self):
        self.breaks("port-down:en3")
        self.assertIn("PORT_DOWN", self.lab.out("studio1", DEVINFO))
        self.lab.must("mend", "studio1")
        self.assertIn("PORT_ACTIVE", self.lab.out("studio1", DEVINFO))
        self.breaks("no-address:en3")
        self.assertNotIn("::ffff", self.lab.out("studio1", DEVINFO))


class Addressed(unittest.TestCase):
    def test_a_fleet_may_start_configured(self):
        path = "/tmp/lab-addressed.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write('[lab]\nstart = "addressed"\n[nodes.mac]\n[nodes.box]\nos = "linux"\n'
                    '[[cables]]\na = "mac:en3"\nb = "box:eth5"\nmtu = 4000\n')
        lab = Standing(path, "z")
        self.addCleanup(lab.down)
        lab.up()
        for _ in range(2):
            mac, box = lab.node("mac"), lab.node("box")
            self.assertEqual(mac["bridges"], {"bridge0": []})
            self.assertEqual(mac["interfaces"]["en3"]["inet"], ["10.254.0.1/30"])
            self.assertEqual(box["interfaces"]["eth5"]["inet"], ["10.254.0.2/30"])
            self.assertEqual(box["interfaces"]["eth5"]["mtu"], 4000)
            self.assertEqual(lab.ssh("box", "ping -c 3 -i 0.2 -W 1 10.254.0.1").returncode, 0)
            lab.must("reboot", "mac", "box")


if __name__ == "__main__":
    unittest.main()
