"""Running an ended job once more (POST with jobId). A target need not have it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.exchanges import Answer, Request
from compute_conformance.scripts import stay
from compute_conformance.verdicts import Unsupported, expect, given

REFUSED = frozenset({400, 401, 403, 404, 405, 501})
RACERS = 4
OTHERS = str.maketrans("0123456789abcdef", "1234567890bcdefa")  # keeps the form of an id


@dataclass
class Ended:
    """A job that has ended, and what its start said."""

    job: Started
    said: dict[str, Any]
    last: dict[str, Any]  #: the status object when it had ended

    def request(self, **changes: Any) -> Request:
        """A restart that says the same again, but for the changes."""
        return self.job.consumer.start_request(**{**self.said, "jobId": self.job.job_id, **changes})

    def restart(self, **changes: Any) -> Answer:
        """The answer to it."""
        return self.job.consumer.send(self.request(**changes))

    def now(self) -> dict[str, Any]:
        """The status object, asked for by its id."""
        job = self.job
        return job.consumer.status(jobId=job.job_id, consumerAddress=job.consumer.address).job()


def ended(bench: Bench, algorithm: dict[str, Any] | None = None) -> Ended:
    """A job that has ended by itself, or where the algorithm stays, because it was stopped."""
    said = {
        "algorithm": algorithm or bench.profile.algorithm("plain"),
        "dataset": bench.profile.dataset("open"),
    }
    job = bench.start(said["algorithm"], dataset=said["dataset"])
    if algorithm:
        bench.running(job)
        with given("a job that can be stopped"):
            job.consumer.stop(jobId=job.job_id).accepted()
    return Ended(job, said, bench.finished(job))


def able(answer: Answer) -> Answer:
    """The answer to a restart that breaks no rule; Unsupported where it is refused."""
    if answer.status in REFUSED:
        raise Unsupported("an ended job that can be restarted", answer)
    return answer


def again(bench: Bench, one: Ended | None = None) -> dict[str, Any]:
    """The status object of the answer to a restart."""
    answer = able((one or ended(bench)).restart())
    with given("a restart that is accepted"):
        return answer.job()


def refused(bench: Bench, one: Ended, answer: Answer, *codes: int) -> None:
    """It has to be a refusal, which says something where other restarts are accepted."""
    if answer.status in REFUSED:
        able(one.restart())
    answer.refused(*codes)


@check("CE-RESTART-ONE-OBJECT")
def one_object(bench: Bench) -> None:
    """A job ends and is restarted."""
    able(ended(bench).restart()).job()


@check("CE-RESTART-SAME-ID")
def same_id(bench: Bench) -> None:
    """A job ends and is restarted."""
    one = ended(bench)
    job = again(bench, one)
    expect(job.get("jobId") == one.job.job_id, f"the jobId {one.job.job_id}", job)


@check("CE-RESTART-STATUS")
def status(bench: Bench) -> None:
    """A job ends and is restarted."""
    job = again(bench)
    expect(job.get("status") in {1, 10}, "status 1 or 10", job)


@check("CE-RESTART-UNFINISHED")
def unfinished(bench: Bench) -> None:
    """A job ends and is restarted."""
    job = again(bench)
    expect("dateFinished" in job and job["dateFinished"] is None, "null as dateFinished", job)


@check("CE-RESTART-NO-RESULTS")
def no_results(bench: Bench) -> None:
    """A job ends and is restarted."""
    job = again(bench)
    expect(not job.get("results"), "no results, as an empty list or text", job.get("results"))


@check("CE-RESTART-DATE-CREATED")
def date_created(bench: Bench) -> None:
    """A job ends and is restarted."""
    one = ended(bench)
    found, before = again(bench, one).get("dateCreated"), one.last.get("dateCreated")
    expect(found == before, f"the dateCreated {before}", found)


@check("CE-RESTART-ONE-JOB")
def one_job(bench: Bench) -> None:
    """A job ends and is restarted; then the consumer's jobs are listed."""
    one = ended(bench)
    again(bench, one)
    with given("a list of one's own jobs"):
        jobs = one.job.consumer.status(consumerAddress=one.job.consumer.address).jobs()
    expect(len(jobs) == 1, "one job of this consumer", [job.get("jobId") for job in jobs])


@check("CE-RESTART-ENDS")
def ends(bench: Bench) -> None:
    """A job ends, is restarted and ends again."""
    one = ended(bench)
    again(bench, one)
    job = bench.finished(one.job)
    expect(job.get("results"), "results of the second run", job)


@check("CE-RESTART-AGAIN")
def twice(bench: Bench) -> None:
    """A job ends, is restarted, ends, and is restarted once more."""
    one = ended(bench)
    again(bench, one)
    bench.finished(one.job)
    one.restart().job()


@check("CE-RESTART-STOPPED")
def stopped(bench: Bench) -> None:
    """A job that stays is stopped and restarted."""
    one = ended(bench, bench.profile.script(stay(60)))
    job = able(one.restart()).job()
    expect(not job.get("stopreq"), "0 as stopreq", job.get("stopreq"))


@check("CE-RESTART-LEFT-OUT")
def left_out(bench: Bench) -> None:
    """A restart with nothing but jobId, address, nonce and signature."""
    one = ended(bench)
    request = one.job.consumer.start_request(dataset={}, jobId=one.job.job_id)
    answer = one.job.consumer.send(request.but(dataset=None, algorithm=None, environment=None))
    if answer.status in REFUSED:
        again(bench, one)
    answer.job()


@check("CE-RESTART-SIGNED")
def signed(bench: Bench) -> None:
    """A restart signed as a new start would be: address, documentId and nonce."""
    one = ended(bench)
    consumer = one.job.consumer
    unsigned = consumer.start_request(**one.said).but(jobId=one.job.job_id)
    refused(bench, one, consumer.send(unsigned))


def _foreign(bench: Bench, one: Ended, job_id: str) -> Answer:
    return bench.consumer().start(**{**one.said, "jobId": job_id})


@check("CE-RESTART-FOREIGN")
def foreign(bench: Bench) -> None:
    """A consumer restarts the job of another one, well signed."""
    one = ended(bench)
    refused(bench, one, _foreign(bench, one, one.job.job_id), 400, 401, 403, 404)


@check("CE-RESTART-NOT-FOUND")
def not_found(bench: Bench) -> None:
    """Restarts of another consumer's job, and of one that never was."""
    one = ended(bench)
    for job_id in (one.job.job_id, one.job.job_id.translate(OTHERS)):
        refused(bench, one, _foreign(bench, one, job_id), 404)
        bench.finished(one.job)


@check("CE-RESTART-NOT-FINAL")
def not_final(bench: Bench) -> None:
    """A job that runs is restarted; later it is stopped, and may be."""
    said = {
        "algorithm": bench.profile.script(stay(60)),
        "dataset": bench.profile.dataset("open"),
    }
    job = bench.start(said["algorithm"], dataset=said["dataset"])
    one = Ended(job, said, bench.running(job))
    answer = one.restart()
    if answer.status in REFUSED:
        with given("a job that can be stopped"):
            job.consumer.stop(jobId=job.job_id).accepted()
        bench.finished(job)
    refused(bench, one, answer)


@check("CE-RESTART-OTHER-DATASET")
def other_dataset(bench: Bench) -> None:
    """A restart on another dataset."""
    one = ended(bench)
    refused(bench, one, one.restart(dataset=bench.profile.dataset("second")))


@check("CE-RESTART-OTHER-ALGORITHM")
def other_algorithm(bench: Bench) -> None:
    """A restart with other code."""
    one = ended(bench)
    refused(bench, one, one.restart(algorithm=bench.raw(rawcode="echo other")))


@check("CE-RESTART-OTHER-OUTPUT")
def other_output(bench: Bench) -> None:
    """Restarts with another output, and with other data for the algorithm."""
    one = ended(bench)
    custom = {**one.said["algorithm"], "algocustomdata": {"depth": 3}}
    for change in ({"output": {"name": "other"}}, {"algorithm": custom}):
        refused(bench, one, one.restart(**change))
        bench.finished(one.job)


@check("CE-RESTART-REFUSED-KEEPS")
def refused_keeps(bench: Bench) -> None:
    """A restart is refused; then the job is looked at."""
    one = ended(bench)
    with given("a restart that is refused"):
        one.restart(dataset=bench.profile.dataset("second")).refused(*REFUSED)
    now = one.now()
    able(one.restart())
    for field in ("status", "dateFinished", "results"):
        before = one.last.get(field)
        expect(now.get(field) == before, f"{field} as it was: {before}", now)


@check("CE-RESTART-NEW-ORDER")
def new_order(bench: Bench) -> None:
    """A restart with another order, which somebody else then sends."""
    one = ended(bench)
    dataset = {**one.said["dataset"], "transferTxId": bench.profile.order("open")}
    able(one.restart(dataset=dataset)).job()
    bench.consumer().start(dataset=dataset).refused()


@check("CE-RESTART-HISTORY")
def history(bench: Bench) -> None:
    """A job ends and is restarted."""
    one = ended(bench)
    before = one.last.get("statusHistory")
    if not isinstance(before, list):
        raise Unsupported("a statusHistory", one.last)
    now = again(bench, one).get("statusHistory")
    goes_on = isinstance(now, list) and len(now) > len(before) and now[: len(before)] == before
    expect(goes_on, "what was there before, and more after it", now)


@check("CE-RESTART-RACE")
def race(bench: Bench) -> None:
    """Several restarts of one job at once; its algorithm stays, so that no second one is due."""
    one = ended(bench, bench.profile.script(stay(60)))
    requests = [one.request() for _ in range(RACERS)]
    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(bench.send, requests))
    won = [answer for answer in answers if answer.status in {200, 201}]
    if not won:
        able(answers[0])
    expect(len(won) == 1, "exactly one accepted restart", [str(one) for one in answers])
