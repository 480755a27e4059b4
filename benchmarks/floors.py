"""What starting nothing costs on each backend without a server: the floor under every job."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch

from compute_ref.plugins import Folders, Limits, Run
from compute_ref_local.sandbox import Bubblewrap, Sources

Floor = Callable[[], None]
NAMESPACE = "default"
PATIENCE = 120  # seconds


def local(folder: Path, image: str) -> Floor:
    """A bare sub-process with the same sandbox."""
    command = sandboxed(folder, "true")
    return lambda: called(command)


def sandboxed(folder: Path, entrypoint: str) -> list[str]:
    """The command that runs an entrypoint in the sandbox of the local backend, and nothing else."""
    root = folder / "floor"
    names = [field.name for field in fields(Folders) if field.name != "root"]
    run = Run("floor", 1, "true", None, {}, Folders(root, **{n: root / n for n in names}), Limits())
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
    around = Bubblewrap.find().command(run, os.geteuid(), Sources(staged=False), ())
    place = around.index("--json-status-fd")
    return [*around[:place], *around[place + 2 :], "sh", "-c", entrypoint]


def docker(folder: Path, image: str) -> Floor:
    """``docker run``, without a network."""
    command = ["docker", "run", "--rm", "--network", "none", image, "sh", "-c", "true"]
    return lambda: called(command)


def kubernetes(folder: Path, image: str) -> Floor:
    """A bare Job, made, waited for and deleted by the client that the server uses, from here."""
    api: Any = client.BatchV1Api(config.new_client_from_config())
    numbers = count()

    def floor() -> None:
        name = f"floor-{os.getpid()}-{next(numbers)}"
        api.create_namespaced_job(NAMESPACE, bare_job(name, image))
        await_complete(api, name)
        api.delete_namespaced_job(name, NAMESPACE, propagation_policy="Background")

    return floor


def await_complete(api: Any, name: str) -> None:
    """Watch a Job until it is complete."""
    told = watch.Watch().stream(
        api.list_namespaced_job,
        NAMESPACE,
        field_selector=f"metadata.name={name}",
        timeout_seconds=PATIENCE,
    )
    for event in told:
        conditions = event["raw_object"]["status"].get("conditions", ())
        if any(each["type"] == "Complete" for each in conditions):
            return
    raise TimeoutError(f"the Job {name} was not complete after {PATIENCE} seconds")


def bare_job(name: str, image: str) -> Mapping[str, Any]:
    """A Job that does nothing."""
    container = {"name": "floor", "image": image, "command": ["sh", "-c", "true"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def called(command: list[str]) -> None:
    """Run a command to its good end, in silence."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


FLOORS: Mapping[str, Callable[[Path, str], Floor]] = {
    "local": local,
    "docker": docker,
    "kubernetes": kubernetes,
}
