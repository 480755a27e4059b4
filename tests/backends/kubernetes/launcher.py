"""A process that launches one run and then waits to be killed: the server of a test.

``launcher.py DATA_DIR JOB_ID ENTRYPOINT NAMESPACE IMAGE LOG_LIMIT``
"""

import sys
from pathlib import Path

from compute_ref.plugins import Folders, Image, Limits, Run, Site
from compute_ref_kubernetes.backend import KubernetesBackend

NAMES = ("inputs", "ddos", "transformations", "outputs", "logs", "control")


def main(data_dir: str, job_id: str, entrypoint: str, namespace: str, image: str, log: str) -> None:
    root = Path(data_dir) / "jobs" / job_id / "1"
    folders = Folders(root, *(root / name for name in NAMES))
    options = {"namespace": namespace}
    backend = KubernetesBackend(Site(options, Path(data_dir), Path(data_dir), True))
    name, _, tag = image.rpartition(":")
    limits = Limits(seconds=100, disk=2**30, log=int(log))
    run = Run(job_id, 1, entrypoint, Image(name, tag, ""), {}, folders, limits)
    print("launched", backend.launch(run).name, flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:7])
