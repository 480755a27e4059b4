"""The limits of a running algorithm that the server holds it to, because the cluster does not."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from compute_ref.plugins import Exit, Limits
from compute_ref.plugins.disk import bytes_below
from compute_ref_kubernetes.endings import STORAGE, TIMEOUT

SAMPLE: Final = 0.25  #: seconds between two looks at the outputs: the only sampling
CUT_OFF: Final = timedelta(seconds=1)  #: the cluster tells a beginning in whole seconds
SPARE: Final = 4  #: of the time, looks may take one part in so many


@dataclass
class Bounds:
    """How long it may run, and what it may hold of the disk in `outputs`."""

    limits: Limits
    outputs: Path
    _look_at: float = 0.0

    def exceeded(self, started: datetime, now: datetime) -> Exit | None:
        """Why an algorithm that was `started` is to be ended, or None."""
        if self.limits.seconds and now >= self._until(started):
            return TIMEOUT
        return self.too_large() if self._due() else None

    def too_large(self) -> Exit | None:
        """What is in the outputs, where it is more than may be."""
        if not self.limits.disk:
            return None
        began = time.monotonic()
        found = bytes_below(self.outputs, self.limits.disk)
        took = time.monotonic() - began
        self._look_at = time.monotonic() + max(SAMPLE, took * SPARE)
        return STORAGE if found > self.limits.disk else None

    def pause(self, started: datetime, now: datetime) -> float | None:
        """Seconds until one has to look again, None for never."""
        waits = []
        if self.limits.seconds:
            waits.append((self._until(started) - now).total_seconds())
        if self.limits.disk:
            waits.append(self._look_at - time.monotonic())
        return max(0.0, min(waits)) if waits else None

    def _until(self, started: datetime) -> datetime:
        return started + timedelta(seconds=self.limits.seconds) + CUT_OFF

    def _due(self) -> bool:
        return self.limits.disk > 0 and time.monotonic() >= self._look_at
