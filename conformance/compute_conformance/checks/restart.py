"""Running an ended job once more (POST with jobId). A target need not have it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from compute_conformance.bench import STAYING, Bench, Started
from compute_conformance.checking import check
from compute_conformance.consumers import COMPUTE, Send
from compute_conformance.exchanges import Answer, Request
from compute_conformance.scripts import Step, stay
from compute_conformance.verdicts import Unsupported, expect, given

REFUSED = frozenset({400, 401, 403, 404, 405, 501})
RACERS = 4
UNRESTARTED: Final = "ended, not restarted"
OTHERS = str.maketrans("0123456789abcdef", "1234567890bcdefa")  # keeps the form of an id


@dataclass(frozen=True)
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
        with self.job.consumer.turn:
            return self.job.consumer.send(self.request(**changes))

    def now(self) -> dict[str, Any]:
        """The status object, asked for by its id."""
        job = self.job
        return job.consumer.status(jobId=job.job_id, consumerAddress=job.consumer.address).job()

    def by(self, send: Send) -> Ended:
        """The same, for one who sends by `send`."""
        return replace(self, job=replace(self.job, consumer=self.job.consumer.by(send)))


def ended(bench: Bench) -> Ended:
    """A job that has ended by itself."""
    dataset = bench.profile.dataset("open")
    job = bench.start(dataset=dataset)
    said = {"algorithm": bench.profile.algorithm("plain"), "dataset": dataset}
    return Ended(job, said, bench.finished(job))


def staying(bench: Bench, *steps: Step) -> Ended:
    """A job that runs on after the steps, and what its start said."""
    dataset = bench.profile.dataset("open")
    job = bench.staying(*steps, dataset=dataset)
    said = {"algorithm": bench.profile.script(*steps, stay(STAYING)), "dataset": dataset}
    return Ended(job, said, bench.look(job))


def halted(bench: Bench) -> Ended:
    """A job that would run on, and has ended because it was stopped."""
    one = staying(bench)
    with given("a job that can be stopped"):
        one.job.consumer.stop(jobId=one.job.job_id).accepted()
    return replace(one, last=bench.finished(one.job))


@dataclass(frozen=True)
class Restarted:
    """A job that had ended, and the first restart of it. It is shared: nobody changes it."""

    one: Ended
    answer: Answer

    def job(self) -> dict[str, Any]:
        """The status object of the answer; Unsupported where there are no restarts."""
        able(self.answer)
        with given("a restart that is accepted"):
            return self.answer.job()


def restarted(bench: Bench) -> Restarted:
    """An ordinary job, restarted once it had ended."""

    def make(bench: Bench) -> Restarted:
        one = ended(bench)
        return Restarted(one, one.restart())

    return bench.shared("restarted", make)


def unrestarted(bench: Bench) -> Ended:
    """An ordinary job that has ended, shared by those whose restarts of it have to be refused."""
    return bench.shared(UNRESTARTED, ended).by(bench.send)


def able(answer: Answer) -> Answer:
    """The answer to a restart that breaks no rule; Unsupported where it is refused."""
    if answer.status in REFUSED:
        raise Unsupported("an ended job that can be restarted", answer)
    return answer


def again(one: Ended) -> dict[str, Any]:
    """The status object of the answer to a restart."""
    answer = able(one.restart())
    with given("a restart that is accepted"):
        return answer.job()


def accepted(bench: Bench, answer: Answer) -> Answer:
    """The answer to one that breaks no rule; Unsupported where the ordinary one is refused too."""
    if answer.status in REFUSED:
        restarted(bench).job()
    return answer


def refused(bench: Bench, answer: Answer, *codes: int) -> None:
    """It has to be a refusal, which says something where other restarts are accepted."""
    if answer.status in REFUSED:
        able(restarted(bench).answer)
    else:
        bench.shelf.forget(UNRESTARTED)
    answer.refused(*codes)


@check("CE-RESTART-ONE-OBJECT")
def one_object(bench: Bench) -> None:
    """A job ends and is restarted."""
    able(restarted(bench).answer).job()


@check("CE-RESTART-SAME-ID")
def same_id(bench: Bench) -> None:
    """A job ends and is restarted."""
    its = restarted(bench)
    wanted, job = its.one.job.job_id, its.job()
    expect(job.get("jobId") == wanted, f"the jobId {wanted}", job)


@check("CE-RESTART-STATUS")
def status(bench: Bench) -> None:
    """A job ends and is restarted."""
    job = restarted(bench).job()
    expect(job.get("status") in {1, 10}, "status 1 or 10", job)


@check("CE-RESTART-UNFINISHED")
def unfinished(bench: Bench) -> None:
    """A job ends and is restarted."""
    job = restarted(bench).job()
    expect("dateFinished" in job and job["dateFinished"] is None, "null as dateFinished", job)


@check("CE-RESTART-REASON")
def reason(bench: Bench) -> None:
    """A job ends and is restarted; where its reason and its exit code are shown."""
    its = restarted(bench)
    job, before = its.job(), its.one.last
    if "finishReason" not in before:
        raise Unsupported("a finishReason", before)
    expect(job.get("finishReason") is None, "no finishReason", job)
    expect(job.get("algorithmExitCode") is None, "no algorithmExitCode", job)


@check("CE-RESTART-NO-RESULTS")
def no_results(bench: Bench) -> None:
    """A job ends and is restarted."""
    job = restarted(bench).job()
    expect(not job.get("results"), "no results, as an empty list or text", job.get("results"))


@check("CE-RESTART-DATE-CREATED")
def date_created(bench: Bench) -> None:
    """A job ends and is restarted."""
    its = restarted(bench)
    found, before = its.job().get("dateCreated"), its.one.last.get("dateCreated")
    expect(found == before, f"the dateCreated {before}", found)


@check("CE-RESTART-ONE-JOB")
def one_job(bench: Bench) -> None:
    """A job ends and is restarted; then the consumer's jobs are listed."""
    its = restarted(bench)
    its.job()
    address = its.one.job.consumer.address
    with given("a list of one's own jobs"):
        jobs = bench.get(COMPUTE, consumerAddress=address).jobs()
    expect(len(jobs) == 1, "one job of this consumer", [job.get("jobId") for job in jobs])


@check("CE-RESTART-ENDS")
def ends(bench: Bench) -> None:
    """A job ends, is restarted and ends again."""
    its = restarted(bench)
    its.job()
    job = bench.finished(its.one.by(bench.send).job)
    expect(job.get("results"), "results of the second run", job)


@check("CE-RESTART-AGAIN")
def twice(bench: Bench) -> None:
    """A job ends, is restarted, ends, and is restarted once more."""
    one = ended(bench)
    again(one)
    bench.finished(one.job)
    one.restart().job()


@check("CE-RESTART-STOPPED")
def stopped(bench: Bench) -> None:
    """A job that stays is stopped and restarted."""
    answer = accepted(bench, halted(bench).restart())
    expect(answer.status not in REFUSED, "a restart, as of a job that ended by itself", answer)
    job = answer.job()
    expect(not job.get("stopreq"), "0 as stopreq", job.get("stopreq"))


@check("CE-RESTART-LEFT-OUT")
def left_out(bench: Bench) -> None:
    """A restart with nothing but jobId, address, nonce and signature."""
    one = ended(bench)
    request = one.job.consumer.start_request(dataset={}, jobId=one.job.job_id)
    answer = one.job.consumer.send(request.but(dataset=None, algorithm=None, environment=None))
    if answer.status in REFUSED:
        restarted(bench).job()
    answer.job()


@check("CE-RESTART-SIGNED")
def signed(bench: Bench) -> None:
    """A restart signed as a new start would be: address, documentId and nonce."""
    one = unrestarted(bench)
    consumer = one.job.consumer
    with consumer.turn:
        request = consumer.start_request(**one.said).but(jobId=one.job.job_id)
        answer = consumer.send(request)
    refused(bench, answer)


def _foreign(bench: Bench, one: Ended, job_id: str) -> Answer:
    return bench.consumer().start(**{**one.said, "jobId": job_id})


@check("CE-RESTART-FOREIGN")
def foreign(bench: Bench) -> None:
    """A consumer restarts the job of another one, well signed."""
    one = unrestarted(bench)
    refused(bench, _foreign(bench, one, one.job.job_id), 400, 401, 403, 404)


@check("CE-RESTART-NOT-FOUND")
def not_found(bench: Bench) -> None:
    """Restarts of another consumer's job, and of one that never was."""
    one = unrestarted(bench)
    for job_id in (one.job.job_id, one.job.job_id.translate(OTHERS)):
        refused(bench, _foreign(bench, one, job_id), 404)


@check("CE-RESTART-NOT-FINAL")
def not_final(bench: Bench) -> None:
    """A job that runs is restarted; later it is stopped, and may be."""
    one = staying(bench)
    answer = one.restart()
    if answer.status in REFUSED:
        with given("a job that can be stopped"):
            one.job.consumer.stop(jobId=one.job.job_id).accepted()
        bench.finished(one.job)
    refused(bench, answer)


@check("CE-RESTART-OTHER-DATASET")
def other_dataset(bench: Bench) -> None:
    """A restart on another dataset."""
    refused(bench, unrestarted(bench).restart(dataset=bench.profile.dataset("second")))


@check("CE-RESTART-OTHER-ALGORITHM")
def other_algorithm(bench: Bench) -> None:
    """A restart with other code."""
    refused(bench, unrestarted(bench).restart(algorithm=bench.raw(rawcode="echo other")))


@check("CE-RESTART-OTHER-OUTPUT")
def other_output(bench: Bench) -> None:
    """Restarts with another output, and with other data for the algorithm."""
    one = unrestarted(bench)
    custom = {**one.said["algorithm"], "algocustomdata": {"depth": 3}}
    for change in ({"output": {"name": "other"}}, {"algorithm": custom}):
        refused(bench, one.restart(**change))


@check("CE-RESTART-REFUSED-KEEPS")
def refused_keeps(bench: Bench) -> None:
    """A restart is refused; then the job is looked at."""
    one = unrestarted(bench)
    with given("a restart that is refused"):
        refused(bench, one.restart(dataset=bench.profile.dataset("second")), *REFUSED)
    now = one.now()
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
    its = restarted(bench)
    before = its.one.last.get("statusHistory")
    if not isinstance(before, list):
        raise Unsupported("a statusHistory", its.one.last)
    now = its.job().get("statusHistory")
    goes_on = isinstance(now, list) and len(now) > len(before) and now[: len(before)] == before
    expect(goes_on, "what was there before, and more after it", now)


@check("CE-RESTART-RACE")
def race(bench: Bench) -> None:
    """Several restarts of one job at once; its algorithm stays, so that no second one is due."""
    one = halted(bench)
    requests = [one.request() for _ in range(RACERS)]
    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(bench.send, requests))
    won = [answer for answer in answers if answer.status in {200, 201}]
    if not won:
        able(answers[0])
    expect(len(won) == 1, "exactly one accepted restart", [str(one) for one in answers])
