"""A whole backend: plain processes, each run below a shell that outlives the server."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from tempfile import NamedTemporaryFile

from compute_ref import plugins

ASPECTS = ("time", "cpu", "memory", "disk", "processes", "filesystem", "network", "user")
#: runs $1 once it is told to go, leaves the exit code in $2, ends with all of its process group
KEEPER = """trap : TERM; read go || exit; sh -c "$1" </dev/null
echo $? >"$2.draft" && mv "$2.draft" "$2"; kill -KILL 0"""


class NohupBackend(plugins.Backend):
    """Everything of a run is in its control folder: who keeps it, and how it ended."""

    def __init__(self, site: plugins.Site) -> None:
        self._jobs = site.data_dir / "jobs"

    def check(self) -> str:
        return "plain processes, nothing holds them"

    def enforced(self, limits: plugins.Limits) -> Mapping[str, str]:
        return dict.fromkeys(ASPECTS, "no")

    def name(self, job_id: str, number: int) -> str:
        return f"{job_id}/{number}"  # the run's folder below jobs

    def launch(self, run: plugins.Run) -> plugins.Handle:
        if not (run.folders.control / "keeper").exists():
            try:
                _start(run)
            except OSError as failed:
                raise plugins.BackendUnavailable(f"no process: {failed.strerror}") from failed
        return plugins.Handle(self.name(run.job_id, run.number))

    def find(self, name: str) -> plugins.Handle | None:
        return plugins.Handle(name) if _read(self._control(name) / "keeper") else None

    def list(self) -> Collection[str]:
        folders = [path.parents[1] for path in self._jobs.glob("*/*/control/keeper")]
        return [f"{folder.parent.name}/{folder.name}" for folder in folders]

    def wait(self, handle: plugins.Handle, timeout: float | None) -> plugins.Exit | None:
        control = self._control(handle.name)
        with suppress(ProcessLookupError), FileIO(os.pidfd_open(_keeper(control))) as keeper:
            poll = select.poll()
            poll.register(keeper, select.POLLIN)
            if not poll.poll(None if timeout is None else timeout * 1000):
                return None
        code = _read(control / "exit")
        return plugins.Exit(int(code)) if code else plugins.Exit(None, plugins.ExitReason.LOST)

    def stop(self, name: str, grace: float) -> None:
        with suppress(FileExistsError, FileNotFoundError):
            _record(self._control(name), "")  # not launched so far: now it never will be
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError):
                os.killpg(_keeper(self._control(name)), number)
                self.wait(plugins.Handle(name), patience)

    def remove(self, name: str) -> None:
        self.stop(name, 0)
        (self._control(name) / "keeper").unlink(missing_ok=True)

    def _control(self, name: str) -> Path:
        return self._jobs / name / "control"


def _start(run: plugins.Run) -> None:
    folders = run.folders
    command = plugins.shell_command(run.entrypoint, f"{folders.transformations}/algorithm")
    variables = plugins.environment_variables(run, folders.root)
    with (folders.logs / "algorithm.log").open("ab") as log:
        keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "keeper", command, folders.control / "exit"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=folders.root,
            env={"PATH": os.defpath, **variables},
            start_new_session=True,
        )
    go = b""
    with suppress(FileExistsError):  # another launch, or a stop, was first
        _record(folders.control, f"{keeper.pid} {_birth(keeper.pid)}")
        go = b"go\n"
    threading.Thread(target=keeper.communicate, args=(go,), daemon=True).start()


def _record(control: Path, text: str) -> None:
    """Whole, on the disk, and once: whoever comes later gets FileExistsError."""
    with NamedTemporaryFile("w", dir=control) as draft:
        draft.write(text)
        draft.flush()
        os.link(draft.name, control / "keeper")
        os.fsync(draft.fileno())


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _keeper(control: Path) -> int:
    """The keeper's process id, or ProcessLookupError where it has ended."""
    pid, _, birth = _read(control / "keeper").partition(" ")
    if not pid or _birth(int(pid)) != birth:
        raise ProcessLookupError
    return int(pid)


def _birth(pid: int) -> str:
    """The process's start by the kernel's clock, and the boot: another `pid` has another."""
    try: 
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError: ...


@plugins.hookimpl
def backends() -> Mapping[str, plugins.BackendFactory]:
    return {"nohup": NohupBackend}
