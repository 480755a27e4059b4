"""Servers that differ from the reference within what the page and the ledger allow."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final

import webob

from compute_ref.settings import Environment, Settings
from tests.conformance.defects.defect import COMPUTE, WSGI, Wrong
from tests.conformance.reference import reference

VARIANTS: Final[dict[str, Callable[[Wrong], None]]] = {}
DATES: Final = ("dateCreated", "dateFinished")
HOUR: Final = 3600


def variant(name: str) -> Callable[[Callable[[Wrong], None]], Callable[[Wrong], None]]:
    """Register a way to be different."""

    def register(apply: Callable[[Wrong], None]) -> Callable[[Wrong], None]:
        VARIANTS[name] = apply
        return apply

    return register


@contextmanager
def server(name: str) -> Iterator[WSGI]:
    """The reference, different in this way."""
    with ExitStack() as stack:
        wrong = Wrong(stack)
        VARIANTS[name](wrong)
        with reference(wrong.changed) as app:
            yield wrong.around(app)


@variant("slow")
def slow(wrong: Wrong) -> None:
    def pause(request: webob.Request, response: webob.Response) -> None:
        threading.Event().wait(0.005)

    wrong.answers(pause)


@variant("extra-fields")
def extra_fields(wrong: Wrong) -> None:
    def further(request: webob.Request, job: dict[str, Any]) -> None:
        job.update(provider="0x0", namespace="ours", logs={"url": ""}, expireTimestamp=0)

    wrong.jobs(further)


@variant("other-order-of-keys")
def other_order(wrong: Wrong) -> None:
    def backwards(request: webob.Request, job: dict[str, Any]) -> None:
        for key in sorted(job, reverse=True):
            job[key] = job.pop(key)

    wrong.jobs(backwards)


@variant("dates-as-numbers")
def dates_as_numbers(wrong: Wrong) -> None:
    wrong.jobs(_dates(float))


@variant("dates-of-whole-seconds")
def dates_of_whole_seconds(wrong: Wrong) -> None:
    wrong.jobs(_dates(lambda text: str(int(float(text)))))


def _dates(write: Callable[[str], Any]) -> Callable[[webob.Request, dict[str, Any]], None]:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        for key in DATES:
            if job[key] is not None:
                job[key] = write(job[key])

    return change


@variant("401-for-signatures")
def unauthorised(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 400 and b'"signature"' in response.body:
            response.status_int = 401

    wrong.answers(rewrite)


@variant("403-for-refusals")
def forbidden(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 400 and b'"error"' in response.body:
            response.status_int = 403

    wrong.answers(rewrite)


@variant("lower-case-owners")
def lower_case(wrong: Wrong) -> None:
    def lower(request: webob.Request, job: dict[str, Any]) -> None:
        job["owner"] = job["owner"].lower()

    wrong.jobs(lower)


@variant("nobody-knows-such-a-job")
def empty_for_unknown(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 404 and request.path == COMPUTE and request.method != "POST":
            response.status_int, response.body = 200, b"[]"

    wrong.answers(rewrite)


@variant("no-results-is-a-text")
def no_results(wrong: Wrong) -> None:
    def text(request: webob.Request, job: dict[str, Any]) -> None:
        job["results"] = job["results"] or ""

    wrong.jobs(text)


@variant("created")
def created(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.method == "POST" and request.path == COMPUTE and response.status_int == 200:
            response.status_int = 201

    wrong.answers(rewrite)


@variant("two-environments")
def two_environments(wrong: Wrong) -> None:
    def change(settings: Settings) -> Settings:
        (first,) = settings.environments
        second = replace(first, id="second", maxJobs=1)
        return replace(settings, environments=(first, second))

    wrong.settings(change)


@variant("environments-by-chain")
def by_chain(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("/computeEnvironments") and response.status_int == 200:
            found = json.loads(response.body)
            if isinstance(found, list):
                response.body = json.dumps({"8996": found} if found else {}).encode()

    wrong.answers(rewrite)


@variant("nonces-as-text")
def nonces_as_text(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("/nonce") and response.status_int == 200:
            response.body = json.dumps({"nonce": str(response.json["nonce"])}).encode()

    wrong.answers(rewrite)


@variant("current-status-for-a-stop")
def current_status(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if job["status"] == 7:
            job.update(status=60, statusText="Publishing results", stopreq=1)

    wrong.jobs(change)


@variant("nothing-for-a-delete")
def nothing_for_delete(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.method == "DELETE" and request.path == COMPUTE and response.status_int == 200:
            response.body = b'""'

    wrong.answers(rewrite)


@variant("texts-with-a-space-behind")
def spaced_texts(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        job["statusText"] = {1: "Job started", 40: "Running algorith "}.get(
            job["status"], job["statusText"]
        )

    wrong.jobs(change)


@variant("signature-errors-as-text")
def bare_errors(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 400 and b'"signature": [' in response.body:
            found = json.loads(response.body)
            found["errors"]["signature"] = found["errors"]["signature"][0]
            response.body = json.dumps(found).encode()

    wrong.answers(rewrite)


@variant("a-clock-that-is-wrong-by-an-hour")
def skewed(wrong: Wrong) -> None:
    wrong.jobs(_dates(lambda text: f"{float(text) - HOUR:.6f}"))


@variant("chunked")
def chunked(wrong: Wrong) -> None:
    def middleware(app: WSGI) -> WSGI:
        def different(environ: Any, start_response: Any) -> Iterable[bytes]:
            response = webob.Request(environ).get_response(app)
            body = response.body
            response.app_iter = [body[at : at + 7] for at in range(0, len(body), 7)]
            answer: Iterable[bytes] = response(environ, start_response)
            return answer

        return different

    wrong.middlewares.append(middleware)


@variant("no-environment-is-shown-as-free")
def busy(wrong: Wrong) -> None:
    def change(settings: Settings) -> Settings:
        environments: tuple[Environment, ...] = settings.environments
        return replace(settings, environments=tuple(replace(e, priceMin=1) for e in environments))

    wrong.settings(change)
