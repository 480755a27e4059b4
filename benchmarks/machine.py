"""The machine that was measured, and what its disk takes for one fdatasync."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import seconds

TIMES = 200
RECORD = b"x" * 2_600  # bytes, as a job's record


def fdatasync(folder: Path) -> float:
    """Seconds for one append and fdatasync in a folder: the median of many."""
    with (folder / "synced").open("wb", buffering=0) as file:

        def append() -> None:
            file.write(RECORD)
            os.fdatasync(file.fileno())

        return statistics.median(seconds(append) for _ in range(TIMES))


def described(folder: Path) -> dict[str, Any]:
    """What a reader needs to compare."""
    return {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "processor": processor(),
        "load_average": os.getloadavg(),
        "fdatasync_ms": round(1000 * fdatasync(folder), 2),
    }


def processor() -> str:
    """The processor's own name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def memory(pid: int) -> int:
    """Bytes of memory that a process holds now and that are its own."""
    return _told(pid, "smaps_rollup", "Pss_Anon")


def grown(pid: int, meanwhile: Callable[[], object]) -> int:
    """Bytes by which a process's memory grows at the most while something goes on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted anew
    before = _told(pid, "status", "VmRSS")
    meanwhile()
    return _told(pid, "status", "VmHWM") - before


def _told(pid: int, file: str, name: str) -> int:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    (kib,) = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(kib) * 1024
