"""What holds of a job after something else was done: to it, or to its neighbour."""

from __future__ import annotations

from typing import Final

from compute_conformance.bench import Bench, final
from compute_conformance.checking import check
from compute_conformance.checks.delete import deleted, seen
from compute_conformance.checks.lifecycle import log_index
from compute_conformance.checks.listing import finds_nothing
from compute_conformance.checks.restart import able, staying
from compute_conformance.checks.results import NOT_THERE
from compute_conformance.checks.stop import halted, runs_on, stopped
from compute_conformance.scripts import say
from compute_conformance.verdicts import expect, given

WORD: Final = "said-once-in-each-run"


@check("CE-STOP-ONLY")
def only_that(bench: Bench) -> None:
    """A stop by jobId of one of two running jobs."""
    one = bench.staying()
    other = bench.staying(consumer=one.consumer)
    with given("a stop of one's own job"):
        one.consumer.stop(jobId=one.job_id).accepted()
    runs_on(bench, other)


@check("CE-STOP-STAYS")
def stays_stopped(bench: Bench) -> None:
    """A job that was stopped, before and after another job of its consumer."""
    its = halted(bench)
    bench.finished(bench.start(consumer=its.started.consumer))
    after = bench.look(its.started)
    names = ("status", "dateFinished", "stopreq", "results")
    changed = {name: after.get(name) for name in names if after.get(name) != its.final.get(name)}
    expect(not changed, f"the job as it ended: {its.final}", changed)


@check("CE-DELETE-STAYS")
def stays_deleted(bench: Bench) -> None:
    """A job that was deleted while its algorithm ran, after another job has run to its end."""
    one = bench.staying()
    deleted(one)
    bench.finished(bench.start(consumer=one.consumer))
    finds_nothing(seen(one))


@check("CE-RESTART-OLD-RESULTS")
def old_results(bench: Bench) -> None:
    """A download that worked, of a job that was stopped, while its second run goes on."""
    its = staying(bench, say(WORD))
    one = its.job
    stopped(one)
    bench.finished(one)
    bench.fetched(one, 0)
    with given("a restart that is accepted"):
        able(its.restart()).job()
    with given("a second run"):
        expect(not final(bench.running(one)), "an algorithm that runs", bench.look(one))
    one.consumer.result(one.job_id, 0).refused(*NOT_THERE)


@check("CE-RESTART-LOG")
def log(bench: Bench) -> None:
    """The log of an algorithm that says a word, after its second run."""
    algorithm, dataset = bench.profile.script(say(WORD)), bench.profile.dataset("open")
    one = bench.start(algorithm, dataset=dataset)
    bench.finished(one)
    bench.fetched(one, log_index(bench.look(one)) or 0)
    with given("a restart that is accepted"):
        able(one.consumer.start(algorithm, dataset, jobId=one.job_id)).job()
    found = bench.fetched(one, log_index(bench.finished(one)) or 0)
    told = found.count(WORD.encode())
    with given("the word in the log"):
        expect(told, WORD, found)
    expect(told == 1, f"{WORD} once", found)
