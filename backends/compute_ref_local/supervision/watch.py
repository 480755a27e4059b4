"""Supervising one algorithm from its start to the end of the last of its processes."""

from __future__ import annotations

import os
import select

from . import group
from .asking import stop_grace
from .disk import disk_of
from .ending import exit_code, tell
from .kernel import ticks
from .memory import memory_of, scratch_of
from .processes import descendants, end, parent_of, read, send
from .removed import removed
from .signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .beginning import Begun
    from .orders import Orders

SAMPLE = 0.25  # seconds between two looks at memory, disk and processes: the only sampling
SPARE = 4  # of the time, looks may take one part in so many
AROUND = 2  # processes of bubblewrap around the algorithm
OOM = "The algorithm used more memory than the environment has."
STORAGE = "The algorithm wrote more than the environment's disk holds."
PROCESSES = "The algorithm had more processes at once than the environment allows."
TIMEOUT = "The algorithm reached the time limit."
EVICTED = "The machine's service manager ended the algorithm."
UNSTARTED = "The algorithm could not be started."


class Supervision:
    """Heeds signals, limits and the clock, ends all that the algorithm left."""

    def __init__(self, orders: Orders, wakeup: int, begun: Begun) -> None:
        self.orders = orders
        self.wakeup = wakeup
        self.main, self.told, self.output = begun.main, begun.told, begun.output
        self.device = begun.device
        self.around = AROUND if orders["sandboxed"] else 0
        self.uid = os.geteuid() if orders["uid"] is None else orders["uid"]
        self.reason, self.message = "exited", ""
        self.until = ticks() + orders["seconds"] if orders["seconds"] else None
        self.kill_at: float | None = None
        self.asked: set[int] = set()
        self.forced = False
        self.status: int | None = None
        self.peak = 0  # bytes of memory of the largest process

    def run(self) -> None:
        """All of it; the end is written last."""
        self.watch()
        self.end_all()
        self.conclude()
        status = self.status or 0
        tell(self.orders["exit"], exit_code(status), self.reason, self.message)

    def watch(self) -> None:
        """Until the main process has ended."""
        poll = select.poll()
        poll.register(self.output.source, select.POLLIN)
        poll.register(self.wakeup, select.POLLIN)
        look_at = ticks() + SAMPLE
        while self.status is None:
            moments = [at for at in (look_at, self.until, self.kill_at) if at is not None]
            for descriptor, event in poll.poll(max(0.0, min(moments) - ticks()) * 1000 + 1):
                if descriptor == self.wakeup:
                    self.wake()
                elif not self.output.take() and event & select.POLLHUP:
                    poll.unregister(descriptor)
            if ticks() >= look_at:
                look_at = self.look()
            self.keep_time()

    def wake(self) -> None:
        """A signal came: a child ended, or somebody wants the run to end."""
        signals = os.read(self.wakeup, 4096)
        while self.reap():
            continue
        if signal.SIGTERM in signals and self.kill_at is None:
            grace = stop_grace(self.orders["stop"])
            if grace is None:
                self.because("evicted", EVICTED)
            self.ask(self.orders["grace"] if grace is None else grace)

    def reap(self, options: int = os.WNOHANG) -> bool:
        """Take note of a child that has ended; false where there is none."""
        try:
            pid, status, used = os.wait4(-1, options)
        except ChildProcessError:
            return False
        self.peak = max(self.peak, used.ru_maxrss * 1024)
        if pid == self.main:
            self.status = status
        return pid != 0

    def look(self) -> float:
        """End the run where it holds more than it may; returns when to look again."""
        began = ticks()
        if self.kill_at is not None:
            self.ask_inner()
        pids = descendants()
        if 0 < self.orders["processes"] < len(pids) - self.around:
            self.force("exited", PROCESSES)
        else:
            self.look_at_files(pids)
        took = ticks() - began
        return ticks() + max(SAMPLE, took * SPARE)

    def look_at_files(self, pids: list[int]) -> None:
        """End the run where processes and files hold more of memory or disk than they may."""
        nameless = removed(pids, self.uid, self.device)
        if nameless is None:
            self.force("oom", OOM)
            return
        on_disk = nameless.pop(self.device, 0)
        if self.is_out_of_memory(pids, nameless):
            self.force("oom", OOM)
        else:
            self.look_at_disk(on_disk)

    def is_out_of_memory(self, pids: list[int], nameless: dict[int, int]) -> bool:
        """Whether processes and files in memory hold too much, where no group holds them to it."""
        own, limit = self.orders["group"], self.orders["memory"]
        if not limit or (own and group.holds(own, self.orders["bounds"])):
            return False
        if self.orders["sandboxed"]:
            nameless |= scratch_of(pids[self.around :])
        return memory_of(pids, sum(nameless.values()), limit) > limit

    def look_at_disk(self, nameless: int) -> None:
        """End the run where its outputs, and files without a name, are more than they may be."""
        limit = self.orders["disk"]
        if limit and nameless + disk_of(self.orders["outputs"], limit) > limit:
            self.force("storage", STORAGE)

    def keep_time(self) -> None:
        """Heed the time limit, and the end of the grace after it or after a stop."""
        if self.kill_at is not None and ticks() >= self.kill_at:
            self.forced = True
            self.kill()
            self.kill_at = ticks() + SAMPLE
        elif self.until is not None and ticks() >= self.until:
            self.because("timeout", TIMEOUT)
            self.ask(self.orders["grace"])

    def ask(self, grace: float) -> None:
        """TERM to every process of the algorithm, not to what is around it."""
        self.until = None
        self.kill_at = ticks() + grace
        self.ask_inner()
        if not self.asked:  # it has not begun yet, and nobody would ask it when it has
            self.forced = True
            self.kill()

    def ask_inner(self) -> None:
        """TERM to those that had none yet: an algorithm may begin more while it is asked to end.

        Parents first: one that saw its child end before its own TERM could take its work for done.
        """
        new = [pid for pid in self.inner() if pid not in self.asked]
        self.asked.update(new)
        send(new, signal.SIGTERM)

    def inner(self) -> list[int]:
        """The algorithm's processes, without the sandbox's.

        The entrypoint's shell is left out while it waits for the algorithm: its end would be the
        end of all, at once.
        """
        pids = descendants()[self.around :]
        if len(pids) > 1 and parent_of(pids[1]) == pids[0]:
            words = read(f"/proc/{pids[0]}/cmdline").split(b"\0")[:-1]
            if words == [os.fsencode(word) for word in self.orders["shell"]]:
                return pids[1:]
        return pids

    def because(self, reason: str, message: str) -> None:
        """Keep why the run is ended; the first reason stays."""
        if not self.message:
            self.reason, self.message = reason, message

    def force(self, reason: str, message: str) -> None:
        """KILL, for a reason."""
        self.because(reason, message)
        self.forced = True
        self.kill()

    def kill(self) -> None:
        """KILL all that is below this process, in its group at once."""
        if self.orders["group"]:
            group.end(self.orders["group"])
        end(descendants)

    def end_all(self) -> None:
        """KILL until nothing of the run is left; orphans become our children and end too."""
        while any_child():
            self.kill()
            self.reap(0)

    def conclude(self) -> None:
        """The last of the log, the outputs out of the user's reach, and whether it ran at all."""
        self.output.drain()
        if self.orders["uid"] is not None:
            os.chown(self.orders["outputs"], 0, 0)
        if not self.ran():
            self.output.withdraw()
            self.reason, self.message = "backend", UNSTARTED
        elif not self.message:
            self.look_at_the_end()
        if self.message:
            self.output.say(self.message)
        if self.orders["group"]:
            group.remove(self.orders["group"])

    def look_at_the_end(self) -> None:
        """What went too fast to be seen: a full disk, or memory that the kernel refused."""
        self.look_at_disk(0)
        if self.ran_out():
            self.because("oom", OOM)

    def ran_out(self) -> bool:
        """Whether memory was used up, as far as can be told once all is over."""
        if self.orders["group"]:
            return group.ran_out(self.orders["group"])
        return self.status != 0 and 0 < self.orders["memory"] < self.peak

    def ran(self) -> bool:
        """Whether the algorithm itself was reached."""
        told = os.read(self.told, 4096)
        if self.orders["sandboxed"] and b"exit-code" not in told:
            return self.forced or self.status == signal.SIGKILL
        return b"failed" not in told


def any_child() -> bool:
    """Whether a process of the run is left, ended ones too: orphans become our children."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
