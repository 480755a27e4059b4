"""A fake: containers as sub-processes in a sandbox, with the mounts, the user and the log of one.

The image is this machine's own /usr.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

Object = dict[str, Any]
LINKED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
PIECE = 2**14
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class Container:
    """One container of a pod, running from the beginning."""

    def __init__(self, pod: Object, container: Object) -> None:
        self.log = Log()
        self.oom = False
        self.started = datetime.now(UTC)
        self.code: int | None = None
        self._ended = threading.Event()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            [*sandbox(pod, container, writing), *map(expanded, container["command"])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=[writing],
        )
        os.close(writing)
        with os.fdopen(reading) as told:
            self._init = int(json.loads(told.read() or "{}").get("child-pid", 0))
        threading.Thread(target=self._take, daemon=True).start()
        limit = quantity(container.get("resources", {}).get("limits", {}).get("memory", "0"))
        if limit:
            threading.Thread(target=self._watch_memory, args=(limit,), daemon=True).start()

    def wait(self) -> int:
        """The exit code, once all that it said is in the log."""
        self._ended.wait()
        assert self.code is not None
        return self.code

    def signal(self, number: signal.Signals) -> None:
        if self._init and not self._ended.is_set():
            try:
                os.kill(self._init, number)
            except ProcessLookupError:
                return

    def end(self, grace: float) -> None:
        self.signal(signal.SIGTERM)
        if not self._ended.wait(grace):
            self.signal(signal.SIGKILL)
        self._ended.wait()

    def _take(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout, self._errors:
            self.log.take(self._process.stdout)
            self._errors.seek(0)
            self.log.take(self._errors)  # as late as it can be: nodes keep no order between the two
            self.code = self._process.wait()
        self.log.end()
        self._ended.set()

    def _watch_memory(self, limit: int) -> None:
        while not self._ended.wait(0.05):
            for pid in below(self._process.pid):
                if resident(pid) > limit:
                    self.oom = True
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue


class Log:
    """What a container said, in lines and parts of lines, each with its time."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._changed = threading.Condition()
        self._ended = False

    def take(self, source: IO[bytes]) -> None:
        within = False
        left = b""
        while data := os.read(source.fileno(), 65536):
            left += data
            at, pieces, stamp = 0, [], now()
            while (end := left.find(b"\n", at, at + PIECE) + 1) or len(left) - at >= PIECE:
                end = end or at + PIECE
                pieces.append((b"" if within else stamp) + left[at:end])
                within = not left[at:end].endswith(b"\n")
                at = end
            left = left[at:]
            self._add(pieces)
        if left:
            self._add([(b"" if within else now()) + left])

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def read(self, follow: bool) -> Iterator[bytes]:
        done = 0
        while True:
            with self._changed:
                while follow and not self._ended and len(self.pieces) == done:
                    self._changed.wait()
                new, done = self.pieces[done:], len(self.pieces)
                ended = self._ended or not follow
            yield b"".join(new)
            if ended:
                return

    def _add(self, pieces: list[bytes]) -> None:
        with self._changed:
            self.pieces += pieces
            self._changed.notify_all()


def now() -> bytes:
    """The time as nodes write it before a line."""
    seconds, rest = divmod(time.time_ns(), 10**9)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z ".encode()


def sandbox(pod: Object, container: Object, told: int) -> list[str]:
    """What bubblewrap is told."""
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    words = ["bwrap", "--info-fd", str(told), "--as-pid-1", "--die-with-parent", "--clearenv"]
    words += ["--unshare-pid", "--unshare-ipc", "--ro-bind", "/usr", "/usr"]
    if pod["metadata"]["labels"].get("compute-ref/network") == "none":  # as the policy wants it
        words += ["--unshare-net"]
    for name in LINKED:
        if Path("/", name).is_symlink():
            words += ["--symlink", f"usr/{name}", f"/{name}"]
    words += ["--perms", "0755", "--dir", "/etc"]
    words += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    words += ["--proc", "/proc", "--dev", "/dev", "--dir", "/data"]
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        if "emptyDir" in volume:
            words += ["--size", volume["emptyDir"]["sizeLimit"], "--perms", "1777"]
            words += ["--tmpfs", mount["mountPath"]]
            continue
        source = Path(volume["hostPath"]["path"], mount["subPath"])
        source.mkdir(parents=True, exist_ok=True)  # as a real node does
        kind = "--ro-bind" if mount.get("readOnly") else "--bind"
        words += [kind, str(source), mount["mountPath"]]
    words += ["--remount-ro", "/", "--chdir", container.get("workingDir", "/")]
    words += ["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"]
    for variable in container.get("env", ()):
        words += ["--setenv", variable["name"], expanded(variable["value"])]
    return [*words, *as_user(pod["spec"]["securityContext"])]


def as_user(context: Object) -> list[str]:
    if os.geteuid() != 0:
        return ["--"]
    user = ["--reuid", str(context["runAsUser"]), "--regid", str(context["runAsGroup"])]
    return [
        *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--"),
        *("setpriv", *user, "--clear-groups", "--no-new-privs"),
    ]


def expanded(text: str) -> str:
    """What a node makes of a command's word or a variable: ``$$`` is ``$``."""
    return re.sub(r"\$\$|\$\((\w+)\)", lambda found: "" if found[1] else "$", text)


def quantity(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w*)", text).groups()  # type: ignore[union-attr]
    return int(number) * UNITS.get(unit, 1)


def below(pid: int) -> list[int]:
    """Processes that descend from one."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [each for child in map(int, children) for each in (child, *below(child))]


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0
