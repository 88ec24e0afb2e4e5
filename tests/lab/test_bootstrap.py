#!/usr/bin/python3
"""A re-initialisation took the key and the right to sudo: `bootstrap` gives both back."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import PASSWORD  # noqa: E402
from password_pair import ENDS, PasswordPair  # noqa: E402

DROPIN = "/etc/sudoers.d/bringup"
KEYS = "/Users/admin/.ssh/authorized_keys"


class Lost(PasswordPair):
    def setUp(self):
        super().setUp()
        for node in ENDS:
            self.root(node, f"rm -rf {DROPIN} {DROPIN}.* {KEYS}.*")
            self.lab.break_(node, "sudo-password")

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def bootstrap(self, *args, password=PASSWORD, flag="--ask-pass"):
        return self.lab.on_terminal("bootstrap", *args, "--yes", flag,
                                    replies=[("assword", password + "\n")])

    def as_login(self, node, command):
        return self.lab.bringup("exec", "--limit", node, "--", command)

    def assert_linked_pair(self):
        state = self.lab.state()
        for node, address in ENDS.items():
            self.assert_linked(state, node, "en3", address)

    def assert_no_traces(self, node):
        """Nothing was put in place, and nothing is left beside it."""
        self.assertEqual(self.root(node, "ls /etc/sudoers.d").out, "")
        self.assertEqual(self.root(node, "ls /Users/admin/.ssh").out, "authorized_keys\n")


class GivenBack(Lost):
    def test_then_recover_with_the_key_and_the_limited_sudo_alone(self):
        refused = self.lab.bringup("recover", "--yes")
        self.assert_exit(refused, 4)
        self.assert_said(refused, "bringup bootstrap studio1 --ask-pass")
        before = self.root("studio1", f"cat {KEYS}").out
        done = self.bootstrap("studio1", "studio2")
        self.assert_exit(done, 0)
        self.assertNotIn(PASSWORD, done.out)
        for node in ENDS:
            self.assertEqual(self.root(node, f"ls -ln {DROPIN} | cut -c1-14").out,
                             "-r--r----- 1 0\n")
            self.assert_exit(self.root(node, "visudo -c", check=False), 0)
            self.assertEqual(self.root(node, "ls /etc/sudoers.d").out, "bringup\n")
            self.assertEqual(self.root(node, f"ls -ln {KEYS} | cut -c1-10").out, "-rw-------\n")
            self.assertEqual(self.root(node, "ls -ldn /Users/admin/.ssh | cut -c1-10").out,
                             "drwx------\n")
        after = self.root("studio1", f"cat {KEYS}").out
        self.assertTrue(after.startswith(before), "the old lines are kept")
        self.assertEqual(after.count("operator@lab"), 1)
        recovered = self.lab.bringup("recover", "--yes")
        self.assert_exit(recovered, 0)
        self.assert_linked_pair()

    def test_the_rule_allows_bringups_commands_and_no_others(self):
        self.assert_exit(self.bootstrap("studio1"), 0)
        for command in ("ifconfig bridge0 deletem en3", "ifconfig en3 up",
                        "ifconfig en3 inet 10.254.0.1 netmask 255.255.255.252",
                        "ifconfig en3 inet 10.254.0.1 -alias", "ifconfig bridge0 addm en3", "true"):
            self.assert_exit(self.as_login("studio1", f"sudo -k -n {command}"), 0)
        for command in ("cat /etc/shadow", f"cat {DROPIN} /etc/shadow", "sh -c id", "true id",
                        "ifconfig en0 down", "ifconfig bridge0 destroy", "ifconfig bridge0 addm en0",
                        "ifconfig bridge0 up deletem en3", "ifconfig en4 up", "rm -f /etc/hosts",
                        "rm -f /tmp/mlx_ibv_devices.json /etc/hosts", "kill -s TERM -- -1",
                        "mv -f /tmp/x /tmp/mlx_ibv_devices.json", "visudo -c"):
            done = self.as_login("studio1", f"sudo -k -n {command}")
            self.assert_exit(done, 5)
            self.assert_said(done, "sudo: a password is required")

    def test_apply_guarded_and_not_and_rollback_with_the_limited_sudo(self):
        self.assert_exit(self.bootstrap("studio[1-2]"), 0)
        self.assert_exit(self.lab.apply(), 0)
        self.assert_linked_pair()
        self.assert_exit(self.lab.bringup("rollback", "--yes"), 0)
        for node in ENDS:
            self.assert_untouched(node)
        self.assert_exit(self.lab.apply("--guard", "always"), 0)
        self.assert_linked_pair()
        self.assert_exit(self.lab.bringup("rollback", "--yes"), 0)
        for node in ENDS:
            self.assert_untouched(node)

    def test_settings_are_made_to_last_with_the_rule_for_it(self):
        lasting = self.edited(("[fleet]\n", "[fleet]\npersist = true\n"))
        plist = "/Library/LaunchDaemons/dev.bringup.links.plist"
        done = self.lab.on_terminal("bootstrap", "studio[1-2]", "--yes", "--ask-pass",
                                    inventory=lasting, replies=[("assword", PASSWORD + "\n")])
        self.assert_exit(done, 0)
        self.assert_exit(self.lab.apply(inventory=lasting), 0)
        for node in ENDS:
            self.root(node, f"test -f {plist}")
        # The key is taken out: what is left may be removed by the rule that was made for it.
        self.assert_exit(self.lab.apply(), 0)
        for node in ENDS:
            self.root(node, f"test ! -e {plist}")

    def test_a_matrix_file_of_roots_is_replaced_with_the_limited_sudo(self):
        self.assert_exit(self.bootstrap("studio[1-2]"), 0)
        self.root("studio1", "echo old >/tmp/mlx_ibv_devices.json")
        done = self.lab.apply()
        self.assert_exit(done, 0)
        self.assertIn("rdma_en3", self.lab.state()["nodes"]["studio1"]["matrix"]["text"])

    def test_twice_changes_nothing(self):
        self.assert_exit(self.bootstrap("studio1"), 0)
        before = self.root("studio1", f"ls -lni {KEYS} {DROPIN}").out
        done = self.lab.bringup("bootstrap", "studio1", "--format", "json")
        self.assert_exit(done, 0)
        document = self.document(done, "bootstrap")
        self.assertEqual((document["changes"], document["failed"]), (0, 0))
        self.assert_said(done, "nothing to change")
        self.assertEqual(self.root("studio1", f"ls -lni {KEYS} {DROPIN}").out, before)

    def test_full_sudo(self):
        self.assert_exit(self.bootstrap("studio1", "--full-sudo"), 0)
        self.assert_exit(self.as_login("studio1", "sudo -k -n cat /etc/shadow"), 0)
        done = self.lab.bringup("bootstrap", "studio1", "--yes")  # and back to less
        self.assert_exit(done, 0)
        self.assert_exit(self.as_login("studio1", "sudo -k -n cat /etc/shadow"), 5)

    def test_sudo_by_another_rule_is_left_alone(self):
        self.lab.mend("studio1", "sudo-password")
        done = self.bootstrap("studio1")
        self.assert_exit(done, 0)
        self.assert_said(done, "rule of the node's own")
        self.assertEqual(self.root("studio1", "ls /etc/sudoers.d").out, "")
        self.assert_exit(self.as_login("studio1", "true"), 0)

    def test_no_folder_for_keys_yet(self):
        self.root("studio2", "rm -r /Users/admin/.ssh")
        self.addCleanup(self.root, "studio2", "mkdir -p /Users/admin/.ssh && "
                        "chown admin:admin /Users/admin/.ssh")
        self.assert_exit(self.bootstrap("studio2"), 0)
        self.assert_exit(self.as_login("studio2", "true"), 0)

    def test_a_last_line_without_an_end_is_kept_whole(self):
        self.root("studio1", f"printf '# mine' >{KEYS}")
        self.assert_exit(self.bootstrap("studio1"), 0)
        lines = self.root("studio1", f"cat {KEYS}").out.splitlines()
        self.assertEqual((lines[0], len(lines)), ("# mine", 2))


class Asked(Lost):
    def test_dry_run_shows_and_changes_nothing(self):
        before = self.root("studio1", f"cat {KEYS}").out
        done = self.lab.on_terminal("bootstrap", "studio1", "--dry-run", "--ask-pass",
                                    replies=[("assword", PASSWORD + "\n")])
        self.assert_exit(done, 0)
        self.assert_said(done, "[dry-run] studio1: key to ~/.ssh/authorized_keys",
                         "admin ALL=(root) NOPASSWD:", "/sbin/ifconfig en3 up",
                         "sudo rm /etc/sudoers.d/bringup")
        self.assertEqual(self.root("studio1", f"cat {KEYS}").out, before)
        self.assert_no_traces("studio1")

    def test_no(self):
        done = self.lab.on_terminal("bootstrap", "studio1", "--ask-pass",
                                    replies=[("assword", PASSWORD + "\n"), ("[y/N]", "n\n")])
        self.assert_exit(done, 0)
        self.assert_said(done, "Nothing was changed")
        self.assert_no_traces("studio1")

    def test_without_a_terminal_there_is_no_password(self):
        done = self.lab.bringup("bootstrap", "studio1", "--yes", "--ask-pass")
        self.assert_exit(done, 2)
        self.assert_said(done, "terminal")

    def test_no_key_of_ones_own(self):
        empty = self.scratch()
        path = self.edited(('user = "admin"', f'user = "admin"\nidentity_file = "{empty}/id"'))
        done = self.lab.bringup("bootstrap", "studio1", "--yes", inventory=path)
        self.assert_exit(done, 2)
        self.assert_said(done, "ssh-keygen -t ed25519")

    def test_a_node_that_is_none(self):
        self.assert_exit(self.lab.bringup("bootstrap", "studio9", "--yes"), 2)


class Refused(Lost):
    def test_a_wrong_password_is_tried_once(self):
        self.lab.count_connections("studio1")
        self.addCleanup(self.lab.stop_counting, "studio1")
        log = f"{self.lab.dir}/nodes/studio1/lab/sshd.log"
        began = os.path.getsize(log)
        done = self.bootstrap("studio1", password="not-it")
        self.assert_exit(done, 4)
        self.assert_said(done, "check the user name and the password")
        self.assertEqual(self.lab.connections("studio1"), 1)
        with open(log, encoding="utf-8") as f:
            f.seek(began)
            self.assertEqual(f.read().count("Failed password"), 1)
        self.assert_no_traces("studio1")

    def test_a_host_key_that_has_changed_gets_no_password(self):
        self.lab.break_("studio1", "changed-host-key")
        done = self.bootstrap("studio1")
        self.assert_exit(done, 4)
        self.assert_said(done, "the host key has changed", "bringup trust studio1")
        self.assert_no_traces("studio1")

    def test_first_contact_gets_no_password(self):
        known = f"{self.lab.dir}/controller/ssh/known_hosts"
        with open(known, encoding="utf-8") as f:
            text = f.read()
        self.addCleanup(self.write, known, text)
        self.write(known, "")
        log = f"{self.lab.dir}/nodes/studio1/lab/sshd.log"
        began = os.path.getsize(log)
        done = self.bootstrap("studio1")
        self.assert_exit(done, 4)
        self.assert_said(done, "no host key on file")
        with open(log, encoding="utf-8") as f:
            f.seek(began)
            self.assertNotIn("password", f.read())
        self.assert_no_traces("studio1")

    def test_not_in_sudoers(self):
        self.lab.break_("studio1", "no-sudo")
        done = self.bootstrap("studio1")
        self.assert_exit(done, 5)
        self.assert_said(done, "may not use sudo", "administrator")
        self.assertEqual(self.root("studio1", "ls /etc/sudoers.d").out, "")
        self.assert_exit(self.as_login("studio1", "true"), 0)  # the key is there all the same

    def test_sudo_has_a_password_of_its_own(self):
        self.lab.mend("studio1", "wrong-key")
        done = self.bootstrap("studio1", password="not-it", flag="--ask-become-pass")
        self.assert_exit(done, 5)
        self.assert_said(done, "sudo refused the password", "--ask-become-pass")
        self.assert_no_traces("studio1")
        self.assert_exit(self.bootstrap("studio1", flag="--ask-become-pass"), 0)

    def test_a_visudo_that_fails_leaves_nothing_behind(self):
        visudo = self.root("studio1", "command -v visudo").out.strip()
        self.root("studio1", f"mv {visudo} {visudo}.real; printf '#!/bin/sh\\necho broken; exit 1\\n'"
                  f" >{visudo}; chmod 755 {visudo}")
        self.addCleanup(self.root, "studio1", f"mv {visudo}.real {visudo}")
        done = self.bootstrap("studio1")
        self.assert_exit(done, 5)
        self.assert_said(done, "broken", "visudo -c")
        self.assertEqual(self.root("studio1", "ls /etc/sudoers.d").out, "")
        refused = self.as_login("studio1", "sudo -k -n true")
        self.assert_exit(refused, 5)

    def test_a_full_disk(self):
        keys = self.root("studio1", f"cat {KEYS}").out
        for folder in ("/Users/admin/.ssh", "/etc/sudoers.d"):
            self.root("studio1", f"cp -Rp {folder} {folder}.kept && mount -t tmpfs -o size=4k,mode="
                      f"$(case {folder} in /etc*) echo 755 ;; *) echo 700,uid=1999,gid=1999 ;; esac)"
                      f" tmpfs {folder} && cp -p {folder}.kept/* {folder}/ 2>/dev/null; "
                      f"cat /dev/zero >{folder}/filler 2>/dev/null; true")
            self.addCleanup(self.root, "studio1", f"umount {folder}; rm -rf {folder}.kept")
        done = self.bootstrap("studio1")
        self.assert_exit(done, 5)
        self.assert_said(done, "not added", "sudoers.d/bringup not written")
        self.assertEqual(self.root("studio1", f"cat {KEYS}.kept 2>/dev/null || cat "
                                   "/Users/admin/.ssh.kept/authorized_keys").out, keys)
        self.assertEqual(self.root("studio1", "ls /etc/sudoers.d").out, "filler\n")
        self.assertNotIn("authorized_keys.", self.root("studio1", "ls /Users/admin/.ssh").out)

    def test_a_folder_that_can_only_be_read(self):
        self.root("studio1", "mount --bind /etc/sudoers.d /etc/sudoers.d && "
                  "mount -o remount,ro,bind /etc/sudoers.d")
        self.addCleanup(self.root, "studio1", "umount /etc/sudoers.d")
        done = self.bootstrap("studio1")
        self.assert_exit(done, 5)
        self.assert_said(done, "Read-only")

    def test_links_and_what_belongs_to_others_are_not_written_through(self):
        for make, words in ((f"mv {KEYS} /Users/admin/keys; ln -s /Users/admin/keys {KEYS}",
                             "is a symbolic link"),
                            (f"chown root {KEYS}", "belongs to another user")):
            with self.subTest(words):
                self.root("studio1", make)
                try:
                    done = self.bootstrap("studio1")
                    self.assert_exit(done, 5)
                    self.assert_said(done, words)
                    self.assertNotIn("operator@lab", self.root("studio1", f"cat {KEYS}").out)
                finally:
                    self.root("studio1", f"if [ -L {KEYS} ]; then rm {KEYS}; "
                              f"mv /Users/admin/keys {KEYS}; fi; chown admin {KEYS}; "
                              f"rm -f {DROPIN}")


if __name__ == "__main__":
    unittest.main()
