#!/usr/bin/python3
"""The lab's own tests of Linux nodes with real managers of their network, of gateways, switches and
the faults of routed fleets. Nothing of bringup itself."""

import os
import re
import sys
import tempfile
import time
import unittest

from test_lab import HERE, Standing, remains

sys.path.insert(0, HERE)
from bringup_lab import fleet as fleets  # noqa: E402  pylint: disable=wrong-import-position
from bringup_lab.errors import LabError  # noqa: E402  pylint: disable=wrong-import-position

NAME_SERVER = "nameserver 10.99.0.254\n"
BOARDS = {"pi5": ("192.168.50.2", "192.168.50.1"), "pi4": ("192.168.51.4", "192.168.51.2"),
          "jetson": ("192.168.51.5", "192.168.51.2")}
PROFILE = ("sudo nmcli con add type ethernet ifname eth0 con-name fabric ipv4.method manual "
           "ipv4.addresses {address}/24 ipv4.never-default yes "
           "ipv4.routes '10.10.0.0/24 {gateway}' ipv6.method link-local && sudo nmcli con up fabric")


class FleetCase(unittest.TestCase):
    fleet = ""

    @classmethod
    def setUpClass(cls):
        cls.lab = Standing(cls.fleet, cls.__name__.lower()[:8])
        cls.lab.up()

    @classmethod
    def tearDownClass(cls):
        cls.lab.down()

    def breaks(self, node, fault):
        self.lab.must("break", node, fault)
        self.addCleanup(self.lab, "mend", node)

    def eventually(self, look, wanted, seconds=15):
        deadline = time.monotonic() + seconds
        while (found := look()) != wanted:
            self.assertLess(time.monotonic(), deadline, f"{found!r} is not {wanted!r}")
            time.sleep(0.2)


def default_routes(state, name):
    return [(r["via"], r["dev"]) for r in state["nodes"][name]["default_routes"]]


class NetworkManager(FleetCase):
    """The real one, in a Pi."""
    fleet = "smolcluster-hybrid"

    def setUp(self):
        self.lab.must("calm")
        self.lab.must("reinit", "pi5")

    def active(self, name="pi5"):
        """{device: profile}"""
        lines = self.lab.out(name, "nmcli -t -f DEVICE,NAME con show --active").splitlines()
        return dict(line.split(":", 1) for line in lines)

    def up(self, name="pi5"):
        self.lab.out(name, PROFILE.format(address=BOARDS[name][0], gateway=BOARDS[name][1]))

    def test_has_the_interfaces_and_the_users_profile(self):
        self.assertEqual(self.lab.out("pi5", "systemctl is-active NetworkManager"), "active\n")
        self.assertEqual(self.lab.out("pi5", "nmcli -g GENERAL.STATE dev show wlan0"),
                         "100 (connected)\n")
        self.eventually(lambda: self.active().get("eth0"), "Wired connection 1")
        self.assertEqual(self.active()["wlan0"], "preconfigured")
        self.assertEqual(self.lab.out("pi5", "nmcli -g ipv4.method con show 'Wired connection 1'"),
                         "auto\n")
        self.assertEqual(self.lab.node("pi5")["interfaces"]["eth0"]["inet"], [])
        jetson = self.lab.out("jetson", "nmcli -t -f NAME con")
        self.assertNotIn("Wired", jetson)

    def test_a_profile_of_ours_changes_neither_default_route_nor_name_server(self):
        before = self.lab.node("pi5")
        self.assertEqual([(r["via"], r["dev"]) for r in before["default_routes"]],
                         [("10.99.0.254", "wlan0")])
        self.assertTrue(before["resolv_conf"].endswith(NAME_SERVER))
        self.up()
        for _ in range(2):
            now = self.lab.node("pi5")
            self.assertEqual(now["interfaces"]["eth0"]["inet"], ["192.168.50.2/24"])
            self.assertIn(("10.10.0.0/24", "192.168.50.1", "eth0"),
                          [(r["to"], r["via"], r["dev"]) for r in now["routes"]])
            self.assertEqual(now["default_routes"], before["default_routes"])
            self.assertEqual(now["resolv_conf"], before["resolv_conf"])
            self.assertEqual(self.active(),
                             {"wlan0": "preconfigured", "eth0": "fabric", "lo": "lo"})
            self.lab.must("reboot", "pi5")
            self.eventually(lambda: self.active().get("eth0"), "fabric")
        self.lab.must("reinit", "pi5")
        self.assertNotIn("fabric", self.lab.out("pi5", "nmcli -t -f NAME con"))

    def test_a_profile_without_never_default_takes_the_default_route(self):
        self.lab.out("pi5", "sudo nmcli con add type ethernet ifname eth0 con-name bad ipv4.method "
                            "manual ipv4.addresses 192.168.50.2/24 ipv4.gateway 192.168.50.1 && "
                            "sudo nmcli con up bad")
        self.assertEqual(default_routes(self.lab.state(), "pi5"),
                         [("192.168.50.1", "eth0"), ("10.99.0.254", "wlan0")])

    def test_only_root_may_change_it(self):
        done = self.lab.ssh("pi5", "nmcli con add type ethernet ifname eth0 con-name x")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Insufficient privileges", done.stderr)

    def test_it_outlives_sshd(self):
        before = self.lab.out("pi5", "systemctl show -p MainPID NetworkManager")
        self.breaks("pi5", "no-forwarding")
        self.lab.must("mend", "pi5")
        self.assertEqual(self.lab.out("pi5", "systemctl show -p MainPID NetworkManager"), before)
        self.assertRegex(before, r"^MainPID=[1-9]\d*\n$")

    def test_leaves_nothing_that_counts_as_left(self):
        self.lab.must("leftovers", "--mark", "pi5")
        self.up()
        self.assertEqual(self.lab.must("leftovers", "pi5"), "")

    def test_the_way_out_answers(self):
        self.assertEqual(self.lab.out("pi5", "getent hosts jetson.lab").split()[0], "10.99.0.15")
        self.assertEqual(self.lab.ssh("pi5", "getent hosts nobody.lab").returncode, 2)
        self.lab.out("pi5", "ping -c 1 -W 2 8.8.8.8")
        self.lab.out("mini1", "ping -c 1 -W 2000 8.8.8.8")
        self.assertEqual(default_routes(self.lab.state(), "mini1"), [("10.99.0.254", "en0")])

    def test_reached_again_after_it_was_down(self):
        self.breaks("pi5", "down")
        self.assertNotEqual(self.lab.ssh("pi5", "true").returncode, 0)
        self.lab.must("mend", "pi5")
        self.eventually(lambda: self.lab.ssh("pi5", "true").returncode, 0, 40)

    def test_a_plugged_cable_brings_the_profile_back(self):
        self.up()
        self.lab.must("unplug", "pi5:eth0")
        self.assertFalse(self.lab.node("pi5")["interfaces"]["eth0"]["carrier"])
        self.eventually(lambda: self.lab.node("pi5")["interfaces"]["eth0"]["inet"], [], 30)
        self.lab.must("plug", "pi5:eth0")
        self.eventually(lambda: self.lab.node("pi5")["interfaces"]["eth0"]["inet"],
                        ["192.168.50.2/24"])


class OtherManagers(FleetCase):
    """spark1 has netplan, spark2 networkd, spark3 none."""
    fleet = "dgx-spark-ring-3"
    NETPLAN = ("network:\\n  version: 2\\n  ethernets:\\n    enp1s0f1np1:\\n"
               "      addresses: [10.254.0.1/30]\\n      mtu: 9000\\n")
    NETWORKD = "[Match]\\nName=enp1s0f0np0\\n[Network]\\nAddress=10.254.0.2/30\\n"

    def setUp(self):
        self.lab.must("calm")
        self.lab.must("reinit", "spark1", "spark2", "spark3")

    def write(self, node, path, text, mode="644"):
        self.lab.out(node, f"printf '{text}' | sudo tee {path} >/dev/null; "
                           f"sudo chmod {mode} {path}")

    def test_each_has_its_own(self):
        found = {n: self.lab.ssh(n, "systemctl is-active NetworkManager systemd-networkd; "
                                    "command -v nmcli; sudo sh -c 'command -v netplan'").stdout
                 for n in ("spark1", "spark2", "spark3")}
        self.assertEqual(found, {"spark1": "inactive\nactive\n/usr/sbin/netplan\n",
                                 "spark2": "inactive\nactive\n", "spark3": "inactive\ninactive\n"})
        state = self.lab.state()
        for name in found:
            self.assertEqual(default_routes(state, name), [("10.99.0.254", "enP7s7")])
            self.assertTrue(state["nodes"][name]["resolv_conf"].endswith(NAME_SERVER))
            self.assertIn("enP2p1s0f1np1", state["nodes"][name]["interfaces"])

    def test_networkd_and_netplan_carry_out_a_file(self):
        before = self.lab.state()["nodes"]
        self.write("spark2", "/etc/systemd/network/50-ours.network", self.NETWORKD)
        self.lab.out("spark2", "sudo networkctl reload")
        self.write("spark1", "/etc/netplan/60-ours.yaml", self.NETPLAN, "600")
        self.lab.out("spark1", "sudo netplan generate && sudo netplan apply")
        for _ in range(2):
            ping = "ping -c 1 -W 1 10.254.0.2"
            self.eventually(lambda: self.lab.ssh("spark1", ping).returncode, 0)
            now = self.lab.state()["nodes"]
            for name in ("spark1", "spark2"):
                self.assertEqual(now[name]["default_routes"], before[name]["default_routes"])
            self.assertEqual(now["spark1"]["interfaces"]["enp1s0f1np1"]["mtu"], 9000)
            self.lab.must("reboot", "spark1", "spark2")
        self.lab.must("reinit", "spark1")
        self.assertEqual(self.lab.out("spark1", "sudo ls /etc/netplan"), "01-base.yaml\n")
        self.assertEqual(self.lab.node("spark1")["interfaces"]["enp1s0f1np1"]["inet"], [])

    def test_netplan_refuses_nonsense(self):
        self.write("spark1", "/etc/netplan/60-ours.yaml",
                   "network:\\n  version: 2\\n  ethernet: 1\\n", "600")
        done = self.lab.ssh("spark1", "sudo netplan generate")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("unknown key 'ethernet'", done.stderr)

    def test_units_and_timers(self):
        units = "/etc/systemd/system"
        self.write("spark3", f"{units}/ours.service",
                   "[Service]\\nType=oneshot\\nExecStart=/bin/sh -c \"echo x >>/root/ran\"\\n")
        self.write("spark3", f"{units}/ours.timer",
                   "[Timer]\\nOnBootSec=1\\nOnUnitActiveSec=1\\n\\n"
                   "[Install]\\nWantedBy=timers.target\\n")
        self.lab.out("spark3", "sudo systemctl daemon-reload; "
                               "sudo systemctl enable --now ours.timer")
        self.assertEqual(self.lab.out("spark3", "systemctl is-enabled ours.timer; "
                                                "systemctl is-active ours.timer"),
                         "enabled\nactive\n")

        def runs():
            return len(self.lab.ssh("spark3", "sudo cat /root/ran").stdout.splitlines())

        self.eventually(lambda: runs() >= 2, True)
        self.lab.must("reboot", "spark3")
        self.lab.out("spark3", "sudo rm -f /root/ran")
        self.eventually(lambda: runs() >= 1, True)
        self.lab.out("spark3", "sudo systemctl disable --now ours.timer")
        for verb, status, word in (("is-active", 3, "inactive"), ("is-enabled", 1, "disabled")):
            done = self.lab.ssh("spark3", f"systemctl {verb} ours.timer")
            self.assertEqual((done.returncode, done.stdout), (status, word + "\n"))
        done = self.lab.ssh("spark3", "systemctl enable ours.timer")
        self.assertIn("Access denied", done.stderr)
        self.assertIn("not found", self.lab.ssh("spark3", "sudo systemctl start no").stderr)
        self.lab.must("reinit", "spark3")
        self.assertEqual(self.lab.ssh("spark3", "systemctl is-enabled ours.timer").stdout, "")

    def test_a_service_that_comes_again(self):
        self.write("spark3", "/etc/systemd/system/ours.service",
                   "[Service]\\nExecStart=/bin/sh -c \"echo x >>/root/ran\"\\nRestart=always\\n"
                   "RestartSec=1\\n\\n[Install]\\nWantedBy=multi-user.target\\n")
        self.lab.out("spark3", "sudo systemctl enable ours.service")
        self.assertEqual(self.lab.ssh("spark3", "systemctl is-active ours").stdout, "inactive\n")
        self.lab.must("reboot", "spark3")
        count = "sudo cat /root/ran | wc -l"
        self.eventually(lambda: int(self.lab.ssh("spark3", count).stdout) >= 2, True)
        self.assertEqual(self.lab.ssh("spark3", "systemctl is-active ours").stdout, "active\n")
        self.lab.out("spark3", "sudo systemctl disable --now ours.service")
        before = self.lab.out("spark3", count)
        time.sleep(1.5)
        self.assertEqual(self.lab.out("spark3", count), before)

    def test_settings_of_sysctl_d_hold_after_a_boot(self):
        self.write("spark3", "/etc/sysctl.d/90-ours.conf", "net.ipv4.ip_forward=1\\n")
        self.assertFalse(self.lab.node("spark3")["forwarding"])
        self.lab.must("reboot", "spark3")
        self.assertTrue(self.lab.node("spark3")["forwarding"])


class Routed(FleetCase):
    """The hybrid fleet, set up by hand once."""
    fleet = "smolcluster-hybrid"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for k in (1, 2, 3):
            cls.lab.out(f"mini{k}", f"sudo ifconfig bridge0 inet 10.10.0.{k} netmask 255.255.255.0")
        cls.gateway("mini1", "192.168.50.1", ("192.168.51.0/24", "10.10.0.3"))
        cls.gateway("mini3", "192.168.51.2", ("192.168.50.0/24", "10.10.0.1"))
        cls.lab.out("mini2", "sudo route -n add -net 192.168.50.0/24 10.10.0.1; "
                             "sudo route -n add -net 192.168.51.0/24 10.10.0.3")
        for name, (address, gateway) in BOARDS.items():
            cls.lab.out(name, PROFILE.format(address=address, gateway=gateway))

    @classmethod
    def gateway(cls, name, address, route):
        cls.lab.out(name, f"sudo ifconfig en8 inet {address} netmask 255.255.255.0; "
                          "sudo sysctl -w net.inet.ip.forwarding=1; "
                          f"sudo route -n add -net {route[0]} {route[1]}")

    def setUp(self):
        self.lab.must("calm")

    def reaches(self, name, address):
        wait = "2000" if name.startswith("mini") else "2"
        return self.lab.ssh(name, f"ping -n -c 1 -W {wait} {address}").returncode == 0


class Gateways(Routed):
    def test_who_reaches_whom(self):
        for board, (address, _) in BOARDS.items():
            for k in (1, 2, 3):
                self.assertTrue(self.reaches(board, f"10.10.0.{k}"), (board, k))
                self.assertTrue(self.reaches(f"mini{k}", address), (board, k))
        self.assertTrue(self.reaches("pi4", "192.168.51.5"))
        for name, address in (("pi5", "192.168.51.4"), ("pi4", "192.168.50.2"),
                              ("jetson", "192.168.50.2")):
            self.assertFalse(self.reaches(name, address), name)

    def test_frames_pass_the_bridge_in_the_middle(self):
        before = self.lab.node("mini3")["interfaces"]["bridge0"]["mac"]
        self.assertTrue(self.reaches("mini1", "10.10.0.3"))
        out = self.lab.out("mini1", "arp -n 10.10.0.3")
        short = ":".join(f"{int(part, 16):x}" for part in before.split(":"))
        self.assertEqual(out, f"? (10.10.0.3) at {short} on bridge0 ifscope [bridge]\n")
        self.lab.must("unplug", "mini2:en3")
        self.assertFalse(self.reaches("mini1", "10.10.0.3"))
        self.lab.must("plug", "mini2:en3")
        self.assertTrue(self.reaches("mini1", "10.10.0.3"))

    def test_hops_show(self):
        self.assertRegex(self.lab.out("mini2", "traceroute -n -m 4 -q 1 -w 1 192.168.51.5 2>&1"),
                         r"^traceroute to 192\.168\.51\.5 \(192\.168\.51\.5\), 4 hops max, 40 byte "
                         r"packets\n 1  10\.10\.0\.3  [\d.]+ ms\n 2  192\.168\.51\.5  [\d.]+ ms\n$")
        self.assertRegex(self.lab.out("mini2", "traceroute -n -m 2 -q 1 -w 1 10.10.0.99"),
                         r"^ 1  \*\n 2  \*\n$")
        done = self.lab.ssh("mini2", "ping -c 1 -m 1 -W 1000 192.168.51.5")
        self.assertIn("92 bytes from 10.10.0.3: Time to live exceeded\n", done.stdout)
        self.assertEqual(done.returncode, 2)
        self.assertIn(" ttl=63 ", self.lab.out("mini2", "ping -c 1 -m 2 -W 1000 192.168.51.5"))
        self.assertIn("From 192.168.50.1 icmp_seq=1 Time to live exceeded",
                      self.lab.ssh("pi5", "ping -n -c 1 -W 1 -t 1 10.10.0.2").stdout)

    def test_routes_as_a_mac_says_it(self):
        route = "sudo route -n {} -net 192.168.77.0/24 {} 2>&1"
        for verb, gateway, text in (
                ("delete", "10.10.0.1", "not in table"), ("add", "10.10.0.1", ""),
                ("add", "10.10.0.3", "File exists"), ("change", "10.10.0.3", ""),
                ("delete", "10.10.0.3", "")):
            out = self.lab.out("mini2", route.format(verb, gateway))
            bad = f"route: writing to routing socket: {text}\n" if text else ""
            self.assertEqual(out, f"{bad}{verb} net 192.168.77.0: gateway {gateway}"
                                  f"{': ' + text if text else ''}\n")
            self.assertEqual([r["via"] for r in self.lab.node("mini2")["routes"]
                              if r["to"] == "192.168.77.0/24"],
                             {"add": ["10.10.0.1"], "change": ["10.10.0.3"], "delete": []}[verb])
        self.assertIn("Network is unreachable",
                      self.lab.out("mini2", route.format("add", "172.20.0.1")))
        done = self.lab.ssh("mini2", "route -n add -net 192.168.77.0/24 10.10.0.1")
        self.assertEqual((done.returncode, done.stderr),
                         (77, "route: must be root to alter routing table\n"))
        table = self.lab.out("mini2", "netstat -rn -f inet")
        self.assertRegex(table, r"(?m)^192\.168\.51 +10\.10\.0\.3 +UGSc +bridge0 +$")
        self.assertRegex(table, r"(?m)^default +10\.99\.0\.254 +UGScg +en0 +$")
        self.assertIn("  interface: en0\n", self.lab.out("mini2", "route -n get default"))

    def test_forwarding_is_read_and_set(self):
        self.assertEqual(self.lab.out("mini1", "sysctl -n net.inet.ip.forwarding"), "1\n")
        self.assertTrue(self.lab.node("mini1")["forwarding"])
        self.assertFalse(self.lab.node("mini2")["forwarding"])
        self.assertNotEqual(
            self.lab.ssh("mini2", "sysctl -w net.inet.ip.forwarding=1").returncode, 0)
        self.assertEqual(self.lab.out("mini2", "sudo sysctl -w net.inet.ip.forwarding=0"),
                         "net.inet.ip.forwarding: 0 -> 0\n")

    def test_neighbours_are_set_and_deleted(self):
        self.lab.out("mini1", "sudo arp -s 192.168.50.9 36:4d:00:01:02:03")
        self.assertIn({"ip": "192.168.50.9", "mac": "36:4d:00:01:02:03", "dev": "en8"},
                      self.lab.node("mini1")["neighbours"])
        self.assertIn("? (192.168.50.9) at 36:4d:0:1:2:3 on en8 ifscope permanent [ethernet]\n",
                      self.lab.out("mini1", "arp -an"))
        self.assertRegex(self.lab.out("mini1", "arp -anl"),
                         r"(?m)^192\.168\.50\.9 +36:4d:0:1:2:3 +\(none\) +\(none\) +en8 +1$")
        self.assertEqual(self.lab.out("mini1", "sudo arp -d 192.168.50.9"),
                         "192.168.50.9 (192.168.50.9) deleted\n")
        self.assertNotIn("192.168.50.9",
                         [n["ip"] for n in self.lab.node("mini1")["neighbours"]])
        self.assertEqual(self.lab.ssh("mini1", "sudo arp -d 192.168.50.9").returncode, 1)

    def test_what_else_a_gateway_shows(self):
        state = "/usr/libexec/ApplicationFirewall/socketfilterfw --getglobalstate"
        self.assertEqual(self.lab.out("mini1", state), "Firewall is disabled. (State = 0)\n")
        self.breaks("mini1", "app-firewall")
        self.assertEqual(self.lab.out("mini1", state), "Firewall is enabled. (State = 1)\n")
        ports = self.lab.out("mini1", "networksetup -listallhardwareports")
        self.assertRegex(ports, r"Hardware Port: USB 10/100/1G/2\.5G LAN\nDevice: en8\n")
        self.assertEqual(self.lab.node("mini1")["bridges"], {"bridge0": ["en2", "en3", "en4"]})
        self.assertRegex(self.lab.out("mini1", "sudo lsof -nP -iTCP:22 -sTCP:LISTEN"),
                         r"(?m)^sshd .* TCP \*:22 \(LISTEN\)$")


class Switches(Routed):
    def carrier(self):
        nodes = self.lab.state()["nodes"]
        return [nodes[n]["interfaces"][i]["carrier"]
                for n, i in (("mini3", "en8"), ("pi4", "eth0"), ("jetson", "eth0"))]

    def test_one_port_is_pulled_and_put_back(self):
        self.lab.must("unplug", "pi4:eth0")
        self.assertEqual(self.carrier(), [True, False, True])
        self.assertEqual(self.lab.state()["switches"],
                         {"desk": {"mini3:en8": True, "pi4:eth0": False, "jetson:eth0": True}})
        self.assertTrue(self.reaches("mini3", "192.168.51.5"))
        self.assertFalse(self.reaches("mini3", "192.168.51.4"))
        self.lab.must("plug", "pi4:eth0")
        self.assertEqual(self.carrier(), [True, True, True])
        self.eventually(lambda: self.reaches("mini3", "192.168.51.4"), True)

    def test_calm_plugs_it_and_a_reboot_leaves_the_others_be(self):
        self.lab.must("unplug", "mini3:en8")
        self.assertEqual(self.carrier(), [False, True, True])
        self.lab.must("calm")
        self.assertEqual(self.carrier(), [True, True, True])
        self.lab.must("reboot", "--delay", "3", "jetson")
        self.assertEqual(self.carrier()[:2], [True, True])
        self.eventually(lambda: self.reaches("mini3", "192.168.51.5"), True, 30)

    def test_refuses_a_second_cable(self):
        for link in ("pi4:eth0-jetson:eth0", "pi4:eth0-mini1:en4"):
            done = self.lab("plug", link)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
            self.assertIn("has a cable in", done.stderr)


class RoutedFaults(Routed):
    def test_forwarding_off(self):
        self.breaks("mini1", "forwarding-off")
        self.assertFalse(self.lab.node("mini1")["forwarding"])
        self.assertFalse(self.reaches("pi5", "10.10.0.3"))
        self.assertTrue(self.reaches("pi5", "10.10.0.1"))
        self.lab.must("mend", "mini1")
        self.assertTrue(self.reaches("pi5", "10.10.0.3"))

    def test_route_missing(self):
        before = self.lab.node("pi5")["routes"]
        self.breaks("pi5", "route-missing:10.10.0.0/24")
        self.assertNotIn("10.10.0.0/24", [r["to"] for r in self.lab.node("pi5")["routes"]])
        self.assertFalse(self.reaches("pi5", "10.10.0.1"))
        self.lab.must("mend", "pi5")
        self.assertEqual(self.lab.node("pi5")["routes"], before)
        self.assertEqual(self.lab("break", "pi5", "route-missing:10.11.0.0/24").returncode, 1)

    def test_default_route(self):
        before = self.lab.state()
        for name, iface, gateway in (("pi5", "eth0", "192.168.50.1"),
                                     ("mini1", "en8", "192.168.50.2")):
            self.breaks(name, f"default-route:{iface}")
            now = self.lab.state()
            self.assertEqual(default_routes(now, name)[0], (gateway, iface))
            self.assertEqual(default_routes(now, name)[1:], default_routes(before, name))
        self.assertIn("dev eth0", self.lab.out("pi5", "ip route get 8.8.8.8"))
        self.assertIn("interface: en8", self.lab.out("mini1", "route -n get 8.8.8.8"))
        self.lab.must("calm")
        for name in ("pi5", "mini1"):
            self.assertEqual(self.lab.node(name)["default_routes"],
                             before["nodes"][name]["default_routes"])

    def test_wrong_mask(self):
        for name, iface, bits, right in (("mini1", "en8", 30, "192.168.50.1/24"),
                                         ("pi4", "eth0", 16, "192.168.51.4/24")):
            self.breaks(name, f"wrong-mask:{iface}:{bits}")
            self.assertEqual(self.lab.node(name)["interfaces"][iface]["inet"],
                             [right.replace("/24", f"/{bits}")])
            self.lab.must("mend", name)
            self.assertEqual(self.lab.node(name)["interfaces"][iface]["inet"], [right])
            self.assertTrue(self.reaches("pi4", "10.10.0.1"))

    def test_stale_neighbour(self):
        self.breaks("mini1", "stale-neighbour:en8:192.168.50.2")
        self.assertIn(("192.168.50.2", "02:00:5e:00:53:99"),
                      [(n["ip"], n["mac"]) for n in self.lab.node("mini1")["neighbours"]])
        self.assertFalse(self.reaches("mini1", "192.168.50.2"))
        self.lab.must("mend", "mini1")
        self.assertTrue(self.reaches("mini1", "192.168.50.2"))

    def test_icmp_filtered_and_nothing_else(self):
        self.breaks("mini1", "icmp-filtered:en8")
        self.assertFalse(self.reaches("pi5", "192.168.50.1"))
        self.assertTrue(self.reaches("mini1", "192.168.50.2"))
        self.lab.out("pi5", "nc -n -z -w 2 192.168.50.1 22")
        self.breaks("pi5", "icmp-filtered")
        self.assertFalse(self.reaches("mini1", "192.168.50.2"))
        self.assertTrue(self.reaches("mini1", "10.99.0.13"))
        self.assertIn("icmp type echo-request drop", self.lab.out("pi5", "sudo nft list ruleset"))
        self.lab.must("calm")
        self.assertTrue(self.reaches("pi5", "192.168.50.1"))

    def test_udp_filtered_and_nothing_else(self):
        receive = ("perl -MIO::Socket::INET -e 'alarm 6; IO::Socket::INET->new(Proto => \"udp\", "
                   "LocalPort => 7777)->recv($x, 9); print $x'")

        def heard():
            self.lab.out("pi5", f"rm -f /tmp/heard; ({receive} >/tmp/heard) >/dev/null 2>&1 "
                                "</dev/null &")
            time.sleep(0.7)
            self.lab.out("mini1", "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Proto => "
                                  "\"udp\", PeerAddr => \"192.168.50.2\", PeerPort => 7777)"
                                  "->send(\"hello\")'")
            time.sleep(0.7)
            return self.lab.out("pi5", "cat /tmp/heard")

        self.assertEqual(heard(), "hello")
        self.breaks("pi5", "udp-filtered")
        self.assertEqual(heard(), "")
        self.assertTrue(self.reaches("mini1", "192.168.50.2"))
        self.lab.out("pi5", "getent hosts jetson.lab")

    def test_a_service_on_one_address_only(self):
        self.breaks("mini1", "service-bound:10.10.0.1:65432")
        self.breaks("mini1", "service-bound:127.0.0.1:7000")
        listed = self.lab.out("mini1", "netstat -an -p tcp")
        self.assertRegex(listed, r"(?m)^tcp4 +0 +0 +10\.10\.0\.1\.65432 +\*\.\* +LISTEN$")
        self.lab.out("pi5", "nc -n -z -w 2 10.10.0.1 65432")
        self.assertNotEqual(self.lab.ssh("pi5", "nc -n -z -w 2 192.168.50.1 65432").returncode, 0)
        self.assertNotEqual(self.lab.ssh("pi5", "nc -n -z -w 2 10.10.0.1 7000").returncode, 0)
        self.assertEqual(self.lab.must("leftovers", "mini1"), "")
        self.lab.must("mend", "mini1", "service-bound:127.0.0.1:7000")
        self.assertNotIn("127.0.0.1.7000 ", re.sub(r".*(TIME_WAIT|_ACK)\n", "",
                                                   self.lab.out("mini1", "netstat -an -p tcp")))
        self.lab.must("mend", "mini1")
        self.assertNotEqual(self.lab.ssh("pi5", "nc -n -z -w 2 10.10.0.1 65432").returncode, 0)

    def test_refusals(self):
        for fault in ("forwarding-off:x", "route-missing", "route-missing:ten", "default-route",
                      "default-route:en99", "wrong-mask:en8", "wrong-mask:en8:99",
                      "wrong-mask:en1:24",
                      "stale-neighbour:en8", "icmp-filtered:en99", "service-bound:65432",
                      "service-bound:10.10.0.1:x"):
            done = self.lab("break", "mini1", fault)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), fault)
        self.assertEqual(self.lab.node("mini1")["faults"], [])


class ABoot(Routed):
    def test_ends_some_faults_and_not_others(self):
        for fault in ("forwarding-off", "stale-neighbour:en8:192.168.50.2", "icmp-filtered:en8",
                      "service-bound:10.10.0.1:65432", "default-route:en8"):
            self.breaks("mini1", fault)
        self.lab.must("reboot", "mini1")
        now = self.lab.node("mini1")
        self.assertEqual([f["name"] for f in now["faults"]],
                         ["forwarding-off", "icmp-filtered", "service-bound"])
        self.assertFalse(now["forwarding"])
        self.assertEqual([r["to"] for r in now["routes"]], ["default", "10.99.0.0/24"])
        self.assertEqual(now["neighbours"], [])
        self.assertIn("10.10.0.1.65432 ", self.lab.out("mini1", "netstat -an -p tcp"))
        self.lab.must("mend", "mini1")
        self.lab.down()
        self.assertEqual(remains(self.lab.name), [])
        self.lab.up()  # for the class to take down


class Files(unittest.TestCase):
    def load(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as f:
            f.write(text)
            f.flush()
            return fleets.load(f.name)

    def test_those_that_come_with_the_lab_load_and_survive_json(self):
        names = sorted(os.listdir(f"{HERE}/fleets"))
        self.assertIn("dgx-spark-ring-3.toml", names)
        for name in names:
            fleet = fleets.load(f"{HERE}/fleets/{name}")
            self.assertEqual(fleets.Fleet.from_json(fleet.to_json()), fleet, name)

    def test_refusals(self):
        pair = '[nodes.a]\n[nodes.b]\n[[cables]]\na = "a:en3"\nb = "b:en3"\n'
        forward = '[defaults]\nbridge = "forward"\n' + pair
        self.load(forward)
        box = '[nodes.a]\nos = "linux"\n'
        for text, reason in (
                (forward + '[[cables]]\na = "a:en4"\nb = "b:en4"\n', "a loop of bridges"),
                (pair + '[[switches]]\nname = "s"\nports = ["a:en3"]\n', "two cables in one port"),
                (pair + '[[switches]]\nname = "s"\nports = ["a:en99"]\n', "no such port"),
                ('[nodes.a]\nmanager = "networkd"\n', "are a Linux node's"),
                (box + 'manager = "wicd"\n', "is none of"),
                (box + 'profile = "auto"\n', "is NetworkManager's"),
                (box + 'lans = ["wlan0"]\nethernet = ["wlan0"]\n[[switches]]\nname = "s"\n'
                       'ports = ["a:wlan0"]\n', "it is in a segment"),
                (box + 'lans = ["a name"]\n', "interface 'a name'")):
            with self.assertRaises(LabError, msg=text) as caught:
                self.load(text)
            self.assertIn(reason, str(caught.exception))

    def test_long_names_of_ports_fit_the_kernel(self):
        fleet = fleets.load(f"{HERE}/fleets/dgx-spark-ring-3.toml")
        from bringup_lab import network  # pylint: disable=import-outside-toplevel
        ends = [network.wire_end(n, p) for n in fleet.nodes.values() for p in n.ports()]
        self.assertEqual(len(ends), 12)
        self.assertEqual(len(set(ends)), 12)
        self.assertLessEqual(max(map(len, ends)), 15)


if __name__ == "__main__":
    unittest.main()
