"""GET compute: which jobs it finds."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from compute_conformance.assets import did_of
from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.checks.job_results import PRIVATE
from compute_conformance.consumers import COMPUTE, Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import Unsupported, expect, given

ABSENT = {404, 405, 501}


def ids(answer: Answer) -> list[object]:
    """The jobIds of an answer."""
    return [job.get("jobId") for job in answer.jobs()]


def finds(answer: Answer, *wanted: Started) -> None:
    """Raise Failed unless the answer has these jobs alone, in any order, each once."""
    expected = sorted(one.job_id for one in wanted)
    found = ids(answer)
    expect(sorted(map(str, found)) == expected, f"the jobs {expected}", found)


def finds_nothing(answer: Answer) -> None:
    """Raise Failed unless the answer is an empty array or 404."""
    if answer.status != 404:
        expect(ids(answer) == [], "an empty array or 404", answer)


@dataclass(frozen=True)
class Three:
    """A consumer and all of their jobs, the oldest first; `order` is the oldest's."""

    consumer: Consumer
    jobs: tuple[Started, Started, Started]
    order: str

    @property
    def address(self) -> str:
        """The consumer's."""
        return self.consumer.address

    @property
    def oldest(self) -> Started:
        """The first of the jobs."""
        return self.jobs[0]


def three(bench: Bench) -> Three:
    """A consumer with three jobs of ``open``, shared by the checks that look at lists."""

    def make(bench: Bench) -> Three:
        consumer, dataset = bench.consumer(), bench.profile.dataset("open")
        first = bench.start(consumer=consumer, dataset=dataset)
        rest = bench.start(consumer=consumer), bench.start(consumer=consumer)
        return Three(consumer, (first, *rest), dataset["transferTxId"])

    return bench.shared("three jobs", make)


def two_datasets(bench: Bench) -> tuple[Consumer, Started, Started]:
    """A consumer with a job of ``open`` and one of ``second``."""
    consumer, second = bench.consumer(), bench.profile.dataset("second")
    return consumer, bench.start(consumer=consumer), bench.start(consumer=consumer, dataset=second)


@check("CE-LIST-OWNER")
def of_owner(bench: Bench) -> None:
    """The list of a consumer with three jobs."""
    its = three(bench)
    found = ids(bench.get(COMPUTE, consumerAddress=its.address))
    times = [found.count(one.job_id) for one in its.jobs]
    expect(times == [1, 1, 1], f"each of {[one.job_id for one in its.jobs]} once", found)


@check("CE-LIST-OTHERS")
def of_others(bench: Bench) -> None:
    """The list of one of two consumers with jobs."""
    stranger, its = bench.specimen().started, three(bench)
    found = ids(bench.get(COMPUTE, consumerAddress=its.address))
    expect(stranger.job_id not in found, "no other consumer's job", found)


@check("CE-LIST-OCEAN-PY")
def as_ocean_py(bench: Bench) -> None:
    """All five parameters; the dataset is the job's."""
    one = three(bench).oldest
    did = bench.profile.dataset("open")["documentId"]
    its = {"jobId": one.job_id, "documentId": did}
    finds(one.consumer.ask(lambda: one.consumer.owned_request("GET", **its)), one)


@check("CE-LIST-OCEAN-JS")
def as_ocean_js(bench: Bench) -> None:
    """The order of the start, without its 0x."""
    its = three(bench)
    finds(_with_agreement(its.oldest, its.order.removeprefix("0x")), its.oldest)


@check("CE-LIST-OCEAN-JS-DID")
def as_callers_of_ocean_js(bench: Bench) -> None:
    """The dataset's DID in the place of the order."""
    one = three(bench).oldest
    finds(_with_agreement(one, bench.profile.dataset("open")["documentId"]), one)


def _with_agreement(one: Started, agreement: str) -> Answer:
    consumer = one.consumer
    return consumer.status(
        consumerAddress=consumer.address, jobId=one.job_id, agreementId=agreement
    )


@check("CE-LIST-UNKNOWN")
def unknown(bench: Bench) -> None:
    """A jobId of digits that were just drawn."""
    consumer = bench.consumer()
    job_id = secrets.token_hex(16)
    finds_nothing(consumer.status(jobId=job_id, consumerAddress=consumer.address))


@check("CE-LIST-NARROW-OWNER")
def narrowed_by_owner(bench: Bench) -> None:
    """A consumer's jobId, and the address of one who has none."""
    one = three(bench).oldest
    finds_nothing(bench.get(COMPUTE, jobId=one.job_id, consumerAddress=bench.consumer().address))


@check("CE-LIST-JOB")
def by_job(bench: Bench) -> None:
    """The jobId and nothing else."""
    one = three(bench).oldest
    finds(bench.get(COMPUTE, jobId=one.job_id), one)


@check("CE-LIST-SYNONYM")
def by_synonym(bench: Bench) -> None:
    """The list of a consumer, asked for by owner."""
    its = three(bench)
    finds(bench.get(COMPUTE, owner=its.address), *its.jobs)


@check("CE-LIST-DOCUMENT")
def by_document(bench: Bench) -> None:
    """A consumer with jobs of two datasets, asked for those of each."""
    consumer, one, other = two_datasets(bench)
    for job, role in ((one, "open"), (other, "second")):
        did = bench.profile.dataset(role)["documentId"]
        finds(consumer.status(consumerAddress=consumer.address, documentId=did), job)


@check("CE-LIST-DOCUMENT-ALONE")
def by_document_alone(bench: Bench) -> None:
    """The jobs of a dataset, among which a new one is."""
    one = three(bench).oldest
    found = ids(bench.get(COMPUTE, documentId=bench.profile.dataset("open")["documentId"]))
    expect(one.job_id in found, f"{one.job_id} among them", found)


@check("CE-LIST-NARROW-DOCUMENT")
def narrowed_by_document(bench: Bench) -> None:
    """A jobId, and the DID of a dataset that it is not of."""
    one = three(bench).oldest
    did, address = bench.profile.dataset("second")["documentId"], one.consumer.address
    finds_nothing(bench.get(COMPUTE, jobId=one.job_id, consumerAddress=address, documentId=did))


@check("CE-LIST-AGREEMENT")
def by_agreement(bench: Bench) -> None:
    """A consumer with jobs of three orders, asked for that of one."""
    its = three(bench)
    finds(bench.get(COMPUTE, consumerAddress=its.address, agreementId=its.order), its.oldest)


@check("CE-LIST-NONE")
def by_nothing(bench: Bench) -> None:
    """No parameter."""
    bench.get(COMPUTE).refused()


@check("CE-LIST-EMPTY")
def empty(bench: Bench) -> None:
    """The list of a consumer who never had a job."""
    answer = bench.get(COMPUTE, consumerAddress=bench.consumer().address)
    expect(ids(answer) == [], "an empty array", answer)


@check("CE-LIST-ADDRESS")
def malformed_address(bench: Bench) -> None:
    """Addresses that are too short, of other letters, and no text of hex digits at all."""
    address = bench.consumer().address
    for wrong in (address[:-1], address[:-1] + "g", "me"):
        answer = bench.get(COMPUTE, consumerAddress=wrong)
        expect(answer.status < 500, "no fault", answer)
        answer.refused()


@check("CE-LIST-DID")
def malformed_did(bench: Bench) -> None:
    """DIDs of another method, too short, and with a letter that is no hex digit."""
    for wrong in ("did:web:example.org", did_of("open")[:-1], did_of("open")[:-1] + "g"):
        answer = bench.get(COMPUTE, documentId=wrong)
        if answer.status == 200:
            finds_nothing(answer)
        else:
            answer.refused(400, 404, 422)


@check("CE-LIST-OWNER-CASE")
def owner_in_any_case(bench: Bench) -> None:
    """The list of a consumer, by the address in lower and in upper case."""
    its = three(bench)
    digits = its.address.removeprefix("0x")
    for address in (f"0x{digits.lower()}", f"0x{digits.upper()}"):
        finds(bench.get(COMPUTE, consumerAddress=address), *its.jobs)


@check("CE-LIST-AGREEMENT-CASE")
def agreement_in_any_case(bench: Bench) -> None:
    """The order's digits in lower and upper case, each with and without 0x."""
    its = three(bench)
    digits = its.order.removeprefix("0x")
    spellings = [
        f"{sign}{text}" for sign in ("0x", "") for text in (digits.upper(), digits.lower())
    ]
    for order in spellings:
        finds(bench.get(COMPUTE, consumerAddress=its.address, agreementId=order), its.oldest)


@check("CE-LIST-OWNER-TWICE")
def owner_twice(bench: Bench) -> None:
    """The addresses of two consumers, of whom one has jobs, under both names and both ways."""
    one, other = three(bench).address, bench.consumer().address
    for first, second in ((one, other), (other, one)):
        answer = bench.get(COMPUTE, consumerAddress=first, owner=second)
        if answer.status == 200:
            finds_nothing(answer)
        else:
            answer.refused()


@check("CE-LIST-SIGNATURE")
def signature_without_job(bench: Bench) -> None:
    """A signed list of a consumer whose job ended: refused, or as public as any."""
    consumer = bench.specimen().started.consumer
    answer = consumer.ask(lambda: consumer.owned_request("GET"))
    if answer.status == 200:
        shown = [name for job in answer.jobs() for name in PRIVATE if name in job]
        expect(not shown, "a refusal, or no member that only the owner sees", answer)
    else:
        answer.refused()


@check("CE-LIST-NEWEST")
def newest_first(bench: Bench) -> None:
    """The list of a consumer with three jobs."""
    its = three(bench)
    newest = [one.job_id for one in reversed(its.jobs)]
    found = ids(bench.get(COMPUTE, consumerAddress=its.address))
    expect(found == newest, f"{newest}", found)


@check("CE-LIST-LIMIT")
def limit(bench: Bench) -> None:
    """Two of the three jobs of a consumer."""
    its = three(bench)
    finds(_page(its, limit=2), *its.jobs[1:])


@check("CE-LIST-OFFSET")
def offset(bench: Bench) -> None:
    """All but the newest of the three jobs of a consumer, and all but three."""
    its = three(bench)
    finds(_page(its, offset=1), *its.jobs[:2])
    finds(_page(its, offset=3))


def _page(its: Three, **window: int) -> Answer:
    answer = its.consumer.status(consumerAddress=its.address, **window)
    with given("a list of jobs"):
        if len(answer.jobs()) == len(its.jobs):
            raise Unsupported(f"the parameter {next(iter(window))}", answer)
    return answer


@check("CE-LIST-HEAD")
def head(bench: Bench) -> None:
    """HEAD of a look at a job, and of a request that GET refuses."""
    one = three(bench).oldest
    answer = bench.send(Request("HEAD", COMPUTE, query={"jobId": one.job_id}))
    if answer.status in ABSENT:
        raise Unsupported("HEAD", answer)
    refused = bench.send(Request("HEAD", COMPUTE))
    statuses = _statuses(bench.get(COMPUTE, jobId=one.job_id), bench.get(COMPUTE))
    expect((answer.status, refused.status) == statuses, f"{statuses}", (answer, refused))
    expect(answer.body + refused.body == b"", "no body", (answer, refused))


def _statuses(*answers: Answer) -> tuple[int, ...]:
    return tuple(answer.status for answer in answers)
