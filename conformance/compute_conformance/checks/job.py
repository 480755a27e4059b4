"""The status object: its fields as they are from the start on."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Final

from compute_conformance.bench import FINAL, Bench
from compute_conformance.checking import check
from compute_conformance.consumers import SERVICES
from compute_conformance.signing import checksummed
from compute_conformance.verdicts import Inconclusive, elected, expect, given

TEXTS: Final = {
    1: "Warming up",
    10: "Job started",
    20: "Configuring volumes",
    30: "Provisioning success",
    31: "Data provisioning failed",
    32: "Algorithm provisioning failed",
    40: "Running algorithm",
    50: "Filtering results",
    60: "Publishing results",
    70: "Job completed",
}
DEPLOYED: Final = {
    1: ("Job started",),
    40: ("Running algorith", "Running algorithm "),
    70: ("Job finished",),
}
DAY: Final = 86_400  #: seconds that a target's clock may be wrong
SECRET: Final = 8  #: characters of an id, at least, that differ from another's


def started(bench: Bench) -> Mapping[str, Any]:
    """The first look at a job."""
    return bench.specimen().course[1]


def seconds(value: Any) -> float | None:
    """What clients make of a date by ``float()``; None where they fail."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value) if math.isfinite(float(value)) else None
    except ValueError:
        return None


def is_integer(value: Any) -> bool:
    """Whether it is a JSON integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def near(value: Any) -> bool:
    """Whether a date is within a day of now."""
    found = seconds(value)
    return found is not None and abs(found - time.time()) < DAY


def is_decimal(value: Any) -> bool:
    """Whether it is a text of decimal digits."""
    return isinstance(value, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is not None


def is_number(value: Any) -> bool:
    """Whether it is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def order_name(transaction: object) -> str:
    """An order's text in lower case, without ``0x``."""
    return str(transaction).lower().removeprefix("0x")


@check("CE-JOB-OBJECT")
def one_object(bench: Bench) -> None:
    """A start, and a look at its job."""
    one = bench.start()
    consumer = one.consumer
    job = consumer.status(jobId=one.job_id, consumerAddress=consumer.address).job()
    expect(isinstance(job.get("jobId"), str), "a status object with a jobId", job)


@check("CE-JOB-ID")
def job_id(bench: Bench) -> None:
    """A start, and the jobId in a look at its job."""
    wanted, found = (job.get("jobId") for job in bench.specimen().course[:2])
    expect(wanted and found == wanted, f"the jobId {wanted!r}", found)


@check("CE-JOB-ID-URL")
def job_id_in_a_url(bench: Bench) -> None:
    """The characters of a jobId."""
    found = bench.specimen().started.job_id
    expect(re.fullmatch(r"[A-Za-z0-9._~-]+", found), "letters, digits, '-', '.', '_', '~'", found)


@check("CE-JOB-ID-UNIQUE")
def unique(bench: Bench) -> None:
    """Two starts of one consumer."""
    consumer = bench.consumer()
    first, second = bench.start(consumer=consumer), bench.start(consumer=consumer)
    expect(first.job_id != second.job_id, "another jobId than the first job's", second.job_id)


@check("CE-JOB-ID-SECRET")
def secret(bench: Bench) -> None:
    """What two jobIds made one after the other have in common at their ends."""
    one, other = bench.start().job_id, bench.start().job_id
    pairs = list(zip_longest(one, other))
    differing = [place for place, (a, b) in enumerate(pairs) if a != b]
    width = differing[-1] - differing[0] + 1 if differing else 0
    expect(width >= SECRET, "jobIds that have little in common", f"{one} and {other}")


@check("CE-JOB-STATUS-INTEGER")
def status_integer(bench: Bench) -> None:
    """The type of the status just after a start."""
    job = started(bench)
    expect(is_integer(job.get("status")), "an integer", job.get("status"))


@check("CE-JOB-STATUS-TEXT")
def status_text(bench: Bench) -> None:
    """Code and text of every look at a job until its end, white space at their ends aside."""
    for job in _of_the_table(bench):
        code = int(job["status"])
        allowed = (TEXTS.get(code), *DEPLOYED.get(code, ()))
        expect(_text(job).strip() in allowed, f"one of {allowed} for {code}", _text(job))


@check("CE-JOB-STATUS-TEXT-PAGE")
def status_text_of_the_page(bench: Bench) -> None:
    """Code and text of every look at a job until its end."""
    for job in _of_the_table(bench):
        code, found = int(job["status"]), _text(job)
        deployed = found in DEPLOYED.get(code, ())
        elected(found == TEXTS[code], deployed, f"{TEXTS[code]!r} for {code}", found)


def _of_the_table(bench: Bench) -> list[Mapping[str, Any]]:
    return [job for job in bench.specimen().course if job.get("status") in TEXTS]


def _text(job: Mapping[str, Any]) -> str:
    text = job.get("statusText")
    expect(isinstance(text, str), "a statusText", text)
    return str(text)


@check("CE-JOB-OWNER")
def owner(bench: Bench) -> None:
    """The owner, in any letter case."""
    address, found = bench.specimen().started.consumer.address, started(bench).get("owner")
    expect(str(found).lower() == address.lower(), address, found)


@check("CE-JOB-OWNER-CHECKSUM")
def owner_checksum(bench: Bench) -> None:
    """The owner of a job whose start gave the address in lower case."""
    consumer = bench.consumer()
    found = bench.look(bench.start(consumer=consumer, consumerAddress=consumer.address.lower()))
    expect(found.get("owner") == checksummed(consumer.address), consumer.address, found)


@check("CE-JOB-CREATED-NUMBER")
def created_number(bench: Bench) -> None:
    """What ``float()`` makes of it."""
    found = started(bench).get("dateCreated")
    expect(seconds(found) is not None, "Unix seconds as number or text", found)


@check("CE-JOB-CREATED-UNIX")
def created_unix(bench: Bench) -> None:
    """Its distance from now, of which a day is allowed to wrong clocks."""
    found = started(bench).get("dateCreated")
    expect(near(found), f"about {time.time():.0f}", found)


@check("CE-JOB-CREATED-TEXT")
def created_text(bench: Bench) -> None:
    """Its type and its characters."""
    found = started(bench).get("dateCreated")
    elected(is_decimal(found), is_number(found), 'a text like "1700000000.123456"', found)


@check("CE-JOB-CREATED-KEPT")
def created_kept(bench: Bench) -> None:
    """Every look at a job until its end."""
    seen = [seconds(job.get("dateCreated")) for job in bench.specimen().course]
    expect(len(set(seen)) == 1, "the same in every status object", seen)


@check("CE-JOB-FINISHED-NULL")
def finished_null(bench: Bench) -> None:
    """Every look at a job whose status is not final."""
    course = bench.specimen().course
    going_on = [job for job in course if job.get("status") in TEXTS.keys() - FINAL]
    if not going_on:
        raise Inconclusive("a look at a job before its end", course)
    for job in going_on:
        found = job.get("dateFinished")
        expect(found is None, f"null at status {job.get('status')}", found)


@check("CE-JOB-FINISHED-NUMBER")
def finished_number(bench: Bench) -> None:
    """What ``float()`` makes of it."""
    found = bench.specimen().signed.get("dateFinished")
    expect(seconds(found) is not None, "Unix seconds as number or text", found)


@check("CE-JOB-FINISHED-TEXT")
def finished_text(bench: Bench) -> None:
    """Its type and its characters."""
    found = bench.specimen().signed.get("dateFinished")
    elected(is_decimal(found), is_number(found), 'a text like "1700000000.123456"', found)


@check("CE-JOB-FINISHED-ORDER")
def finished_order(bench: Bench) -> None:
    """Both dates of a final job."""
    job = bench.specimen().signed
    begun, ended = seconds(job.get("dateCreated")), seconds(job.get("dateFinished"))
    if begun is None or ended is None:
        raise Inconclusive("two dates", job)
    expect(begun <= ended, f"{begun} or later", ended)


@check("CE-JOB-FINISHED-UNIX")
def finished_unix(bench: Bench) -> None:
    """Its distance from now, of which a day is allowed to wrong clocks."""
    found = bench.specimen().signed.get("dateFinished")
    expect(near(found), f"about {time.time():.0f}", found)


@check("CE-JOB-INPUTS")
def inputs(bench: Bench) -> None:
    """The first of them."""
    found = started(bench).get("inputDID")
    did = bench.profile.dataset("open")["documentId"]
    expect(isinstance(found, list) and found[:1] == [did], f"a list beginning with {did}", found)


@check("CE-JOB-INPUTS-ALL")
def all_inputs(bench: Bench) -> None:
    """A start with an additional dataset."""
    main, further = bench.profile.dataset("open"), bench.profile.dataset("second")
    one = bench.start(dataset=main, additionalDatasets=[further])
    dids = [main["documentId"], further["documentId"]]
    found = bench.look(one).get("inputDID")
    expect(isinstance(found, list) and set(found) == set(dids), f"all of {dids}", found)
    expect(found == dids, f"{dids}, in this order", found)


@check("CE-JOB-DOCUMENT")
def document(bench: Bench) -> None:
    """The first look at a job."""
    found, did = started(bench).get("documentId"), bench.profile.dataset("open")["documentId"]
    expect(found == did, did, found)


@check("CE-JOB-ALGORITHM-RAW")
def raw_algorithm(bench: Bench) -> None:
    """The job of an algorithm by ``meta``."""
    found = _of_meta(bench).get("algoDID")
    expect(found in ("raw", ""), "'raw' or an empty text", found)


@check("CE-JOB-ALGORITHM-RAW-WORD")
def raw_algorithm_word(bench: Bench) -> None:
    """The job of an algorithm by ``meta``."""
    found = _of_meta(bench).get("algoDID")
    expect(found == "raw", "'raw'", found)


def _of_meta(bench: Bench) -> Mapping[str, Any]:
    algorithm = bench.profile.algorithm("plain")
    if "meta" not in algorithm:
        raise Inconclusive("a plain algorithm by meta", algorithm)
    return started(bench)


@check("CE-JOB-ALGORITHM-DID")
def published_algorithm(bench: Bench) -> None:
    """The job of a published algorithm."""
    algorithm = bench.profile.algorithm("trusted")
    one = bench.start(algorithm, dataset=bench.profile.dataset("closed"))
    found = bench.look(one).get("algoDID")
    expect(found == algorithm["documentId"], algorithm["documentId"], found)


@check("CE-JOB-AGREEMENT")
def agreement(bench: Bench) -> None:
    """The job of a dataset's order, compared in any case and without 0x."""
    dataset, algorithm = bench.profile.dataset("open"), bench.profile.algorithm("plain")
    orders = {order_name(one["transferTxId"]) for one in (dataset, algorithm) if len(one) > 1}
    found = bench.look(bench.start(algorithm, dataset=dataset)).get("agreementId")
    expect(order_name(found) in orders, f"one of {orders}", found)


@check("CE-JOB-AGREEMENT-MAIN")
def agreement_of_the_main_dataset(bench: Bench) -> None:
    """The job of two orders, the dataset's and the algorithm's."""
    dataset = bench.profile.dataset("closed")
    one = bench.start(bench.profile.algorithm("trusted"), dataset=dataset)
    found = bench.look(one).get("agreementId")
    expect(order_name(found) == order_name(dataset["transferTxId"]), dataset["transferTxId"], found)


@check("CE-JOB-STOPREQ")
def stop_request(bench: Bench) -> None:
    """The first look at a job."""
    found = started(bench).get("stopreq")
    expect(is_integer(found) and found == 0, "the integer 0", found)


@check("CE-JOB-REMOVED")
def removed(bench: Bench) -> None:
    """The first look at a job."""
    found = started(bench).get("removed")
    expect(is_integer(found) and found == 0, "the integer 0", found)


@check("CE-JOB-ENVIRONMENT")
def environment(bench: Bench) -> None:
    """The first look at a job, and the list of environments."""
    with given("a list of environments"):
        chain = bench.profile.chain
        known = bench.get(f"{SERVICES}/computeEnvironments", chainId=chain).accepted()
    listed = known.get(str(chain), []) if isinstance(known, dict) else known
    found = started(bench).get("environment")
    expect(found in [one.get("id") for one in listed], "the id of an environment", found)
