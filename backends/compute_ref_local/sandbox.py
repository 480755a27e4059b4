"""What bubblewrap shows the algorithm of this machine: programs, libraries, its own folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from compute_ref.plugins import Run
from compute_ref_local.supervision.child import STATUS

LINKED: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC: Final = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/alternatives",  # links only, through which programs such as awk are found
)
ETC_NETWORK: Final = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
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
HOSTS: Final = "127.0.0.1 localhost\n::1 localhost\n"
SWITCH: Final = "passwd: files\ngroup: files\nhosts: files dns\n"
STAGES: Final = ("/mnt", "/media", "/tmp")  # noqa: S108 - covered in private mounts, never written


class SandboxUnusable(Exception):
    """bubblewrap is missing or cannot make the namespaces that it needs; the text says why."""


@dataclass(slots=True)
class Sources:
    """What bubblewrap mounts, under numbers where the run's user may not walk to it."""

    staged: bool
    mounts: list[str] = field(default_factory=list)
    stage: str = field(default_factory=lambda: next(filter(os.path.isdir, STAGES)))

    def at(self, source: Path | str) -> str:
        """The path under which bubblewrap finds `source`."""
        if not self.staged:
            return str(source)
        self.mounts.append(str(source))
        return f"{self.stage}/{len(self.mounts) - 1}"


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """The program: where it is, what it calls itself, what it can do."""

    program: str
    version: str
    disable_userns: bool

    @classmethod
    def find(cls) -> Bubblewrap:
        """Look at the installed one, or raise SandboxUnusable."""
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxUnusable("bubblewrap is not installed (there is no program bwrap)")
        version, manual = (_said(program, option) for option in ("--version", "--help"))
        return cls(program, version, "--disable-userns" in manual)

    def command(self, run: Run, uid: int, sources: Sources, bind: Iterable[str]) -> list[str]:
        """Arguments that put what follows them into the sandbox of a run of user `uid`.

        `bind` are further paths to show.
        """
        arguments = [self.program, *APART, "--json-status-fd", str(STATUS)]
        arguments += ["--disable-userns"] if self.disable_userns else []
        arguments += [] if run.network else ["--unshare-net"]
        arguments += ["--hostname", "compute", *_system(), *_etc(run.network), *_scratch(run)]
        for path in _made_up(run.folders.control / "etc", uid):
            arguments += ["--ro-bind", sources.at(path), f"/etc/{path.name}"]
        for shown in (*_interpreter(), *bind):
            arguments += ["--ro-bind", sources.at(shown), shown]
        arguments += _data(run, sources)
        return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/data", "--"]


def home() -> Mapping[str, str]:
    """Variables of any algorithm: this server's own interpreter is the first to be found."""
    places = (f"{sys.base_prefix}/bin", "/usr/local/bin", "/usr/bin", "/bin")
    return {"PATH": os.pathsep.join(places), "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108


def _made_up(folder: Path, uid: int) -> Iterator[Path]:
    """Write the files of /etc that an algorithm sees instead of the machine's own."""
    folder.mkdir(mode=0o755, exist_ok=True)
    texts = {
        "passwd": f"compute:x:{uid}:{uid}::/tmp:/bin/sh\n",
        "group": f"compute:x:{uid}:\n",
        "hosts": HOSTS,
        "nsswitch.conf": SWITCH,
    }
    for name, text in texts.items():
        path = folder / name
        path.write_text(text, encoding="ascii")
        path.chmod(0o644)
        yield path


def _scratch(run: Run) -> list[str]:
    size = str(max(2**20, run.limits.memory // 4) if run.limits.memory else SCRATCH)
    arguments = ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/dev/shm", "/tmp"):  # noqa: S108
        arguments += ["--size", size, "--tmpfs", place]
    return arguments


def _data(run: Run, sources: Sources) -> list[str]:
    arguments = []
    for name in ("inputs", "ddos", "transformations", "logs"):
        arguments += ["--ro-bind", sources.at(getattr(run.folders, name)), f"/data/{name}"]
    return [*arguments, "--bind", sources.at(run.folders.outputs), "/data/outputs"]


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
    return arguments


def _interpreter() -> tuple[str, ...]:
    return () if Path(sys.base_prefix).is_relative_to("/usr") else (sys.base_prefix,)


def _said(program: str, option: str) -> str:
    answer = subprocess.run([program, option], capture_output=True, text=True, check=False)
    return answer.stdout.strip()
