"""Servers that run ended jobs again wrongly."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import webob

from compute_ref.assets.plan import Plan
from compute_ref.assets.requests import StartRequest
from compute_ref.http import compute
from compute_ref.http.compute import ComputeResource
from compute_ref.http.restarts import repeated, start_request
from compute_ref.http.schemas import Start, loaded
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.ledger import Ledger
from compute_ref.jobs.model import Job, Status, StopRequest
from compute_ref.jobs.store import Store
from compute_ref.refusals import JobUnknown, NonceUsed, Refused, SignatureInvalid
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect
from tests.conformance.defects.orders import Meeting

Wanted = Mapping[str, Any]


def kept(wrong: Wrong, *fields: str, **values: Any) -> None:
    """Begin a further run without clearing these fields, or with other values."""
    run_again = Job.run_again

    def lazy(self: Job, at: float, agreement_id: str) -> Job:
        had = {field: getattr(self, field) for field in fields}
        return replace(run_again(self, at, agreement_id), **had, **values)

    wrong.patch(Job, "run_again", lazy)


@defect("restart-answers-nothing", "CE-RESTART-ONE-OBJECT", kind=Kind.SHAPE, calls=3)
def restart_answers_nothing(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        started = request.method == "POST" and request.path == COMPUTE
        if started and response.status_int == 200 and json.loads(request.body).get("jobId"):
            response.body = b"[]"

    wrong.answers(rewrite)


@defect("job-id-of-a-restart-is-ignored", "CE-RESTART-SAME-ID", calls=3)
def job_id_is_ignored(wrong: Wrong) -> None:
    def anew(self: Any, job_id: str, wanted: Wanted, caller: Caller) -> Job:
        return self._start(wanted, caller)  # type: ignore[no-any-return]

    wrong.patch(ComputeResource, "_restart", anew)


@defect("restart-answers-with-the-ended-run", "CE-RESTART-STATUS", calls=3)
def restart_answers_with_the_ended_run(wrong: Wrong) -> None:
    restart = Store.restart

    def late(self: Any, job_id: str, *more: Any) -> Job:
        before: Job = self.get(job_id)
        restart(self, job_id, *more)
        return before

    wrong.patch(Store, "restart", late)


@defect("restart-keeps-date-finished", "CE-RESTART-UNFINISHED", calls=3)
def restart_keeps_date_finished(wrong: Wrong) -> None:
    kept(wrong, "finished")


@defect("restart-keeps-results", "CE-RESTART-NO-RESULTS", kind=Kind.SECURITY, calls=3)
def restart_keeps_results(wrong: Wrong) -> None:
    kept(wrong, "results")


@defect("restart-makes-the-job-new", "CE-RESTART-DATE-CREATED", calls=3)
def restart_makes_the_job_new(wrong: Wrong) -> None:
    run_again = Job.run_again

    def new(self: Job, at: float, agreement_id: str) -> Job:
        return replace(run_again(self, at, agreement_id), created=at)

    wrong.patch(Job, "run_again", new)


@defect("restart-leaves-a-copy-of-the-ended-run", "CE-RESTART-ONE-JOB", calls=4)
def restart_leaves_a_copy(wrong: Wrong) -> None:
    restart = Store.restart

    def copy(self: Any, job_id: str, *more: Any) -> Job:
        before: Job = self.get(job_id)
        again = restart(self, job_id, *more)
        with self._durable():
            self._put(replace(before, job_id=f"{job_id[:-2]}-{job_id[-1]}"))
        return again

    wrong.patch(Store, "restart", copy)


@defect("further-runs-lose-their-results", "CE-RESTART-ENDS", calls=4)
def further_runs_lose_results(wrong: Wrong) -> None:
    ended = Job.ended

    def first_run_only(self: Job, status: Status, at: float, results: Any, did: str = "") -> Job:
        return ended(self, status, at, results if self.run == 1 else (), did)

    wrong.patch(Job, "ended", first_run_only)


@defect("a-job-is-restarted-once-only", "CE-RESTART-AGAIN", calls=6)
def restarted_once_only(wrong: Wrong) -> None:
    restart = Store.restart

    def once(self: Any, job_id: str, *more: Any) -> Job:
        if self.get(job_id).run > 1:
            raise Refused({"jobId": "restarted"})
        return restart(self, job_id, *more)

    wrong.patch(Store, "restart", once)


@defect("restart-keeps-stopreq", "CE-RESTART-STOPPED", calls=5)
def restart_keeps_stopreq(wrong: Wrong) -> None:
    kept(wrong, "stop_request")


@defect("stopped-jobs-fail-when-restarted", "CE-RESTART-STOPPED", calls=5)
def stopped_jobs_fail(wrong: Wrong) -> None:
    restart = Store.restart

    def broken(self: Any, job_id: str, *more: Any) -> Job:
        if self.get(job_id).stop_request is StopRequest.ASKED:
            raise RuntimeError("the stopped run left nothing to start from")
        return restart(self, job_id, *more)

    wrong.patch(Store, "restart", broken)


@defect("restart-needs-its-dataset", "CE-RESTART-LEFT-OUT", calls=3)
def restart_needs_its_dataset(wrong: Wrong) -> None:
    def strict(schema: Any, sent: Wanted, needed: Any = ()) -> Any:
        more = ("dataset.documentId",) if schema is Start else ()
        return loaded(schema, sent, (*needed, *more))

    wrong.patch(compute, "loaded", strict)


@defect("job-id-of-a-restart-is-not-signed", "CE-RESTART-SIGNED", kind=Kind.SECURITY, calls=3)
def job_id_is_not_signed(wrong: Wrong) -> None:
    spending, post, now = Callers.spending, ComputeResource.on_post, threading.local()

    def lenient(self: Any, sender: Credentials, job_id: str = "", further: str = "") -> Caller:
        try:
            return spending(self, sender, job_id, further)
        except SignatureInvalid:
            if not job_id or not getattr(now, "starting", False):
                raise
            return spending(self, sender, "", further)

    def on_post(self: Any, req: Any, resp: Any) -> None:
        now.starting = True
        try:
            post(self, req, resp)
        finally:
            now.starting = False

    wrong.patch(Callers, "spending", lenient)
    wrong.patch(ComputeResource, "on_post", on_post)


def _restart_of(wrong: Wrong, meant: Any) -> None:
    """Restart what `meant` finds for a jobId, for its owner, without asking whose it is."""
    restart = ComputeResource._restart

    def anybodys(self: Any, job_id: str, wanted: Wanted, caller: Caller) -> Job:
        found = self._its.store.find(JobFilter(job_id=job_id))
        owner = meant(found, caller)
        return restart(self, job_id, wanted, replace(caller, address=owner))

    wrong.patch(ComputeResource, "_restart", anybodys)


@defect("anybody-may-restart-a-job", "CE-RESTART-FOREIGN", kind=Kind.SECURITY, calls=3)
def anybody_may_restart(wrong: Wrong) -> None:
    _restart_of(wrong, lambda found, caller: found[0].owner if found else caller.address)


@defect("jobs-of-others-are-known-by-their-refusal", "CE-RESTART-NOT-FOUND", calls=3)
def jobs_of_others_are_known(wrong: Wrong) -> None:
    def tell(found: list[Job], caller: Caller) -> str:
        if found and found[0].owner != caller.address:
            raise Refused({"jobId": "access_denied"})
        return caller.address

    _restart_of(wrong, tell)


@defect("jobs-are-restarted-while-they-run", "CE-RESTART-NOT-FINAL", calls=3)
def restarted_while_running(wrong: Wrong) -> None:
    _hurried(wrong)
    restart = Store.restart

    def anyway(self: Any, job_id: str, *more: Any) -> Job:
        self.change(job_id, lambda job: replace(job, status=Status.COMPLETED))
        return restart(self, job_id, *more)

    wrong.patch(Store, "restart", anyway)


def _hurried(wrong: Wrong) -> None:
    """Do not look in the call whether the job is final."""

    def restart(self: Any, job_id: str, wanted: Wanted, caller: Caller) -> Job:
        if not self._own(caller.address, job_id):
            raise JobUnknown
        request = repeated(self._its.store.plan(job_id), wanted)
        plan = self._its.admission.admit(request, caller.address)
        queue = self._its.settings.queue
        again: Job = self._its.store.restart(job_id, caller.address, plan, caller.claim, queue)
        return again

    wrong.patch(ComputeResource, "_restart", restart)


def repeating(wrong: Wrong, name: str) -> None:
    """Do not look at this part of a restart: run what ran before."""

    def careless(plan: Plan, wanted: Wanted) -> StartRequest:
        return repeated(plan, {key: wanted[key] for key in wanted if key != name})

    wrong.patch(compute, "repeated", careless)


@defect("restart-ignores-another-algorithm", "CE-RESTART-OTHER-ALGORITHM", calls=3)
def restart_ignores_algorithm(wrong: Wrong) -> None:
    repeating(wrong, "algorithm")


@defect("restart-ignores-another-output", "CE-RESTART-OTHER-OUTPUT", calls=3)
def restart_ignores_output(wrong: Wrong) -> None:
    repeating(wrong, "output")


@defect("restart-takes-what-it-is-given", "CE-RESTART-OTHER-DATASET", kind=Kind.SECURITY, calls=3)
def restart_takes_what_it_is_given(wrong: Wrong) -> None:
    def given(plan: Plan, wanted: Wanted) -> StartRequest:
        return start_request(wanted) if "dataset" in wanted else repeated(plan, wanted)

    wrong.patch(compute, "repeated", given)


@defect("refused-restart-clears-the-results", "CE-RESTART-REFUSED-KEEPS", calls=4)
def refused_restart_clears(wrong: Wrong) -> None:
    restart = ComputeResource._restart

    def clearing(self: Any, job_id: str, wanted: Wanted, caller: Caller) -> Job:
        try:
            return restart(self, job_id, wanted, caller)
        except Refused as refused:
            if "restart_differs" in str(refused):
                self._its.store.change(job_id, lambda job: replace(job, results=()))
            raise

    wrong.patch(ComputeResource, "_restart", clearing)


@defect("new-orders-of-restarts-are-not-bound", "CE-RESTART-NEW-ORDER", kind=Kind.SECURITY, calls=4)
def new_orders_are_not_bound(wrong: Wrong) -> None:
    restart, bind, now = Store.restart, Ledger.bind, threading.local()

    def unbound(self: Any, *more: Any) -> Job:
        now.restarting = True
        try:
            return restart(self, *more)
        finally:
            now.restarting = False

    def first_only(self: Ledger, *orders: Any) -> None:
        if not getattr(now, "restarting", False):
            bind(self, *orders)

    wrong.patch(Ledger, "bind", first_only)
    wrong.patch(Store, "restart", unbound)


@defect("restart-forgets-the-history", "CE-RESTART-HISTORY", calls=3)
def restart_forgets_history(wrong: Wrong) -> None:
    run_again = Job.run_again

    def forgetful(self: Job, at: float, agreement_id: str) -> Job:
        again = run_again(self, at, agreement_id)
        return replace(again, history=again.history[-1:])

    wrong.patch(Job, "run_again", forgetful)


@defect("racing-restarts-all-win", "CE-RESTART-RACE", calls=5)
def racing_restarts_all_win(wrong: Wrong) -> None:
    restart, meeting = Store.restart, Meeting()

    def both(self: Any, job_id: str, *more: Any) -> Job:
        meeting.join(f"{job_id} {self.get(job_id).run}")
        try:
            return restart(self, job_id, *more)
        except (Refused, NonceUsed):
            return self.get(job_id)  # type: ignore[no-any-return]

    wrong.patch(Store, "restart", both)
