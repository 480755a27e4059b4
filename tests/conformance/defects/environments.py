"""Servers that describe their environments wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import falcon

from compute_ref.http import parameters
from compute_ref.http.environments import EnvironmentsResource
from compute_ref.jobs.engine import Engine
from compute_ref.refusals import Malformed
from compute_ref.settings import Environment, Settings
from tests.conformance.defects.defect import Kind, Wrong, defect

PATH: Final = "/api/services/computeEnvironments"
ABSENT: Final = object()
on_get, of_chain, shown = (
    EnvironmentsResource.on_get,
    EnvironmentsResource._of_chain,
    EnvironmentsResource._shown,
)


def member(name: str, breaks: str, **changes: object) -> None:
    """A defect of what each environment says; a change to ABSENT leaves a member out."""

    def wrongly(self: EnvironmentsResource, its: Environment) -> dict[str, Any]:
        told = {**shown(self, its), **changes}
        return {key: value for key, value in told.items() if value is not ABSENT}

    def apply(wrong: Wrong) -> None:
        wrong.patch(EnvironmentsResource, "_shown", wrongly)

    defect(name, breaks, kind=Kind.SHAPE)(apply)


member("environment-without-id", "CE-ENV-ID", id=ABSENT)
member("environment-id-is-a-number", "CE-ENV-ID", id=1)
member("price-left-out", "CE-ENV-PRICE", priceMin=ABSENT)
member("price-says-free", "CE-ENV-PRICE", priceMin="free")
member("price-below-nothing", "CE-ENV-PRICE", priceMin=-1)
member("price-as-text", "CE-ENV-PRICE-NUMBER", priceMin="0")
member("environment-without-consumer", "CE-ENV-CONSUMER", consumerAddress="")
member("cpu-by-its-other-name-alone", "CE-ENV-CPU", nCPU=ABSENT)
member("cpu-as-text", "CE-ENV-CPU", nCPU="4")
member("cpu-names-differ", "CE-ENV-CPU-SYNONYM", cpuNumber=64)
member("cpu-type-null", "CE-ENV-CPU-TYPE", cpuType=None)
member("gpu-by-its-other-name-alone", "CE-ENV-GPU", nGPU=ABSENT)
member("gpu-is-a-boolean", "CE-ENV-GPU", nGPU=False)
member("gpu-names-differ", "CE-ENV-GPU-SYNONYM", gpuNumber=1)
member("gpu-type-null", "CE-ENV-GPU-TYPE", gpuType=None)
member("ram-as-text", "CE-ENV-RAM", ramGB="64")
member("ram-of-nothing", "CE-ENV-RAM", ramGB=0)
member("disk-with-its-unit", "CE-ENV-DISK", diskGB="1GB")
member("description-left-out", "CE-ENV-DESC", desc=ABSENT)
member("most-jobs-as-text", "CE-ENV-MAX-JOBS", maxJobs="8")
member("no-job-at-most", "CE-ENV-MAX-JOBS", maxJobs=0)
member("current-jobs-by-id", "CE-ENV-CURRENT-JOBS", currentJobs=[])
member("current-jobs-below-nothing", "CE-ENV-CURRENT-JOBS", currentJobs=-1)
member("duration-as-text", "CE-ENV-DURATION", maxJobDuration="60")
member("expiry-below-nothing", "CE-ENV-EXPIRY", storageExpiry=-1)
member("fee-token-by-symbol", "CE-ENV-FEE-TOKEN", feeToken="OCEAN")
member("last-seen-as-date", "CE-ENV-LAST-SEEN", lastSeen="2024-01-01T00:00:00Z")
member("last-seen-in-milliseconds", "CE-ENV-LAST-SEEN", lastSeen=1_700_000_000_000)


@defect("environments-by-name-alone", "CE-ENV-OBJECTS", kind=Kind.SHAPE)
def names_alone(wrong: Wrong) -> None:
    def ids(self: EnvironmentsResource, chain: int) -> list[Any]:
        return [one["id"] for one in of_chain(self, chain)]

    wrong.patch(EnvironmentsResource, "_of_chain", ids)


@defect("chain-is-mandatory", "CE-ENV-NO-CHAIN")
def chain_is_mandatory(wrong: Wrong) -> None:
    def strictly(self: EnvironmentsResource, req: falcon.Request, resp: falcon.Response) -> None:
        if not {"chainId", "chainID"} & req.params.keys():
            raise Malformed({"chainId": ["The chainId field is required."]})
        on_get(self, req, resp)

    wrong.patch(EnvironmentsResource, "on_get", strictly)


@defect("chains-by-name", "CE-ENV-BY-CHAIN", kind=Kind.SHAPE)
def chains_by_name(wrong: Wrong) -> None:
    def by_name(told: Any) -> Any:
        return {f"chain-{key}": value for key, value in told.items()} if _by_chain(told) else told

    wrong.documents(PATH, by_name)


@defect("one-environment-for-each-chain", "CE-ENV-BY-CHAIN", kind=Kind.SHAPE)
def one_for_each(wrong: Wrong) -> None:
    def first(told: Any) -> Any:
        return {key: value[0] for key, value in told.items()} if _by_chain(told) else told

    wrong.documents(PATH, first)


@defect("chain-without-what-costs", "CE-ENV-SAME")
def not_the_same(wrong: Wrong) -> None:
    def two(settings: Settings) -> Settings:
        first = settings.environments[0]
        return replace(settings, environments=(first, replace(first, id="paid", priceMin=1)))

    def free(told: Any) -> Any:
        return told if _by_chain(told) else [one for one in told if not one["priceMin"]]

    wrong.settings(two)
    wrong.documents(PATH, free)


@defect("chain-in-one-spelling", "CE-ENV-CHAIN-SPELLING")
def one_spelling(wrong: Wrong) -> None:
    known = {key: value for key, value in parameters.SYNONYMS.items() if key != "chainID"}
    wrong.patch(parameters, "SYNONYMS", known)


@defect("chain-ignored", "CE-ENV-OTHER-CHAIN")
def chain_ignored(wrong: Wrong) -> None:
    def any_chain(self: EnvironmentsResource, chain: int) -> list[dict[str, Any]]:
        return of_chain(self, 8996)

    wrong.patch(EnvironmentsResource, "_of_chain", any_chain)


@defect("chain-read-without-care", "CE-ENV-CHAIN-MALFORMED")
def read_without_care(wrong: Wrong) -> None:
    def carelessly(self: EnvironmentsResource, req: falcon.Request, resp: falcon.Response) -> None:
        int(req.get_param("chainId", default="0"))
        on_get(self, req, resp)

    wrong.patch(EnvironmentsResource, "on_get", carelessly)


@defect("two-environments-of-one-id", "CE-ENV-ID-UNIQUE", kind=Kind.SHAPE)
def two_of_one_id(wrong: Wrong) -> None:
    def twice(self: EnvironmentsResource, chain: int) -> list[dict[str, Any]]:
        return of_chain(self, chain) * 2

    wrong.patch(EnvironmentsResource, "_of_chain", twice)


@defect("jobs-counted-of-all-environments", "CE-ENV-JOBS-SANE")
def of_all_environments(wrong: Wrong) -> None:
    wrong.patch(Engine, "current_jobs", lambda self, environment: 1_000)


@defect("running-jobs-not-counted", "CE-ENV-JOBS-COUNTED", calls=3)
def not_counted(wrong: Wrong) -> None:
    wrong.patch(Engine, "current_jobs", lambda self, environment: 0)


def _by_chain(told: Any) -> bool:
    return isinstance(told, dict)
