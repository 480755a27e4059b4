"""What only bytes can say: requests that are not HTTP, or that are two things at once."""

from __future__ import annotations

from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import COMPUTE
from compute_conformance.raw import Wire
from compute_conformance.verdicts import expect, given

JSON: Final = "Content-Type: application/json"
CLOSE: Final = "Connection: close"
CHUNKED: Final = "Transfer-Encoding: chunked"


@check("CE-HTTP-RAW-GARBAGE")
def garbage(bench: Bench) -> None:
    """Lines that are no request, and the next request on a connection of its own."""
    wire = Wire(bench)
    for junk in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"GET / / HTTP/1.1\r\n\r\n"):
        _not_taken(wire, junk)
    expect(bench.get("/").status == 200, "a target that goes on", "it does not")


@check("CE-HTTP-RAW-LENGTH")
def length(bench: Bench) -> None:
    """Lengths of a body that are none, and two that differ."""
    wire = Wire(bench)
    for told in ("-1", "+2", "2x", "0x2", "1e1"):
        _not_taken(wire, wire.head("GET", "/", f"Content-Length: {told}", CLOSE) + b"{}")
    two = ("Content-Length: 2", "Content-Length: 3")
    _not_taken(wire, wire.head("POST", COMPUTE, JSON, *two) + b"{} ")


@check("CE-HTTP-RAW-SMUGGLING")
def smuggling(bench: Bench) -> None:
    """A body with a length and chunks, and a request within the one that the other ends."""
    wire = Wire(bench)
    inner = b"0\r\n\r\n" + wire.head("GET", "/")
    told = (JSON, CHUNKED, f"Content-Length: {len(inner)}")
    answers = wire.talk(wire.head("POST", COMPUTE, *told) + inner, answers=2)
    expect(len(answers) < 2, "one answer at most", answers[1] if len(answers) > 1 else "")


@check("CE-HTTP-RAW-HEADER-NAME")
def header_name(bench: Bench) -> None:
    """A space between the name of a header and its colon."""
    wire = Wire(bench)
    _not_taken(wire, wire.head("GET", "/", "Content-Length : 0", CLOSE))


@check("CE-HTTP-RAW-PIPELINE")
def pipeline(bench: Bench) -> None:
    """Two requests at once: both are answered in their order, or the connection ends."""
    wire = Wire(bench)
    sent = wire.head("GET", "/") + wire.head("GET", "/thisIsNoCall", CLOSE)
    codes = [answer.status for answer in wire.talk(sent, answers=2)]
    expect(codes in ([200, 404], [200]), "200 and 404, or 200 alone", codes)


@check("CE-HTTP-RAW-PATH")
def path(bench: Bench) -> None:
    """Paths of raw bytes, and with steps up."""
    wire = Wire(bench)
    for junk in ("/\xff\xfe", "/../../../../etc/passwd", "//", "/\x01", "/a b"):
        for answer in wire.talk(wire.head("GET", junk, CLOSE)):
            expect(answer.status < 500, "no fault", answer)
            expect(b"root:" not in answer.body, "no file of the server", answer)


@check("CE-HTTP-RAW-CHUNKS")
def chunks(bench: Bench) -> None:
    """An empty start in chunks, as good as one with a length; and a chunk that is none."""
    wire = Wire(bench)
    head = wire.head("POST", COMPUTE, JSON, CHUNKED, CLOSE)
    with given("an answer"):
        (answer,) = wire.talk(head + b"2\r\n{}\r\n0\r\n\r\n") or (None,)
        expect(answer, "one", "none")
    codes = {400, 401, 403, 411, 501}
    expect(answer and answer.status in codes, "a refusal", answer)
    _not_taken(wire, head + b"zz\r\n{}\r\n0\r\n\r\n")


@check("CE-HTTP-RAW-LARGE-HEADER")
def large_header(bench: Bench) -> None:
    """One header of 4 MiB."""
    wire = Wire(bench)
    _not_taken(wire, wire.head("GET", "/", "X-Large: " + "x" * 2**22, CLOSE))


def _not_taken(wire: Wire, sent: bytes) -> None:
    """Hold the target to a refusal, or to ending the connection."""
    for answer in wire.talk(sent):
        expect(400 <= answer.status < 500 or answer.status == 501, "a refusal", answer)
