"""Checks that send bytes: they pass on a real server and find a naive one out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import compute_conformance
from compute_conformance.profile import from_document
from compute_conformance.runner import Selection
from compute_conformance.verdicts import Verdict
from compute_ref.testing.kit import compute_server
from tests.conformance.careful import Broken, Careful, serving

WIRE = Selection(ids=lambda key: key.startswith("CE-HTTP-RAW-"))
PROFILE = from_document({"limits": {"request": 5}})


class Naive(BaseHTTPRequestHandler):
    """A wrong server: it believes what it is told of a body's length, and reads no chunks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, b'{"8996": [{"id": "one"}]}')

    def do_POST(self) -> None:
        chunked = "Transfer-Encoding" in self.headers
        length = 5 if chunked else int(self.headers.get("Content-Length", "0").strip("+-ex "), 16)
        self.rfile.read(min(length, 2) if not chunked else length)
        self._answer(200, b"[]")

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def naive() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Naive) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_reference_is_not_misled() -> None:
    with compute_server() as url:
        report = compute_conformance.run(url, PROFILE, WIRE)
    found = {
        one.check.requirement.id: (one.verdict, one.expected, one.observed)
        for one in report.outcomes
        if one.verdict is not Verdict.PASS
    }
    assert (found, report.wiring, len(report.outcomes)) == ({}, "", 8)


def test_a_naive_server_is_found_out(naive: str) -> None:
    report = compute_conformance.run(naive, PROFILE, WIRE)
    broken = {requirement.id for requirement in report.broken()}
    assert broken >= {"CE-HTTP-RAW-LENGTH", "CE-HTTP-RAW-SMUGGLING", "CE-HTTP-RAW-PIPELINE"}


class TakesAnything(Careful):
    def start(self, line: bytes) -> tuple[str, str]:
        return "GET", "/"


class ReadsLengthsAsPythonDoes(Careful):
    def length(self, text: str) -> int:
        try:
            return max(0, int(text))
        except ValueError:
            raise Broken from None


class TrimsNames(Careful):
    def header(self, line: str) -> tuple[str, str]:
        name, _, value = line.partition(":")
        return super().header(f"{name.strip()}:{value}")


class ServesFiles(Careful):
    def reply(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        if target.endswith("/etc/passwd"):
            return 200, b"root:x:0:0:root:/root:/bin/sh"
        return super().reply(method, target, body)


class DecodesStrictly(Careful):
    def reply(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        return super().reply(method, target, body) if target.isascii() else (500, b"{}")


class HasNoBounds(Careful):
    most = 2**30


class KnowsOnePath(Careful):
    def reply(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        found = super().reply(method, "/", body)
        return found if method == "GET" else (400, b"{}")


class NeedsALength(Careful):
    def reply(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        return (500, b"{}") if body == b"in chunks" else super().reply(method, target, body)

    def body(self, headers: Mapping[str, str]) -> bytes:
        whole = super().body(headers)
        return b"in chunks" if "transfer-encoding" in headers else whole


class FallsOverChunks(Careful):
    def size(self, line: bytes) -> int:
        try:
            return super().size(line)
        except Broken:
            self.answer(500, b"{}")
            raise ConnectionError from None


WRONG: dict[type[Careful], str] = {
    TakesAnything: "CE-HTTP-RAW-GARBAGE",
    ReadsLengthsAsPythonDoes: "CE-HTTP-RAW-LENGTH",
    TrimsNames: "CE-HTTP-RAW-HEADER-NAME",
    KnowsOnePath: "CE-HTTP-RAW-PIPELINE",
    ServesFiles: "CE-HTTP-RAW-PATH",
    DecodesStrictly: "CE-HTTP-RAW-PATH",
    NeedsALength: "CE-HTTP-RAW-CHUNKS",
    FallsOverChunks: "CE-HTTP-RAW-CHUNKS",
    HasNoBounds: "CE-HTTP-RAW-LARGE-HEADER",
}


def test_who_reads_with_care_is_not_misled() -> None:
    with serving(Careful) as url:
        report = compute_conformance.run(url, PROFILE, WIRE)
    assert [requirement.id for requirement in report.broken()] == []


@pytest.mark.parametrize("handler", WRONG, ids=lambda handler: handler.__name__)
def test_who_cares_less_is_found_out(handler: type[Careful]) -> None:
    with serving(handler) as url:
        report = compute_conformance.run(url, PROFILE, WIRE)
    assert [requirement.id for requirement in report.broken()][:1] == [WRONG[handler]]
