"""An empty job from POST to status 70, beside its backend's own floor: ``-m benchmarks.empty_job``.

Both are measured in turn, in one run. Then so many jobs at once at ``maxJobs`` 10, none lost.
Backends that run images use the one that BENCH_IMAGE names (``busybox:1.36``), which has to be
there; the file that BENCH_CONFIGURATION names is added to the server's configuration.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import seconds
from benchmarks.floors import FLOORS
from benchmarks.live import Asker, serving

ROUNDS = 20
MANY = 100
CONFIGURATION = """
[trust]
unpinned_images = true
[queue]
max_queued_per_owner = 1000
[[environments]]
id = "{0}"
backend = "{0}"
maxJobs = 10
"""


def main(names: Sequence[str]) -> None:
    """Measure each backend that is named and print one JSON document and a table."""
    image = os.environ.get("BENCH_IMAGE", "busybox:1.36")
    rows = [measured(name, image) for name in names or ["local"]]
    print(json.dumps({"machine": platform.platform(), "rows": rows}))
    print(f"\n{'backend':<12}{'floor':>10}{'job':>10}{'ratio':>8}{f'{MANY} jobs':>10}{'lost':>6}")
    for row in rows:
        print(
            f"{row['backend']:<12}{row['floor_ms']:>7} ms{row['job_ms']:>7} ms"
            f"{row['ratio']:>8}{row['many_s']:>8} s{row['lost']:>6}"
        )


def measured(name: str, image: str) -> dict[str, Any]:
    """The figures of one backend: medians of so many rounds."""
    further = os.environ.get("BENCH_CONFIGURATION")
    configuration = CONFIGURATION.format(name) + (Path(further).read_text() if further else "")
    with (
        TemporaryDirectory() as temporary,
        serving(Path(temporary), configuration) as server,
    ):
        asker, meta = Asker(server.netloc), empty(image)
        floor = FLOORS[name](Path(temporary), image)

        def job() -> None:
            asker.await_end(asker.start(meta))

        for warm in (floor, job):
            warm()
        pairs = [(seconds(floor), seconds(job)) for _ in range(ROUNDS)]
        floors, jobs = zip(*pairs, strict=True)
        many, lost = all_at_once(asker, meta)
    return {
        "backend": name,
        "floor_ms": round(1000 * statistics.median(floors), 1),
        "job_ms": round(1000 * statistics.median(jobs), 1),
        "job_spread_ms": [round(1000 * min(jobs), 1), round(1000 * max(jobs), 1)],
        "ratio": round(statistics.median(jobs) / statistics.median(floors), 2),
        "many_s": round(many, 1),
        "lost": lost,
    }


def empty(image: str) -> dict[str, Any]:
    """An algorithm that does nothing."""
    name, _, tag = image.rpartition(":")
    return {"rawcode": "#", "container": {"entrypoint": "true", "image": name, "tag": tag}}


def all_at_once(asker: Asker, meta: dict[str, Any]) -> tuple[float, int]:
    """Seconds until the last of many jobs has ended, and how many did not complete."""
    since = time.perf_counter()
    ids = [asker.start(meta) for _ in range(MANY)]
    ended = [asker.await_end(job_id) for job_id in ids]
    completed = sum(job["finishReason"] == "completed" for job in ended)
    return time.perf_counter() - since, MANY - completed


if __name__ == "__main__":
    main(sys.argv[1:])
