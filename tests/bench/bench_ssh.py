"""bringup exec against clush, pdsh, pssh, Ansible and xargs ssh on N lab nodes, in the same run.

Runs inside the controller's namespace of a lab raised with --plain N (see scripts/bench).
Peers that start cold are shown as shipped and with the key exchange that libssh uses, since Debian
12's ssh spends 100 ms of CPU per connection on sntrup761. A warm ControlMaster skips the handshake
and is shown beside them, not among them.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from measure import interleaved, once, table

CURVE = ["-o", "KexAlgorithms=curve25519-sha256"]
COMMANDS = ["uname -a", "id", "hostname", "cat /etc/hostname", "ls /", "df /", "date", "env",
            "cat /etc/hosts", "ls /etc", "pwd", "uptime"]
CONTENT = "x" * 1023


def main():
    bringup, count = sys.argv[1], int(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    hosts = [f"n{i + 1}" for i in range(count)]
    user = "admin"
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench."))
    names = ",".join(hosts)
    inventory = work / "fleet.toml"
    inventory.write_text('[fleet]\nname = "bench"\n[defaults]\nuser = "admin"\nbecome = "none"\n' +
                         "".join(f'[nodes."{h}"]\n' for h in hosts))
    listing = work / "hosts"
    listing.write_text("\n".join(hosts) + "\n")
    ansible_inventory = work / "ansible"
    ansible_inventory.write_text("\n".join(
        f"{h} ansible_user={user} ansible_python_interpreter=/usr/bin/python3" for h in hosts) + "\n")
    n = str(len(hosts))
    common = ["-l", user, "-o", "LogLevel=ERROR"]

    def xargs(command, extra):
        return once(["xargs", "-P", n, "-I{}", "ssh", *common, *extra, "{}", command],
                    stdin=listing)

    def clush(command, extra):
        return once(["clush", "-q", "-w", names, "-f", n, "-l", user, "-o", " ".join(extra), command])

    def pdsh(command, extra):
        return once(["pdsh", "-R", "ssh", "-f", n, "-l", user, "-w", names, command],
                    env={"PDSH_SSH_ARGS_APPEND": " ".join(extra)})

    def pssh(command, extra):
        options = [x for pair in zip(extra[::2], extra[1::2]) for x in ("-O", pair[1])]
        return once(["parallel-ssh", "-h", str(listing), "-l", user, "-p", n, *options, command])

    def bring(command):
        return once([bringup, "exec", "-q", "-i", str(inventory), "--", command])

    def ansible(arguments, extra):
        sockets = tempfile.mkdtemp(prefix="cp.", dir="/tmp")
        run = once([*arguments[:1], "-i", str(ansible_inventory), "-f", n, *arguments[1:]],
                   env={"ANSIBLE_PIPELINING": "1", "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
                        "ANSIBLE_SSH_ARGS": " ".join(
                            ["-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s", *extra]),
                        "ANSIBLE_NOCOWS": "1", "ANSIBLE_LOCALHOST_WARNING": "0"})
        close_masters(sockets)
        return run

    def master_run(sockets, extra):
        path = ["-o", "ControlMaster=auto", "-o", f"ControlPath={sockets}/%h",
                "-o", "ControlPersist=60"]
        return lambda command: xargs(command, [*path, *extra])

    def close_masters(sockets):
        for socket in pathlib.Path(sockets).glob("*"):
            subprocess.run(["ssh", "-O", "exit", "-S", str(socket), "x"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(sockets, ignore_errors=True)

    # Job 1: one trivial command.
    cold = {"bringup exec": lambda: bring("true")}
    for label, extra in (("as shipped", []), ("curve25519", CURVE)):
        cold[f"xargs -P N ssh, {label}"] = lambda e=extra: xargs("true", e)
        cold[f"clush, {label}"] = lambda e=extra: clush("true", e)
        cold[f"pdsh, {label}"] = lambda e=extra: pdsh("true", e)
        cold[f"pssh, {label}"] = lambda e=extra: pssh("true", e)
        cold[f"ansible raw, {label}"] = lambda e=extra: ansible(
            ["ansible", "all", "-m", "raw", "-a", "true"], e)
    warm_sockets = tempfile.mkdtemp(prefix="cm.", dir="/tmp")
    warm = master_run(warm_sockets, CURVE)
    warm("true")
    cold["(warm ControlMaster, xargs ssh)"] = lambda: warm("true")
    table(f"one command on {n} nodes, cold", interleaved(cold, rounds), "bringup exec", len(hosts))
    close_masters(warm_sockets)

    # Job 2: twelve small commands and a 1 KB file.
    script = "\n".join(f"{c} >/dev/null" for c in COMMANDS) + f"\nprintf %s {CONTENT} >/tmp/job\n"

    def thirteen():
        sockets = tempfile.mkdtemp(prefix="cm.", dir="/tmp")
        go = master_run(sockets, CURVE)
        runs = [go(c) for c in COMMANDS] + [go(f"printf %s {CONTENT} >/tmp/job")]
        close_masters(sockets)
        return runs

    jobs = {"bringup exec, one script": lambda: bring(script),
            "ControlMaster cold, 13 ssh, curve25519": thirteen}
    table(f"12 commands and a file on {n} nodes", interleaved(jobs, rounds),
          "bringup exec, one script", len(hosts))

    playbook = work / "job.yml"
    playbook.write_text("- hosts: all\n  gather_facts: false\n  tasks:\n" +
                        "".join(f"    - ansible.builtin.command: {c}\n" for c in COMMANDS) +
                        f"    - ansible.builtin.copy:\n        content: {CONTENT}\n"
                        "        dest: /tmp/job\n        mode: '0644'\n")
    slow = {"bringup exec, one script": lambda: bring(script),
            "ansible-playbook, pipelining": lambda: ansible(
                ["ansible-playbook", str(playbook)], CURVE)}
    table(f"12 commands and a file on {n} nodes, Ansible", interleaved(slow, 1),
          "bringup exec, one script", len(hosts))
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    os.environ.setdefault("ANSIBLE_HOST_KEY_CHECKING", "True")
    main()
