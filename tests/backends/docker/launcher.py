"""A process that launches one run and then waits to be killed: the server of a test.

``launcher.py DATA_DIR JOB_ID HOST ENTRYPOINT SECONDS``; on a line of its input it waits for the
end and prints it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from compute_ref.plugins import Folders, Image, Limits, Run, Site
from compute_ref_docker import backends

NAMES = ("inputs", "ddos", "transformations", "outputs", "logs", "control")


def main(data_dir: Path, job_id: str, host: str, entrypoint: str, seconds: float) -> None:
    root = data_dir / "jobs" / job_id / "1"
    folders = Folders(root, *(root / name for name in NAMES))
    for name in NAMES:
        (root / name).mkdir(parents=True, exist_ok=True)
    (folders.inputs / "data").write_text("an input")
    backend = backends()["docker"](Site({"host": host}, data_dir, data_dir, True))
    print(backend.check(), flush=True)
    limits = Limits(seconds=seconds, processes=16, disk=2**20, memory=2**27, log=2**16)
    image = Image("base", "1", "")
    handle = backend.launch(Run(job_id, 1, entrypoint, image, {"secret": job_id}, folders, limits))
    print("launched", handle.name, flush=True)
    if sys.stdin.readline():
        print(backend.wait(handle, 60), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5]))
