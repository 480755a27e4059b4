"""A process that launches runs from children of its own, to be killed: the servers of tests.

Reads lines of JSON, of which each is DATA_DIR, JOB_ID, ENTRYPOINT, NAMESPACE, IMAGE, TAG,
LOG_LIMIT and KUBECONFIG; writes the process id of a child that has launched the run.
"""

import json
import os
import signal
import sys
from pathlib import Path

from kubernetes import client

from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Image, Limits, Run, Site
from compute_ref_kubernetes.backend import KubernetesBackend


def launch(
    data_dir: str,
    job_id: str,
    entrypoint: str,
    namespace: str,
    image: str,
    tag: str,
    log: int,
    kubeconfig: str,
) -> None:
    os.environ["KUBECONFIG"] = kubeconfig
    folders = Workspaces(Path(data_dir)).run(job_id, 1)
    options = {"namespace": namespace}
    backend = KubernetesBackend(Site(options, Path(data_dir), Path(data_dir), True))
    limits = Limits(seconds=100, disk=2**30, log=log)
    backend.launch(Run(job_id, 1, entrypoint, Image(image, tag, ""), {}, folders, limits))
    print(os.getpid(), flush=True)
    signal.pause()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    client.CoreV1Api(client.ApiClient())  # so that not every child takes its time to import it
    for line in sys.stdin:
        if os.fork() == 0:
            launch(*json.loads(line))


if __name__ == "__main__":
    main()
