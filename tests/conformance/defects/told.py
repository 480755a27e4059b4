"""Servers that call a result otherwise, or tell another length of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import webob

from compute_ref.http import files, result
from compute_ref.jobs import publishing
from compute_ref.jobs.model import FinishReason, Job, Result, StopRequest
from tests.conformance.defects.defect import Kind, Wrong, defect


@defect("name-with-its-folders", "CE-RESULT-FILENAME-FOLDER", kind=Kind.SHAPE, calls=4)
def with_folders(wrong: Wrong) -> None:
    wrong.patch(files, "download_name", lambda name: re.sub(r"[^A-Za-z0-9._/-]", "_", name))


@defect("size-in-letters", "CE-RESULT-SIZE-LETTERS", kind=Kind.SHAPE, calls=4)
def size_in_letters(wrong: Wrong) -> None:
    usual = publishing._seal

    def counted(one: Result, draft: Path) -> Result:
        text = (draft / one.path).read_bytes().decode("utf-8", "replace")
        return replace(one, filesize=len(text))

    def seal(turn: Any) -> tuple[Result, ...]:
        return tuple(counted(one, turn.draft) for one in usual(turn))

    wrong.patch(publishing, "_seal", seal)


@defect("head-tells-no-bytes", "CE-RESULT-HEAD-LENGTH", kind=Kind.SHAPE, calls=4)
def head_of_nothing(wrong: Wrong) -> None:
    usual = result.ResultResource.on_head

    def on_head(self: Any, req: Any, resp: Any) -> None:
        usual(self, req, resp)
        resp.content_length = 0

    wrong.patch(result.ResultResource, "on_head", on_head)


@defect("range-tells-the-end-that-was-asked-for", "CE-RESULT-RANGE-CLIPPED", calls=3)
def end_as_asked(wrong: Wrong) -> None:
    def tell(request: webob.Request, response: webob.Response) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if asked and response.status_int == 206:
            size = response.headers["Content-Range"].rpartition("/")[2]
            response.headers["Content-Range"] = f"bytes {asked[1]}-{asked[2]}/{size}"

    wrong.answers(tell)


@defect("one-tag-alone-is-compared", "CE-RESULT-NONE-MATCH", calls=3)
def one_tag(wrong: Wrong) -> None:
    wrong.patch(files, "_matches", lambda header, tag: header == tag)


@defect("log-of-the-first-line", "CE-RESULT-LOG-BYTES", calls=3)
def first_line(wrong: Wrong) -> None:
    usual = publishing._with_logs

    def cut(turn: Any, *more: Any) -> tuple[Result, ...]:
        log = turn.folders.logs / "algorithm.log"
        if log.is_file():
            log.write_text(log.read_text(encoding="utf-8").partition("\n")[0] + "\n")
        return usual(turn, *more)

    wrong.patch(publishing, "_with_logs", cut)


@defect("stop-gives-a-final-job-its-reason", "CE-STOP-FINAL", calls=3)
def reason_of_a_stop(wrong: Wrong) -> None:
    usual = Job.stop_asked

    def asked(self: Job, request: StopRequest) -> Job:
        if self.final:
            return replace(self, finish_reason=FinishReason.STOPPED)
        return usual(self, request)

    wrong.patch(Job, "stop_asked", asked)
