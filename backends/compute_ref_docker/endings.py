"""How a run ended, from what the daemon and the server's own notes say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from compute_ref.plugins import Exit, ExitReason
from compute_ref_docker.containers import Container

OOM: Final = "The algorithm used more memory than the environment has."
STORAGE: Final = "The algorithm wrote more than the environment's disk holds."
TIMEOUT: Final = "The algorithm reached the time limit."
EVICTED: Final = "The Docker daemon was restarted, or somebody at it ended the algorithm."
LOST: Final = Exit(None, ExitReason.LOST, "Neither process nor exit code is left.")
UNKNOWN: Final = Exit(
    None,
    ExitReason.LOST,
    "The Docker daemon ended while it started the algorithm, and does not know what became of it.",
)
BY_SIGNAL: Final = frozenset({137, 143, 255})  # how containers end along with their daemon


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run that has ended.

    `noted` is why the server itself ended it, if it did; `stopped` whether a stop was asked
    for; `seconds` the time that it had, 0 is any; `overfull` whether its outputs are larger
    than allowed; `events` what the daemon remembers of the container, None where it keeps no
    such memory; `vanished` whether a daemon that takes containers along went away right after
    it told of the end.
    """

    container: Container
    noted: Exit | None
    stopped: bool
    seconds: float
    overfull: bool
    events: list[str] | None
    vanished: bool


def exit_of(evidence: Evidence) -> Exit:
    """The end, with the first reason there is for it."""
    code = evidence.container.code
    if evidence.noted is not None:
        return Exit(code, evidence.noted.reason, evidence.noted.message)
    for holds, reason, message in (
        (evidence.container.oom and code != 0, ExitReason.OOM, OOM),
        (evidence.overfull, ExitReason.STORAGE, STORAGE),
        (evidence.stopped, ExitReason.EXITED, ""),
        (_took(evidence.container) > evidence.seconds > 0, ExitReason.TIMEOUT, TIMEOUT),
        (evidence.vanished or _was_ended(code, evidence.events), ExitReason.EVICTED, EVICTED),
    ):
        if holds:
            return Exit(code, reason, message)
    return Exit(code)


def _was_ended(code: int, events: list[str] | None) -> bool:
    """Whether it did not end by itself: it was killed, or the daemon that saw its end is gone."""
    if events is None:
        return False
    return "kill" in events or (not events and code in BY_SIGNAL)


def _took(container: Container) -> float:
    if container.started is None or container.finished is None:
        return 0
    return (container.finished - container.started).total_seconds()
