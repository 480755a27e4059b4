"""Other ways to tell of jobs, environments and nonces."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import webob

from compute_conformance.requirements import Level
from compute_ref.http import compute
from compute_ref.settings import Environment, Settings
from tests.conformance.defects.defect import Wrong
from tests.conformance.variants.variant import ENVIRONMENTS, SERVICES, variant

DATES: Final = ("dateCreated", "dateFinished")


HOUR: Final = 3600


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


@variant("lower-case-owners", Level.DOCUMENTED)
def lower_case(wrong: Wrong) -> None:
    def lower(request: webob.Request, job: dict[str, Any]) -> None:
        job["owner"] = job["owner"].lower()

    wrong.jobs(lower)


@variant("no-results-is-a-text")
def no_results(wrong: Wrong) -> None:
    def text(request: webob.Request, job: dict[str, Any]) -> None:
        job["results"] = job["results"] or ""

    wrong.jobs(text)


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


@variant("texts-with-a-space-behind")
def spaced_texts(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        job["statusText"] = {1: "Job started", 40: "Running algorithm "}.get(
            job["status"], job["statusText"]
        )

    wrong.jobs(change)


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


@variant("nothing-is-told-of-the-end")
def nothing_told(wrong: Wrong) -> None:
    ours = ("finishReason", "finishMessage", "statusHistory", "algorithmExitCode")

    def without(request: webob.Request, job: dict[str, Any]) -> None:
        for name in ours:
            job.pop(name, None)

    wrong.jobs(without)


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
