"""Whether a cluster can run the tests at all: an image, and folders that its node sees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubernetes import watch

from compute_ref.plugins import Image
from tests.backends.kubernetes.access import Object, answer

SETTING = "KUBERNETES_TEST_IMAGE"
USUAL = "busybox:1.36"
FAMILIES = ("busybox", "alpine")  # images with the commands that the tests' algorithms use
PATIENCE = 300  # seconds, with the pull of the image
NAME = "trial"


def usable_image(node: Object) -> Image:
    """The configured one, else one that the node has, else the usual one, to be pulled."""
    full = os.environ.get(SETTING) or next(_images_of(node), USUAL)
    name, _, tag = full.rpartition(":")
    return Image(name, tag, "")


def _images_of(node: Object) -> Iterator[str]:
    """The names, with tags, of usable images that a node has."""
    for family in FAMILIES:
        for image in node["status"].get("images", ()):
            for name in image.get("names") or ():
                if family in name and "@" not in name:
                    yield name


def try_out(core: Any, namespace: str, image: Image, folder: Path) -> None:
    """Have a pod of the image find a file in this machine's `folder`."""
    (folder / "seen").touch()
    pod = {"metadata": {"name": NAME}, "spec": _pod(image, folder)}
    answer(core.create_namespaced_pod, namespace, pod)
    phase = ""
    for event in watch.Watch().stream(
        core.list_namespaced_pod,
        namespace,
        field_selector=f"metadata.name={NAME}",
        timeout_seconds=PATIENCE,
    ):
        phase = event["raw_object"]["status"]["phase"]
        if phase in ("Succeeded", "Failed"):
            break
    events = answer(core.list_namespaced_event, namespace)["items"]
    said = "; ".join(str(each["message"]) for each in events if each["type"] == "Warning")
    assert phase == "Succeeded", (
        f"a pod of {image.name}:{image.tag} that looks into {folder} is {phase} ({said}): name an"
        f" image with a busybox in {SETTING}, and a folder that the node sees under the same name"
        " with --basetemp"
    )
    core.delete_namespaced_pod(NAME, namespace, grace_period_seconds=0, _preload_content=False)


def _pod(image: Image, folder: Path) -> Object:
    container = {
        "name": NAME,
        "image": f"{image.name}:{image.tag}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["test", "-e", "/here/seen"],
        "volumeMounts": [{"name": "here", "mountPath": "/here", "readOnly": True}],
    }
    here = {"name": "here", "hostPath": {"path": str(folder), "type": "Directory"}}
    return {
        "restartPolicy": "Never",
        "serviceAccountName": "compute-ref",  # the usual one is there only after a while
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [here],
    }
