#!/usr/bin/python3
"""The lab's own tests: they need root and the built helpers, and nothing of bringup itself.

Labs are named after this process, so that they stand beside any other.
"""

import json
import os
import re
import subprocess
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = f"{HERE}/lab"
SSH = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=4"]


def run(*argv, timeout=30, data=None):
    return subprocess.run(argv, input=data, capture_output=True, text=True, timeout=timeout,
                          errors="replace", check=False)


class Standing:
    """One lab under a name of its own."""

    def __init__(self, fleet, suffix=""):
        self.name = f"t{os.getpid()}{suffix}"
        self.fleet = fleet if isinstance(fleet, list) else [fleet]

    def __call__(self, verb, *args, timeout=30):
        return run(LAB, verb, "--name", self.name, *args, timeout=timeout)

    def must(self, verb, *args):
        done = self(verb, *args)
        if done.returncode != 0:
            raise AssertionError(f"lab {verb} {args}: {done.stderr}{done.stdout}")
        return done.stdout

    def up(self):
        self.must("up", *self.fleet)

    def down(self):
        self.must("down")

    def ssh(self, host, command, *options):
        return self("ctl", *SSH, *options, f"admin@{host}", command)

    def out(self, host, command):
        done = self.ssh(host, command)
        if done.returncode != 0:
            raise AssertionError(f"{host}: {command}: {done.returncode} {done.stderr}{done.stdout}")
        return done.stdout

    def state(self):
        return json.loads(self.must("state"))

    def node(self, name):
        return self.state()["nodes"][name]


def remains(name):
    """What a lab has left on the machine."""
    rooms = os.listdir("/run/netns") if os.path.isdir("/run/netns") else []
    found = [n for n in rooms if n.startswith(f"lab.{name}.")]
    found += [p for p in (f"/run/bringup-lab/{name}", f"/run/bringup-lab/{name}.lock")
              if os.path.exists(p)]
    with open("/proc/mounts", encoding="utf-8") as f:
        found += [line for line in f if f"/bringup-lab/{name}" in line]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as f:
                if f"/bringup-lab/{name}/" in f.read():
                    found.append(f"process {pid}")
        except OSError:
            pass
    return found


class PairCase(unittest.TestCase):
    """Tests on one pair that stands for the whole class; each leaves it without faults."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Standing("pair", "p")
        cls.lab.up()

    @classmethod
    def tearDownClass(cls):
        cls.lab.down()

    def setUp(self):
        for name in ("studio1", "studio2"):
            self.lab("mend", name)
        self.lab.must("reinit", "studio1", "studio2")

    def configure(self):
        for k in (1, 2):
            self.lab.out(f"studio{k}", "sudo -n ifconfig bridge0 deletem en3 && sudo -n ifconfig "
                                       f"en3 inet 10.254.0.{k} netmask 255.255.255.252")

    def ping(self, count=2):
        return self.lab.ssh("studio1", f"ping -c {count} -i 0.2 -W 800 10.254.0.2")

    def breaks(self, fault, node="studio1"):
        self.lab.must("break", node, fault)
        self.addCleanup(self.lab, "mend", node)


class Mac(PairCase):
    def test_is_a_mac_to_look_at(self):
        out = self.lab.out("studio1", "uname -sm; sw_vers -buildVersion; sysctl -n hw.model; "
                                      "echo $PATH; id -un; scutil --get ComputerName")
        self.assertEqual(out, "Darwin arm64\n25C56\nMac15,14\n/usr/bin:/bin:/usr/sbin:/sbin\n"
                              "admin\nstudio1\n")

    def test_lacks_what_a_mac_lacks(self):
        for command in ("ip", "ss", "timeout", "setsid", "nproc", "systemctl", "python3"):
            self.assertEqual(self.lab.ssh("studio1", f"command -v {command}").returncode, 1)
        self.assertEqual(self.lab.ssh("studio1", "stat -c %s /").returncode, 1)
        self.assertEqual(self.lab.out("studio1", "stat -f '%Lp %Su' /tmp/."), "1777 root\n")

    def test_bridge_holds_every_port_and_lists_it_as_a_mac_does(self):
        out = self.lab.out("studio1", "ifconfig bridge0")
        self.assertTrue(out.startswith("bridge0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,"
                                       "MULTICAST> mtu 1500\n\toptions=63<"))
        members = re.findall(r"^\tmember: (en\d) flags=3<LEARNING,DISCOVER>$", out, re.M)
        self.assertEqual(members, ["en2", "en3", "en4", "en5", "en6", "en7"])
        self.assertEqual(self.lab.node("studio1")["bridges"], {"bridge0": members})
        self.assertIn("flags=8963<UP,BROADCAST,SMART,RUNNING,PROMISC,",
                      self.lab.out("studio1", "ifconfig en3"))

    def test_a_member_with_an_address_does_not_answer_until_it_leaves(self):
        for k in (1, 2):
            self.lab.out(f"studio{k}", f"sudo ifconfig en3 10.254.0.{k} netmask 0xfffffffc")
        silent = self.ping()
        self.assertEqual(silent.returncode, 2)
        self.assertIn("2 packets transmitted, 0 packets received, 100.0% packet loss",
                      silent.stdout)
        self.configure()
        answered = self.ping(4)
        self.assertEqual(answered.returncode, 0, answered.stdout)
        self.assertRegex(answered.stdout, r"round-trip min/avg/max/stddev = [\d./]+ ms")

    def test_addresses_are_replaced_added_and_removed(self):
        sudo = "sudo -n ifconfig en3 "
        self.configure()
        self.lab.out("studio1", sudo + "inet 10.254.0.9 netmask 255.255.255.252")
        self.assertEqual(self.lab.node("studio1")["interfaces"]["en3"]["inet"], ["10.254.0.9/30"])
        self.lab.out("studio1", sudo + "inet 10.254.7.1 netmask 255.255.255.0 alias")
        self.lab.out("studio1", sudo + "inet 10.254.0.9 -alias")
        self.assertEqual(self.lab.node("studio1")["interfaces"]["en3"]["inet"], ["10.254.7.1/24"])
        self.assertIn("\tinet 10.254.7.1 netmask 0xffffff00 broadcast 10.254.7.255\n",
                      self.lab.out("studio1", "ifconfig en3"))

    def test_says_no_as_a_mac_does(self):
        for command, status, text in (
                ("ifconfig bridge3", 1, "ifconfig: interface bridge3 does not exist\n"),
                ("sudo ifconfig bridge0 deletem en9", 1,
                 "ifconfig: BRDGDEL en9: No such file or directory\n"),
                ("ifconfig bridge0 deletem en3", 1,
                 "ifconfig: BRDGDEL en3: Operation not permitted\n"),
                ("ifconfig en3 inet 10.9.9.9 netmask 255.255.255.0", 1,
                 "ifconfig: ioctl (SIOCAIFADDR): permission denied\n"),
                ("rdma_ctl enable", 77,
                 "rdma_ctl: This tool needs to be executed from Recovery OS.\n"),
                ("ping -c 1 nosuch.invalid", 68,
                 "ping: cannot resolve nosuch.invalid: Unknown host\n")):
            done = self.lab.ssh("studio1", command)
            self.assertEqual((done.returncode, done.stderr), (status, text), command)

    def test_profiler_names_the_port_and_the_peer(self):
        buses = json.loads(self.lab.out("studio1", "system_profiler SPThunderboltDataType -json"))
        buses = buses["SPThunderboltDataType"]
        numbers = [b["receptacle_1_tag"]["receptacle_id_key"] for b in buses]
        self.assertEqual(numbers, ["6", "5", "4", "3", "2", "1"])
        far = json.loads(self.lab.out("studio2", "system_profiler SPThunderboltDataType -json"))
        far = [b for b in far["SPThunderboltDataType"] if "_items" in b]
        item = [b for b in buses if "_items" in b][0]["_items"][0]
        self.assertEqual(item["domain_uuid_key"], far[0]["domain_uuid_key"])
        self.assertEqual([s.get("protocol_id_key") for s in item["services_title"]], [1, 64087])
        ports = self.lab.out("studio1", "networksetup -listallhardwareports")
        self.assertIn("\nHardware Port: Thunderbolt 2\nDevice: en3\nEthernet Address: ", ports)

    def test_gid_follows_the_address_and_the_bridge(self):
        gids = "ibv_devinfo -v -d rdma_en3 | grep GID"
        # An address on a member gives no GID.
        self.lab.out("studio1", "sudo ifconfig en3 inet 10.254.0.1 netmask 255.255.255.252")
        self.assertNotIn("::ffff", self.lab.out("studio1", gids))
        self.configure()
        self.assertIn("GID[  1]:\t\t::ffff:10.254.0.1", self.lab.out("studio1", gids))
        self.assertIn("PORT_ACTIVE (4)", self.lab.out("studio1", "ibv_devinfo -d rdma_en3"))
        self.assertIn("PORT_DOWN (1)", self.lab.out("studio1", "ibv_devinfo -d rdma_en4"))

    def test_rdma_off_at_one_end_shows_at_both(self):
        self.breaks("rdma-disabled", "studio2")
        self.assertEqual(self.lab.out("studio2", "rdma_ctl status"), "disabled\n")
        self.assertNotIn("rdma_", self.lab.out("studio2", "ibv_devices"))
        self.assertIn("PORT_DOWN", self.lab.out("studio1", "ibv_devinfo -d rdma_en3"))
        self.assertNotIn("64087",
                         self.lab.out("studio1", "system_profiler SPThunderboltDataType -json"))

    def test_route_and_table(self):
        self.configure()
        self.assertIn("  interface: en3\n", self.lab.out("studio1", "route -n get 10.254.0.2"))
        self.assertRegex(self.lab.out("studio1", "netstat -rn -f inet"), r"10\.254/30 +link#")
        self.assertIn("interface: lo0", self.lab.out("studio1", "route -n get 10.254.0.1"))

    def test_unplug_takes_the_carrier_not_the_administrative_state(self):
        self.configure()
        self.lab.must("unplug", "studio2:en3")
        for name in ("studio1", "studio2"):
            port = self.lab.node(name)["interfaces"]["en3"]
            self.assertEqual((port["up"], port["carrier"]), (True, False))
            self.assertIn("\tstatus: inactive\n", self.lab.out(name, "ifconfig en3"))
        self.assertEqual(self.ping().returncode, 2)
        self.lab.must("plug", "studio1:en3-studio2:en3")
        self.assertEqual(self.ping(4).returncode, 0)

    def test_reboot_forgets_addresses_files_and_processes(self):
        self.configure()
        self.lab.out("studio1", "echo '[]' >/tmp/mlx_ibv_devices.json; echo kept >kept; "
                                "nohup sleep 600 >/dev/null 2>&1 &")
        self.assertEqual(self.lab.node("studio1")["matrix"]["text"], "[]\n")
        self.lab.must("reboot", "studio1")
        after = self.lab.node("studio1")
        self.assertIsNone(after["matrix"])
        self.assertEqual(after["interfaces"]["en3"]["inet"], [])
        self.assertEqual(after["bridges"], {"bridge0": []})
        self.assertEqual(self.lab.out("studio1", "cat kept; rdma_ctl status"), "kept\nenabled\n")
        self.assertEqual(self.lab.ssh("studio1", "ps ax | grep '[s]leep 600'").returncode, 1)

    def test_delayed_reboot_is_away_and_comes_back(self):
        self.lab.must("reboot", "--delay", "1.5", "studio1")
        self.assertFalse(self.lab.node("studio1")["up"])
        self.assertFalse(self.lab.node("studio2")["interfaces"]["en3"]["carrier"])
        deadline = time.monotonic() + 10
        while self.lab.ssh("studio1", "true").returncode != 0:
            self.assertLess(time.monotonic(), deadline)
        self.assertTrue(self.lab.node("studio2")["interfaces"]["en3"]["carrier"])

    def test_reinit_rebridges_and_may_turn_rdma_off_and_change_the_key(self):
        self.configure()
        self.lab.must("reinit", "--rdma", "off", "--new-host-key", "studio1")
        refused = self.lab.ssh("studio1", "true")
        self.assertEqual(refused.returncode, 255)
        self.assertIn("REMOTE HOST IDENTIFICATION HAS CHANGED", refused.stderr)
        done = self.lab.must("exec", "studio1", "rdma_ctl", "status")
        self.assertEqual(done, "disabled\n")
        self.assertIn("en3", self.lab.node("studio1")["bridges"]["bridge0"])
        self.lab.must("break", "studio1", "changed-host-key")
        self.lab.must("mend", "studio1")
        self.assertEqual(self.lab.ssh("studio1", "true").returncode, 0)

    def test_launch_daemons_run_at_boot(self):
        plist = ("<plist version='1.0'><dict><key>Label</key><string>com.test</string>"
                 "<key>RunAtLoad</key><true/><key>ProgramArguments</key><array>"
                 "<string>/sbin/ifconfig</string><string>en4</string><string>inet</string>"
                 "<string>10.7.0.1</string><string>netmask</string><string>255.255.255.252"
                 "</string></array></dict></plist>")
        path = "/Library/LaunchDaemons/com.test.plist"
        self.lab.out("studio1", f"echo \"{plist}\" | sudo tee {path} >/dev/null")
        self.addCleanup(self.lab.out, "studio1", f"sudo rm -f {path}")
        self.lab.must("reboot", "studio1")
        deadline = time.monotonic() + 5
        while self.lab.node("studio1")["interfaces"]["en4"]["inet"] != ["10.7.0.1/30"]:
            self.assertLess(time.monotonic(), deadline)
        self.assertIn("state =", self.lab.out("studio1", "launchctl print system/com.test"))

    def test_wan_adds_a_round_trip(self):
        self.lab.must("wan", "10")
        self.addCleanup(self.lab.must, "wan", "off")
        self.lab("ctl", "ping", "-c", "1", "studio1")
        out = self.lab.must("ctl", "ping", "-c", "3", "-i", "0.2", "studio1")
        best = float(re.search(r"min/avg/max/mdev = ([\d.]+)/", out)[1])
        self.assertTrue(20 <= best < 24, out)

    def test_host_files_of_the_operator_are_private(self):
        out = self.lab.must("ctl", "sh", "-c", "ls ~/.ssh; cat ~/.ssh/config; echo $XDG_STATE_HOME")
        self.assertEqual(out.split()[:3], ["config", "id_ed25519", "id_ed25519.pub"])
        self.assertIn(self.lab.name, out.split()[-1])


class Faults(PairCase):
    def test_down(self):
        self.breaks("down")
        self.assertEqual(self.lab.ssh("studio1", "true", "-o", "ConnectTimeout=1").returncode, 255)
        self.lab.must("mend", "studio1")
        self.assertEqual(self.lab.ssh("studio1", "true").returncode, 0)

    def test_wrong_key(self):
        self.breaks("wrong-key")
        self.assertIn("Permission denied", self.lab.ssh("studio1", "true").stderr)
        self.lab.must("mend", "studio1", "wrong-key")
        self.assertEqual(self.lab.ssh("studio1", "true").returncode, 0)

    def test_changed_host_key(self):
        self.breaks("changed-host-key")
        self.assertIn("HAS CHANGED", self.lab.ssh("studio1", "true").stderr)
        self.lab.must("mend", "studio1")
        self.assertEqual(self.lab.ssh("studio1", "true").returncode, 0)

    def test_sudo_password(self):
        self.breaks("sudo-password")
        refused = self.lab.ssh("studio1", "sudo -n true")
        self.assertEqual((refused.returncode, refused.stderr),
                         (1, "sudo: a password is required\n"))
        self.assertEqual(self.lab.out("studio1", "echo lab-password | sudo -S -p '' id -u"), "0\n")
        self.assertEqual(self.lab.ssh("studio1", "sudo -k; echo wrong | sudo -S true").returncode,
                         1)
        self.lab.must("mend", "studio1")
        self.lab.out("studio1", "sudo -n true")

    def test_sudo_absent_and_forbidden(self):
        self.breaks("sudo-absent")
        self.assertEqual(self.lab.ssh("studio1", "sudo -n true").returncode, 127)
        self.lab.must("mend", "studio1")
        self.lab.out("studio1", "sudo -n true")
        self.lab.must("break", "studio1", "no-sudo")
        self.assertEqual(self.lab.ssh("studio1", "sudo -n true").returncode, 1)

    def test_interface_missing(self):
        self.breaks("interface-missing:en3")
        self.assertIn("interface en3 does not exist", self.lab.ssh("studio1", "ifconfig en3").stderr)
        self.assertNotIn("en3", self.lab.out("studio1", "networksetup -listallhardwareports"))
        self.lab.must("mend", "studio1")
        self.configure()
        self.assertEqual(self.ping(4).returncode, 0)

    def test_deletem_stuck_and_left_down(self):
        self.breaks("deletem-stuck:en3")
        self.lab.out("studio1", "sudo ifconfig bridge0 deletem en3")
        self.assertIn("en3", self.lab.node("studio1")["bridges"]["bridge0"])
        self.lab.must("mend", "studio1")
        self.lab.must("break", "studio1", "deletem-leaves-down:en3")
        self.lab.out("studio1", "sudo ifconfig bridge0 deletem en3")
        out = self.lab.out("studio1", "ifconfig en3")
        self.assertTrue(out.startswith("en3: flags=8822<BROADCAST,SMART,SIMPLEX,MULTICAST>"), out)
        self.assertIn("status: inactive", out)
        self.lab.out("studio1", "sudo ifconfig en3 up")
        self.assertIn("status: active", self.lab.out("studio1", "ifconfig en3"))

    def test_address_refused_and_lost(self):
        command = "sudo ifconfig en3 inet 10.254.0.1 netmask 255.255.255.252"
        self.breaks("address-refused:en3")
        done = self.lab.ssh("studio1", command)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "ifconfig: ioctl (SIOCAIFADDR): permission denied\n"))
        self.lab.must("mend", "studio1")
        self.lab.must("break", "studio1", "address-lost:en3")
        self.lab.out("studio1", command)
        self.assertEqual(self.lab.node("studio1")["interfaces"]["en3"]["inet"], [])

    def test_disk_full(self):
        self.breaks("disk-full")
        done = self.lab.ssh("studio1", "echo data >/tmp/file")
        self.assertIn("No space left on device", done.stderr)
        self.lab.must("mend", "studio1")
        self.lab.out("studio1", "echo data >/tmp/file")

    def test_tools_missing(self):
        self.breaks("rdma-ctl-missing")
        self.lab.must("break", "studio1", "ibv-missing")
        self.assertEqual(self.lab.ssh("studio1", "rdma_ctl status").returncode, 127)
        self.assertEqual(self.lab.ssh("studio1", "ibv_devices").returncode, 127)
        self.lab.must("mend", "studio1")
        self.lab.out("studio1", "rdma_ctl status && ibv_devices && ibv_devinfo")

    def test_silent_sshd(self):
        self.breaks("sshd-silent")
        done = self.lab.ssh("studio1", "true", "-o", "ConnectTimeout=1")
        self.assertIn("banner exchange", done.stderr)
        self.lab.must("mend", "studio1")
        self.assertEqual(self.lab.ssh("studio1", "true").returncode, 0)

    def test_profiler_faults(self):
        profiler = "system_profiler SPThunderboltDataType -json"
        self.breaks("flood:3")
        self.assertEqual(self.lab.out("studio1", profiler + " | wc -c").strip(), str(3 << 20))
        self.lab.must("mend", "studio1")
        self.lab.must("break", "studio1", "garbage")
        self.assertIn("\033]0;owned", self.lab.out("studio1", profiler))
        self.lab.must("mend", "studio1")
        self.lab.must("break", "studio1", f"profiler-says:{__file__}")
        self.assertIn("The lab's own tests", self.lab.out("studio1", profiler))
        self.lab.must("mend", "studio1")
        self.lab.must("break", "studio1", "profiler-slow:1")
        started = time.monotonic()
        self.lab.out("studio1", profiler)
        self.assertGreater(time.monotonic() - started, 1)

    def test_connection_is_cut_once_at_the_chosen_change(self):
        self.breaks("cut-on:2")
        change = "sudo ifconfig bridge0 deletem en3; sudo ifconfig en3 up; echo survived"
        done = self.lab.ssh("studio1", change)
        self.assertEqual((done.returncode, done.stdout), (255, ""))
        self.assertNotIn("en3", self.lab.node("studio1")["bridges"]["bridge0"])
        self.assertEqual(self.lab.out("studio1", "sudo ifconfig en3 up; echo survived"),
                         "survived\n")

    def test_node_vanishes_without_a_word(self):
        self.breaks("vanish-on:deletem")
        done = self.lab.ssh("studio1", "sudo ifconfig bridge0 deletem en3; echo survived", "-o",
                            "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2")
        self.assertEqual(done.returncode, 255)
        self.lab.must("mend", "studio1")
        self.assertEqual(self.lab.ssh("studio1", "true").returncode, 0)

    def test_slow_ifconfig_exo_loss_and_overlap(self):
        self.breaks("slow-ifconfig:0.7")
        started = time.monotonic()
        self.configure()
        self.assertGreater(time.monotonic() - started, 1.4)
        for fault in ("exo", "ping-loss:en3:100", "lan-overlap:10.254.0.0/29"):
            self.lab.must("break", "studio1", fault)
        self.assertEqual(self.lab.out("studio1", "networksetup -getcurrentlocation; ls "
                                                 "/Library/LaunchDaemons"),
                         "exo\nio.exo.networksetup.plist\n")
        self.assertIn("EXO Thunderbolt 2",
                      self.lab.out("studio1", "networksetup -listnetworkserviceorder"))
        self.assertIn("10.254.0.6/29", self.lab.node("studio1")["interfaces"]["en0"]["inet"])
        self.assertEqual(self.ping().returncode, 2)
        self.lab.must("mend", "studio1")
        self.assertEqual(self.ping(4).returncode, 0)

    def test_refuses_what_it_does_not_know(self):
        for args in (("studio1", "flux"), ("studio9", "down"), ("studio1", "down:x"),
                     ("studio1", "cut-on"), ("studio1", "interface-missing:en99")):
            done = self.lab("break", *args)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), args)


class Fleets(unittest.TestCase):
    def raise_(self, fleet, suffix=""):
        lab = Standing(fleet, suffix)
        self.addCleanup(lab.down)
        lab.up()
        return lab

    def test_triangle_and_mesh_are_quick_and_do_not_storm(self):
        for fleet, nodes in (("triangle", 3), ("mesh-4", 4)):
            lab = Standing(fleet, "f")
            self.addCleanup(lab.down)
            started = time.monotonic()
            lab.up()
            self.assertLess(time.monotonic() - started, 5)
            state = lab.state()
            self.assertEqual(len(state["nodes"]), nodes)
            for link in state["cables"]:
                for end in (link["a"], link["b"]):
                    name, iface = end.split(":")
                    self.assertTrue(state["nodes"][name]["interfaces"][iface]["carrier"])
                    self.assertIn(iface, state["nodes"][name]["bridges"]["bridge0"])
            read = ("exec", "studio1", "cat", "/sys/class/net/bridge0/statistics/rx_packets")
            before = int(lab.must(*read))
            lab("exec", "studio1", "ping", "-c", "2", "-b", "bridge0", "-t", "1", "10.254.255.255")
            self.assertLess(int(lab.must(*read)) - before, 200)
            lab.down()
            self.assertEqual(remains(lab.name), [])

    def test_proxy_is_the_only_way(self):
        lab = self.raise_("pair-behind-proxy", "q")
        self.assertIn("Could not resolve", lab.ssh("studio2", "true").stderr)
        self.assertNotEqual(lab("ctl", "ping", "-c", "1", "-W", "1", "10.99.1.11").returncode, 0)
        self.assertEqual(lab.ssh("studio2", "hostname", "-J", "admin@studio1").stdout, "studio2\n")

    def test_chain_is_the_only_way(self):
        lab = self.raise_("pair-behind-chain", "c")
        self.assertEqual(lab.ssh("studio1", "true", "-J", "admin@bastion1").returncode, 255)
        for name in ("studio1", "studio2"):
            done = lab.ssh(name, "hostname", "-J", "admin@bastion1,admin@bastion2")
            self.assertEqual(done.stdout, name + "\n", done.stderr)
        self.assertEqual(lab.out("bastion1", "uname; command -v ip"), "Linux\n/usr/sbin/ip\n"
                         if "/usr/sbin" in lab.out("bastion1", "echo $PATH")
                         else "Linux\n/usr/bin/ip\n")

    def test_nodes_differ_as_the_fleet_says(self):
        path = f"/tmp/lab-differs-{os.getpid()}.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write("""
[lab]
start = "fresh"
[nodes.open]
ssh_auth = "password"
sudo = "none"
missing = ["rdma_ctl"]
[nodes.old]
model = "mac-mini-m4"
sudo = "password"
sh = "dash"
rebridge = true
[[cables]]
a = "open:en3"
b = "old:en2"
speed = 40
dock = "ThunderBay Flex 8"
""")
        self.addCleanup(os.unlink, path)
        lab = self.raise_(path, "d")
        self.assertEqual(lab.node("open")["bridges"], {"bridge0": []})
        self.assertEqual(lab.ssh("open", "rdma_ctl status").returncode, 127)
        self.assertEqual(lab.ssh("open", "sudo -n true").returncode, 1)
        self.assertEqual(lab.out("old", "readlink /bin/sh; ibv_devices | wc -l"), "dash\n2\n")
        self.assertEqual(lab.out("old", "echo lab-password | sudo -S -p '' id -un"), "root\n")
        profiler = "system_profiler SPThunderboltDataType -json"
        bus = json.loads(lab.out("open", profiler))["SPThunderboltDataType"][4]
        self.assertEqual(bus["_items"][0]["_items"][0]["device_name_key"], "Mac16,10")
        self.assertIn("PORT_DOWN", lab.out("open", "ibv_devinfo -d rdma_en3"))
        lab.must("reboot", "old")
        self.assertEqual(lab.node("old")["bridges"], {"bridge0": ["en2", "en3", "en4"]})

    def test_plain_nodes(self):
        lab = self.raise_(["--plain", "16"], "n")
        for k in (1, 16):
            self.assertEqual(lab.out(f"n{k}", "hostname"), f"n{k}\n")

    def test_two_labs_stand_side_by_side(self):
        one, two = self.raise_("pair", "a"), self.raise_("pair", "b")
        one.out("studio1", "echo one >/tmp/mlx_ibv_devices.json")
        self.assertIsNone(two.node("studio1")["matrix"])
        self.assertEqual(one("up", "pair").returncode, 1)
        one.down()
        self.assertEqual(remains(one.name), [])
        self.assertEqual(two.out("studio2", "hostname"), "studio2\n")

    def test_down_after_a_crash_and_twice(self):
        lab = self.raise_("pair", "x")
        os.unlink(f"/run/bringup-lab/{lab.name}/lab.json")
        self.assertEqual(lab("up", "pair").returncode, 1)
        lab.down()
        self.assertEqual(remains(lab.name), [])
        lab.down()
        self.assertEqual(remains(lab.name), [])

    def test_a_wrong_fleet_is_refused_in_one_line(self):
        for text in ("[nodes.a]\nmodel='abacus'", "[nodes.a]\ncolour=1", "x=", "",
                     "[nodes.a]\n[[cables]]\na='a:en3'\nb='b:en3'"):
            path = f"/tmp/lab-wrong-{os.getpid()}.toml"
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            self.addCleanup(lambda p=path: os.path.exists(p) and os.unlink(p))
            done = Standing(path, "w")("up", path)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)

    def test_says_in_one_line_that_it_needs_root(self):
        done = run("setpriv", "--reuid=65534", "--clear-groups", LAB, "up", "pair")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("needs root", done.stderr)


if __name__ == "__main__":
    unittest.main()
