"""The small process over each algorithm, which outlives the server.

A stand-alone script of the standard library, started as ``python -I -S supervisor.py``. It reads
what to do from standard input; an input that breaks off (the server died) starts nothing. It
holds the run's lock by an inherited descriptor for as long as it lives.
"""

import ctypes
import json
import os
import resource
import select
import signal
import time
from pathlib import Path
from typing import Any

SAMPLE = 0.25  # seconds between two looks at memory and disk: the only sampling there is
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000
STAGE = "/mnt"  # where a private mount namespace shows what the run's own user may not walk to
CUT = b"\n[The rest of this log was cut off: it is longer than the environment allows.]\n"

libc = ctypes.CDLL(None, use_errno=True)


def ticks() -> float:
    """Seconds of the boot clock, which never jumps and counts suspends."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def called(result: int, what: str) -> None:
    """Raise OSError where a C function failed."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def write_durably(path: Path, content: Any) -> None:
    """Write JSON whole or not at all, on the disk when this returns."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


class Log:
    """The algorithm's output, up to a number of bytes."""

    def __init__(self, path: str, limit: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
        self._left = limit or 2**63

    def take(self, data: bytes) -> None:
        """Write what still fits; say once that the rest is cut."""
        if self._left <= 0:
            return
        fits, self._left = data[: self._left], self._left - len(data)
        try:
            os.write(self._file, fits + (CUT if self._left <= 0 else b""))
        except OSError:  # a full disk must not end the run's supervision
            self._left = 0


def descendants() -> list[int]:
    """All processes below this one, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names are all that is needed
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def send(pids: list[int], number: int) -> None:
    """Signal processes; those that are gone or not ours to signal are left out."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def memory_of(pid: int) -> int:
    """Bytes of memory that a process holds for itself or shares anonymously."""
    total = 0
    try:
        with Path(f"/proc/{pid}/status").open(encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1]) * 1024
    except OSError:
        return 0
    return total


def disk_below(folder: str) -> int:
    """Bytes on the disk below a folder; links are not followed."""
    total, folders = 0, [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    total += max(found.st_blocks * 512, 512)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:
            continue
    return total


def stage(mounts: list[list[str]]) -> None:
    """In a mount namespace of its own, show each source below STAGE under its number."""
    called(libc.unshare(CLONE_NEWNS), "unshare")
    called(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    called(libc.mount(b"stage", STAGE.encode(), b"tmpfs", 0, b"mode=755"), "stage")
    for source, number in mounts:
        target = f"{STAGE}/{number}"
        if os.path.isdir(source):  # noqa: PTH112 - pathlib would be a second import at each run
            os.mkdir(target)  # noqa: PTH102
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        called(libc.mount(source.encode(), target.encode(), None, MS_BIND | MS_REC, None), source)


def become(spec: dict[str, Any], output: int) -> None:
    """In the child: limits, own user, then the algorithm in the place of this program."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 4096)
    if spec["mounts"]:
        stage(spec["mounts"])
    if spec["cores"]:
        os.sched_setaffinity(0, spec["cores"])
    for name, limit in spec["rlimits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    if spec["uid"] is not None:
        os.setgroups([])
        os.setresgid(spec["uid"], spec["uid"], spec["uid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.umask(0o022)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if spec["cwd"]:
        os.chdir(spec["cwd"])
    os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606


class Supervision:
    """One algorithm from its start to the end of the last of its processes."""

    def __init__(self, spec: dict[str, Any], wakeup: int) -> None:
        self.spec = spec
        self.wakeup = wakeup
        self.reason = "exited"
        self.message = ""
        self.kill_at: float | None = None
        self.until = ticks() + spec["seconds"] if spec["seconds"] else None
        self.main = 0
        self.status: int | None = None

    def run(self) -> None:
        """Start the algorithm, see it end, end what it left behind, write how it ended."""
        log = Log(self.spec["log"], self.spec["log_limit"])
        output, into = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(into, True)
        self.main = os.fork()
        if self.main == 0:
            try:
                become(self.spec, into)
            except BaseException as failed:  # nobody above could report it
                os.write(2, f"The algorithm could not be started: {failed}\n".encode())
            os._exit(127)
        os.close(into)
        self.watch(output, log)
        self.end_all()
        self.drain(output, log)
        write_durably(Path(self.spec["exit"]), self.outcome())

    def watch(self, output: int, log: Log) -> None:
        """Until the main process ended: take output, heed signals, limits and the clock."""
        poll = select.poll()
        poll.register(output, select.POLLIN)
        poll.register(self.wakeup, select.POLLIN)
        next_look = ticks() + SAMPLE
        while self.status is None:
            moments = [next_look, self.kill_at or self.until or next_look]
            for descriptor, event in poll.poll(max(0, min(moments) - ticks()) * 1000 + 1):
                if descriptor == self.wakeup:
                    os.read(self.wakeup, 4096)
                elif not (data := _read(output)):
                    poll.unregister(output)
                elif event:
                    log.take(data)
            self.reap()
            if ticks() >= next_look:
                self.look()
                next_look = ticks() + SAMPLE
            self.keep_time()

    def reap(self) -> None:
        """Take note of every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.main:
                self.status = status

    def look(self) -> None:
        """End the run where it holds more than it may."""
        spec, pids = self.spec, descendants()
        if spec["memory"] and sum(map(memory_of, pids)) > spec["memory"]:
            self.force("oom", "The algorithm used more memory than the environment has.")
        elif spec["disk"] and disk_below(spec["outputs"]) > spec["disk"]:
            self.force("storage", "The algorithm wrote more than the environment's disk holds.")
        elif spec["processes"] and len(pids) > spec["processes"] + 8:
            self.force("exited", "The algorithm had more processes than the environment allows.")

    def keep_time(self) -> None:
        """Heed a stop request and the time limit; end by force when the grace is over."""
        stop = _grace(self.spec["stop"])
        if self.kill_at is None and stop is not None:
            self.ask(stop)
        elif self.kill_at is None and self.until is not None and ticks() >= self.until:
            self.reason, self.message = "timeout", "The algorithm reached the time limit."
            self.ask(self.spec["grace"])
        elif self.kill_at is not None and ticks() >= self.kill_at:
            send(descendants(), signal.SIGKILL)

    def ask(self, grace: float) -> None:
        """TERM to every process of the algorithm, not to the sandbox around it.

        Nor to the shell of the entrypoint while it has a child: its end would be the end of all.
        """
        self.kill_at = ticks() + grace
        shell, *others = descendants()[self.spec["around"] :] or [0]
        send(others or [shell] if shell else [], signal.SIGTERM)

    def force(self, reason: str, message: str) -> None:
        """KILL, for a reason; the first reason stays."""
        if self.reason == "exited":
            self.reason, self.message = reason, message
        send(descendants(), signal.SIGKILL)

    def end_all(self) -> None:
        """KILL until nothing of the run is left; orphans become our children and end too."""
        while True:
            send(descendants(), signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def drain(self, output: int, log: Log) -> None:
        """Take what is still in the pipe."""
        while data := _read(output):
            log.take(data)

    def outcome(self) -> dict[str, Any]:
        """How it ended, as the back-end reads it."""
        status = self.status or 0
        signalled = os.WIFSIGNALED(status)
        code = 128 + os.WTERMSIG(status) if signalled else os.WEXITSTATUS(status)
        return {"code": code, "reason": self.reason, "message": self.message}


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 2**16)
    except BlockingIOError:
        return b""


def _grace(path: str) -> float | None:
    try:
        return float(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def main() -> None:
    """Read what to do, say that it begins, do it."""
    readable, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    called(libc.prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper")
    with open(0, encoding="utf-8") as orders:
        try:
            spec = json.load(orders)
        except ValueError:
            return
    if _grace(spec["stop"]) is not None:
        write_durably(Path(spec["exit"]), {"code": None, "reason": "exited", "message": ""})
        return
    write_durably(Path(spec["started"]), {})
    Supervision(spec, readable).run()


if __name__ == "__main__":
    main()
