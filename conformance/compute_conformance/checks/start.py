"""Starting a job: what an accepted start answers and may bring along, what a refusal leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from compute_conformance.assets import unknown_did
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import SERVICES
from compute_conformance.exchanges import reasons
from compute_conformance.verdicts import Failed, expect, given

NOWHERE = "no-such-environment"


def first(bench: Bench) -> dict[str, Any]:
    """The status object of an ordinary start."""
    with given("a start that is accepted"):
        return bench.consumer().start().job()


@check("CE-START-ONE-OBJECT")
def one_object(bench: Bench) -> None:
    """An ordinary start."""
    bench.consumer().start().job()


@check("CE-START-JOB-ID")
def job_id(bench: Bench) -> None:
    """An ordinary start."""
    job = first(bench)
    found = job.get("jobId")
    expect(isinstance(found, str) and found, "a text that is not empty as jobId", job)


@check("CE-START-JOB-ID-UNIQUE")
def job_ids_differ(bench: Bench) -> None:
    """Two starts of one consumer."""
    consumer = bench.consumer()
    one, other = (bench.start(consumer=consumer).job_id for _ in range(2))
    expect(one != other, "two jobs with different ids", one)


@check("CE-START-STATUS")
def status(bench: Bench) -> None:
    """An ordinary start."""
    job = first(bench)
    found = job.get("status")
    expect(isinstance(found, int), "an integer as status", job)
    expect(found in {1, 10}, "status 1 or 10", job)


@check("CE-START-UNFINISHED")
def unfinished(bench: Bench) -> None:
    """An ordinary start."""
    job = first(bench)
    expect("dateFinished" in job, "a dateFinished", job)
    expect(job["dateFinished"] is None, "null as dateFinished", job)


@check("CE-START-OWNER")
def owner(bench: Bench) -> None:
    """An ordinary start."""
    consumer = bench.consumer()
    found = bench.start(consumer=consumer).first.get("owner")
    expect(str(found).lower() == consumer.address.lower(), f"the owner {consumer.address}", found)


@check("CE-START-DOCUMENT-ID")
def document_id(bench: Bench) -> None:
    """An ordinary start."""
    wanted = bench.profile.dataset("open")["documentId"]
    found = first(bench).get("documentId")
    expect(found == wanted, f"the documentId {wanted}", found)


@check("CE-START-NO-RESULTS")
def no_results(bench: Bench) -> None:
    """An ordinary start."""
    job = first(bench)
    expect(not job.get("results"), "no results, as an empty list or text", job.get("results"))


@check("CE-START-SEEN-AT-ONCE")
def seen_at_once(bench: Bench) -> None:
    """A start, and then a look at its job; others ask what is seen there."""
    job = bench.start()
    answer = job.consumer.status(jobId=job.job_id, consumerAddress=job.consumer.address)
    expect(answer.status == 200 and answer.json, "something of the job", answer)


@check("CE-START-ADDRESS-CASE")
def address_case(bench: Bench) -> None:
    """Starts with the address in lower and in upper case, signed as they are sent."""
    for digits in (str.lower, str.upper):
        consumer = bench.consumer()
        written = "0x" + digits(consumer.address[2:])
        consumer.start(consumerAddress=written).job()


# What a start may bring along


@check("CE-START-DEFAULT-ENVIRONMENT")
def default_environment(bench: Bench) -> None:
    """A start that names none."""
    bench.consumer().start(environment=None).job()


@check("CE-START-ENVIRONMENT-OF-CHAIN")
def environment_of_chain(bench: Bench) -> None:
    """A start that names none, and the list of environments of the dataset's chain."""
    with given("a start without environment"):
        found = bench.consumer().start(environment=None).job().get("environment")
    chain = bench.profile.chain
    with given("a list of environments"):
        listed = bench.get(f"{SERVICES}/computeEnvironments", chainId=chain).accepted()
        if isinstance(listed, dict):
            listed = listed.get(str(chain), [])
        ids = [one["id"] for one in listed]
    expect(found in ids, f"one of the environments {ids}", found)


@check("CE-START-UNKNOWN-ENVIRONMENT")
def unknown_environment(bench: Bench) -> None:
    """A start that names one that nobody has."""
    bench.consumer().start(environment=NOWHERE).refused()


@check("CE-START-EMPTY-URL")
def empty_url(bench: Bench) -> None:
    """A raw algorithm with an empty `url`."""
    bench.consumer().start(bench.raw(url="")).job()


@check("CE-START-CODE-AND-URL")
def code_and_url(bench: Bench) -> None:
    """A raw algorithm with both."""
    both = bench.raw(url="https://example.com/algorithm")
    bench.consumer().start(both).refused()


@check("CE-START-META-WINS")
def meta_wins(bench: Bench) -> None:
    """A raw algorithm beside the DID of one that the dataset does not trust."""
    both = {**bench.profile.algorithm("stranger"), **bench.raw()}
    found = bench.consumer().start(both).job().get("algoDID")
    expect(found in {"raw", "", None}, "no DID as algoDID: raw or an empty text", found)


@check("CE-START-META-TEXT")
def meta_text(bench: Bench) -> None:
    """A raw algorithm in JSON text."""
    raw = bench.raw()
    bench.consumer().start({**raw, "meta": json.dumps(raw["meta"])}).job()


@check("CE-START-META-NO-JSON")
def meta_no_json(bench: Bench) -> None:
    """Texts that are no JSON, or JSON of something else."""
    for text in ("echo", "{", "[]", "7"):
        bench.consumer().start({**bench.raw(), "meta": text}).refused()


def _with_data(bench: Bench, data: object) -> None:
    algorithm = {**bench.profile.algorithm("plain"), "userdata": data, "algocustomdata": data}
    dataset = {**bench.profile.dataset("open"), "userdata": data}
    bench.consumer().start(algorithm, dataset).job()


@check("CE-START-USERDATA")
def userdata(bench: Bench) -> None:
    """Objects with numbers and lists in them."""
    _with_data(bench, {"depth": 3, "names": ["a", "b"]})


@check("CE-START-USERDATA-TEXT")
def userdata_text(bench: Bench) -> None:
    """The same, written as JSON text."""
    _with_data(bench, '{"depth": 3, "names": ["a", "b"]}')


@check("CE-START-OUTPUT")
def output(bench: Bench) -> None:
    """An object that says nothing in particular."""
    bench.consumer().start(output={"metadata": {"name": "result"}}).job()


@check("CE-START-OUTPUT-OBJECT")
def output_object(bench: Bench) -> None:
    """A list, a number and a text that is no JSON."""
    for value in ([1], 7, "nonsense"):
        bench.consumer().start(output=value).refused()


# What a refusal leaves


def _unknown(bench: Bench) -> dict[str, Any]:
    """An asset that nobody published."""
    return {**bench.profile.dataset("open"), "documentId": unknown_did()}


def _refusals(bench: Bench) -> list[Mapping[str, Any]]:
    """Changes that make starts be refused early and late."""
    return [
        {"environment": NOWHERE},
        {"algorithm": _unknown(bench)},
        {"additionalDatasets": [_unknown(bench)]},
    ]


@check("CE-START-REFUSED-NO-JOB")
def refused_no_job(bench: Bench) -> None:
    """Starts that are refused for different reasons, and then a look at the consumer's jobs."""
    bench.specimen()  # other starts are accepted here
    consumer = bench.consumer()
    with given("a start that is refused"):
        for change in _refusals(bench):
            consumer.start(**change).refused()
    found = consumer.status(consumerAddress=consumer.address)
    if found.status != 404:  # as well a way to say that there are none
        mine = [job for job in found.jobs() if consumer.owns(job)]
        expect(not mine, "no job of this consumer", found)


@check("CE-START-REFUSED-NONCE")
def refused_nonce(bench: Bench) -> None:
    """Starts that are refused, and then an ordinary one with the same nonce."""
    consumer = bench.consumer()
    nonce = consumer.next_nonce()
    with given("a start that is refused"):
        for change in _refusals(bench):
            consumer.start(nonce=nonce, **change).refused()
    consumer.start(nonce=nonce).job()


# The order of refusals


def _nothing(bench: Bench) -> dict[str, Any]:
    """Changes that make a start wrong in its algorithm and its dataset."""
    return {"algorithm": _unknown(bench), "dataset": _unknown(bench)}


def _told(refusal: Mapping[str, Any], name: str) -> None:
    found = reasons(refusal)
    if not any(key.split(".")[0] == name for key in found):
        raise Failed(f"a refusal that names {name}", refusal)


@check("CE-START-IDENTITY-FIRST")
def identity_first(bench: Bench) -> None:
    """Everything is wrong, the signature as well."""
    wrong = "0x" + "11" * 64 + "1b"
    with given("a start that is refused for its signature alone"):
        alone = bench.consumer().start(nonce="2", signature=wrong)
        _told(alone.refused(), "signature")
    refusal = bench.consumer().start(
        environment=NOWHERE, nonce="2", signature=wrong, **_nothing(bench)
    )
    _told(refusal.refused(), "signature")


@check("CE-START-ENVIRONMENT-FIRST")
def environment_first(bench: Bench) -> None:
    """Environment, algorithm and dataset are unknown."""
    refusal = bench.consumer().start(environment=NOWHERE, **_nothing(bench)).refused()
    named = {key.split(".")[0] for key in reasons(refusal)}
    expect(not named & {"algorithm", "dataset"}, "a refusal for the environment", refusal)


@check("CE-START-ALGORITHM-FIRST")
def algorithm_first(bench: Bench) -> None:
    """Algorithm and dataset are unknown."""
    _told(bench.consumer().start(**_nothing(bench)).refused(), "algorithm")


@check("CE-START-DATASETS-FIRST")
def datasets_first(bench: Bench) -> None:
    """An unknown dataset after one whose order is bound elsewhere, and two unknown ones."""
    used = bench.profile.dataset("open")
    bench.start(dataset=used)
    with given("starts on unknown datasets that are refused"):
        bench.consumer().start(dataset=_unknown(bench)).refused()
        bench.consumer().start(additionalDatasets=[_unknown(bench)]).refused()
    for main, named in ((used, "datasets[1]"), (_unknown(bench), "dataset")):
        answer = bench.consumer().start(dataset=main, additionalDatasets=[_unknown(bench)])
        _told(answer.refused(), named)
