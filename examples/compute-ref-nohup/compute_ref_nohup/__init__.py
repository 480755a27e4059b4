"""Runs algorithms as plain processes, each below a shell that outlives the server."""

import os
import select
import signal
import subprocess
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from compute_ref import plugins

#: Keeps one run: begins nothing before "go", is not ended by TERM, takes its whole group along.
KEEPER = """trap : TERM
cd "$VOLUME" && exec >>logs/algorithm.log 2>&1 && read go && sync control || exit
sh -c "trap exit TERM; $1"
echo $? >control/draft && sync control/draft && mv control/draft control/exit; kill -KILL 0"""
ASPECTS = ("time", "cpu", "memory", "disk", "processes", "filesystem", "network", "user")
GONE = (FileNotFoundError, ProcessLookupError)


class NohupBackend(plugins.Backend):
    """A run's name is the place of its record, a link to who keeps it; the exit lies beside it."""

    def __init__(self, site: plugins.Site) -> None:
        self._jobs = site.data_dir / "jobs"

    def check(self) -> str:
        """Nothing is needed that could be missing."""
        return "plain processes, which nothing holds"

    def enforced(self, limits: plugins.Limits) -> Mapping[str, str]:
        """Nothing is."""
        return dict.fromkeys(ASPECTS, "no")

    def name(self, job_id: str, number: int) -> str:
        """The place below jobs."""
        return f"{job_id}/{number}/control/keeper"

    def launch(self, run: plugins.Run) -> plugins.Handle:
        """The keeper that is first on record goes on; any other ends without having begun."""
        name = self.name(run.job_id, run.number)
        keeper, go = _start(run), b""
        with suppress(FileExistsError):
            (self._jobs / name).symlink_to(" ".join((str(keeper.pid), *_birth(keeper.pid))))
            go = b"go\n"
        threading.Thread(target=keeper.communicate, args=(go,), daemon=True).start()
        return plugins.Handle(name)

    def find(self, name: str) -> plugins.Handle | None:
        """By its record, unless a stop was there before the launch."""
        with suppress(FileNotFoundError):
            return None if (self._jobs / name).readlink().name == "never" else plugins.Handle(name)
        return None

    def list(self) -> Collection[str]:
        """All that can be found."""
        folders = self._jobs.glob("*/*/control")
        names = (f"{folder.relative_to(self._jobs)}/keeper" for folder in folders)
        return [name for name in names if self.find(name)]

    def wait(self, handle: plugins.Handle, timeout: float | None) -> plugins.Exit | None:
        """For the keeper's end, and with it that of its process group."""
        with suppress(*GONE), os.fdopen(os.pidfd_open(self._keeper(handle.name))) as keeper:
            poll = select.poll()
            poll.register(keeper, select.POLLIN)
            if not poll.poll(None if timeout is None else timeout * 1000):
                return None
        with suppress(FileNotFoundError):
            return plugins.Exit(int((self._jobs / handle.name).with_name("exit").read_text()))
        return plugins.Exit(None, plugins.ExitReason.LOST)

    def stop(self, name: str, grace: float) -> None:
        """Be on record before a launch, or else TERM, the grace, KILL."""
        with suppress(FileExistsError, FileNotFoundError):
            (self._jobs / name).symlink_to("never")
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, None)):
            with suppress(*GONE):
                os.killpg(self._keeper(name), number)
                self.wait(plugins.Handle(name), patience)

    def remove(self, name: str) -> None:
        """Stop it at once and forget it; the engine removes its folders."""
        self.stop(name, 0)
        (self._jobs / name).unlink(missing_ok=True)

    def _keeper(self, name: str) -> int:
        pid, *birth = (self._jobs / name).readlink().name.split()
        if birth != _birth(pid):
            raise ProcessLookupError(pid)
        return int(pid)


def _start(run: plugins.Run) -> subprocess.Popen[bytes]:
    algorithm = f"{run.folders.transformations}/algorithm"
    return subprocess.Popen(
        ["sh", "-c", KEEPER, "keeper", plugins.shell_command(run.entrypoint, algorithm)],
        stdin=subprocess.PIPE,
        env={"PATH": os.defpath, **plugins.environment_variables(run, run.folders.root)},
        start_new_session=True,
    )


def _birth(pid: int | str) -> list[str]:
    """A process's start in ticks, and the boot: together no later process of its id has them."""
    stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    return [stat.rpartition(")")[2].split()[19], boot.strip()]


@plugins.hookimpl
def backends() -> Mapping[str, plugins.BackendFactory]:
    """The backend ``nohup``."""
    return {"nohup": NohupBackend}
