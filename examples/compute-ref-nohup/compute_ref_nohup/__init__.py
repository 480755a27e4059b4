"""Runs algorithms as plain processes, each below a shell that outlives the server."""

import os
import signal
import subprocess
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from multiprocessing import connection
from pathlib import Path

from compute_ref import plugins

#: Keeps one run: begins nothing before "go", is not ended by TERM, takes its whole group along.
KEEPER = """trap : TERM
cd "$VOLUME" && exec >>logs/algorithm.log 2>&1 && read go && sync "${2%/*}" || exit
sh -c "trap exit TERM; $1"
ln -s $? "$2.exit" && sync "${2%/*}"; kill -KILL 0"""
ASPECTS = ("time", "cpu", "memory", "disk", "processes", "filesystem", "network", "user")
GONE = (FileNotFoundError, ProcessLookupError)


class NohupBackend(plugins.Backend):
    """Has two records of a run, links that lead nowhere: NAME to its keeper, NAME.exit to its end.

    They are no part of the run's folders, so that it is known even where those are gone.
    """

    def __init__(self, site: plugins.Site) -> None:
        self._records = site.data_dir / "nohup"
        self._records.mkdir(mode=0o700, parents=True, exist_ok=True)

    def check(self) -> str:
        """Nothing is needed that could be missing."""
        return "plain processes, which nothing holds"

    def enforced(self, limits: plugins.Limits) -> Mapping[str, str]:
        """Nothing is."""
        return dict.fromkeys(ASPECTS, "no")

    def launch(self, run: plugins.Run) -> plugins.Handle:
        """The keeper that is first on record goes on; any other ends without having begun."""
        name = self.name(run.job_id, run.number)
        keeper, go = _start(run, self._records / name), b""
        with suppress(FileExistsError):
            (self._records / name).symlink_to(f"{keeper.pid} {_birth(keeper.pid)}")
            go = b"go\n"
        threading.Thread(target=keeper.communicate, args=(go,), daemon=True).start()
        return plugins.Handle(name)

    def find(self, name: str) -> plugins.Handle | None:
        """By the record of its keeper; a stop before the launch left another one."""
        return plugins.Handle(name) if " " in self._recorded(name) else None

    def list(self) -> Collection[str]:
        """All that can be found."""
        return [record.name for record in self._records.iterdir() if self.find(record.name)]

    def wait(self, handle: plugins.Handle, timeout: float | None) -> plugins.Exit | None:
        """For the keeper's end, and with it that of its process group."""
        with suppress(*GONE), os.fdopen(os.pidfd_open(self._keeper(handle.name))) as keeper:
            if not connection.wait([keeper.fileno()], timeout):
                return None
        code = self._recorded(f"{handle.name}.exit")
        return plugins.Exit(int(code)) if code else plugins.Exit(None, plugins.ExitReason.LOST)

    def stop(self, name: str, grace: float) -> None:
        """Be on record before a launch, or else TERM, the grace, KILL."""
        with suppress(FileExistsError, FileNotFoundError):
            (self._records / name).symlink_to("never")
        with suppress(*GONE):
            os.killpg(self._keeper(name), signal.SIGTERM)
            if self.wait(plugins.Handle(name), grace) is None:
                with suppress(FileExistsError):  # on record before anybody sees it dead
                    (self._records / f"{name}.exit").symlink_to(str(128 + signal.SIGKILL))
                os.killpg(self._keeper(name), signal.SIGKILL)
                self.wait(plugins.Handle(name), None)

    def remove(self, name: str) -> None:
        """Stop it at once and forget it."""
        self.stop(name, 0)
        for record in (name, f"{name}.exit"):
            (self._records / record).unlink(missing_ok=True)

    def _recorded(self, name: str) -> str:
        with suppress(FileNotFoundError):
            return str((self._records / name).readlink())
        return ""

    def _keeper(self, name: str) -> int:
        pid, _, birth = self._recorded(name).partition(" ")
        if not birth or birth != _birth(pid):
            raise ProcessLookupError(pid)
        return int(pid)


def _start(run: plugins.Run, record: Path) -> subprocess.Popen[bytes]:
    command = plugins.shell_command(run.entrypoint, f"{run.folders.transformations}/algorithm")
    return subprocess.Popen(
        ["sh", "-c", KEEPER, "keeper", command, record],
        stdin=subprocess.PIPE,
        env={"PATH": os.defpath, **plugins.environment_variables(run, run.folders.root)},
        start_new_session=True,
    )


def _birth(pid: int | str) -> str:
    """A process's start in ticks, and the boot: together no later process of its id has them."""
    stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    return f"{stat.rpartition(')')[2].split()[19]} {boot.strip()}"


@plugins.hookimpl
def backends() -> Mapping[str, plugins.BackendFactory]:
    """The backend ``nohup``."""
    return {"nohup": NohupBackend}
