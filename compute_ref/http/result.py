"""GET /api/services/computeResult: one file of a finished job, in whole or in part."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import falcon

from compute_ref.http.parameters import query
from compute_ref.http.schemas import ResultQuery, loaded
from compute_ref.http.senders import sender
from compute_ref.identity.callers import Caller
from compute_ref.jobs.expiry import expired
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job, Result
from compute_ref.refusals import JobUnknown, Malformed, ResultUnknown
from compute_ref.services import Services

RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)
ACTIVE: Final = ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml")
UNTYPED: Final = "application/octet-stream"
AMBIGUOUS_FROM: Final = 10  # an index of two digits may be read as one and a digit of the nonce


class Slice:
    """The next `length` bytes of an open file."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" at the end of the slice."""
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ResultResource:
    """Streams results to their owner; all that can refuse is decided before the nonce is spent."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send a file, or the part of it that was asked for."""
        wanted = loaded(ResultQuery, query(req))
        index = wanted.get("index", "0")
        job_id = wanted.get("jobId", "")
        caller = self._its.callers.spending(sender(req, wanted), job_id, index)
        if not job_id and not caller.by_token:
            raise Malformed({"jobId": ["The jobId field is required."]})
        job = self._job(caller, job_id)
        result = self._result(job, int(index))
        file = self._its.workspaces.open_result(job, int(index))
        try:
            _answer(req, resp, result, file)
            self._spend(req, resp, caller, job, wanted)
        except BaseException:
            file.close()
            raise
        if resp.stream is None:
            file.close()

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The same checks and headers; nothing is sent and nothing spent."""
        self.on_get(req, resp)
        if resp.stream is not None:
            resp.stream.close()  # type: ignore[union-attr]
            resp.stream = None

    def _job(self, caller: Caller, job_id: str) -> Job:
        found = self._its.store.find(JobFilter(job_id=job_id or None, owner=caller.address))
        if not job_id:
            found = sorted((job for job in found if job.final), key=lambda job: job.finished or 0)
        if not found:
            raise JobUnknown
        return found[-1]

    def _result(self, job: Job, index: int) -> Result:
        environments = {one.id: one for one in self._its.settings.environments}
        if expired(job, environments.get(job.environment), self._its.clock.now()):
            raise ResultUnknown(
                "The results of this job have expired. Restart it to have them again."
            )
        if not job.final:
            raise ResultUnknown("The job has no results yet. Ask again when dateFinished is set.")
        if index >= len(job.results):
            raise ResultUnknown(f"The job has {len(job.results)} results; there is no such index.")
        return job.results[index]

    def _spend(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        caller: Caller,
        job: Job,
        wanted: Mapping[str, Any],
    ) -> None:
        if req.method == "HEAD" or resp.status_code == 416:
            return
        ambiguous = int(wanted.get("index", "0")) >= AMBIGUOUS_FROM
        self._its.store.consume(caller.claim, job.job_id, caller.digest if ambiguous else "")


def _answer(req: falcon.Request, resp: falcon.Response, result: Result, file: BinaryIO) -> None:
    tag = f'"{result.sha256}"'
    resp.set_header("ETag", tag)
    resp.set_header("Accept-Ranges", "bytes")
    resp.set_header("Content-Disposition", f"attachment;filename={download_name(result.filename)}")
    resp.content_type = content_type(result.filename)
    if _matches(req.get_header("If-None-Match"), tag):
        resp.status = falcon.HTTP_304
        return
    wanted = _range(req, tag, result.filesize)
    if wanted is None:
        resp.set_stream(file, result.filesize)
        return
    first, last = wanted
    if first > last:
        resp.status = falcon.HTTP_416
        resp.set_header("Content-Range", f"bytes */{result.filesize}")
        resp.media = {"error": "The file has no such range."}
        return
    resp.status = falcon.HTTP_206
    resp.set_header("Content-Range", f"bytes {first}-{last}/{result.filesize}")
    file.seek(first)
    resp.set_stream(Slice(file, last - first + 1), last - first + 1)  # type: ignore[arg-type]


def download_name(filename: str) -> str:
    """The last part of a result's name, all but plain characters made ``_``."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", filename.rpartition("/")[2]) or "_"


def content_type(filename: str) -> str:
    """By the name; what a browser would run is sent as bytes."""
    kind, encoding = mimetypes.guess_type(filename)
    return UNTYPED if kind is None or encoding or kind in ACTIVE else kind


def _matches(header: str | None, tag: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in (header or "").split(",")]
    return "*" in tags or tag in tags


def _range(req: falcon.Request, tag: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for; first > last where there are none; None for the whole."""
    found = RANGE.fullmatch((req.get_header("Range") or "").strip())
    condition = req.get_header("If-Range")
    if found is None or not (found[1] or found[2]) or condition not in (None, tag):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        return (size - length, size - 1) if length else (1, 0)
    first = int(found[1])
    if found[2] and int(found[2]) < first:
        return None
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    return (first, last) if first < size else (1, 0)
