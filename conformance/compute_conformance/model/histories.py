"""Programs that are always run: what servers have gone wrong after, and chance seldom meets."""

from __future__ import annotations

from typing import Final

from compute_conformance.model.programs import Program, Step


def history(*steps: str) -> Program:
    """A program of account 0's: each step is an action, and may say which job and which way."""
    return Program(tuple(_step(*one.split()) for one in steps))


def _step(action: str, job: str = "0", way: str = "0") -> Step:
    return Step(action, 0, int(job), int(way))


RUN_AGAIN: Final = history(
    "start",
    "start",
    "fetch",
    "restart",
    "look-as-other",
    "restart",
    "fetch",
    "delete",
    "stale 0 1",
    "replay 0",
    "replay 2",
    "start",
    "wait",
    "wait 1",
    "stop-all",
)
STOPPED: Final = history(
    "start-staying",
    "stop-all",
    "wait",
    "stop",
    "restart",
    "restart",
    "start-staying",
    "stop 1",
    "wait",
    "start",
    "wait",
    "delete 2",
    "look",
    "fetch",
)
TRIED_BY_OTHERS: Final = history(
    "start",
    "fetch",
    "fetch",
    "restart",
    "fetch",
    "forge 0 0",
    "nonce",
    "forge 0 1",
    "forge 0 2",
    "forge 0 3",
    "nonce",
    "stop-as-other",
    "delete-as-other",
    "restart-as-other",
    "fetch-as-other",
)
HISTORIES: Final = (RUN_AGAIN, STOPPED, TRIED_BY_OTHERS)
