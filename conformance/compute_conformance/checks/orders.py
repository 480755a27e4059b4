"""What pays for a job: an order is bound to its first use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from compute_conformance.assets import unknown_did
from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.exchanges import reasons
from compute_conformance.verdicts import expect, given

RACERS = 4
ROUNDS = 3


def _used(bench: Bench, role: str = "open", order: str = "") -> tuple[Started, dict[str, Any]]:
    """A job, and what its start said of the dataset."""
    dataset = bench.profile.dataset(role)
    if order:
        dataset["transferTxId"] = order
    return bench.start(dataset=dataset), dataset


@check("CE-ORDER-AGAIN")
def again(bench: Bench) -> None:
    """A start once more with the same order, when the first job has ended."""
    job, dataset = _used(bench)
    bench.finished(job)
    job.consumer.start(dataset=dataset).job()


MALFORMED = ("nonsense", "0x", "0xnonsense", "0x" + "1" * 65)


@check("CE-ORDER-FORM")
def form(bench: Bench) -> None:
    """Orders of other letters, of none, and of too many digits."""
    for order in MALFORMED:
        dataset = {**bench.profile.dataset("open"), "transferTxId": order}
        bench.consumer().start(dataset=dataset).refused()


@check("CE-ORDER-FORM-NAMED")
def form_named(bench: Bench) -> None:
    """The same, for a dataset that nobody has."""
    for order in MALFORMED:
        dataset = {"documentId": unknown_did(), "serviceId": "compute", "transferTxId": order}
        algorithm = {"meta": {"rawcode": "echo", "container": {"entrypoint": "sh $ALGO"}}}
        refusal = bench.consumer().start(algorithm, dataset).refused()
        named = {"dataset.transferTxId", "dataset.serviceId"} & set(reasons(refusal))
        expect(named, "a refusal that names dataset.transferTxId", refusal)


@check("CE-ORDER-OTHER-CONSUMER")
def other_consumer(bench: Bench) -> None:
    """The order of one consumer, sent by another."""
    _, dataset = _used(bench)
    bench.consumer().start(dataset=dataset).refused()


def _elsewhere(bench: Bench, first: str, then: str) -> None:
    job, dataset = _used(bench, first)
    other = {**bench.profile.dataset(then), "transferTxId": dataset["transferTxId"]}
    with given("the dataset to be usable with an order of its own"):
        bench.start(dataset=bench.profile.dataset(then))
    job.consumer.start(dataset=other).refused()


@check("CE-ORDER-OTHER-DATASET")
def other_dataset(bench: Bench) -> None:
    """An order that paid for one dataset, sent for another by the same consumer."""
    _elsewhere(bench, "open", "second")


@check("CE-ORDER-OTHER-SERVICE")
def other_service(bench: Bench) -> None:
    """An order that paid for one service, sent for another by the same consumer."""
    _elsewhere(bench, "second", "aside")


@check("CE-ORDER-CASE")
def case(bench: Bench) -> None:
    """An order in lower case; in upper case the same consumer may send it, and no other."""
    digits = bench.profile.order("open")[2:]
    job, dataset = _used(bench, order=f"0x{digits}")
    upper = {**dataset, "transferTxId": f"0x{digits.upper()}"}
    bench.finished(job)
    bench.consumer().start(dataset=upper).refused()
    job.consumer.start(dataset=upper).job()


@check("CE-ORDER-TWICE-IN-ONE")
def twice_in_one(bench: Bench) -> None:
    """A start on two datasets that names one order for both."""
    main, further = bench.profile.dataset("open"), bench.profile.dataset("second")
    further["transferTxId"] = main["transferTxId"]
    bench.consumer().start(dataset=main, additionalDatasets=[further]).refused()


@check("CE-ORDER-ALGORITHM")
def algorithm(bench: Bench) -> None:
    """The order of one consumer's algorithm, sent by another, who ordered the dataset."""
    used = bench.profile.algorithm("trusted")
    bench.start(used, dataset=bench.profile.dataset("closed"))
    bench.consumer().start(used, bench.profile.dataset("closed")).refused()


@check("CE-ORDER-DATASET-AND-ALGORITHM")
def dataset_and_algorithm(bench: Bench) -> None:
    """A start that names one order for its dataset and its algorithm."""
    dataset, chosen = bench.profile.dataset("closed"), bench.profile.algorithm("trusted")
    chosen["transferTxId"] = dataset["transferTxId"]
    bench.consumer().start(chosen, dataset).refused()


@check("CE-ORDER-REFUSED-START")
def refused_start(bench: Bench) -> None:
    """A start that is refused for its second order; somebody else then sends its first one."""
    _, used = _used(bench, "second")
    fresh = bench.profile.dataset("open")
    with given("a start with the order of somebody else that is refused"):
        bench.consumer().start(dataset=fresh, additionalDatasets=[used]).refused()
    bench.consumer().start(dataset=fresh).job()


@check("CE-ORDER-OUTLIVES-JOB")
def outlives_job(bench: Bench) -> None:
    """A job ends and is deleted; then another consumer sends its order."""
    job, dataset = _used(bench)
    bench.finished(job)
    with given("a job that can be deleted"):
        job.consumer.delete(jobId=job.job_id).accepted()
    bench.consumer().start(dataset=dataset).refused()


@check("CE-ORDER-RACE")
def race(bench: Bench) -> None:
    """Several consumers send the same fresh order at once."""
    with ThreadPoolExecutor(RACERS) as pool:
        for _ in range(ROUNDS):
            dataset = bench.profile.dataset("open")
            requests = [bench.consumer().start_request(dataset=dataset) for _ in range(RACERS)]
            answers = list(pool.map(bench.send, requests))
            won = [answer for answer in answers if answer.status in {200, 201}]
            expect(len(won) == 1, "exactly one accepted start", [str(one) for one in answers])


@check("CE-ORDER-CODE")
def code(bench: Bench) -> None:
    """The order of one consumer, sent by another."""
    _, dataset = _used(bench)
    refusal = bench.consumer().start(dataset=dataset).refused()
    found = reasons(refusal).get("dataset.serviceId")
    expect("order_invalid" in str(found), "dataset.serviceId: order_invalid", refusal)
