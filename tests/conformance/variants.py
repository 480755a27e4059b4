"""Servers that differ from the reference within what the page and the ledger allow."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import webob

from compute_conformance.requirements import Level
from compute_ref.http import compute
from compute_ref.settings import Environment, Settings, Trust
from tests.conformance.defects.defect import COMPUTE, WSGI, Wrong
from tests.conformance.reference import reference


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to be different, and the highest level at which it claims to conform."""

    apply: Callable[[Wrong], None]
    level: Level

    @property
    def levels(self) -> frozenset[Level]:
        """The levels that it claims."""
        return frozenset(LEVELS[: LEVELS.index(self.level) + 1])


VARIANTS: Final[dict[str, Variant]] = {}
LEVELS: Final = (Level.INTEROPERABLE, Level.DOCUMENTED, Level.ROBUST)
DATES: Final = ("dateCreated", "dateFinished")
HOUR: Final = 3600
SERVICES: Final = "/api/services"
ENVIRONMENTS: Final = f"{SERVICES}/computeEnvironments"


def variant(
    name: str, level: Level = Level.ROBUST
) -> Callable[[Callable[[Wrong], None]], Callable[[Wrong], None]]:
    """Register a way to be different that conforms up to this level."""

    def register(apply: Callable[[Wrong], None]) -> Callable[[Wrong], None]:
        VARIANTS[name] = Variant(apply, level)
        return apply

    return register


@contextmanager
def server(name: str) -> Iterator[WSGI]:
    """The reference, different in this way."""
    with ExitStack() as stack:
        wrong = Wrong(stack)
        VARIANTS[name].apply(wrong)
        with reference(wrong.changed) as app:
            yield wrong.around(app)


def calls(request: webob.Request, *methods: str) -> bool:
    """Whether a request is a call of compute by one of the methods."""
    return request.method in methods and request.path == COMPUTE


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


@variant("lower-case-owners", Level.DOCUMENTED)
def lower_case(wrong: Wrong) -> None:
    def lower(request: webob.Request, job: dict[str, Any]) -> None:
        job["owner"] = job["owner"].lower()

    wrong.jobs(lower)


@variant("nobody-knows-such-a-job")
def empty_for_unknown(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 404 and calls(request, "GET", "PUT", "DELETE"):
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
        if calls(request, "POST") and response.status_int == 200:
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
    def change(told: Any) -> Any:
        return ({"8996": told} if told else {}) if isinstance(told, list) else told

    wrong.documents(ENVIRONMENTS, change)


@variant("nonces-as-text")
def nonces_as_text(wrong: Wrong) -> None:
    wrong.documents(f"{SERVICES}/nonce", lambda told: {"nonce": str(told["nonce"])})


@variant("current-status-for-a-stop")
def current_status(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if job["status"] == 7:
            job.update(status=60, statusText="Publishing results", stopreq=1)

    wrong.jobs(change)


@variant("nothing-for-a-delete")
def nothing_for_delete(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if calls(request, "DELETE") and response.status_int == 200:
            response.body = b'""'

    wrong.answers(rewrite)


@variant("texts-with-a-space-behind")
def spaced_texts(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        job["statusText"] = {1: "Job started", 40: "Running algorithm "}.get(
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
    wrong.documents(ENVIRONMENTS, partial(_each_environment, _late))


def _late(one: dict[str, Any]) -> None:
    one["lastSeen"] = type(one["lastSeen"])(float(one["lastSeen"]) - HOUR)


def _each_environment(change: Callable[[dict[str, Any]], None], told: Any) -> Any:
    """Change each environment of an answer, a list or an object of lists by chain."""
    for listed in told.values() if isinstance(told, dict) else [told]:
        for one in listed:
            change(one)
    return told


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


@variant("ids-of-other-letters")
def other_ids(wrong: Wrong) -> None:
    """UUIDs, as many servers have them; without the end that keeps joined texts apart."""
    usual = compute.new_job

    def with_uuid(*told: Any) -> Any:
        return replace(usual(*told), job_id=str(uuid.uuid4())[:-1] + "z")

    wrong.patch(compute, "new_job", with_uuid)


@variant("without-pages")
def without_pages(wrong: Wrong) -> None:
    def whole(request: webob.Request) -> None:
        told = request.query_string
        if calls(request, "GET", "HEAD") and ("limit=" in told or "offset=" in told):
            for name in {"limit", "offset"} & set(request.GET):
                del request.GET[name]

    wrong.requests(whole)


@variant("connections-end")
def connections_end(wrong: Wrong) -> None:
    def close(request: webob.Request, response: webob.Response) -> None:
        response.headers["Connection"] = "close"

    wrong.answers(close)


@variant("404-for-jobs-that-nobody-has")
def not_found(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        named = "jobId=" in request.query_string
        if calls(request, "GET") and named and response.body == b"[]":
            response.status_int, response.body = 404, b'{"error": "There is no such job."}'

    wrong.answers(rewrite)


@variant("400-for-results-that-there-are-not")
def bad_request(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("/computeResult") and response.status_int == 404:
            response.status_int = 400

    wrong.answers(rewrite)


@variant("nothing-is-told-of-the-end")
def nothing_told(wrong: Wrong) -> None:
    ours = ("finishReason", "finishMessage", "statusHistory", "algorithmExitCode")

    def without(request: webob.Request, job: dict[str, Any]) -> None:
        for name in ours:
            job.pop(name, None)

    wrong.jobs(without)


@variant("no-calls-beside-the-page")
def without_calls_beside(wrong: Wrong) -> None:
    missing(wrong, "/initializeCompute", "/fileinfo")

    def without(told: dict[str, Any]) -> dict[str, Any]:
        for name in ("initializeCompute", "fileinfo"):
            del told["serviceEndpoints"][name]
        return told

    wrong.documents("/", without)


@variant("no-tokens")
def without_tokens(wrong: Wrong) -> None:
    missing(wrong, "/createAuthToken", "/deleteAuthToken")

    def without(told: dict[str, Any]) -> dict[str, Any]:
        for name in ("create_auth_token", "delete_auth_token"):
            del told["serviceEndpoints"][name]
        return told

    wrong.documents("/", without)


def missing(wrong: Wrong, *calls: str) -> None:
    """Answer these calls as unknown paths."""

    def elsewhere(request: webob.Request) -> None:
        if request.path.endswith(calls):
            request.path = "/api/services/this-is-no-call"

    wrong.requests(elsewhere)


@variant("downloads-come-whole")
def whole(wrong: Wrong) -> None:
    def without_headers(request: webob.Request) -> None:
        for name in ("HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_NONE_MATCH"):
            request.environ.pop(name, None)

    def untold(request: webob.Request, response: webob.Response) -> None:
        for name in ("ETag", "Accept-Ranges"):
            response.headers.pop(name, None)

    wrong.requests(without_headers)
    wrong.answers(untold)


@variant("json-for-people")
def indented(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.content_type == "application/json" and response.body:
            text = json.dumps(json.loads(response.body), indent=4, ensure_ascii=False)
            response.body = text.encode()
            response.headers["Content-Type"] = "application/json; charset=UTF-8"

    wrong.answers(rewrite)


@variant("nonces-with-fractions")
def fractions(wrong: Wrong) -> None:
    wrong.documents(f"{SERVICES}/nonce", lambda told: {"nonce": float(told["nonce"])})


@variant("only-what-deployed-servers-show", Level.INTEROPERABLE)
def as_deployed(wrong: Wrong) -> None:
    """The members that the page lists and deployed servers left out."""

    def without(request: webob.Request, job: dict[str, Any]) -> None:
        for name in ("documentId", "algorithmLogUrl", "resultsUrls", "resultsDid"):
            job.pop(name, None)

    wrong.jobs(without)


@variant("trusts-where-nothing-is-said", Level.INTEROPERABLE)
def trusting(wrong: Wrong) -> None:
    wrong.settings(lambda settings: replace(settings, trust=Trust(empty_allows_all=True)))
