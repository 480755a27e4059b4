"""What makes servers that answer otherwise in one thing, for several kinds of defects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import webob

from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect

Body = dict[str, Any]


def shows(
    name: str,
    requirement: str,
    change: Callable[[dict[str, Any]], object],
    *,
    calls: int = 1,
) -> None:
    """Register a server that changes each status object so."""

    def of_each(_: webob.Request, job: dict[str, Any]) -> None:
        change(job)

    def apply(wrong: Wrong) -> None:
        wrong.jobs(of_each)

    defect(name, requirement, kind=Kind.SHAPE, calls=calls)(apply)


def finished(name: str, requirement: str, shown: Callable[[float], object]) -> None:
    """Register a server that writes the date of the end so."""

    def change(job: dict[str, Any]) -> None:
        if job["dateFinished"] is not None:
            job["dateFinished"] = shown(float(job["dateFinished"]))

    shows(name, requirement, change, calls=2)


def answers(
    name: str,
    requirement: str,
    when: Callable[[webob.Request, webob.Response], object],
    status: int,
    body: object,
    *,
    calls: int = 1,
) -> None:
    """Register a server that answers otherwise to calls of compute where `when` is true."""

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path == COMPUTE and when(request, response):
            response.status_int, response.json = status, body

    def apply(wrong: Wrong) -> None:
        wrong.answers(rewrite)

    defect(name, requirement, calls=calls)(apply)


def posted(wrong: Wrong, **fields: Any) -> None:
    """Show these fields in the answer to each start."""

    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if request.method == "POST":
            job.update(fields)

    wrong.jobs(change)


def raw_metas(wrong: Wrong, change: Callable[[Body], object]) -> None:
    """Change each raw algorithm's ``meta`` that is an object."""

    def body(sent: Body) -> None:
        algorithm = sent.get("algorithm")
        meta = algorithm.get("meta") if isinstance(algorithm, dict) else None
        if isinstance(meta, dict):
            change(meta)

    wrong.starts(body)
