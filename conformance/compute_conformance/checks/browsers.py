"""What a browser asks before its page may call, and what it lets the page read."""

from __future__ import annotations

from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import COMPUTE, RESULT, SERVICES
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import expect, given

PAGE: Final = "https://app.example"
METHODS: Final = ("GET", "POST", "PUT", "DELETE")
SIMPLE: Final = frozenset({"GET", "POST"})  # methods that browsers need no leave for


@check("CE-HTTP-CORS-ORIGIN")
def origin(bench: Bench) -> None:
    """`GET /` for a page of another origin."""
    answer = bench.send(_from_page(Request("GET", "/")))
    with given("a root document"):
        answer.accepted()
    _readable(answer)


@check("CE-HTTP-CORS-REFUSALS")
def refusals(bench: Bench) -> None:
    """Refusals of several kinds for a page of another origin."""
    for request in (
        Request("GET", f"{SERVICES}/thisIsNoCall"),
        Request("GET", f"{SERVICES}/nonce"),
        Request("POST", COMPUTE, json={}),
        Request("POST", COMPUTE, body=b"{", headers={"Content-Type": "application/json"}),
    ):
        _readable(bench.send(_from_page(request)))


@check("CE-HTTP-PREFLIGHT")
def preflight(bench: Bench) -> None:
    """What a browser asks before each method of compute."""
    for method in METHODS:
        answer = _preflight(bench, method, "content-type")
        expect(answer.status in {200, 204}, "200 or 204", answer)
        _readable(answer)
        allowed = _listed(answer, "access-control-allow-methods")
        expect(method in SIMPLE or {method.lower(), "*"} & allowed, f"{method} allowed", allowed)


@check("CE-HTTP-PREFLIGHT-CONTENT-TYPE")
def preflight_content_type(bench: Bench) -> None:
    """The header that says a start is JSON."""
    _allows(bench, "content-type")


@check("CE-HTTP-PREFLIGHT-TOKEN")
def preflight_token(bench: Bench) -> None:
    """The header that carries a token."""
    _allows(bench, "authtoken")


@check("CE-HTTP-PREFLIGHT-RESULT")
def preflight_of_a_download(bench: Bench) -> None:
    """What a browser asks before a download with a token."""
    _allows(bench, "authtoken", "GET", RESULT)


@check("CE-HTTP-CORS-CREDENTIALS")
def credentials(bench: Bench) -> None:
    """A request and a preflight of an origin that nobody knows."""
    asked = bench.send(_from_page(Request("GET", "/")))
    for answer in (asked, _preflight(bench, "DELETE", "content-type")):
        told = answer.headers.get("access-control-allow-credentials", "none")
        expect(told.strip().lower() != "true", "no credentials of strange pages", told)


@check("CE-HTTP-CORS-DOWNLOAD")
def download(bench: Bench) -> None:
    """The first result of a job, for a page of another origin."""
    one = bench.specimen()
    consumer, results = one.started.consumer, one.final.get("results")
    with given("a job that ends with a result"), consumer.turn:
        expect(results, "a result", results)
        answer = bench.send(_from_page(consumer.result_request(one.started.job_id)))
        expect(answer.status == 200, "a download", answer)
    exposed = _listed(answer, "access-control-expose-headers")
    expect({"content-disposition", "*"} & exposed, "Content-Disposition exposed", exposed)


def _from_page(request: Request) -> Request:
    return request.with_headers(Origin=PAGE)


def _preflight(bench: Bench, method: str, headers: str, path: str = COMPUTE) -> Answer:
    asked = _from_page(Request("OPTIONS", path)).with_headers(
        Access_Control_Request_Method=method, Access_Control_Request_Headers=headers
    )
    return bench.send(asked)


def _allows(bench: Bench, header: str, method: str = "PUT", path: str = COMPUTE) -> None:
    answer = _preflight(bench, method, header, path)
    with given("a preflight that is answered"):
        expect(answer.status in {200, 204}, "200 or 204", answer)
    allowed = _listed(answer, "access-control-allow-headers")
    expect({header, "*"} & allowed, f"{header} allowed", allowed)


def _readable(answer: Answer) -> None:
    told = answer.headers.get("access-control-allow-origin", "none")
    expect(told in {"*", PAGE}, f"Access-Control-Allow-Origin: * or {PAGE}", f"{told}, {answer}")


def _listed(answer: Answer, header: str) -> set[str]:
    """The members of a header that is a list, in small letters."""
    return {one.strip().lower() for one in answer.headers.get(header, "").split(",")}
