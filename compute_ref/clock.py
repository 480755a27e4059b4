"""Time as the server sees it: one place to ask, so that tests can move it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from compute_ref.jobs.model import Moment


@cache
def boot_id() -> str:
    """The kernel's name of this boot of the machine ("" where there is none)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


class Clock:
    """The machine's clocks: the wall for dates, the boot clock for durations."""

    def now(self) -> float:
        """Unix seconds of the wall clock."""
        return time.time()

    def ticks(self) -> float:
        """Seconds since boot, suspends included; never jumps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def moment(self) -> Moment:
        """Now, as a value that can be stored and compared after a restart."""
        return Moment(self.now(), boot_id(), self.ticks())

    def wait_for(
        self, condition: threading.Condition, ready: Callable[[], bool], until: float | None
    ) -> bool:
        """Sleep on the held `condition` until `ready()` or until the boot clock shows `until`.

        Returns ``ready()``. ``None`` waits without a limit. Notify the condition to wake it.
        """
        while not ready():
            left = None if until is None else until - self.ticks()
            if left is not None and left <= 0:
                return False
            condition.wait(left)
        return True
