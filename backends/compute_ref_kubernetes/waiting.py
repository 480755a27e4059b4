"""What keeps an algorithm from beginning, from what the cluster shows of its pods."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from compute_ref_kubernetes.endings import Sight
from compute_ref_kubernetes.pods import Object, Pod

#: a node tries these again and again, and never with success
HOPELESS: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
PULLING: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError"}) | HOPELESS
#: what registries say of an image that is not there, or not for us
ABSENT: Final = re.compile(
    r"not found|manifest unknown|does not exist|denied|unauthorized|forbidden", re.IGNORECASE
)
UNSTARTABLE: Final = frozenset({"ContainerCannotRun", "StartError"})
NOTHING: Final = "the cluster made no pod for it, and did not say why"


def image_trouble(sight: Sight, events: Sequence[Object] | None = None) -> str | None:
    """Why the image cannot be used: for good or, given `events`, as far as one can wait.

    That it cannot be pulled may pass, unless a registry says that there is no such image.
    """
    for pod in sight.pods:
        reason, said = _waits(pod)
        if reason in PULLING and (events is not None or reason in HOPELESS or ABSENT.search(said)):
            return f"The image could not be pulled: {_of_pulling(events or ()) or said}"
        ended = pod.guard.get("terminated") or {}
        if ended.get("reason") in UNSTARTABLE:
            return f"The image could not be started: {ended.get('message')}"
    return None


def hindrance(sight: Sight, events: Sequence[Object]) -> str:
    """What an algorithm that did not begin in time is waiting for."""
    for pod in sight.pods:
        reason, said = _waits(pod)
        if said:
            return f"{reason}: {said}"
    warnings = _warnings(events)
    return warnings[-1] if warnings else NOTHING


def _warnings(events: Sequence[Object]) -> list[str]:
    return [str(event.get("message")) for event in events if event.get("type") == "Warning"]


def _of_pulling(events: Sequence[Object]) -> str:
    """The last that a node said about a pull; the pod itself tells it only now and then."""
    said = [text for text in _warnings(events) if text.startswith("Failed to pull image")]
    return said[-1] if said else ""


def _waits(pod: Pod) -> tuple[str, str]:
    """The word and the sentence for what a pod waits for."""
    for state in (pod.algorithm, pod.guard):
        waiting = state.get("waiting") or {}
        if waiting.get("message"):
            return str(waiting.get("reason")), str(waiting["message"])
    scheduled = pod.condition("PodScheduled") or {}
    if scheduled.get("status") == "False":
        return str(scheduled.get("reason")), str(scheduled.get("message") or "")
    return "", ""
