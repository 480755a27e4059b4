"""Servers that give results away wrongly."""

from __future__ import annotations

import json
import re
import time
from typing import Any, BinaryIO

import falcon
import webob
from marshmallow import ValidationError

from compute_ref.http import files
from compute_ref.http.result import ResultResource
from compute_ref.http.schemas import ResultQuery, _reader
from compute_ref.identity.callers import Caller
from compute_ref.jobs import messages
from compute_ref.jobs.model import Job, ResultType
from compute_ref.jobs.store import Store
from compute_ref.jobs.workspace import Workspaces
from compute_ref.refusals import JobUnknown, ResultUnknown
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect


def _checked(wrong: Wrong, refuses: Any) -> None:
    """Refuse also where `refuses` says so of a job and an index."""
    right = ResultResource._check

    def check(self: ResultResource, job: Job, index: int) -> None:
        if refuses(job, index):
            raise ResultUnknown("No such result.")
        right(self, job, index)

    wrong.patch(ResultResource, "_check", check)


@defect("result-log-not-given", "CE-RESULT-LOG", calls=3)
def log_not_given(wrong: Wrong) -> None:
    def is_log(job: Job, index: int) -> bool:
        return any(one.type is ResultType.ALGORITHM_LOG for one in job.results[index : index + 1])

    _checked(wrong, is_log)


@defect("result-index-0-is-none", "CE-RESULT-EVERY", calls=3)
def index_0(wrong: Wrong) -> None:
    _checked(wrong, lambda job, index: not index)


@defect("result-size-in-blocks", "CE-RESULT-SIZE", calls=3)
def size_in_blocks(wrong: Wrong) -> None:
    def rounded(request: webob.Request, job: dict[str, Any]) -> None:
        for entry in job["results"]:
            entry["filesize"] = -(-entry["filesize"] // 512) * 512

    wrong.jobs(rounded)


def _opened(wrong: Wrong, choose: Any) -> None:
    """Open another result than the one whose name and size are told."""
    right = Workspaces.open_result

    def other(self: Workspaces, job: Job, index: int) -> BinaryIO:
        return right(self, job, choose(job, index))

    wrong.patch(Workspaces, "open_result", other)


@defect("result-of-another-name", "CE-RESULT-BYTES", calls=3)
def another_name(wrong: Wrong) -> None:
    """The list is sorted, the folder is not."""

    def backwards(job: Job, index: int) -> int:
        outputs = sum(one.type is ResultType.OUTPUT for one in job.results)
        return outputs - 1 - index if index < outputs else index

    _opened(wrong, backwards)


@defect("result-log-empty", "CE-RESULT-LOG-BYTES", calls=3)
def log_empty(wrong: Wrong) -> None:
    wrong.patch(messages, "_take_algorithm_log", lambda root, target, limit: None)


@defect("result-gone-once-given", "CE-RESULT-AGAIN", calls=4)
def gone_once_given(wrong: Wrong) -> None:
    given: set[tuple[str, int]] = set()
    right = ResultResource._spend

    def spend(self: ResultResource, caller: Caller, job: Job, index: int) -> None:
        right(self, caller, job, index)
        given.add((job.job_id, index))

    wrong.patch(ResultResource, "_spend", spend)
    _checked(wrong, lambda job, index: (job.job_id, index) in given)


@defect("result-owner-compared-as-text", "CE-RESULT-ADDRESS-CASE", calls=3)
def owner_as_text(wrong: Wrong) -> None:
    asked.listen(wrong)
    _checked(wrong, lambda job, _: job.owner != asked.ASKED.said.get("consumerAddress"))


@defect("result-without-index-is-the-last", "CE-RESULT-INDEX-DEFAULT", calls=4)
def default_last(wrong: Wrong) -> None:
    asked.listen(wrong)
    _opened(
        wrong, lambda job, index: index if "index" in asked.ASKED.said else len(job.results) - 1
    )


def _header(wrong: Wrong, name: str, value: str | None) -> None:
    def change(response: webob.Response) -> None:
        if value is None:
            response.headers.pop(name, None)
        else:
            response.headers[name] = value

    asked.downloads(wrong, change)


@defect("result-inline", "CE-RESULT-DISPOSITION", kind=Kind.SHAPE, calls=3)
def inline(wrong: Wrong) -> None:
    _header(wrong, "Content-Disposition", "inline")


@defect("result-named-by-index", "CE-RESULT-FILENAME", kind=Kind.SHAPE, calls=3)
def named_by_index(wrong: Wrong) -> None:
    _header(wrong, "Content-Disposition", "attachment;filename=0")


@defect("result-without-type", "CE-RESULT-TYPE", kind=Kind.SHAPE, calls=3)
def without_type(wrong: Wrong) -> None:
    _header(wrong, "Content-Type", None)


@defect("result-index-beyond-crashes", "CE-RESULT-INDEX-BEYOND", calls=3)
def beyond_crashes(wrong: Wrong) -> None:
    def check(self: ResultResource, job: Job, index: int) -> None:
        if not job.final:
            raise ResultUnknown("The job has no results yet.")

    wrong.patch(ResultResource, "_check", check)


def _index_read(wrong: Wrong, fits: Any) -> None:
    def validate(text: str) -> None:
        if not fits(text):
            raise ValidationError("Not an index.")

    wrong.patch(_reader(ResultQuery).fields["index"], "validators", [validate])


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return -1


@defect("result-index-negative-from-the-end", "CE-RESULT-INDEX-NEGATIVE", calls=3)
def from_the_end(wrong: Wrong) -> None:
    _index_read(wrong, lambda text: re.fullmatch("0|-?[1-9][0-9]*", text))
    _opened(wrong, lambda job, index: index % len(job.results))


@defect("result-index-word-crashes", "CE-RESULT-INDEX-WORD", calls=3)
def word_crashes(wrong: Wrong) -> None:
    _index_read(wrong, lambda text: text[:1] != "-")


@defect("result-index-in-any-spelling", "CE-RESULT-INDEX-SPELLING", kind=Kind.SECURITY, calls=3)
def any_spelling(wrong: Wrong) -> None:
    _index_read(wrong, lambda text: _whole(text) >= 0)


def _instead(wrong: Wrong, refusal: type[Exception], body: bytes) -> None:
    """Answer 200 where there is a refusal."""
    right = ResultResource._answer

    def answer(self: Any, req: falcon.Request, resp: falcon.Response, *, spend: bool) -> None:
        try:
            right(self, req, resp, spend=spend)
        except refusal:
            resp.data = body

    wrong.patch(ResultResource, "_answer", answer)


@defect("result-of-unknown-job-empty", "CE-RESULT-JOB-UNKNOWN")
def unknown_empty(wrong: Wrong) -> None:
    _instead(wrong, JobUnknown, b"")


@defect("result-not-yet-there-is-200", "CE-RESULT-NOT-FINAL", calls=3)
def not_yet_200(wrong: Wrong) -> None:
    class NotYet(Exception):
        """The job goes on."""

    right = ResultResource._check

    def check(self: ResultResource, job: Job, index: int) -> None:
        if not job.final:
            raise NotYet
        right(self, job, index)

    wrong.patch(ResultResource, "_check", check)
    _instead(wrong, NotYet, json.dumps({"error": "not yet"}).encode())


@defect("result-name-as-it-is", "CE-RESULT-FILENAME-SAFE", kind=Kind.SECURITY, calls=3)
def name_as_it_is(wrong: Wrong) -> None:
    wrong.patch(files, "download_name", lambda name: name.rpartition("/")[2])


@defect("result-pages-run", "CE-RESULT-ACTIVE", kind=Kind.SECURITY, calls=3)
def pages_run(wrong: Wrong) -> None:
    wrong.patch(files, "ACTIVE", ())


@defect("result-may-be-stored", "CE-RESULT-NO-STORE", kind=Kind.SECURITY, calls=3)
def may_be_stored(wrong: Wrong) -> None:
    _header(wrong, "Cache-Control", "max-age=3600")


@defect("result-refusal-repeats-the-url", "CE-RESULT-NO-ECHO", kind=Kind.SECURITY)
def repeats_the_url(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("computeResult") and response.status_int >= 400:
            told = {**json.loads(response.body or b"{}"), "context": dict(request.GET)}
            response.body = json.dumps(told).encode()

    wrong.answers(rewrite)


@defect(
    "result-nonce-compared-before-it-is-kept", "CE-RESULT-PARALLEL", kind=Kind.SECURITY, calls=10
)
def compared_before(wrong: Wrong) -> None:
    """The file is opened between the two."""
    right = Workspaces.open_result

    def slowly(self: Workspaces, job: Job, index: int) -> BinaryIO:
        time.sleep(asked.MOMENT)
        return right(self, job, index)

    def consume(self: Store, claim: Any, job_id: str, digest: str, *, keep: bool = False) -> None:
        if claim is None:
            return
        with self._durable():
            self._ledger._nonces.put(claim.address, {"nonce": claim.nonce})
            if keep:
                self._ledger.use(digest, job_id)

    wrong.patch(Workspaces, "open_result", slowly)
    wrong.patch(Store, "consume", consume)
