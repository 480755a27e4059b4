"""What bubblewrap shows the algorithm of this machine: programs, libraries, its own folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compute_ref.plugins import Limits, Run, environment_variables, shell_command

LINKED: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC: Final = ("/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf")
ETC_NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
APART: Final = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
)
SCRATCH: Final = 64 * 2**20  # bytes of /tmp and of /dev/shm, where memory is not limited
PROBE_SECONDS: Final = 20


class SandboxUnusable(Exception):
    """bubblewrap is missing or cannot make the namespaces that it needs."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Sources that the run's user may not walk to, and the numbers under which they are shown."""

    sources: list[str]
    used: bool

    def at(self, source: Path | str) -> str:
        """The path under which bubblewrap finds `source`."""
        if not self.used:
            return str(source)
        self.sources.append(str(source))
        return f"/mnt/{len(self.sources) - 1}"

    def mounts(self) -> list[list[str]]:
        """Source and number of each."""
        return [[source, str(number)] for number, source in enumerate(self.sources)]


def probe(uid: int | None) -> str:
    """Run bubblewrap as it will be run and return its version; SandboxUnusable with the reason."""
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnusable("bubblewrap is not installed (its program bwrap was not found)")
    command = [program, *APART, "--unshare-net", *_system(), "--proc", "/proc", "--dev", "/dev"]
    try:
        subprocess.run(
            [*command, "--remount-ro", "/", "true"],
            check=True,
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
            cwd="/",
        )
    except subprocess.CalledProcessError as failed:
        raise SandboxUnusable(f"bubblewrap does not work here: {failed.stderr.strip()}") from failed
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise SandboxUnusable(f"bubblewrap does not work here: {failed}") from failed
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout


def command(run: Run, bind: Sequence[str], stage: Stage) -> list[str]:
    """The bubblewrap command for a run; what it must be shown is entered into `stage`."""
    folders = run.folders
    arguments = ["bwrap", *APART, *([] if run.network else ["--unshare-net"])]
    arguments += ["--hostname", "compute", *_system(), *_etc(run.network)]
    for path in (*_interpreter(), *bind):
        arguments += ["--ro-bind", stage.at(path), path]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    size = str(_scratch(run.limits))
    arguments += ["--size", size, "--tmpfs", "/dev/shm", "--size", size, "--tmpfs", "/tmp"]  # noqa: S108
    for name in ("inputs", "ddos", "transformations", "logs"):
        arguments += ["--ro-bind", stage.at(getattr(folders, name)), f"/data/{name}"]
    arguments += ["--bind", stage.at(folders.outputs), "/data/outputs"]
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/data", "--clearenv"]
    for name, value in variables(run, "/data").items():
        arguments += ["--setenv", name, value]
    entrypoint = shell_command(run.entrypoint, "/data/transformations/algorithm")
    return [*arguments, "--", "sh", "-c", entrypoint]


def variables(run: Run, root: str) -> dict[str, str]:
    """The algorithm's variables, with a path on which this server's own interpreter is first."""
    path = os.pathsep.join((f"{sys.base_prefix}/bin", "/usr/local/bin", "/usr/bin", "/bin"))
    home = {"PATH": path, "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108
    return {**home, **environment_variables(run, root)}


def _system() -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in LINKED:
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    return arguments


def _etc(network: bool) -> list[str]:
    arguments = []
    for name in (*ETC, *(ETC_NETWORK if network else ())):
        if Path(name).exists():
            arguments += ["--ro-bind", str(Path(name).resolve()), name]
    for name, target in _alternatives():
        arguments += ["--symlink", target, name]
    return arguments


def _alternatives() -> Iterator[tuple[str, str]]:
    """Names such as awk that are links through /etc/alternatives."""
    for name in ("awk", "nawk", "which"):
        path = Path("/etc/alternatives") / name
        if path.is_symlink():
            yield str(path), str(path.readlink())


def _interpreter() -> tuple[str, ...]:
    return () if sys.base_prefix.startswith("/usr") else (sys.base_prefix,)


def _scratch(limits: Limits) -> int:
    return max(2**20, limits.memory // 4) if limits.memory else SCRATCH
