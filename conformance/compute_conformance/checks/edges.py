"""The first, the last and the largest of everything."""

from __future__ import annotations

import time
from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.job import seconds
from compute_conformance.checks.listing import finds, ids, three, two_datasets
from compute_conformance.checks.ranges import asked
from compute_conformance.checks.results import ended, place
from compute_conformance.checks.results import working as worked
from compute_conformance.checks.trust import meet
from compute_conformance.consumers import COMPUTE
from compute_conformance.scripts import write
from compute_conformance.verdicts import Inconclusive, Unsupported, expect, given

MINUTE: Final = 60  #: seconds that clocks may drift apart while a job runs
LARGE: Final = "0123456789abcdef" * 20_000  #: more than any usual buffer holds


@check("CE-JOB-FINISHED-ELAPSED")
def elapsed(bench: Bench) -> None:
    """The seconds between both dates of a job, and those in which it was seen to run."""
    begun, one = time.monotonic(), bench.start()
    job = bench.finished(one)
    most = time.monotonic() - begun + MINUTE
    first, last = seconds(job.get("dateCreated")), seconds(job.get("dateFinished"))
    if first is None or last is None:
        raise Inconclusive("two dates", job)
    expect(last - first <= most, f"at most {most:.0f} seconds", f"{last - first:.0f} seconds")


@check("CE-JOB-ENVIRONMENT-ASKED")
def environment_asked(bench: Bench) -> None:
    """A start in the last environment that is listed."""
    wanted = [one.get("id") for one in bench.environments()][-1]
    found = bench.look(bench.start(environment=wanted)).get("environment")
    expect(found == wanted, f"the environment {wanted}", found)


@check("CE-LIST-PAGES")
def pages(bench: Bench) -> None:
    """The three jobs of a consumer, one page each, and a page behind the last."""
    its = three(bench)
    address = its.address
    with given("a list of one's jobs"):
        whole = ids(bench.get(COMPUTE, consumerAddress=address))
    found = [
        ids(bench.get(COMPUTE, consumerAddress=address, limit=1, offset=place))
        for place in range(len(its.jobs) + 1)
    ]
    if found[0] == whole:
        raise Unsupported("pages", found)
    listed = [job for page in found for job in page]
    expect(len(set(listed)) == len(listed), "each job on one page", found)
    expect(listed == whole, f"{whole}, one by one", found)


@check("CE-LIST-PAGES-DELETED")
def pages_after_a_delete(bench: Bench) -> None:
    """Three jobs of a consumer of which the first was deleted, one page each."""
    consumer = bench.consumer()
    first, *rest = [bench.start(consumer=consumer) for _ in range(3)]
    with given("a delete, and a list of one's jobs"):
        consumer.delete(jobId=first.job_id).accepted()
        whole = ids(bench.get(COMPUTE, consumerAddress=consumer.address))
        expect(len(whole) == len(rest), "the two jobs that are left", whole)
    found = [
        ids(bench.get(COMPUTE, consumerAddress=consumer.address, limit=1, offset=place))
        for place in range(2)
    ]
    if found[0] == whole:
        raise Unsupported("pages", found)
    expect(found == [[one] for one in whole], f"{whole}, one by one", found)


@check("CE-LIST-LIMIT-NARROWED")
def limit_narrowed(bench: Bench) -> None:
    """One job of a consumer's older dataset, where the newest job is of another."""
    consumer, one, _ = two_datasets(bench)
    did = bench.profile.dataset("open")["documentId"]
    finds(consumer.status(consumerAddress=consumer.address, documentId=did, limit=1), one)


@check("CE-RESULT-RANGE-EDGES")
def range_edges(bench: Bench) -> None:
    """The first byte, the last one, an end of the file that is longer than it, and what follows."""
    job = ended(bench)
    whole = bench.fetched(job.job, 0)
    size = len(whole)
    first = asked(bench, job, Range="bytes=0-0")
    if first.status == 200 and first.body == whole:
        raise Unsupported("a part of a file", first)
    expect(first.body == whole[:1], f"the byte {whole[:1]!r}", first)
    last = asked(bench, job, Range=f"bytes={size - 1}-")
    expect(last.body == whole[-1:], f"the byte {whole[-1:]!r}", last)
    for text in (f"0-{size - 1}", f"-{size + 5}"):
        every = asked(bench, job, Range=f"bytes={text}")
        expect(every.body == whole, f"the whole file for {text}", every)
    none = asked(bench, job, Range=f"bytes={size}-")
    expect(none.status == 416, "416 for what follows the last byte", none)


@check("CE-RESULT-LARGE")
def large(bench: Bench) -> None:
    """An output of 320 kB."""
    job = ended(bench, write("large.txt", LARGE))
    index = place(job, filename="large.txt")
    found = worked(job.fetch(index)).body
    expect(found == LARGE.encode() + b"\n", f"{len(LARGE) + 1} bytes as written", len(found))
    told = job.results[index].get("filesize")
    expect(told == len(found), f"a filesize of {len(found)}", told)


@check("CE-RESULT-PATH")
def path(bench: Bench) -> None:
    """Another's job, by way of one's own: each text as jobId, rightly signed."""
    other, one = bench.specimen().started.job_id, bench.start()
    texts = (f"{one.job_id}/../{other}", f"../{other}", f"./{other}", f"{other}/.", f"{other}\0")
    for text in texts:
        answer = one.consumer.result(text)
        expect(answer.status >= 400, "no result", answer)  # a fault is another's to blame


@check("CE-TRUST-FURTHER-LAST")
def further_last(bench: Bench) -> None:
    """A second further dataset that does not trust the algorithm, behind one that does."""
    with given("a start with two datasets"):
        meet(bench, "trusted", "closed", "everyone").job()
    meet(bench, "trusted", "closed", "everyone", "changed").refused()


@check("CE-ORDER-FURTHER")
def order_of_further(bench: Bench) -> None:
    """The order of one consumer's further dataset, sent by another who ordered the main one."""
    further = bench.profile.dataset("second")
    bench.start(additionalDatasets=[further])
    bench.consumer().start(additionalDatasets=[further]).refused()
