"""Calls beside the page that unmodified clients make; a target may be without them."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from compute_conformance import refusable
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.discovery import ADDRESS
from compute_conformance.consumers import SERVICES
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import expect, given

INITIALIZE: Final = f"{SERVICES}/initializeCompute"
FILEINFO: Final = f"{SERVICES}/fileinfo"
DDO: Final = "/api/aquarius/assets/ddo"
PLACES: Final = frozenset({"url", "path", "hash", "transactionId", "query", "headers", "address"})
SHA256: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")


@check("CE-BESIDE-QUOTE")
def quote(bench: Bench) -> None:
    """Code of the consumer's own on one dataset."""
    quoted(quote_of(bench, "open", "plain"))


@check("CE-BESIDE-QUOTE-TOKEN")
def quote_token(bench: Bench) -> None:
    """The items of the same quote."""
    answer = quote_of(bench, "open", "plain")
    with given("a quote"):
        items = quoted(answer)
    for item in items:
        token = item.get("datatoken")
        expect(isinstance(token, str) and ADDRESS.fullmatch(token), "a datatoken", answer)


@check("CE-BESIDE-QUOTE-ALGORITHM")
def quote_algorithm(bench: Bench) -> None:
    """A published algorithm on a dataset that trusts it."""
    answer = quote_of(bench, "closed", "trusted")
    with given("a quote"):
        quoted(answer)
    expect(isinstance(answer.json.get("algorithm"), dict), "an object algorithm", answer)


@check("CE-BESIDE-QUOTE-RAW")
def quote_raw(bench: Bench) -> None:
    """Code of the consumer's own, which nobody has to order."""
    answer = quote_of(bench, "open", "plain")
    with given("a quote"):
        quoted(answer)
    expect(not answer.json.get("algorithm"), "no algorithm to be ordered", answer)


@check("CE-BESIDE-QUOTE-PAST")
def quote_past(bench: Bench) -> None:
    """A quote until yesterday."""
    _given_a_quote(bench)
    quote_of(bench, "open", "plain", validUntil=int(time.time()) - 86_400).refused()


@check("CE-BESIDE-QUOTE-ENVIRONMENT")
def quote_environment(bench: Bench) -> None:
    """A quote for an environment that nobody has."""
    _given_a_quote(bench)
    quote_of(bench, "open", "plain", env="no environment has this id").refused(400, 401, 403, 404)


@check("CE-BESIDE-QUOTE-TRUST")
def quote_trust(bench: Bench) -> None:
    """Code of the consumer's own on a dataset that trusts one published algorithm alone."""
    _given_a_quote(bench)
    quote_of(bench, "closed", "plain").refused()


@check("CE-BESIDE-QUOTE-MISSING")
def quote_missing(bench: Bench) -> None:
    """A quote of no dataset at all."""
    answer = bench.send(Request("POST", INITIALIZE, json={})).offered()
    found = answer.refused()
    expect("datasets" in str(found), "a refusal that names datasets", answer)


@check("CE-BESIDE-QUOTE-BINDS-NOTHING")
def quote_binds_nothing(bench: Bench) -> None:
    """A quote, and then the start for which it was asked, with the same order."""
    dataset = bench.profile.dataset("open")
    with given("a quote"):
        quoted(quote_of(bench, dataset, "plain"))
    consumer = bench.consumer()
    bench.accept(consumer.start(bench.profile.algorithm("plain"), dataset), consumer)


@check("CE-BESIDE-FILEINFO")
def fileinfo(bench: Bench) -> None:
    """The files of a dataset."""
    for one in _facts(_fileinfo(bench, _dataset(bench))):
        expect(type(one.get("index")) is int, "an integer index", one)
        expect(isinstance(one.get("valid"), bool), "valid: true or false", one)


@check("CE-BESIDE-FILEINFO-VALID")
def fileinfo_valid(bench: Bench) -> None:
    """The files of a dataset that can be had."""
    answer = _fileinfo(bench, _dataset(bench))
    with given("facts of files"):
        facts = _facts(answer)
    expect(any(one.get("valid") is True for one in facts), "a file that is valid", answer)


@check("CE-BESIDE-FILEINFO-HIDES")
def fileinfo_hides(bench: Bench) -> None:
    """The files of a dataset."""
    answer = _fileinfo(bench, _dataset(bench))
    with given("facts of files"):
        facts = _facts(answer)
    for one in facts:
        expect(not PLACES & one.keys(), "nothing of where the file lies", one)


@check("CE-BESIDE-FILEINFO-UNKNOWN")
def fileinfo_unknown(bench: Bench) -> None:
    """A dataset that nobody has, and a service that a dataset does not have."""
    dataset = _dataset(bench)
    with given("facts of files"):
        _facts(_fileinfo(bench, dataset))
    for wrong in ({"did": refusable.NO_DID}, {"serviceId": "no service has this id"}):
        bench.send(Request("POST", FILEINFO, json={**dataset, **wrong})).refused(400, 401, 403, 404)


@check("CE-BESIDE-FILEINFO-CHECKSUM")
def fileinfo_checksum(bench: Bench) -> None:
    """The checksum of a published algorithm's files."""
    algorithm = bench.profile.algorithm("trusted")
    asked = {"did": algorithm["documentId"], "serviceId": algorithm["serviceId"]}
    answer = _fileinfo(bench, {**asked, "checksum": True})
    with given("facts of files"):
        facts = _facts(answer)
    for one in facts:
        told = one.get("checksum")
        expect(isinstance(told, str) and SHA256.fullmatch(told), "a SHA-256 in hex", answer)


@check("CE-BESIDE-FILEINFO-DATA")
def fileinfo_data(bench: Bench) -> None:
    """The checksum of a dataset's files, asked for."""
    answer = _fileinfo(bench, {**_dataset(bench), "checksum": True})
    if answer.status != 400:
        with given("facts of files"):
            facts = _facts(answer)
        expect(not any(one.get("checksum") for one in facts), "no checksum of data", answer)


@check("CE-BESIDE-FILEINFO-PRIVATE")
def fileinfo_private(bench: Bench) -> None:
    """A URL of the machine itself, where somebody listens, and one of a cloud's own data."""
    with _listener() as (port, visits):
        for url in (f"http://127.0.0.1:{port}/", "http://169.254.169.254/latest/meta-data/"):
            asked = {"type": "url", "url": url, "method": "GET"}
            _not_had(bench.send(Request("POST", FILEINFO, json=asked)).offered())
        expect(not visits, "nobody sent to a private address", visits)


@check("CE-BESIDE-FILEINFO-FILE")
def fileinfo_file(bench: Bench) -> None:
    """A file object of the caller's, with a path that most machines have."""
    for path in ("/etc/passwd", "../../../../../../etc/passwd"):
        asked = {"type": "file", "path": path}
        _not_had(bench.send(Request("POST", FILEINFO, json=asked)).offered())


@check("CE-BESIDE-DDO")
def ddo(bench: Bench) -> None:
    """The document of a dataset."""
    did = bench.profile.dataset("open")["documentId"]
    found = bench.get(f"{DDO}/{did}").offered().accepted(200)
    expect(isinstance(found, dict) and found.get("id") == did, f"the document {did}", found)
    expect(isinstance(found.get("services"), list), "services, an array", found)


@check("CE-BESIDE-DDO-FILES")
def ddo_files(bench: Bench) -> None:
    """The files of the services of every dataset and algorithm of the profile."""
    profile = bench.profile
    first = [one["documentId"] for one in (profile.dataset("open"), profile.algorithm("trusted"))]
    named = (*profile.datasets.values(), *profile.algorithms.values())
    others = {one["documentId"] for one in named if "documentId" in one}
    for did in dict.fromkeys((*first, *sorted(others))):
        services = _services(bench, did)
        hidden = [isinstance(one.get("files", ""), str) for one in services]
        expect(all(hidden[:1]), "files that are left out or encrypted", services)
        expect(all(hidden), "files left out or encrypted for further services too", services)


@check("CE-BESIDE-DDO-ENDPOINT")
def ddo_endpoint(bench: Bench) -> None:
    """The serviceEndpoint of the services of a dataset, where clients go with it."""
    for service in _services(bench, bench.profile.dataset("open")["documentId"]):
        told = service.get("serviceEndpoint")
        expect(isinstance(told, str) and re.match("https?://.", told), "a URL", service)


@check("CE-BESIDE-DDO-STATE")
def ddo_state(bench: Bench) -> None:
    """The nft.state of a dataset."""
    with given("a document"):
        found = _document(bench, bench.profile.dataset("open")["documentId"])
    state = (found.get("nft") or {}).get("state")
    expect(type(state) is int, "nft.state, an integer", found.get("nft"))


@check("CE-BESIDE-DDO-UNKNOWN")
def ddo_unknown(bench: Bench) -> None:
    """The document of a dataset that nobody has."""
    bench.get(f"{DDO}/{refusable.NO_DID}").refused(404)


def quote_of(
    bench: Bench, dataset: str | Mapping[str, Any], algorithm: str, **compute: Any
) -> Answer:
    """The answer to an initializeCompute of assets in these roles."""
    chosen = _environment(bench)
    named = bench.profile.dataset(dataset) if isinstance(dataset, str) else dataset
    body = {
        "datasets": [named],
        "algorithm": bench.profile.algorithm(algorithm),
        "compute": {"env": chosen.get("id"), "validUntil": refusable.soon(), **compute},
        "consumerAddress": chosen.get("consumerAddress"),
    }
    return bench.send(Request("POST", INITIALIZE, json=body)).offered()


def _environment(bench: Bench) -> dict[str, Any]:
    found = bench.environments()
    wanted = bench.profile.environment
    return next((one for one in found if one.get("id") == wanted), found[0])


def quoted(answer: Answer) -> list[dict[str, Any]]:
    """The items of a quote of one dataset."""
    found = answer.accepted(200)
    expect(isinstance(found, dict), "an object", answer)
    items = found.get("datasets")
    expect(isinstance(items, list) and len(items) == 1, "datasets: one item for one", answer)
    quoted: list[dict[str, Any]] = items or []
    expect(isinstance(quoted[0], dict), "an object", answer)
    return quoted


def _given_a_quote(bench: Bench) -> None:
    with given("a quote"):
        quoted(quote_of(bench, "open", "plain"))


def _dataset(bench: Bench) -> dict[str, Any]:
    dataset = bench.profile.dataset("open")
    return {"did": dataset["documentId"], "serviceId": dataset["serviceId"]}


def _fileinfo(bench: Bench, asked: Mapping[str, Any]) -> Answer:
    return bench.send(Request("POST", FILEINFO, json=asked)).offered()


def _facts(answer: Answer) -> list[dict[str, Any]]:
    found = answer.accepted(200)
    fits = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    expect(fits and found, "an array of objects, one for each file", answer)
    facts: list[dict[str, Any]] = found
    return facts


def _not_had(answer: Answer) -> None:
    """A refusal, or facts of which none is valid."""
    if answer.status in {400, 403}:
        return
    valid = any(one.get("valid") for one in _facts(answer))
    expect(not valid, "a file that is refused, or not valid", answer)


def _document(bench: Bench, did: str) -> dict[str, Any]:
    found = bench.get(f"{DDO}/{did}").offered().accepted(200)
    expect(isinstance(found, dict), "an object", found)
    document: dict[str, Any] = found
    return document


def _services(bench: Bench, did: str) -> list[dict[str, Any]]:
    with given("a document"):
        found = _document(bench, did).get("services")
        fits = isinstance(found, list) and all(isinstance(one, dict) for one in found)
        expect(fits, "an array of services", found)
    services: list[dict[str, Any]] = found or []
    return services


@contextmanager
def _listener() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine, and who came to it; each visitor is told good-bye."""
    visits: list[str] = []

    def answer(listening: socket.socket) -> None:
        while True:
            try:
                visitor, _ = listening.accept()
            except OSError:  # closed
                return
            with visitor:
                visits.append(visitor.recv(1024).decode("latin-1").partition("\r\n")[0])
                visitor.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1], visits
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
