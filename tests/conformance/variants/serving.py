"""Other ways to act and to send."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

import webob

from tests.conformance.defects.defect import WSGI, Wrong
from tests.conformance.variants.variant import calls, variant


@variant("slow")
def slow(wrong: Wrong) -> None:
    def pause(request: webob.Request, response: webob.Response) -> None:
        threading.Event().wait(0.005)

    wrong.answers(pause)


@variant("created")
def created(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if calls(request, "POST") and response.status_int == 200:
            response.status_int = 201

    wrong.answers(rewrite)


@variant("current-status-for-a-stop")
def current_status(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if job["status"] == 7:
            job.update(status=60, statusText="Publishing results", stopreq=1)

    wrong.jobs(change)


@variant("nothing-for-a-delete")
def nothing_for_delete(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if calls(request, "DELETE") and response.status_int == 200:
            response.body = b'""'

    wrong.answers(rewrite)


@variant("chunked")
def chunked(wrong: Wrong) -> None:
    def middleware(app: WSGI) -> WSGI:
        def different(environ: Any, start_response: Any) -> Iterable[bytes]:
            response = webob.Request(environ).get_response(app)
            body = response.body
            response.app_iter = [body[at : at + 7] for at in range(0, len(body), 7)]
            answer: Iterable[bytes] = response(environ, start_response)
            return answer

        return different

    wrong.middlewares.append(middleware)


@variant("without-pages")
def without_pages(wrong: Wrong) -> None:
    def whole(request: webob.Request) -> None:
        told = request.query_string
        if calls(request, "GET", "HEAD") and ("limit=" in told or "offset=" in told):
            for name in {"limit", "offset"} & set(request.GET):
                del request.GET[name]

    wrong.requests(whole)


@variant("connections-end")
def connections_end(wrong: Wrong) -> None:
    def close(request: webob.Request, response: webob.Response) -> None:
        response.headers["Connection"] = "close"

    wrong.answers(close)


@variant("downloads-come-whole")
def whole(wrong: Wrong) -> None:
    def without_headers(request: webob.Request) -> None:
        for name in ("HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_NONE_MATCH"):
            request.environ.pop(name, None)

    def untold(request: webob.Request, response: webob.Response) -> None:
        for name in ("ETag", "Accept-Ranges"):
            response.headers.pop(name, None)

    wrong.requests(without_headers)
    wrong.answers(untold)


@variant("json-for-people")
def indented(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.content_type == "application/json" and response.body:
            text = json.dumps(json.loads(response.body), indent=4, ensure_ascii=False)
            response.body = text.encode()
            response.headers["Content-Type"] = "application/json; charset=UTF-8"

    wrong.answers(rewrite)
