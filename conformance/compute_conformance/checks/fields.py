"""What a start must have, what it may leave out, and how a refusal names what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from compute_conformance.assets import unknown_did
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.exchanges import Answer, Request, reasons
from compute_conformance.verdicts import Inconclusive, expect, given

DATASET_FIELDS = ("documentId", "serviceId", "transferTxId")


def without(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The same without one of the fields."""
    return {key: value for key, value in fields.items() if key != name}


def with_json(request: Request, **fields: Any) -> Request:
    """The same request with fields of its body set as they are, null included, after signing."""
    return replace(request, json={**request.json, **fields})


@check("CE-START-NEEDS-ADDRESS")
def needs_address(bench: Bench) -> None:
    """A signed start whose address is taken out."""
    consumer = bench.consumer()
    consumer.send(consumer.start_request().but(consumerAddress=None)).refused()


@check("CE-START-NEEDS-DATASET")
def needs_dataset(bench: Bench) -> None:
    """A start without, signed without."""
    consumer = bench.consumer()
    request = consumer.start_request(dataset={})
    consumer.send(request.but(dataset=None)).refused()


def _without_dataset_field(bench: Bench, name: str) -> None:
    bench.consumer().start(dataset=without(bench.profile.dataset("open"), name)).refused()


@check("CE-START-NEEDS-DOCUMENT-ID")
def needs_document_id(bench: Bench) -> None:
    """A start without, signed without."""
    _without_dataset_field(bench, "documentId")


@check("CE-START-NEEDS-SERVICE-ID")
def needs_service_id(bench: Bench) -> None:
    """A start without."""
    _without_dataset_field(bench, "serviceId")


@check("CE-START-NEEDS-ORDER")
def needs_order(bench: Bench) -> None:
    """A start without."""
    _without_dataset_field(bench, "transferTxId")


@check("CE-START-NEEDS-ALGORITHM")
def needs_algorithm(bench: Bench) -> None:
    """A start without."""
    consumer = bench.consumer()
    consumer.send(consumer.start_request().but(algorithm=None)).refused()


@check("CE-START-NEEDS-DID-OR-META")
def needs_did_or_meta(bench: Bench) -> None:
    """An empty algorithm, and one with nothing but a service."""
    for algorithm in ({}, {"serviceId": "compute"}):
        bench.consumer().start(algorithm).refused()


def _without_algorithm_field(bench: Bench, name: str) -> None:
    algorithm = without(bench.profile.algorithm("trusted"), name)
    bench.consumer().start(algorithm, bench.profile.dataset("closed")).refused()


@check("CE-START-NEEDS-ALGORITHM-SERVICE")
def needs_algorithm_service(bench: Bench) -> None:
    """A published algorithm that the dataset trusts, without."""
    _without_algorithm_field(bench, "serviceId")


@check("CE-START-NEEDS-ALGORITHM-ORDER")
def needs_algorithm_order(bench: Bench) -> None:
    """A published algorithm that the dataset trusts, without."""
    _without_algorithm_field(bench, "transferTxId")


def _container(bench: Bench, **changes: Any) -> dict[str, Any]:
    container = {**bench.profile.script()["meta"].get("container", {}), **changes}
    kept = {key: value for key, value in container.items() if value is not None}
    return bench.raw(container=kept)


@check("CE-START-NEEDS-CODE")
def needs_code(bench: Bench) -> None:
    """A raw algorithm without both, and with both empty."""
    bench.consumer().start(bench.raw(rawcode=None)).refused()
    bench.consumer().start(bench.raw(rawcode="", url="")).refused()


@check("CE-START-NEEDS-ENTRYPOINT")
def needs_entrypoint(bench: Bench) -> None:
    """A raw algorithm without container, and with one that has no entrypoint."""
    bench.consumer().start(bench.raw(container=None)).refused()
    bench.consumer().start(_container(bench, entrypoint=None)).refused()


@check("CE-START-CHECKSUM-PREFIX")
def checksum_prefix(bench: Bench) -> None:
    """A checksum of another kind."""
    bench.consumer().start(_container(bench, checksum="md5:" + "0" * 32)).refused()


@check("CE-START-EMPTY-IS-ABSENT")
def empty_is_absent(bench: Bench) -> None:
    """Null and an empty text in the place of each required field."""
    dataset = bench.profile.dataset("open")
    for empty in (None, ""):
        for name in DATASET_FIELDS:
            bench.consumer().start(dataset={**dataset, name: empty}).refused()
        for name in ("consumerAddress", "algorithm"):
            consumer = bench.consumer()
            consumer.send(with_json(consumer.start_request(), **{name: empty})).refused()
        consumer = bench.consumer()
        request = consumer.start_request(dataset={})
        consumer.send(with_json(request, dataset=empty)).refused()


@check("CE-START-NULL-IS-ABSENT")
def null_is_absent(bench: Bench) -> None:
    """Null, and an empty text, in the place of every optional field."""
    for empty in (None, ""):
        consumer = bench.consumer()
        algorithm = {**bench.profile.algorithm("plain"), "userdata": empty, "algocustomdata": empty}
        dataset = {**bench.profile.dataset("open"), "userdata": empty}
        request = consumer.start_request(algorithm, dataset)
        absent = dict.fromkeys(("jobId", "additionalDatasets", "output"), empty)
        consumer.send(with_json(request, **absent)).job()


# How a refusal names what is wrong. No asset is needed: nobody gets as far as to look for one.


def _any_start(bench: Bench, **changes: Any) -> Request:
    """A start on a dataset that nobody has; `changes` are made before it is signed."""
    asset = dict(zip(DATASET_FIELDS, (unknown_did(), "compute", "0x1"), strict=True))
    algorithm = {"meta": {"rawcode": "echo", "container": {"entrypoint": "sh $ALGO"}}}
    return bench.consumer().start_request(algorithm, **{"dataset": asset, **changes})


def _names(answer: Answer, *fields: str) -> None:
    found = answer.refused()
    named = reasons(found)
    expect(isinstance(found.get("errors"), dict), "an object `errors` by field", answer)
    for field in fields:
        expect(field in named, f"errors that name {field}", answer)


def _names_missing(answer: Answer, *fields: str) -> None:
    """The same of fields that are missing."""
    _errors(answer)
    _names(answer, *fields)


def _errors(answer: Answer) -> Mapping[str, Any]:
    """What a refusal tells of fields that are missing; another requirement asks for its form."""
    found = answer.refused().get("errors")
    if not isinstance(found, dict):
        raise Inconclusive("an object `errors` by field", answer)
    return found


@check("CE-START-NAMES-MISSING")
def names_missing(bench: Bench) -> None:
    """Starts that lack one of the fields that every start has."""
    _names_missing(bench.send(_any_start(bench).but(consumerAddress=None)), "consumerAddress")
    nothing = {"serviceId": "compute", "transferTxId": "0x1"}
    _names_missing(bench.send(_any_start(bench, dataset=nothing)), "dataset.documentId")


@check("CE-START-REQUIRED-SENTENCE")
def required_sentence(bench: Bench) -> None:
    """A dataset without its documentId."""
    answer = bench.send(_any_start(bench, dataset={"serviceId": "compute", "transferTxId": "0x1"}))
    told = _errors(answer)
    sentence = "The dataset.documentId field is required."
    expect(sentence in str(told), f"errors with the sentence {sentence!r}", answer)


@check("CE-START-NAMES-MALFORMED")
def names_malformed(bench: Bench) -> None:
    """A documentId that is missing; then an address that is too short, and DIDs that are none."""
    _errors(bench.send(_any_start(bench, dataset={})))
    _names(bench.send(_any_start(bench, consumerAddress="0x1234")), "consumerAddress")
    for did in ("nonsense", "did:op:1234", unknown_did() + "0"):
        asset = {"documentId": did, "serviceId": "compute", "transferTxId": "0x1"}
        _names(bench.send(_any_start(bench, dataset=asset)), "dataset.documentId")


@check("CE-START-NAMES-ALL")
def names_all(bench: Bench) -> None:
    """A start without address and without the dataset's documentId."""
    request = _any_start(bench, dataset={"serviceId": "compute", "transferTxId": "0x1"})
    answer = bench.send(request.but(consumerAddress=None))
    _names_missing(answer, "consumerAddress", "dataset.documentId")


@check("CE-START-DID-CASE")
def did_case(bench: Bench) -> None:
    """The DID of an ordinary dataset, written in upper case and signed so."""
    dataset = bench.profile.dataset("open")
    prefix, _, digits = dataset["documentId"].rpartition(":")
    did = f"{prefix}:{digits.upper()}"
    bench.consumer().start(dataset={**dataset, "documentId": did}).refused()


@check("CE-START-TYPES")
def types(bench: Bench) -> None:
    """Texts where objects belong, and lists and objects where texts do."""
    request = _any_start(bench)
    for name, value in (
        ("consumerAddress", [1]),
        ("dataset", "text"),
        ("dataset", [1]),
        ("algorithm", "text"),
        ("algorithm", {"meta": [1]}),
        ("algorithm", {"meta": {"rawcode": {}}}),
        ("environment", ["one"]),
        ("signature", {}),
    ):
        bench.send(with_json(request, **{name: value})).refused()
    for name in DATASET_FIELDS:
        changed = {**request.json["dataset"], name: [1]}
        bench.send(with_json(request, dataset=changed)).refused()


# Further datasets


def _further(bench: Bench, **changes: Any) -> dict[str, Any]:
    fields = {**bench.profile.dataset("second"), **changes}
    return {key: value for key, value in fields.items() if value is not None}


def _lists_both(bench: Bench, name: str) -> None:
    main, further = bench.profile.dataset("open"), _further(bench)
    job = bench.consumer().start(dataset=main, **{name: [further]}).job()
    wanted = [main["documentId"], further["documentId"]]
    found = job.get("inputDID")
    expect(isinstance(found, list) and set(found) == set(wanted), f"{wanted} in inputDID", found)
    expect(found == wanted, "the main dataset first in inputDID", found)


@check("CE-START-FURTHER")
def further_dataset(bench: Bench) -> None:
    """A start with one further dataset."""
    _lists_both(bench, "additionalDatasets")


@check("CE-START-FURTHER-NONE")
def no_further(bench: Bench) -> None:
    """An empty list under either name."""
    for name in ("additionalDatasets", "additionalInputs"):
        bench.consumer().start(**{name: []}).job()


@check("CE-START-FURTHER-SYNONYM")
def further_synonym(bench: Bench) -> None:
    """A start with one further dataset under the other name."""
    _lists_both(bench, "additionalInputs")


@check("CE-START-FURTHER-LIST")
def further_list(bench: Bench) -> None:
    """One further dataset without a list around it, a number and a text."""
    for value in (_further(bench), 7, "nonsense"):
        bench.consumer().start(additionalDatasets=value).refused()


@check("CE-START-FURTHER-NEEDS")
def further_needs(bench: Bench) -> None:
    """Further datasets that each lack one field."""
    for name in DATASET_FIELDS:
        lacking = _further(bench, **{name: None})
        bench.consumer().start(additionalDatasets=[lacking]).refused()


@check("CE-START-FURTHER-NAMED")
def further_named(bench: Bench) -> None:
    """A further dataset that nobody has."""
    unknown = _further(bench, documentId=unknown_did())
    with given("a start on an unknown further dataset that is refused"):
        refusal = bench.consumer().start(additionalDatasets=[unknown]).refused()
    named = any(key.startswith("datasets[1]") for key in reasons(refusal))
    expect(named, "a refusal that names datasets[1]", refusal)
