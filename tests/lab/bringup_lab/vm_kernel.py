"""The kernel of the virtual machine: Debian's from trixie-backports, the first whose Soft-RoCE
works in network namespaces. It is downloaded and unpacked into build/vm (or $BRINGUP_LAB_VM), with an apt
list of its own, and never installed."""

import contextlib
import fcntl
import hashlib
import lzma
import os
import re
import shlex
import shutil
import struct
import subprocess
import tempfile
import zlib

from . import kernel
from .errors import LabError

SUITE = "trixie-backports"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Loaded by the initramfs, before there is a root to load anything from.
BOOT = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
# Loaded from the cache once the root is there. What is built in or absent is passed over.
LATER = ("virtio_net", "ib_uverbs", "rdma_ucm", "ib_umad", "rdma_rxe", "veth", "bridge", "sch_tbf",
         "nf_tables", "nft_meta_bridge", "nft_numgen", "tun", "inet_diag", "tcp_diag", "udp_diag")
_WANTED = ("vmlinuz*", "*/kernel/drivers/infiniband/core/*", "*/kernel/drivers/infiniband/sw/*",
           "*/kernel/drivers/net/*.ko*", "*/kernel/drivers/virtio/*", "*/kernel/fs/9p/*",
           "*/kernel/fs/configfs/*", "*/kernel/fs/netfs/*", "*/kernel/fs/overlayfs/*",
           "*/kernel/net/*", "*/kernel/lib/*", "*/kernel/crypto/*")
_SIGNED = b"~Module signature appended~\n"


def cache():
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))))
    return os.environ.get("BRINGUP_LAB_VM") or f"{top}/build/vm"


def prepare():
    """The folder with vmlinux, mod/*.ko, boot.list, later.list, version; made if need be."""
    # Another recipe is another folder; an old one stays until build/vm is cleared.
    recipe = hashlib.sha256(repr((SUITE, BOOT, LATER, _WANTED)).encode()).hexdigest()[:12]
    folder = f"{cache()}/kernel-{recipe}"
    if os.path.exists(f"{folder}/version"):
        return folder
    os.makedirs(cache(), exist_ok=True)
    with open(f"{cache()}/lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(f"{folder}/version"):
            return folder
        work = tempfile.mkdtemp(dir=cache(), prefix="new-")
        try:
            _fetch(work)
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(f"{work}/kernel", folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def _run(argv, seconds, **more):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=seconds,
                              **more)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise LabError(f"the machine's kernel cannot be had: {e}") from e
    if done.returncode != 0:
        raise LabError(f"the machine's kernel cannot be had: {argv[0]}: {done.stderr.strip()}")
    return done.stdout


def _mirror():
    """The machine's own, whatever it is."""
    out = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], 30)
    found = sorted({u for u in out.split() if "security" not in u})
    return found[0] if found else "http://deb.debian.org/debian/"


def _fetch(work):
    for part in ("lists/partial", "sources", "deb", "tree", "kernel/mod"):
        os.makedirs(f"{work}/{part}")
    kernel.write(f"{work}/sources/kernel.sources",
                 f"Types: deb\nURIs: {_mirror()}\nSuites: {SUITE}\nComponents: main\n"
                 f"Signed-By: {KEYRING}\n")
    options = ["-o", "Dir::Etc::sourcelist=/dev/null",
               "-o", f"Dir::Etc::sourceparts={work}/sources",
               "-o", f"Dir::State::lists={work}/lists", "-o", "Dir::Cache::pkgcache=",
               "-o", "Dir::Cache::srcpkgcache=", "-o", "APT::Sandbox::User=root"]
    _run(["apt-get", *options, "update", "-qq"], 180)
    shown = _run(["apt-cache", *options, "show", "linux-image-amd64"], 60)
    found = re.search(r"^Depends:.*?linux-image-([\w.+-]+)", shown, re.M)
    if not found:
        raise LabError(f"{SUITE} has no linux-image-amd64")
    version = found[1]
    image = _run(["apt-cache", *options, "show", f"linux-image-{version}"], 60)
    packages = [f"linux-image-{version}"]
    if f"linux-modules-{version}" in image:
        packages = [f"linux-binary-{version}", f"linux-modules-{version}"]
    _run(["apt-get", *options, "download", "-qq", *packages], 600, cwd=f"{work}/deb")
    for deb in os.listdir(f"{work}/deb"):
        _unpack(f"{work}/deb/{deb}", f"{work}/tree")
    _take(f"{work}/tree", f"{work}/kernel")
    kernel.write(f"{work}/kernel/version", version + "\n")


def _unpack(deb, tree):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as source:
        # tar complains of patterns that this package has nothing for.
        subprocess.run(["tar", "-C", tree, "-xf", "-", "--wildcards", "--no-anchored", *_WANTED],
                       stdin=source.stdout, stderr=subprocess.DEVNULL, check=False)


def _take(tree, out):
    files, vmlinuz = {}, None
    for folder, _, names in os.walk(tree):
        for name in names:
            if name.startswith("vmlinuz"):
                vmlinuz = f"{folder}/{name}"
            module = re.match(r"(.+)\.ko(\.xz)?$", name)
            if module:
                files[module[1].replace("-", "_")] = f"{folder}/{name}"
    if vmlinuz is None or "rdma_rxe" not in files:
        raise LabError("Debian's kernel packages are not as expected: no vmlinuz or no rdma_rxe")
    with open(vmlinuz, "rb") as f:
        image = _uncompressed(f.read())
    with open(f"{out}/vmlinux", "wb") as f:
        f.write(image)
    done = set()
    for label, names in (("boot", BOOT), ("later", LATER)):
        order = []
        for name in names:
            _add(name, files, out, done, order)
        kernel.write(f"{out}/{label}.list", "".join(f"{n}\n" for n in order))


def _add(name, files, out, done, order):
    """A module after those that it depends on."""
    name = name.replace("-", "_")
    if name in done or name not in files:
        return
    done.add(name)
    with open(files[name], "rb") as f:
        data = f.read()
    if files[name].endswith(".xz"):
        data = lzma.decompress(data)
    if data.endswith(_SIGNED):
        # Checking 40 signatures takes an emulated machine a second.
        size = struct.unpack(">I", data[-len(_SIGNED) - 4:-len(_SIGNED)])[0]
        data = data[:-len(_SIGNED) - 12 - size]
    needed = re.search(rb"\0depends=([^\0]*)\0", data)
    for other in needed[1].decode().split(",") if needed else []:
        _add(other, files, out, done, order)
    with open(f"{out}/mod/{name}.ko", "wb") as f:
        f.write(data)
    order.append(name)


def _uncompressed(data):
    """The ELF inside a bzImage: qemu boots it as it is, and the emulated machine need not run the
    decompressor."""
    offset = (data[0x1f1] + 1) * 512
    start, size = struct.unpack_from("<II", data, 0x248)
    payload = data[offset + start:offset + start + size]
    if payload[:6] == b"\xfd7zXZ\0":
        out = lzma.decompress(payload)
    elif payload[:4] == b"\x28\xb5\x2f\xfd":
        out = subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False).stdout
    elif payload[:2] == b"\x1f\x8b":
        out = zlib.decompressobj(31).decompress(payload)
    else:
        out = b""
    if out[:4] != b"\x7fELF":
        raise LabError("the kernel's image is of an unknown kind")
    return out


def initramfs(folder, init, out, shared, command):
    """busybox, the modules for the root, /init, the place of the shared folder, and what /init
    becomes."""
    archive = _Archive()
    for directory in ("bb", "dev", "proc", "sys", "mod", "host", "over", "new"):
        archive.add(directory, 0o40755)
    archive.add("dev/console", 0o20600, device=(5, 1))
    with open("/usr/bin/busybox", "rb") as f:
        archive.add("bb/busybox", 0o100755, f.read())
    with open(f"{folder}/boot.list", "rb") as f:
        names = f.read()
    archive.add("mod/boot.list", 0o100644, names)
    for name in names.decode().split():
        with open(f"{folder}/mod/{name}.ko", "rb") as f:
            archive.add(f"mod/{name}.ko", 0o100644, f.read())
    with open(init, "rb") as f:
        archive.add("init", 0o100755, f.read())
    start = f"shared={shlex.quote(shared)}\nset -- {shlex.join(command)}\n"
    archive.add("start", 0o100644, start.encode())
    with open(out, "wb") as f:
        f.write(archive.finished())


class _Archive:
    """cpio of the kind that kernels read ("newc": Documentation/driver-api/early-userspace)."""

    def __init__(self):
        self._parts, self._inode = [], 0

    def add(self, name, mode, data=b"", device=(0, 0)):
        self._inode += 1
        raw = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % x for x in fields)
        self._parts += [_padded(head + raw), _padded(data)]

    def finished(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self._parts)


def _padded(data):
    return data + b"\0" * (-len(data) % 4)


def load(folder):
    """In the guest: the other modules, from the cache that the host shares."""
    with open(f"{folder}/later.list", encoding="utf-8") as f:
        for name in f.read().split():
            with contextlib.suppress(FileExistsError):
                kernel.load_module(f"{folder}/mod/{name}.ko")
