#!/usr/bin/python3
"""The virtual machine's own tests: real verbs devices, each seen by its node only, and what faults
do to them. They need the packages of PACKAGES_VM, and nothing of bringup itself."""

import os
import time
import unittest

from test_lab import Standing, remains

# OpenSSH's own choice costs an emulated machine seconds.
SSH = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o",
       "KexAlgorithms=curve25519-sha256", "-o", "Ciphers=chacha20-poly1305@openssh.com", "-o",
       "ControlMaster=auto", "-o", "ControlPath=/tmp/master-%h", "-o", "ControlPersist=60"]
PATIENCE = 120
LAB_BOOT = 90


class Machine(Standing):
    def __call__(self, verb, *args, timeout=PATIENCE):
        return super().__call__(verb, *args, timeout=timeout)

    def ssh(self, host, command, *options):
        return self("ctl", *SSH, *options, f"admin@{host}", command)

    def up(self):
        # The kernel may have to be fetched first.
        done = self("up", "--vm", *self.fleet, timeout=600)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return float(done.stdout.split()[-2])


class MachineCase(unittest.TestCase):
    fleet = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Machine(cls.fleet, "v" + cls.fleet[5:])
        cls.addClassCleanup(cls.lab.down)
        cls.seconds = cls.lab.up()

    def setUp(self):
        self.lab.must("calm")

    def pingpong(self, kind="uc", options="", first="box1", second="box2", ports=("en5", "en5"),
                 server="10.254.0.2", index=1, limit=25):
        """Status and output of the client."""
        def command(node, port):
            return (f"timeout {limit} ibv_{kind}_pingpong -d rxe_{node}_{port} -n 50 {options}")
        # One that waits on, for a client that failed, would take the next test's.
        waits = ("i=0; until ss -Hltn | grep -q :18515 || [ $i -ge 50 ]; "
                 "do sleep 0.1; i=$((i + 1)); done")
        pid = self.lab.out(second, f"{command(second, ports[1])} -g 1 >/tmp/out 2>&1 </dev/null & "
                                   f"echo $!; {waits}").strip()
        done = self.lab.ssh(first, f"{command(first, ports[0])} -g {index} {server}; exit $?")
        self.lab.ssh(second, f"kill {pid}")
        return done.returncode, done.stdout + done.stderr

    def devinfo(self, node, options="-v"):
        done = self.lab.ssh(node, f"ibv_devinfo {options}")
        return done.stdout + done.stderr


class Pair(MachineCase):
    fleet = "rdma-pair"

    def test_it_is_up_within_its_limit(self):
        self.assertLess(self.seconds, LAB_BOOT)
        self.assertEqual(self.lab.out("box1", "id -un; uname -s; hostname"),
                         "admin\nLinux\nbox1\n")

    def test_each_node_sees_its_own_device_only(self):
        for k in (1, 2):
            out = self.lab.out(f"box{k}", "ibv_devices; ls /dev/infiniband /sys/class/infiniband "
                                          "/sys/class/infiniband_verbs /sys/class/net")
            self.assertIn(f"rxe_box{k}_en5", out)
            self.assertNotIn(f"rxe_box{3 - k}_en5", out)
            self.assertEqual(out.count("uverbs"), 2, out)
            info = self.devinfo(f"box{k}")
            self.assertIn("PORT_ACTIVE (4)", info)
            self.assertIn("active_mtu:\t\t4096 (5)", info)
            self.assertIn(f"GID[  1]:\t\t::ffff:10.254.0.{k}", info)

    def test_real_messages(self):
        for kind in ("rc", "uc"):
            status, out = self.pingpong(kind)
            self.assertEqual(status, 0, out)
            self.assertIn("GID ::ffff:10.254.0.2", out)
            self.assertIn("50 iters in", out)

    def test_unreliable_messages_lost_are_waited_for(self):
        self.lab.must("loss", "box1:en5", "30")
        status, out = self.pingpong(limit=8)
        self.assertEqual(status, 124, out)
        self.assertNotIn("iters in", out)

    def test_a_pulled_cable_and_a_downed_port(self):
        self.lab.must("unplug", "box1:en5")
        for name in ("box1", "box2"):
            self.assertIn("PORT_DOWN (1)", self.devinfo(name))
        self.lab.must("calm")
        self.assertIn("PORT_ACTIVE", self.devinfo("box1"))
        self.lab.must("break", "box2", "port-down:en5")
        self.assertIn("PORT_DOWN", self.devinfo("box2"))
        self.lab.must("calm")
        self.assertEqual(self.pingpong()[0], 0)

    def test_addresses_make_gids(self):
        self.lab.must("break", "box1", "no-address:en5")
        self.assertNotIn("::ffff", self.devinfo("box1"))
        self.lab.must("mend", "box1")
        self.assertIn("GID[  1]:\t\t::ffff:10.254.0.1", self.devinfo("box1"))
        self.lab.must("break", "box1", "gid-index2:en5")
        info = self.devinfo("box1")
        self.assertIn("GID[  1]:\t\t::ffff:198.51.100.1", info)
        self.assertIn("GID[  2]:\t\t::ffff:10.254.0.1", info)
        self.assertEqual(self.pingpong(index=2)[0], 0)
        self.lab.must("mend", "box1")
        self.assertIn("GID[  1]:\t\t::ffff:10.254.0.1", self.devinfo("box1"))

    def test_mtu_of_one_end(self):
        self.lab.must("mtu", "box2:en5", "1500")
        self.assertIn("active_mtu:\t\t1024 (3)", self.devinfo("box2"))
        self.assertEqual(self.pingpong(options="-s 512 -m 1024")[0], 0)
        self.assertNotEqual(self.pingpong(options="-s 16384 -m 4096", limit=8)[0], 0)

    def test_locked_memory(self):
        self.lab.must("break", "box1", "memlock:64")
        status, out = self.pingpong(options="-s 1048576", limit=8)
        self.assertNotEqual(status, 0)
        self.assertIn("Couldn't register MR", out)
        self.lab.must("mend", "box1")
        self.assertEqual(self.lab.out("box1", "ulimit -l"), "unlimited\n")

    def test_devices_come_and_go(self):
        self.lab.must("break", "box1", "device-gone:en5")
        self.assertIn("No IB devices found", self.devinfo("box1"))
        self.assertIn("PORT_ACTIVE", self.devinfo("box2"))
        self.lab.must("mend", "box1")
        self.assertEqual(self.pingpong()[0], 0)
        self.lab.must("break", "box1", "device-forbidden")
        self.assertIn("Failed to open", self.devinfo("box1"))
        self.lab.must("mend", "box1")
        self.assertIn("PORT_ACTIVE", self.devinfo("box1"))

    def test_leftovers_and_files(self):
        self.lab.must("leftovers", "--mark", "box1")
        self.lab.out("box1", "cp /bin/true ~/probe; ~/probe; cp ~/probe /tmp/probe; /tmp/probe")
        self.assertEqual(self.lab.must("leftovers", "box1").splitlines(),
                         ["file /home/admin/probe", "file /tmp/probe"])
        self.lab.must("reboot", "box1")
        self.lab.out("box1", "rm ~/probe; test ! -e /tmp/probe")
        self.assertIn("::ffff:10.254.0.1", self.devinfo("box1"))
        self.assertEqual(self.pingpong()[0], 0)


class Macs(MachineCase):
    fleet = "rdma-macs"

    def test_a_simulated_mac_may_have_a_real_device(self):
        out = self.lab.out("studio1", "uname; rdma_ctl status; ibv_devices; ibv_devinfo -v")
        self.assertTrue(out.startswith("Darwin\nenabled\n"), out)
        self.assertIn("rxe_studio1_en3", out)
        self.assertNotIn("studio2", out)
        self.assertIn("GID[  1]:\t\t::ffff:10.254.0.1", out)
        self.lab.out("studio2", "(perl -e 'alarm 30; exec @ARGV' ibv_uc_pingpong -g 1 -n 50) "
                                ">/tmp/out 2>&1 </dev/null &")
        time.sleep(1)
        self.assertIn("50 iters in", self.lab.out(
            "studio1", "perl -e 'alarm 30; exec @ARGV' ibv_uc_pingpong -g 1 -n 50 10.254.0.2"))


class Triangle(MachineCase):
    fleet = "rdma-triangle"

    def test_every_link_carries_messages(self):
        for first, second, ports, server in (
                ("box1", "box2", ("en5", "en5"), "10.254.0.2"),
                ("box1", "box3", ("en6", "en5"), "10.254.0.6"),
                ("box2", "box3", ("en6", "en6"), "10.254.0.10")):
            status, out = self.pingpong("uc", first=first, second=second, ports=ports,
                                        server=server)
            self.assertEqual(status, 0, out)
        self.assertEqual(self.lab.out("box3", "ls /sys/class/infiniband"),
                         "rxe_box3_en5\nrxe_box3_en6\n")


class Life(unittest.TestCase):
    def test_down_leaves_nothing_and_wants_are_told(self):
        lab = Machine("rdma-pair", "vx")
        self.addCleanup(lab.down)
        done = lab("up", "rdma-pair")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("--vm", done.stderr)
        lab.up()
        folder = f"/run/bringup-lab/{lab.name}.vm"
        with open(f"{folder}/qemu.pid", encoding="utf-8") as f:
            pid = int(f.read())
        self.assertEqual(lab("up", "--vm", "rdma-pair").returncode, 1)
        self.assertIn("box1", lab.must("state"))
        lab.down()
        self.assertFalse(os.path.exists(folder))
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.assertEqual(remains(lab.name) + remains(lab.name + ".vm"), [])


if __name__ == "__main__":
    unittest.main()
