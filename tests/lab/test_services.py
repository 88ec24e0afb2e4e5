#!/usr/bin/python3
"""Declared servers, reached from the nodes that must reach them: answered, refused, hung, of another
protocol, bound to the wrong address, behind a firewall. box1 serves, box2 looks."""

import json
import os
import shutil
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import INSTRUMENTED, LabCase  # noqa: E402

BIN = os.environ["BRINGUP_LAB_BIN"]
LINK = "10.55.0.1"  # box1's address on the cable with a /24

# Takes connections and holds them; with words, says them and hangs up.
SERVER = """
import socket, sys
held = []
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(16)
while True:
    c, _ = s.accept()
    if len(sys.argv) > 3:
        c.recv(4096)
        c.sendall(sys.argv[3].encode())
        c.close()
    else:
        held.append(c)
"""


class Servers(LabCase):
    fleet = "discovery"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A node does not see everything of the machine: /var/tmp, say, is its own.
        shutil.copy(f"{BIN}/lab-grpc", f"/run/bringup-lab/{cls.lab.name}/nodes/box1/lab")

    def setUp(self):
        super().setUp()
        self.services = ""

    def serve(self, *command):
        """A command on box1, in the background, until the test ends."""
        line = 'setsid "$@" </dev/null >/dev/null 2>&1 & echo $!'
        pid = self.lab.exec("box1", "sh", "-c", line, "sh", *command).out.strip()
        self.addCleanup(self.lab, "exec", "box1", "kill", "-KILL", pid, check=False)

    def python(self, port, *says, address="0.0.0.0"):
        self.serve("python3", "-c", SERVER, address, str(port), *says)

    def grpc(self, port, *more, address="0.0.0.0"):
        self.serve("/.lab/lab-grpc", f"{address}:{port}", *more)

    def declare(self, port, kind, **more):
        self.services += f'\n[[services]]\nnode = "box1"\nport = {port}\nkind = "{kind}"\n'
        self.services += f'address = "{more.pop("address", LINK)}"\n'
        for key, value in more.items():
            self.services += f"{key} = {json.dumps(value)}\n"

    def wait_for_ports(self, *ports):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            out = self.lab.exec("box1", "ss", "-Hltn").out
            if all(f":{port} " in out for port in ports):
                return
            time.sleep(0.2)
        self.fail(f"not all of {ports} listen: {out}")

    def verified(self, status, *args, within=40):
        with open(self.lab.inventory(), encoding="utf-8") as f:
            text = f.read()
        path = f"{self.scratch()}/services.toml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text + self.services)
        args = args or ("--only", "services")
        done = self.lab.bringup("verify", "--format", "json", *args, inventory=path)
        self.assert_exit(done, status)
        self.assertLess(done.seconds, within * (3 if INSTRUMENTED else 1), str(done))
        document = self.document(done, "verify")
        return {one["port"]: one for one in document["services"]}, document

    def assert_diagnosed(self, one, diagnosis, *words):
        self.assertEqual((one["status"], (one["diagnosis"] or {}).get("id")), ("fail", diagnosis),
                         json.dumps(one, indent=1))
        for word in words:
            self.assertIn(word, one["diagnosis"]["seen"] + " " + one["diagnosis"]["cure"])

    def test_answered(self):
        self.python(7001)
        self.python(7002, "HTTP/1.1 200 OK\r\n\r\n")
        self.grpc(7003)
        self.wait_for_ports(7001, 7002, 7003)
        self.declare(7001, "tcp")
        self.declare(7002, "http", path="/health")
        self.declare(7003, "grpc", message_bytes=8 << 20)
        found, document = self.verified(0)
        self.assertEqual({one["status"] for one in found.values()}, {"pass"}, found)
        self.assertEqual((found[7002]["http_status"], found[7003]["text"][:7]), (200, "SERVING"))
        self.assertGreater(found[7003]["large_ms"], 0)
        self.assertTrue(document["summary"]["green"])
        # Who declares servers has them checked without asking for it.
        done = self.lab.bringup("verify", "--only", "services")
        self.assert_exit(done, 0)

    def test_failing_in_every_way(self):
        self.python(7012)  # takes the connection and hangs
        self.python(7013, "SSH-2.0-other\r\n")
        self.python(7014, "HTTP/1.1 503 Not yet\r\n\r\n")
        self.python(7015, address="127.0.0.1")
        self.grpc(7016, "not-serving")
        self.python(7017)
        self.python(7018, "HTTP/1.1 400 Bad Request\r\n\r\n")
        self.wait_for_ports(*range(7012, 7019))
        self.declare(7011, "tcp")
        self.declare(7012, "http")
        self.declare(7013, "http")
        self.declare(7014, "http")
        self.declare(7015, "tcp")
        self.declare(7016, "grpc")
        self.declare(7017, "grpc")
        self.declare(7018, "grpc")
        self.declare(7019, "grpc")
        found, document = self.verified(6)
        self.assert_diagnosed(found[7011], "service-not-running", "nothing listens on port 7011")
        self.assert_diagnosed(found[7012], "service-hung")
        self.assert_diagnosed(found[7013], "service-wrong-protocol", "SSH-2.0-other")
        self.assert_diagnosed(found[7014], "service-unhealthy", "503 Not yet")
        self.assert_diagnosed(found[7015], "service-wrong-address", "127.0.0.1", LINK)
        self.assert_diagnosed(found[7016], "service-unhealthy", "NOT_SERVING")
        self.assert_diagnosed(found[7017], "service-hung")
        self.assert_diagnosed(found[7018], "service-wrong-protocol")
        self.assert_diagnosed(found[7019], "service-not-running")
        self.assertEqual(len([f for f in document["findings"] if f["layer"] == "service"]), 9)

    def test_behind_a_firewall(self):
        self.python(7021)
        self.wait_for_ports(7021)
        self.lab.wall("box1", "input", "tcp dport 7021 drop")
        self.addCleanup(self.lab.unwall, "box1")
        self.declare(7021, "tcp")
        found, _ = self.verified(6)
        self.assert_diagnosed(found[7021], "service-filtered", "tcp dport 7021 drop",
                              "let TCP port 7021 in", "sudo nft list ruleset")

    def test_large_messages_whose_packets_vanish(self):
        self.grpc(7051)
        self.wait_for_ports(7051)
        self.lab.wall("box1", "input", "tcp dport 7051 meta length > 1000 drop")
        self.addCleanup(self.lab.unwall, "box1")
        self.declare(7051, "grpc", message_bytes=1 << 20)
        found, _ = self.verified(6, within=60)
        self.assert_diagnosed(found[7051], "grpc-large-stalls", "1048576 bytes", "MTU")

    def test_the_largest_message(self):
        self.grpc(7052)
        self.wait_for_ports(7052)
        self.declare(7052, "grpc", message_bytes=256 << 20)
        found, _ = self.verified(0, within=120)
        self.assertGreater(found[7052]["large_ms"], 0)

    def test_where_sshd_forwards_nothing(self):
        self.lab.break_("box2", "no-forwarding")
        self.python(7031)
        self.grpc(7032)
        self.wait_for_ports(7031, 7032)
        self.declare(7031, "tcp")
        self.declare(7032, "grpc")
        self.declare(7033, "tcp")
        found, _ = self.verified(6)
        self.assertEqual((found[7031]["status"], found[7031]["by"]), ("pass", "nc"))
        self.assertEqual((found[7032]["status"], found[7032]["by"]), ("untested", "nc"))
        self.assertIn("grpc was not tried", found[7032]["text"])
        self.assert_diagnosed(found[7033], "service-not-running")

    def test_link_local_with_its_zone(self):
        self.serve("python3", "-c", SERVER.replace("socket.socket()",
                                                   "socket.socket(socket.AF_INET6)"), "::", "7041")
        self.wait_for_ports(7041)
        out = self.lab.exec("box1", "ip", "-6", "-o", "addr", "show", "dev", "en5", "scope",
                            "link").out
        address = out.split("inet6 ")[1].split("/")[0]
        self.declare(7041, "tcp", address=f"{address}%en5")
        self.declare(7042, "tcp", address="169.254.77.1")
        self.python(7042)
        self.wait_for_ports(7042)
        found, _ = self.verified(0)
        self.assertEqual({one["status"] for one in found.values()}, {"pass"}, found)


if __name__ == "__main__":
    unittest.main()
