"""A process that launches one run and then waits to be killed: the server of a test.

``launcher.py DATA_DIR JOB_ID ENTRYPOINT SANDBOX [UID]``, as user UID if that is given.
"""

from __future__ import annotations

import sys
from pathlib import Path

from compute_ref.plugins import Folders, Limits, Run, Site
from compute_ref_local import LocalBackend

NAMES = ("inputs", "ddos", "transformations", "outputs", "logs", "control")


def main(data_dir: str, job_id: str, entrypoint: str, sandbox: str) -> None:
    root = Path(data_dir) / "jobs" / job_id / "1"
    folders = Folders(root, *(root / name for name in NAMES))
    for name in NAMES:
        (root / name).mkdir(parents=True, exist_ok=True)
    (folders.inputs / "data").write_text("an input")
    backend = LocalBackend(Site({"sandbox": sandbox}, Path(data_dir), Path(data_dir), True))
    print(backend.check(), flush=True)
    limits = Limits(seconds=60, processes=16, disk=2**20, memory=2**27, log=2**16)
    run = Run(job_id, 1, entrypoint, None, {"secret": job_id}, folders, limits)
    handle = backend.launch(run)
    print("launched", handle.name, flush=True)
    if sys.stdin.readline():
        print(backend.wait(handle, 60), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5])
