"""Runs the tests beside it on a kernel with version 2 of control groups: a small machine.

``python -m tests.cgroup.machine [ARGUMENT OF PYTEST]...``: an emulated machine, whose root is that
of this one with every change kept in its own memory, runs them under systemd and powers off. It
needs qemu-system-x86, busybox-static, systemd, and a kernel with its modules (linux-image-amd64 of
Debian), installed or unpacked below $KERNEL.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from tests.cgroup.initial import SYSTEMD, pack

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MEGABYTES = 2048
DEADLINE = 30 * 60  # seconds; a few minutes on a host that is not busy
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
VARIABLES = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
ENDED = re.compile(r"^The tests ended with ([0-9]+)\.", re.MULTILINE)
UNFINISHED = f"The machine ended, or was ended after {DEADLINE} s, before its tests did."
KERNEL = "console=ttyS0 loglevel=2 panic=-1 mitigations=off"


def main(arguments: Sequence[str]) -> int:
    image, modules = kernel()
    qemu, busybox = needed("qemu-system-x86_64", "qemu-system-x86"), static_busybox()
    needed(SYSTEMD, "systemd")
    compile_all(arguments)
    with tempfile.TemporaryDirectory() as folder:
        initial = Path(folder, "initramfs")
        pack(initial, busybox, modules, script(busybox, arguments))
        said = list(run([qemu, *options(image, initial)]))
    found = ENDED.search("\n".join(said))
    return int(found[1]) if found else fail(UNFINISHED)


def fail(problem: str) -> NoReturn:
    sys.exit(problem)


def compile_all(arguments: Sequence[str]) -> None:
    """Collect the tests here: what is wrong with them shows, and what they import is compiled.

    The machine is twenty times slower, and that would be most of its work.
    """
    variables = {**os.environ, **VARIABLES, "PYTHONDONTWRITEBYTECODE": ""}
    collect = [*PYTEST, "--collect-only", "-qq", str(HERE), *arguments]
    if subprocess.run(collect, cwd=ROOT, env=variables).returncode:
        fail("The tests could not be collected.")


def run(machine: Sequence[str]) -> Iterator[str]:
    """Each line that the machine says, which is printed at once, until it ends or is ended."""
    with subprocess.Popen(machine, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        deadline = threading.Timer(DEADLINE, running.kill)
        deadline.start()
        for line in running.stdout:
            said = line.decode(errors="replace").rstrip("\r\n")
            print(said, flush=True)
            yield said
        deadline.cancel()


def needed(program: str, package: str) -> str:
    return shutil.which(program) or fail(f"There is no program {program}: install {package}.")


def static_busybox() -> str:
    found = needed("busybox", "busybox-static")
    if b"/ld-linux" in Path(found).read_bytes():
        fail(f"{found} needs libraries: install busybox-static.")
    return found


def kernel() -> tuple[Path, Path]:
    """The newest kernel with the file system that shares folders, and where its modules are."""
    base = Path(os.environ.get("KERNEL", "/"))
    for image in sorted(base.glob("boot/vmlinuz-*"), reverse=True):
        modules = base / "lib/modules" / image.name.removeprefix("vmlinuz-")
        if list(modules.rglob("9p.ko*")):
            return image, modules
    fail(f"There is no kernel with the module 9p below {base}: install linux-image-amd64.")


def script(busybox: str, arguments: Sequence[str]) -> str:
    """What the machine runs once systemd has started."""
    variables = {**VARIABLES, "PATH": os.environ["PATH"], "TMPDIR": "/run/tests"}
    words = [f"{name}={text}" for name, text in variables.items()]
    lines = [
        f"cd {shlex.quote(str(ROOT))}",
        shlex.join(["env", "-i", *words, *PYTEST, "-v", "--color=no", str(HERE), *arguments]),
        'echo "The tests ended with $?."',
        f"{busybox} poweroff -f",
    ]
    return "\n".join([*lines, ""])


def options(image: Path, initial: Path) -> list[str]:
    """An emulated machine without a network, which ends where an ordinary one starts again.

    Its clock counts its instructions: on a busy host, time limits in it mean as much work as ever.
    """
    share = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    return [
        *("-accel", "tcg,thread=single", "-icount", "shift=1", "-cpu", "qemu64,+rdrand"),
        *("-m", str(MEGABYTES), "-nodefaults", "-no-reboot", "-display", "none"),
        *("-serial", "stdio", "-kernel", str(image), "-initrd", str(initial)),
        *("-append", KERNEL, "-virtfs", share),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
