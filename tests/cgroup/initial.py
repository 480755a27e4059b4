"""The first file system of the machine: it mounts the host's folders and starts systemd on them.

On servers it is systemd that has the groups; here it must not take away what the tests hand down.
"""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
SYSTEMD = "/lib/systemd/systemd"

INIT = f"""#!/bin/busybox sh
busybox mkdir -p /proc /host /changes /root
busybox mount -t proc proc /proc
for module in MODULES; do busybox insmod /$module; done
busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 host /host
busybox mount -t tmpfs changes /changes
busybox mkdir /changes/upper /changes/work
busybox mount -t overlay \
    -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work root /root
busybox mount -t proc proc /root/proc
busybox mount -t sysfs sys /root/sys
busybox mount -t cgroup2 cgroup /root/sys/fs/cgroup
busybox mount -t devtmpfs dev /root/dev
busybox mkdir -p /root/dev/shm
busybox mount -t tmpfs shm /root/dev/shm
busybox mount -t tmpfs run /root/run
busybox mount -t tmpfs none /root/lib/systemd/system-generators
busybox mkdir -p -m 1777 /root/run/tests
busybox mkdir -p /root/run/systemd/system
busybox cp /tests.service /root/run/systemd/system
busybox cp /tests.sh /root/run
busybox rm -f /root/.dockerenv
exec busybox switch_root /root {SYSTEMD} --unit=tests.service --show-status=no
"""
SERVICE = """[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh /run/tests.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
"""


def pack(initial: Path, busybox: str, modules: Path, script: str) -> None:
    """Write the archive: one program, the modules, what to do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "bin").mkdir()
        shutil.copy(busybox, root / "bin/busybox")
        there = {path.name.split(".")[0].replace("-", "_"): path for path in modules.rglob("*.ko*")}
        names = dict.fromkeys(name for module in MODULES for name in unpack(module, there, root))
        (root / "init").write_text(INIT.replace("MODULES", " ".join(names)))
        (root / "init").chmod(0o755)
        (root / "tests.service").write_text(SERVICE)
        (root / "tests.sh").write_text(script)
        files = b"\n".join(bytes(path.relative_to(root)) for path in root.rglob("*"))
        archive = [busybox, "cpio", "-o", "-H", "newc"]
        with initial.open("wb") as file:
            subprocess.run(
                archive, input=files, stdout=file, stderr=subprocess.PIPE, cwd=root, check=True
            )


def unpack(name: str, there: Mapping[str, Path], root: Path) -> list[str]:
    """Unpack a module and what it needs; returns their names, in the order of loading."""
    if name not in there:  # part of the kernel itself
        return []
    content = there[name].read_bytes()
    content = lzma.decompress(content) if there[name].suffix == ".xz" else content
    (root / name).write_bytes(content)
    depends = re.search(rb"\0depends=([^\0]+)\0", content)
    needs = depends[1].decode().split(",") if depends else []
    return [*(one for need in needs for one in unpack(need, there, root)), name]
