"""From a start to the end of a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from compute_conformance.bench import FINAL, Bench, Started, final
from compute_conformance.checking import check
from compute_conformance.checks.job import TEXTS, seconds
from compute_conformance.consumers import Consumer
from compute_conformance.scripts import fail, say
from compute_conformance.verdicts import Unsupported, expect, given

CONSUMERS, STARTS = 4, 2  #: of so many consumers each starts so many jobs at once
CODE: Final = 3
WORD: Final = "said-before-the-failure"
FAILING: Final = (say(WORD), fail(CODE))


def _ends(bench: Bench, started: Started) -> None:
    bench.held_to(started, final, "to end", bench.profile.limits.finish)


def log_index(job: Mapping[str, Any]) -> int | None:
    """The place of the algorithm's log among the results."""
    results = job.get("results") or ()
    return next((i for i, one in enumerate(results) if one.get("type") == "algorithmLog"), None)


@check("CE-LIFE-ENDS")
def gets_final(bench: Bench) -> None:
    """An ordinary job, until dateFinished or a final status."""
    _ends(bench, bench.start())


@check("CE-LIFE-CODES")
def known_codes(bench: Bench) -> None:
    """Every look at a job until its end."""
    for job in bench.specimen().course:
        expect(job.get("status") in TEXTS, "a code of the table", job.get("status"))


@check("CE-LIFE-GROWS")
def grows(bench: Bench) -> None:
    """Every look at a job until its end, and two more."""
    one = bench.specimen()
    seen = [*one.course, bench.look(one.started), bench.look(one.started)]
    codes = [job.get("status", 0) for job in seen]
    places = [70 if code in FINAL else code for code in codes]
    expect(places == sorted(places), "codes that never go back, and an end that stays", codes)


@check("CE-LIFE-COMPLETED")
def completed(bench: Bench) -> None:
    """The end of an ordinary job."""
    found = bench.specimen().final.get("status")
    expect(found == 70, "70", found)


@check("CE-LIFE-LOG")
def has_log(bench: Bench) -> None:
    """The results of an ordinary job."""
    job = bench.specimen().final
    expect(log_index(job) is not None, "an algorithmLog", job.get("results"))


@check("CE-LIFE-LOG-FETCHED")
def results_fetched(bench: Bench) -> None:
    """A download of every index of an ordinary job's results, as ocean.py does it."""
    one = bench.specimen()
    for index in range(len(one.final.get("results") or ())):
        answer = bench.download(one, index)
        expect(answer.status == 200, f"result {index}", answer)


@check("CE-LIFE-FINAL-KEPT")
def final_kept(bench: Bench) -> None:
    """A job that ended, before and after another job of the same consumer."""
    one = bench.start()
    bench.finished(one)
    before = bench.look(one)
    bench.finished(bench.start(consumer=one.consumer))
    jobs = one.consumer.status(jobId=one.job_id, consumerAddress=one.consumer.address).jobs()
    expect(len(jobs) == 1, "the job", jobs)
    names = ("jobId", "status", "dateCreated", "dateFinished", "results")
    changed = {name: jobs[0].get(name) for name in names if jobs[0].get(name) != before.get(name)}
    expect(not changed, f"the job as it was: {before}", changed)


@check("CE-LIFE-FINISHED")
def finished_with_final(bench: Bench) -> None:
    """Status and dateFinished in every look at a job until both say that it ended."""
    for job in bench.specimen().course:
        ended = job.get("status") in FINAL
        found = job.get("dateFinished")
        expect((found is not None) == ended, f"{'a date' if ended else 'null'}", job)


@check("CE-LIFE-RUNNING")
def shows_running(bench: Bench) -> None:
    """A look at a job whose algorithm runs until it is stopped."""
    job = bench.look(bench.staying())
    expect(job.get("status") == 40 and not final(job), "status 40, not ended", job)


@check("CE-LIFE-FAILED-ENDS")
def failed_ends(bench: Bench) -> None:
    """An algorithm that exits with a code other than 0."""
    _ends(bench, bench.start(bench.profile.script(fail(CODE))))


@check("CE-LIFE-FAILED-LOG")
def failed_log(bench: Bench) -> None:
    """An algorithm that says a word and fails."""
    one = bench.specimen(*FAILING)
    index = log_index(one.final)
    expect(index is not None, "an algorithmLog", one.final.get("results"))
    found = bench.fetched(one, index or 0).decode("utf-8", "replace")
    expect(WORD in found, f"{WORD} in the log", found)


@check("CE-LIFE-FAILED-TOLD")
def failed_told(bench: Bench) -> None:
    """The reasons of two jobs, of which one's algorithm fails."""
    reasons = [_reason(one.final) for one in (bench.specimen(), bench.specimen(*FAILING))]
    expect(reasons[0] != reasons[1], "two reasons", reasons)


def _reason(job: Mapping[str, Any]) -> object:
    if "finishReason" not in job:
        raise Unsupported("a finishReason", job)
    return job["finishReason"]


@check("CE-LIFE-EXIT-CODE")
def exit_code(bench: Bench) -> None:
    """A signed look at a job whose algorithm failed."""
    job = bench.specimen(*FAILING).signed
    if "algorithmExitCode" not in job:
        raise Unsupported("an algorithmExitCode", job)
    expect(job["algorithmExitCode"] == CODE, str(CODE), job["algorithmExitCode"])


@check("CE-LIFE-PARALLEL")
def parallel(bench: Bench) -> None:
    """Eight starts at once by four consumers, and then the list of each."""
    consumers = [bench.consumer() for _ in range(CONSUMERS)]
    with ThreadPoolExecutor(CONSUMERS, "consumer") as pool:
        started = list(pool.map(lambda one: _several(bench, one), consumers))
    for consumer, jobs in zip(consumers, started, strict=True):
        with given("a list of one's own jobs"):
            listed = consumer.status(consumerAddress=consumer.address).jobs()
        found = sorted(str(job.get("jobId")) for job in listed)
        expect(found == sorted(jobs), f"the jobs {sorted(jobs)}", found)
        owners = {str(job.get("owner")).lower() for job in listed}
        expect(owners <= {consumer.address.lower()}, "the owner who started them", owners)


def _several(bench: Bench, consumer: Consumer) -> list[str]:
    """The jobs of a consumer's starts, one after the other: nonces have to grow."""
    return [bench.start(consumer=consumer).job_id for _ in range(STARTS)]


@check("CE-LIFE-REASON")
def reason(bench: Bench) -> None:
    """Every look at a job until its end."""
    for job in bench.specimen().course:
        if "finishReason" not in job:
            raise Unsupported("a finishReason", job)
        found = job["finishReason"]
        if job.get("status") in FINAL:
            expect(isinstance(found, str) and found, "a reason, as the job is final", found)
        elif job.get("status") in TEXTS.keys() - FINAL and int(job["status"]) < 40:
            expect(found is None, "null, as the job is not final", found)


@check("CE-LIFE-HISTORY")
def history(bench: Bench) -> None:
    """Every look at a job until its end."""
    for job in bench.specimen().course:
        if "statusHistory" not in job:
            raise Unsupported("a statusHistory", job)
        passed = job["statusHistory"]
        codes, times = _column(passed, "status"), _column(passed, "at")
        expect(codes[:1] == [1], "1 at first", passed)
        expect(codes[-1] == job.get("status"), "the shown status at last", passed)
        expect(codes == sorted(set(codes)), "codes that go up", codes)
        when = [seconds(at) or 0 for at in times]
        expect(when == sorted(when), "times that do not go back", times)


def _column(passed: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [one.get(name) for one in passed]
