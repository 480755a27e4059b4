"""Servers that start jobs wrongly."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import webob

from compute_ref.assets.admission import Admission
from compute_ref.assets.datasets import resource
from compute_ref.assets.plan import Order, Plan
from compute_ref.assets.requests import AssetRequest, StartRequest
from compute_ref.http import compute
from compute_ref.http.compute import ComputeResource
from compute_ref.http.fields import AnyJson
from compute_ref.http.schemas import AlgorithmSchema
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import EnvironmentUnknown, Refused, SignatureInvalid
from compute_ref.settings import Environment
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect

Body = dict[str, Any]


def posted(wrong: Wrong, **fields: Any) -> None:
    """Show these fields in the answer to each start."""

    def change(request: webob.Request, job: Body) -> None:
        if request.method == "POST":
            job.update(fields)

    wrong.jobs(change)


# What an accepted start answers


@defect("start-answers-a-bare-object", "CE-START-ONE-OBJECT", kind=Kind.SHAPE)
def start_answers_a_bare_object(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.method == "POST" and request.path == COMPUTE and response.status_int == 200:
            response.body = json.dumps(response.json[0]).encode()

    wrong.answers(rewrite)


@defect("start-answers-nothing-where-the-store-fails", "CE-START-ONE-OBJECT", kind=Kind.SHAPE)
def start_answers_nothing(wrong: Wrong) -> None:
    shown = ComputeResource._shown

    def forgetful(self: Any, req: Any, jobs: Any, **view: Any) -> Any:
        return [] if req.method == "POST" else shown(self, req, jobs, **view)

    wrong.patch(ComputeResource, "_shown", forgetful)


@defect("job-id-is-a-number", "CE-START-JOB-ID", kind=Kind.SHAPE)
def job_id_is_a_number(wrong: Wrong) -> None:
    def change(request: webob.Request, job: Body) -> None:
        job["jobId"] = int(job["jobId"][:8], 16)

    wrong.jobs(change)


@defect("job-id-is-made-of-owner-and-dataset", "CE-START-JOB-ID-UNIQUE", calls=2)
def job_id_is_made_of_owner_and_dataset(wrong: Wrong) -> None:
    new_job = compute.new_job

    def same(plan: Plan, owner: str, now: float) -> Job:
        job = new_job(plan, owner, now)
        return replace(job, job_id=f"{owner[2:22]}{plan.datasets[0].document_id[7:18]}z".lower())

    wrong.patch(compute, "new_job", same)


@defect("start-shows-a-later-status", "CE-START-STATUS")
def start_shows_a_later_status(wrong: Wrong) -> None:
    posted(wrong, status=20, statusText="Configuring volumes")


@defect("start-shows-its-status-as-text", "CE-START-STATUS", kind=Kind.SHAPE)
def start_shows_its_status_as_text(wrong: Wrong) -> None:
    posted(wrong, status="1")


@defect("date-finished-is-zero-at-first", "CE-START-UNFINISHED", kind=Kind.SHAPE)
def date_finished_is_zero(wrong: Wrong) -> None:
    posted(wrong, dateFinished="0")


@defect("date-finished-is-left-out-at-first", "CE-START-UNFINISHED", kind=Kind.SHAPE)
def date_finished_is_left_out(wrong: Wrong) -> None:
    def change(request: webob.Request, job: Body) -> None:
        if job["dateFinished"] is None:
            del job["dateFinished"]

    wrong.jobs(change)


@defect("owner-is-the-provider", "CE-START-OWNER")
def owner_is_the_provider(wrong: Wrong) -> None:
    posted(wrong, owner="0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69")


@defect("document-id-is-the-algorithm", "CE-START-DOCUMENT-ID")
def document_id_is_the_algorithm(wrong: Wrong) -> None:
    def change(request: webob.Request, job: Body) -> None:
        job["documentId"] = job["algoDID"]

    wrong.jobs(change)


@defect("results-are-announced-at-the-start", "CE-START-NO-RESULTS", kind=Kind.SHAPE)
def results_are_announced(wrong: Wrong) -> None:
    log = {"filename": "algorithm.log", "filesize": 0, "type": "algorithmLog", "index": 0}
    posted(wrong, results=[log])


@defect("job-is-seen-only-at-a-second-look", "CE-START-SEEN-AT-ONCE", calls=2)
def job_is_seen_only_later(wrong: Wrong) -> None:
    seen: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        job_id = request.GET.get("jobId")
        if request.method == "GET" and request.path == COMPUTE and job_id and job_id not in seen:
            seen.add(job_id)
            response.body = b"[]"

    wrong.answers(rewrite)


@defect("address-is-compared-by-letter", "CE-START-ADDRESS-CASE")
def address_is_compared_by_letter(wrong: Wrong) -> None:
    spending = Callers.spending

    def exact(self: Any, sender: Credentials, *parts: str) -> Caller:
        if sender.consumer_address != sender.address:
            raise SignatureInvalid
        return spending(self, sender, *parts)

    wrong.patch(Callers, "spending", exact)


# What a start may bring along


@defect("environment-is-demanded", "CE-START-DEFAULT-ENVIRONMENT")
def environment_is_demanded(wrong: Wrong) -> None:
    environment = Admission._environment

    def strict(self: Any, request: StartRequest) -> Environment:
        if not request.environment:
            raise EnvironmentUnknown
        return environment(self, request)

    wrong.patch(Admission, "_environment", strict)


@defect("default-environment-is-the-first-of-all-chains", "CE-START-ENVIRONMENT-OF-CHAIN")
def default_environment_is_of_any_chain(wrong: Wrong) -> None:
    elsewhere = Environment("elsewhere", "instant", chains=(1,), maxJobs=8)
    wrong.settings(lambda had: replace(had, environments=(elsewhere, *had.environments)))
    wrong.patch(Admission, "_chain", lambda self, request: None)


@defect("unknown-environment-is-the-default-one", "CE-START-UNKNOWN-ENVIRONMENT")
def unknown_environment_is_the_default(wrong: Wrong) -> None:
    environment = Admission._environment

    def lenient(self: Any, request: StartRequest) -> Environment:
        try:
            return environment(self, request)
        except EnvironmentUnknown:
            return environment(self, replace(request, environment=""))

    wrong.patch(Admission, "_environment", lenient)


def metas(wrong: Wrong, change: Any) -> None:
    """Change each raw algorithm's ``meta`` that is an object."""

    def body(sent: Body) -> None:
        algorithm = sent.get("algorithm")
        meta = algorithm.get("meta") if isinstance(algorithm, dict) else None
        if isinstance(meta, dict):
            change(meta)

    wrong.starts(body)


@defect("empty-url-counts-as-a-url", "CE-START-EMPTY-URL")
def empty_url_counts(wrong: Wrong) -> None:
    def change(meta: Body) -> None:
        if meta.get("url") == "" and meta.get("rawcode"):
            meta["url"] = "about:blank"

    metas(wrong, change)


@defect("url-beside-code-is-dropped", "CE-START-CODE-AND-URL")
def url_beside_code_is_dropped(wrong: Wrong) -> None:
    def change(meta: Body) -> None:
        if meta.get("rawcode"):
            meta.pop("url", None)

    metas(wrong, change)


def _is_both(algorithm: Any) -> bool:
    return isinstance(algorithm, dict) and bool(algorithm.get("meta")) and "documentId" in algorithm


@defect("document-id-wins-over-meta", "CE-START-META-WINS")
def document_id_wins(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if _is_both(body.get("algorithm")):
            del body["algorithm"]["meta"]

    wrong.starts(change)


@defect("meta-runs-under-the-name-of-the-did", "CE-START-META-WINS")
def meta_runs_under_the_did(wrong: Wrong) -> None:
    algorithm = Admission._algorithm

    def named(self: Any, request: StartRequest, *more: Any) -> Any:
        found = algorithm(self, request, *more)
        return replace(found, document_id=request.algorithm.asset.document_id or found.document_id)

    wrong.patch(Admission, "_algorithm", named)


@defect("meta-text-is-not-read", "CE-START-META-TEXT")
def meta_text_is_not_read(wrong: Wrong) -> None:
    wrong.patch(AlgorithmSchema, "read_meta", lambda self, data, **_: data)


@defect("meta-text-that-is-no-json-is-code", "CE-START-META-NO-JSON")
def broken_meta_is_code(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        meta = body.get("algorithm", {}).get("meta")
        if isinstance(meta, str) and not meta.startswith('{"'):
            container = {"entrypoint": "sh $ALGO"}
            body["algorithm"]["meta"] = {"rawcode": meta, "container": container}

    wrong.starts(change)


@defect("userdata-must-be-text", "CE-START-USERDATA")
def userdata_must_be_text(wrong: Wrong) -> None:
    wrong.patch(AnyJson, "_deserialize", lambda self, value, *_, **__: json.loads(value))


@defect("userdata-must-be-an-object", "CE-START-USERDATA-TEXT")
def userdata_must_be_an_object(wrong: Wrong) -> None:
    wrong.patch(AnyJson, "_deserialize", lambda self, value, *_, **__: {**value})


@defect("output-is-refused", "CE-START-OUTPUT")
def output_is_refused(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if body.get("output"):
            body["output"] = [body["output"]]

    wrong.starts(change)


@defect("output-of-any-kind-is-taken", "CE-START-OUTPUT-OBJECT")
def output_of_any_kind(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if not isinstance(body.get("output"), dict):
            body.pop("output", None)

    wrong.starts(change)


# What a refusal leaves, and the order of refusals


@defect("job-is-stored-before-it-is-checked", "CE-START-REFUSED-NO-JOB", calls=2)
def job_is_stored_first(wrong: Wrong) -> None:
    start, plans = ComputeResource._start, list[Plan]()
    accept = Store.accept

    def remember(self: Store, job: Job, plan: Plan, *more: Any) -> None:
        accept(self, job, plan, *more)
        plans.append(plan)

    def stored(self: Any, wanted: Any, caller: Caller) -> Job:
        try:
            return start(self, wanted, caller)
        except Refused:
            for plan in plans[:1]:  # any other one will do for a record that nobody runs
                job = compute.new_job(plan, caller.address, self._its.clock.now())
                with self._its.store._durable():
                    self._its.store._put(job)
            raise

    wrong.patch(Store, "accept", remember)
    wrong.patch(ComputeResource, "_start", stored)


@defect("refused-start-uses-up-its-nonce", "CE-START-REFUSED-NONCE", calls=2)
def refused_start_uses_up_its_nonce(wrong: Wrong) -> None:
    start = ComputeResource._start

    def spending(self: Any, wanted: Any, caller: Caller) -> Job:
        try:
            return start(self, wanted, caller)
        except Refused:
            with self._its.store._durable():
                self._its.store._ledger.spend(caller.claim)
            raise

    wrong.patch(ComputeResource, "_start", spending)


@defect("signature-is-checked-last", "CE-START-IDENTITY-FIRST", kind=Kind.SECURITY)
def signature_is_checked_last(wrong: Wrong) -> None:
    spending, admit, doubts = Callers.spending, Admission.admit, threading.local()

    def later(self: Any, sender: Credentials, *parts: str) -> Caller:
        doubts.raised = None
        try:
            return spending(self, sender, *parts)
        except SignatureInvalid as invalid:
            doubts.raised = invalid
            return Caller(sender.address, None)

    def then(self: Any, request: StartRequest, consumer: str) -> Plan:
        plan = admit(self, request, consumer)
        if getattr(doubts, "raised", None):
            raise doubts.raised
        return plan

    wrong.patch(Callers, "spending", later)
    wrong.patch(Admission, "admit", then)


def checked_first(wrong: Wrong, look: Any) -> None:
    """Look at something of a request before everything else that is looked at."""
    checked = Admission._checked

    def reordered(self: Any, request: StartRequest, consumer: str | None) -> Plan:
        look(self, request, consumer)
        return checked(self, request, consumer)

    wrong.patch(Admission, "_checked", reordered)


def _look_for_documents(self: Admission, request: StartRequest, consumer: str | None) -> None:
    for place, asset in enumerate(request.datasets):
        if asset.document_id and self.ddo(asset.document_id) is None:
            raise Refused({f"{resource(place)}.documentId": "did_not_found"})


@defect("environment-is-looked-up-last", "CE-START-ENVIRONMENT-FIRST")
def environment_is_looked_up_last(wrong: Wrong) -> None:
    checked = Admission._checked

    def late(self: Any, request: StartRequest, consumer: str | None) -> Plan:
        try:
            self._environment(request)
        except EnvironmentUnknown:
            checked(self, replace(request, environment=""), consumer)
            raise
        return checked(self, request, consumer)

    wrong.patch(Admission, "_checked", late)


@defect("datasets-are-looked-up-before-the-algorithm", "CE-START-ALGORITHM-FIRST")
def datasets_before_algorithm(wrong: Wrong) -> None:
    def look(self: Admission, request: StartRequest, consumer: str | None) -> None:
        self._environment(request)
        _look_for_documents(self, request, consumer)

    checked_first(wrong, look)


def _order(asset: AssetRequest, consumer: str | None) -> Order:
    return Order(
        asset.transaction.lower(),
        asset.document_id,
        asset.service_id,
        consumer or "",
        0,
        "dataset.serviceId",
        "order_invalid",
    )


@defect("orders-are-checked-before-the-datasets", "CE-START-DATASETS-FIRST")
def orders_before_datasets(wrong: Wrong) -> None:
    def look(self: Admission, request: StartRequest, consumer: str | None) -> None:
        for asset in request.datasets:
            if asset.transaction and self._orders.order_refused(_order(asset, consumer)):
                raise Refused({"dataset.serviceId": "order_invalid"})

    checked_first(wrong, look)


@defect("further-datasets-are-checked-before-the-main-one", "CE-START-DATASETS-FIRST")
def further_before_main(wrong: Wrong) -> None:
    def look(self: Admission, request: StartRequest, consumer: str | None) -> None:
        for place, asset in enumerate(request.datasets[1:], 1):
            if asset.document_id and self.ddo(asset.document_id) is None:
                raise Refused({f"datasets[{place}].documentId": "did_not_found"})

    checked_first(wrong, look)
