"""Servers that are too lenient or too strict with the fields of a start, or name them wrongly."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from compute_conformance.assets import did_of
from compute_conformance.signing import Account
from compute_ref.http.fields import Text
from compute_ref.http.schemas import FurtherDatasets
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.makers import Body, raw_metas

HOUSE = Account(b"\x07" * 32)
NONCES = itertools.count(1)


def filled(wrong: Wrong, name: str, value: Callable[[], Any], *, empty: bool = False) -> None:
    """Put a value where a field of the dataset or of the algorithm is absent, or empty."""
    part, _, field = name.partition(".")

    def change(body: Body) -> None:
        asset = body.get(part)
        if "jobId" in body or not isinstance(asset, dict) or (part == "algorithm" and not asset):
            return
        if "meta" in asset and field != "meta":
            return
        absent = field in asset and not asset[field] if empty else field not in asset
        if absent:
            asset[field] = value()

    wrong.starts(change)


def house(body: Body) -> None:
    """Let the server itself sign: what it makes up is then well signed."""
    did = body["dataset"]["documentId"]
    body["consumerAddress"] = HOUSE.address
    body["nonce"] = str(next(NONCES))
    body["signature"] = HOUSE.sign(f"{HOUSE.address}{did}{body['nonce']}")


def fresh_order() -> str:
    """An order that nobody used."""
    return "0x" + secrets.token_hex(32)


def usual_dataset() -> Body:
    """What a server might take where nothing is said."""
    return {"documentId": did_of("open"), "serviceId": "compute", "transferTxId": fresh_order()}


USUAL_META = {"rawcode": "true", "container": {"entrypoint": "sh $ALGO"}}


@defect("nobody-in-particular-may-start", "CE-START-NEEDS-ADDRESS", kind=Kind.SECURITY)
def nobody_may_start(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        dataset = body.get("dataset")
        if "consumerAddress" not in body and isinstance(dataset, dict) and "documentId" in dataset:
            house(body)

    wrong.starts(change)


@defect("dataset-defaults-to-the-first-one", "CE-START-NEEDS-DATASET")
def dataset_defaults(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if "dataset" not in body and "jobId" not in body:
            body["dataset"] = usual_dataset()
            house(body)

    wrong.starts(change)


@defect("document-id-defaults-to-the-first-one", "CE-START-NEEDS-DOCUMENT-ID")
def document_id_defaults(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        dataset = body.get("dataset")
        if isinstance(dataset, dict) and "documentId" not in dataset and "jobId" not in body:
            body["dataset"] = {**usual_dataset(), **dataset}
            house(body)

    wrong.starts(change)


@defect("service-defaults-to-the-first-one", "CE-START-NEEDS-SERVICE-ID")
def service_defaults(wrong: Wrong) -> None:
    filled(wrong, "dataset.serviceId", lambda: "compute")


@defect("no-order-needs-no-payment", "CE-START-NEEDS-ORDER", kind=Kind.SECURITY)
def no_order_needs_no_payment(wrong: Wrong) -> None:
    filled(wrong, "dataset.transferTxId", fresh_order)


@defect("no-algorithm-is-an-empty-one", "CE-START-NEEDS-ALGORITHM")
def no_algorithm_is_an_empty_one(wrong: Wrong) -> None:
    wrong.starts(lambda body: "jobId" in body or body.setdefault("algorithm", {"meta": USUAL_META}))


@defect("algorithm-that-says-nothing-is-an-empty-one", "CE-START-NEEDS-DID-OR-META")
def silent_algorithm_is_an_empty_one(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        algorithm = body.get("algorithm")
        if isinstance(algorithm, dict) and not {"meta", "documentId"} & algorithm.keys():
            algorithm["meta"] = USUAL_META

    wrong.starts(change)


@defect("algorithm-service-defaults-to-the-first-one", "CE-START-NEEDS-ALGORITHM-SERVICE")
def algorithm_service_defaults(wrong: Wrong) -> None:
    filled(wrong, "algorithm.serviceId", lambda: "access")


@defect("published-algorithms-need-no-order", "CE-START-NEEDS-ALGORITHM-ORDER", kind=Kind.SECURITY)
def algorithms_need_no_order(wrong: Wrong) -> None:
    filled(wrong, "algorithm.transferTxId", fresh_order)


@defect("no-code-is-empty-code", "CE-START-NEEDS-CODE")
def no_code_is_empty_code(wrong: Wrong) -> None:
    def change(meta: Body) -> None:
        if not meta.get("rawcode") and not meta.get("url"):
            meta["rawcode"] = "\n"

    raw_metas(wrong, change)


@defect("entrypoint-defaults-to-a-shell", "CE-START-NEEDS-ENTRYPOINT")
def entrypoint_defaults(wrong: Wrong) -> None:
    def change(meta: Body) -> None:
        container = meta.get("container", {})
        if not container.get("entrypoint"):
            meta["container"] = {**container, "entrypoint": "sh $ALGO"}

    raw_metas(wrong, change)


@defect("checksum-of-any-kind-is-taken", "CE-START-CHECKSUM-PREFIX")
def checksum_of_any_kind(wrong: Wrong) -> None:
    def change(meta: Body) -> None:
        container = meta.get("container", {})
        if not str(container.get("checksum") or "sha256:").startswith("sha256:"):
            del container["checksum"]

    raw_metas(wrong, change)


@defect("empty-order-needs-no-payment", "CE-START-EMPTY-IS-ABSENT", kind=Kind.SECURITY)
def empty_order_needs_no_payment(wrong: Wrong) -> None:
    filled(wrong, "dataset.transferTxId", fresh_order, empty=True)


@defect("null-is-a-value", "CE-START-NULL-IS-ABSENT")
def null_is_a_value(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if "output" in body and body["output"] is None:
            body["output"] = 0

    wrong.starts(change)


# How refusals name fields


def renamed(wrong: Wrong, change: Callable[[Mapping[str, Any]], Any]) -> None:
    """Say something else in the ``errors`` of each refusal of a start."""

    def rewrite(refusal: Body) -> Body | None:
        return {**refusal, "errors": change(refusal["errors"])} if "errors" in refusal else None

    wrong.refusals(rewrite)


@defect("fields-are-named-without-their-part", "CE-START-NAMES-MISSING", kind=Kind.SHAPE)
def fields_without_their_part(wrong: Wrong) -> None:
    renamed(wrong, lambda errors: {key.rpartition(".")[2]: errors[key] for key in errors})


@defect("required-fields-in-other-words", "CE-START-REQUIRED-SENTENCE", kind=Kind.SHAPE)
def required_in_other_words(wrong: Wrong) -> None:
    def reworded(errors: Mapping[str, Any]) -> Any:
        text = json.dumps(errors).replace("field is required.", "field must be there.")
        return json.loads(text)

    renamed(wrong, reworded)


@defect("malformed-dids-are-only-looked-up", "CE-START-NAMES-MALFORMED")
def malformed_dids_are_looked_up(wrong: Wrong) -> None:
    def unresolved(refusal: Body) -> Body | None:
        malformed = "Not a DID" in json.dumps(refusal)
        return {"error": "Cannot resolve DID"} if malformed else None

    wrong.refusals(unresolved)


@defect("only-the-first-wrong-field-is-named", "CE-START-NAMES-ALL", kind=Kind.SHAPE)
def only_the_first_field(wrong: Wrong) -> None:
    renamed(wrong, lambda errors: dict(list(errors.items())[:1]))


@defect("dids-are-looked-up-in-lower-case", "CE-START-DID-CASE")
def dids_in_lower_case(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        dataset = body.get("dataset")
        did = dataset.get("documentId") if isinstance(dataset, dict) else None
        if isinstance(did, str) and did != did.lower():
            body["dataset"] = {**body["dataset"], "documentId": did.lower()}
            house(body)

    wrong.starts(change)


@defect("types-are-not-looked-at", "CE-START-TYPES")
def types_are_not_looked_at(wrong: Wrong) -> None:
    def unchecked(self: Text, value: Any, *_: Any, **__: Any) -> str:
        return value.strip()  # type: ignore[no-any-return]

    wrong.patch(Text, "_deserialize", unchecked)


# Further datasets


def further(wrong: Wrong, change: Callable[[Body, Any], None]) -> None:
    """Change starts that name further datasets."""

    def named(body: Body) -> None:
        if "additionalDatasets" in body:
            change(body, body["additionalDatasets"])

    wrong.starts(named)


@defect("further-datasets-are-ignored", "CE-START-FURTHER")
def further_are_ignored(wrong: Wrong) -> None:
    def without(body: Body, value: Any) -> None:
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            del body["additionalDatasets"]

    further(wrong, without)


@defect("input-dids-are-sorted", "CE-START-FURTHER", kind=Kind.SHAPE)
def input_dids_are_sorted(wrong: Wrong) -> None:
    wrong.jobs(lambda request, job: job["inputDID"].sort(reverse=True))


@defect("additional-inputs-must-not-be-empty", "CE-START-FURTHER-NONE")
def empty_inputs_are_refused(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if body.get("additionalInputs") == []:
            body["additionalInputs"] = "invalid"

    wrong.starts(change)


@defect("additional-inputs-are-an-unknown-name", "CE-START-FURTHER-SYNONYM")
def inputs_are_unknown(wrong: Wrong) -> None:
    wrong.starts(lambda body: body.pop("additionalInputs", None))


@defect("further-datasets-that-are-no-list-are-ignored", "CE-START-FURTHER-LIST")
def no_list_is_ignored(wrong: Wrong) -> None:
    load = FurtherDatasets._deserialize

    def lenient(self: FurtherDatasets, value: Any, *more: Any, **options: Any) -> Any:
        found = load(self, value, *more, **options)
        return found if isinstance(found, list) else []

    wrong.patch(FurtherDatasets, "_deserialize", lenient)


@defect("further-datasets-need-no-order", "CE-START-FURTHER-NEEDS", kind=Kind.SECURITY)
def further_need_no_order(wrong: Wrong) -> None:
    def paid(body: Body, value: Any) -> None:
        for one in value if isinstance(value, list) else ():
            if isinstance(one, dict):
                one.setdefault("transferTxId", fresh_order())

    further(wrong, paid)


@defect("further-datasets-are-named-by-another-count", "CE-START-FURTHER-NAMED", kind=Kind.SHAPE)
def further_named_otherwise(wrong: Wrong) -> None:
    def rewrite(refusal: Body) -> Body | None:
        text = json.dumps(refusal).replace("datasets[1]", "additional_inputs[0]")
        return json.loads(text)  # type: ignore[no-any-return]

    wrong.refusals(rewrite)
