"""What keeps an algorithm from beginning, from what the cluster shows of its pods.

A consumer may name any image, on any host: what a node said of its pull is for the operator only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from compute_ref_kubernetes.endings import Sight
from compute_ref_kubernetes.pods import Object, Pod

#: a node tries these again and again, and never with success
HOPELESS: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
PULLING: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError"}) | HOPELESS
UNSTARTABLE: Final = frozenset({"ContainerCannotRun", "StartError"})
DENIED: Final = ("denied", "unauthorized", "authentication required", "no basic auth")
UNKNOWN: Final = ("not found", "manifest unknown", "no such image", "name unknown")
UNFIT: Final = ("executable file not found", "exec format error", "no such file or directory")
NO_SHELL: Final = "The image has no shell (sh) to run the entrypoint, or is for other machines."
LATER: Final = "could not be pulled from its registry. Try again later."
UNSCHEDULABLE: Final = "Unschedulable"
NOTHING: Final = "the cluster made no pod for it"


class Trouble(NamedTuple):
    """What keeps it from beginning: for its consumer, and what the operator should know."""

    told: str
    detail: str


def image_trouble(sight: Sight, events: Sequence[Object] | None = None) -> Trouble | None:
    """Why the image cannot be used: for good or, given `events`, as far as one can wait.

    That it cannot be pulled may pass, unless a registry says that there is no such image.
    """
    for pod in sight.pods:
        reason, said = _waits(pod)
        if reason in PULLING:
            detail = _of_pulling(events or ()) or said
            why = _refusal(reason, detail.lower())
            if why or events is not None:
                image = pod.shown["spec"]["containers"][0]["image"]
                return Trouble(f"The image {image} {why or LATER}", detail)
        ended = pod.guard.get("terminated") or {}
        said = str(ended.get("message") or "")
        if ended.get("reason") in UNSTARTABLE and any(word in said for word in UNFIT):
            return Trouble(NO_SHELL, said)
    return None


def hindrance(sight: Sight, events: Sequence[Object]) -> Trouble:
    """What an algorithm that did not begin in time is waiting for."""
    for pod in sight.pods:
        reason, said = _waits(pod)
        if said:
            return Trouble(said if reason == UNSCHEDULABLE else reason, f"{reason}: {said}")
    for event in reversed(_warnings(events)):
        return Trouble(str(event.get("reason") or NOTHING), str(event.get("message")))
    return Trouble(NOTHING, NOTHING)


def _refusal(reason: str, said: str) -> str:
    """Why it is of no use to try further, "" where it may be of some."""
    if any(word in said for word in DENIED):
        return "is not known to its registry, or not open to this cluster."
    if reason in HOPELESS or any(word in said for word in UNKNOWN):
        return "is not known to its registry."
    return ""


def _warnings(events: Sequence[Object]) -> list[Object]:
    return [event for event in events if event.get("type") == "Warning"]


def _of_pulling(events: Sequence[Object]) -> str:
    """The last that a node said about a pull; the pod itself tells it only now and then."""
    said = [str(event.get("message")) for event in _warnings(events)]
    return next((text for text in reversed(said) if text.startswith("Failed to pull")), "")


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
