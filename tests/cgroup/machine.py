"""Runs the tests beside it on a kernel with version 2 of control groups: a small machine.

``machine.py [ARGUMENT OF PYTEST]...``: an emulated machine, whose root is this one's with every
change kept in its own memory, runs them and powers off. It needs qemu-system-x86, busybox-static
and a kernel with its modules (Debian's linux-image-amd64), installed or unpacked below $KERNEL.
"""

from __future__ import annotations

import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
MEGABYTES = 2048
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
VARIABLES = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
ENDED = re.compile(r"^The tests ended with ([0-9]+)\.", re.MULTILINE)

INIT = """#!/bin/busybox sh
busybox mkdir -p /proc /host /changes /root
busybox mount -t proc proc /proc
for module in {modules}; do busybox insmod /$module; done
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
busybox mkdir -m 1777 /root/run/tests
exec busybox switch_root /root {command}
"""


def main(arguments: Sequence[str]) -> int | str:
    image, modules = kernel()
    qemu, busybox = needed("qemu-system-x86_64", "qemu-system-x86"), static_busybox()
    compile_all(arguments)
    with tempfile.TemporaryDirectory() as folder:
        initial = Path(folder, "initramfs")
        pack(initial, busybox, modules, command(busybox, arguments))
        said = list(run([qemu, *options(image, initial)]))
    found = ENDED.search("\n".join(said))
    return int(found[1]) if found else "The machine ended before its tests did."


def compile_all(arguments: Sequence[str]) -> None:
    """Collect the tests here: what is wrong with them shows, and Python's own files are written.

    The machine, which is twenty times slower, finds everything compiled.
    """
    variables = {**os.environ, **VARIABLES, "PYTHONDONTWRITEBYTECODE": ""}
    collect = [*PYTEST, "--collect-only", "-qq", str(HERE), *arguments]
    if subprocess.run(collect, cwd=ROOT, env=variables).returncode:
        sys.exit("The tests could not be collected.")


def run(machine: Sequence[str]) -> Iterator[str]:
    """Each line that the machine says, which is printed at once, until it ends."""
    with subprocess.Popen(machine, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said = line.decode(errors="replace").rstrip("\r\n")
            print(said, flush=True)
            yield said


def needed(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        sys.exit(f"There is no program {program}: install {package}.")
    return found


def static_busybox() -> str:
    found = needed("busybox", "busybox-static")
    if b"/ld-linux" in Path(found).read_bytes():
        sys.exit(f"{found} needs libraries: install busybox-static.")
    return found


def kernel() -> tuple[Path, Path]:
    """The newest kernel with the file system that shares folders, and where its modules are."""
    base = Path(os.environ.get("KERNEL", "/"))
    for image in sorted(base.glob("boot/vmlinuz-*"), reverse=True):
        modules = base / "lib/modules" / image.name.removeprefix("vmlinuz-")
        if list(modules.rglob("9p.ko*")):
            return image, modules
    sys.exit(f"There is no kernel with the module 9p below {base}: install linux-image-amd64.")


def command(busybox: str, arguments: Sequence[str]) -> str:
    """What the machine runs once its root is mounted, in a shell's words."""
    variables = {**VARIABLES, "PATH": os.environ["PATH"], "TMPDIR": "/run/tests"}
    words = [f"{name}={text}" for name, text in variables.items()]
    tests = [*PYTEST, "-v", "--color=no", str(HERE), *arguments]
    script = [
        f"cd {shlex.quote(str(ROOT))}",
        shlex.join(["env", "-i", *words, *tests]),
        'echo "The tests ended with $?."',
        f"{busybox} poweroff -f",
    ]
    return shlex.join([busybox, "sh", "-c", "\n".join(script)])


def options(image: Path, initial: Path) -> list[str]:
    """An emulated machine without a network, which ends where an ordinary one starts again.

    Its clock counts its instructions: on a busy host, time limits in it mean as much work as ever.
    """
    share = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    return [
        *("-accel", "tcg,thread=single", "-icount", "shift=1", "-cpu", "qemu64,+rdrand"),
        *("-m", str(MEGABYTES), "-nodefaults", "-no-reboot", "-display", "none"),
        *("-serial", "stdio", "-kernel", str(image), "-initrd", str(initial)),
        *("-append", "console=ttyS0 loglevel=2 panic=-1 mitigations=off", "-virtfs", share),
    ]


def pack(initial: Path, busybox: str, modules: Path, words: str) -> None:
    """Write the first file system: one program, the modules, what to do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "bin").mkdir()
        shutil.copy(busybox, root / "bin/busybox")
        there = {path.name.split(".")[0].replace("-", "_"): path for path in modules.rglob("*.ko*")}
        names = dict.fromkeys(name for module in MODULES for name in unpack(module, there, root))
        (root / "init").write_text(INIT.format(modules=" ".join(names), command=words))
        (root / "init").chmod(0o755)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
