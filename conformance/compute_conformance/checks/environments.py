"""`GET computeEnvironments`: where jobs may run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.discovery import ADDRESS
from compute_conformance.consumers import ENVIRONMENTS
from compute_conformance.exchanges import Answer, environments_of
from compute_conformance.verdicts import Contested, Unsupported, expect, given

NOWHERE: Final = 987_654_321  # a chain that nobody serves
MILLISECONDS: Final = 1e11  # Unix time beyond it is not in seconds


@check("CE-ENV-OBJECTS")
def objects(bench: Bench) -> None:
    """The environments of the profile's chain."""
    answer = bench.get(ENVIRONMENTS, chainId=bench.profile.chain)
    with given("the environments of the chain"):
        found = environments_of(answer, bench.profile.chain)
    expect(all(isinstance(one, dict) for one in found), "objects", answer)


@check("CE-ENV-NO-CHAIN")
def no_chain(bench: Bench) -> None:
    """Without any parameter."""
    answer = bench.get(ENVIRONMENTS)
    expect(isinstance(answer.accepted(200), list | dict), "an array or an object", answer)


@check("CE-ENV-BY-CHAIN")
def by_chain(bench: Bench) -> None:
    """Without any parameter."""
    found = _of_all_chains(bench).json
    if isinstance(found, list):
        raise Contested("an object by chain", "an array, which clients of one chain can read")
    chain = str(bench.profile.chain)
    expect(chain in found, f"a member {chain}", found)
    expect(isinstance(found[chain], list), f"an array {chain}", found)
    strange = [key for key, value in found.items() if not (key.isdecimal() and _is_list(value))]
    expect(not strange, "arrays by decimal chain ids only", strange)


@check("CE-ENV-SAME")
def same(bench: Bench) -> None:
    """The ids that a chain has in both answers."""
    everywhere = _of_all_chains(bench)
    with given("the environments by chain"):
        listed = everywhere.json
        if isinstance(listed, dict):
            listed = environments_of(everywhere, bench.profile.chain)
        ids = _ids(listed)
    named = _ids(bench.environments())
    expect(ids >= named if isinstance(everywhere.json, list) else ids == named, str(named), ids)


@check("CE-ENV-CHAIN-SPELLING")
def chain_spelling(bench: Bench) -> None:
    """Both spellings, one after the other."""
    chain = bench.profile.chain
    with given("the environments of the chain"):
        usual = bench.get(ENVIRONMENTS, chainId=chain)
        ids = _ids(environments_of(usual, chain))
    other = bench.get(ENVIRONMENTS, chainID=chain)
    alike = type(other.accepted(200)) is type(usual.json)
    expect(alike, f"{type(usual.json).__name__}, as for chainId", other)
    expect(_ids(environments_of(other, chain)) == ids, f"the environments {ids}", other)


@check("CE-ENV-OTHER-CHAIN")
def other_chain(bench: Bench) -> None:
    """A chain with an id that nobody has."""
    answer = bench.get(ENVIRONMENTS, chainId=NOWHERE)
    if answer.status in {400, 404}:
        return
    found = answer.accepted(200)
    if isinstance(found, dict):
        found = found.get(str(NOWHERE)) or []
    expect(found == [], "no environments", answer)


@check("CE-ENV-CHAIN-MALFORMED")
def chain_malformed(bench: Bench) -> None:
    """Texts, fractions, huge numbers and others in place of the chain."""
    for value in ("mainnet", "8996x", "1e999", "9" * 500, "-1", "0.5", "[]"):
        answer = bench.get(ENVIRONMENTS, chainId=value)
        expect(answer.status < 500, f"no fault at chainId {value!r:.20}", answer)


@check("CE-ENV-ID")
def has_id(bench: Bench) -> None:
    """The id of each."""
    _each(bench, "id", lambda value: isinstance(value, str) and value, "a text")


@check("CE-ENV-ID-UNIQUE")
def unique(bench: Bench) -> None:
    """The ids of a chain."""
    ids = [str(one.get("id")) for one in bench.environments()]
    expect(len(set(ids)) == len(ids), "each id once", ids)


@check("CE-ENV-PRICE")
def price(bench: Bench) -> None:
    """The priceMin of each, a number or the text of one."""
    _each(bench, "priceMin", lambda value: not math.isnan(_read(value)), "a number, or its text")
    _each(bench, "priceMin", lambda value: _read(value) >= 0, "0 or more")


@check("CE-ENV-PRICE-NUMBER")
def price_number(bench: Bench) -> None:
    """The priceMin of each."""
    _each(bench, "priceMin", _is_number, "a number")


@check("CE-ENV-CONSUMER")
def consumer(bench: Bench) -> None:
    """The consumerAddress of each, whom orders name."""
    _each(bench, "consumerAddress", _is_address, "an Ethereum address")


@check("CE-ENV-CPU")
def cpu(bench: Bench) -> None:
    """The nCPU of each."""
    _each(bench, "nCPU", _is_positive, "a number above 0")


@check("CE-ENV-CPU-SYNONYM")
def cpu_synonym(bench: Bench) -> None:
    """The two names of the number of processors."""
    _equal(bench, "nCPU", "cpuNumber")


@check("CE-ENV-CPU-TYPE")
def cpu_type(bench: Bench) -> None:
    """The cpuType of each."""
    _each(bench, "cpuType", _is_text, "a text")


@check("CE-ENV-GPU")
def gpu(bench: Bench) -> None:
    """The nGPU of each."""
    _each(bench, "nGPU", _is_count, "an integer from 0 on")


@check("CE-ENV-GPU-SYNONYM")
def gpu_synonym(bench: Bench) -> None:
    """The two names of the number of GPUs."""
    _equal(bench, "nGPU", "gpuNumber")


@check("CE-ENV-GPU-TYPE")
def gpu_type(bench: Bench) -> None:
    """The gpuType of each."""
    _each(bench, "gpuType", _is_text, "a text")


@check("CE-ENV-RAM")
def ram(bench: Bench) -> None:
    """The ramGB of each."""
    _each(bench, "ramGB", _is_number, "a number")
    _each(bench, "ramGB", _is_positive, "above 0")


@check("CE-ENV-DISK")
def disk(bench: Bench) -> None:
    """The diskGB of each."""
    _each(bench, "diskGB", _is_positive, "a number above 0")


@check("CE-ENV-DESC")
def desc(bench: Bench) -> None:
    """The desc of each."""
    _each(bench, "desc", _is_text, "a text")


@check("CE-ENV-MAX-JOBS")
def max_jobs(bench: Bench) -> None:
    """The maxJobs of each."""
    _each(bench, "maxJobs", _is_count, "an integer from 0 on")
    _each(bench, "maxJobs", lambda value: value > 0, "above 0")


@check("CE-ENV-CURRENT-JOBS")
def current_jobs(bench: Bench) -> None:
    """The currentJobs of each."""
    _each(bench, "currentJobs", lambda value: type(value) is int, "an integer")
    _each(bench, "currentJobs", _is_count, "0 or more")


@check("CE-ENV-JOBS-SANE")
def jobs_sane(bench: Bench) -> None:
    """The two numbers of jobs of each."""
    for one in bench.environments():
        now, most = _read(one.get("currentJobs")), _read(one.get("maxJobs"))
        expect(not now > most, f"at most {most:g} jobs of {one.get('id')}", now)


@check("CE-ENV-DURATION")
def duration(bench: Bench) -> None:
    """The maxJobDuration of those that have one."""
    _each(bench, "maxJobDuration", _is_positive, "a number above 0", optional=True)


@check("CE-ENV-EXPIRY")
def expiry(bench: Bench) -> None:
    """The storageExpiry of those that have one."""
    _each(bench, "storageExpiry", _is_amount, "a number from 0 on", optional=True)


@check("CE-ENV-FEE-TOKEN")
def fee_token(bench: Bench) -> None:
    """The feeToken of those that have one."""
    _each(bench, "feeToken", _is_address, "an Ethereum address", optional=True)


@check("CE-ENV-LAST-SEEN")
def last_seen(bench: Bench) -> None:
    """The lastSeen of those that have one."""
    wanted = "Unix time in seconds"
    _each(bench, "lastSeen", lambda value: _read(value) > 0, "a number, or its text", optional=True)
    _each(bench, "lastSeen", lambda value: _read(value) < MILLISECONDS, wanted, optional=True)


@check("CE-ENV-JOBS-COUNTED")
def jobs_counted(bench: Bench) -> None:
    """The environment of an algorithm that stays."""
    name = bench.profile.environment or bench.environments()[0].get("id")
    bench.staying(environment=name)
    now = [one.get("currentJobs") for one in bench.environments() if one.get("id") == name]
    expect(now and _read(now[0]) > 0, f"a job of {name} that is counted", now)


def _each(
    bench: Bench, name: str, fits: Callable[[Any], object], wanted: str, *, optional: bool = False
) -> None:
    """Hold a member of each environment to a form; an optional one may be left out by all."""
    found = bench.environments()
    if optional and all(name not in one for one in found):
        raise Unsupported(name, "no environment has it")
    for one in found:
        if name in one or not optional:
            expect(name in one, f"a member {name}", one)
            expect(fits(one[name]), f"{name}: {wanted}", one)


def _equal(bench: Bench, *names: str) -> None:
    both = [one for one in bench.environments() if all(name in one for name in names)]
    if not both:
        raise Unsupported(" and ".join(names), "no environment has both")
    for one in both:
        expect(len({_read(one[name]) for name in names}) == 1, " = ".join(names), one)


def _of_all_chains(bench: Bench) -> Answer:
    with given("the environments of all chains"):
        answer = bench.get(ENVIRONMENTS)
        expect(isinstance(answer.accepted(200), list | dict), "an array or an object", answer)
    return answer


def _ids(environments: list[Any]) -> set[str]:
    return {str(one.get("id")) for one in environments if isinstance(one, dict)}


def _read(value: object) -> float:
    """The number that clients read from a number or a text; NaN where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_amount(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_address(value: object) -> bool:
    return isinstance(value, str) and ADDRESS.fullmatch(value) is not None
