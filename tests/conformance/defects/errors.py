"""Servers that say no in a way that clients cannot read, or that others should not read."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final
from urllib.parse import parse_qs

import falcon
import webob

from compute_ref.http import errors, parameters, routes, schemas
from compute_ref.refusals import Malformed, Refused
from tests.conformance.defects.defect import Kind, Wrong, defect

malformed, refused, unified = errors.malformed, errors.refused, parameters.unified
Errors = dict[str, list[str]]
NO_DID: Final = "did:op:" + "0" * 64


def told_otherwise(
    name: str, breaks: str, change: Callable[[Errors], Any], kind: Kind = Kind.SHAPE
) -> None:
    """A defect of what is told of wrong fields; `change` makes the whole answer of errors."""

    def otherwise(req: Any, resp: falcon.Response, error: Malformed, params: Any) -> None:
        malformed(req, resp, error, params)
        resp.media = change(error.errors)

    defect(name, breaks, kind=kind)(lambda wrong: wrong.patch(errors, "malformed", otherwise))


def usual(told: Any) -> dict[str, Any]:
    """The answer of wrong fields."""
    return {"errors": told, "message": "Validation error", "success": False}


def last_names(told: Errors) -> Errors:
    """Errors by the names of the fields alone."""
    return {path.rpartition(".")[2]: texts for path, texts in told.items()}


def first(told: Errors) -> Errors:
    """The first field alone."""
    return dict(list(told.items())[:1])


def missing_alone(told: Errors) -> Errors:
    """What is missing; of what is wrong the first field."""
    required = {path: texts for path, texts in told.items() if "required" in texts[0]}
    return required or first(told)


told_otherwise("wrong-fields-in-detail", "CE-ERROR-OBJECT", lambda told: {"detail": told})
told_otherwise(
    "fields-required-in-other-words",
    "CE-ERROR-REQUIRED-SENTENCE",
    lambda told: usual({path: ["Missing data for required field."] for path in told}),
)
told_otherwise(
    "wrong-fields-as-a-sentence",
    "CE-ERROR-ERRORS",
    lambda told: {"error": "; ".join(text for texts in told.values() for text in texts)},
)
told_otherwise(
    "wrong-fields-by-code",
    "CE-ERROR-ERRORS",
    lambda told: usual(
        {
            path: [{"code": "invalid", "text": text} for text in texts]
            for path, texts in told.items()
        }
    ),
)
told_otherwise("errors-by-last-name", "CE-ERROR-DOTTED", lambda told: usual(last_names(told)))
told_otherwise(
    "errors-without-arrays",
    "CE-ERROR-SENTENCES",
    lambda told: usual({path: texts[0] for path, texts in told.items()}),
)
told_otherwise(
    "errors-without-message", "CE-ERROR-MEMBERS", lambda told: {"errors": told, "success": False}
)
told_otherwise(
    "errors-with-success",
    "CE-ERROR-MEMBERS",
    lambda told: {**usual(told), "success": "false"},
)
told_otherwise(
    "one-missing-field-at-a-time", "CE-ERROR-ALL-FIELDS", lambda told: usual(first(told))
)
told_otherwise(
    "one-wrong-field-at-a-time", "CE-ERROR-WRONG-FIELDS", lambda told: usual(missing_alone(told))
)
told_otherwise(
    "errors-with-a-trace",
    "CE-ERROR-NO-TRACE",
    lambda told: {**usual(told), "trace": traceback.format_exc()},
    Kind.SECURITY,
)


@defect("empty-is-there", "CE-ERROR-ABSENT")
def empty_is_there(wrong: Wrong) -> None:
    drop = schemas.Request.drop_absent

    @wraps(drop)
    def kept(self: Any, data: Any, **more: Any) -> Any:
        if isinstance(data, Mapping) and data.get("documentId", NO_DID) in (None, ""):
            data = {**data, "documentId": NO_DID}
        return drop(self, data, **more)

    wrong.patch(schemas.Request, "drop_absent", kept)


@defect("wrong-address-is-one-sentence", "CE-ERROR-WRONG-ADDRESS")
def one_sentence(wrong: Wrong) -> None:
    def sentence(req: Any, resp: falcon.Response, error: Malformed, params: Any) -> None:
        if "Not an Ethereum address." in error.errors.get("consumerAddress", []):
            refused(req, resp, Refused("Web3 only works with checksum addresses."), params)
        else:
            malformed(req, resp, error, params)

    wrong.patch(errors, "malformed", sentence)


@defect("refused-by-a-list", "CE-ERROR-REFUSAL", kind=Kind.SHAPE)
def refused_by_a_list(wrong: Wrong) -> None:
    def listed(req: Any, resp: falcon.Response, error: Refused, params: Any) -> None:
        resp.status, resp.media = falcon.HTTP_400, {"error": [error.reason]}

    wrong.patch(errors, "refused", listed)


@defect("unknown-path-is-a-message", "CE-ERROR-UNKNOWN-PATH", kind=Kind.SHAPE)
def unknown_path_is_a_message(wrong: Wrong) -> None:
    def message(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        resp.status, resp.media = falcon.HTTP_404, {"message": "Not Found"}

    wrong.patch(routes, "unknown_path", message)


@defect("signature-told-as-wrong", "CE-ERROR-NO-SIGNATURE", kind=Kind.SECURITY)
def signature_told(wrong: Wrong) -> None:
    def told(request: webob.Request, response: webob.Response) -> None:
        sent = parse_qs(request.query_string).get("signature", [""])[0]
        if response.status_int == 400 and sent and b'"signature"' in response.body:
            text = f"Invalid signature {sent} for ethereum address."
            response.body = json.dumps({"errors": {"signature": [text]}}).encode()

    wrong.answers(told)


@defect("signature-in-a-header", "CE-ERROR-NO-SIGNATURE", kind=Kind.SECURITY)
def signature_in_a_header(wrong: Wrong) -> None:
    def named(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 404 and request.query_string:
            name = f"computeResult?{request.query_string}"
            response.headers["Content-Disposition"] = f"attachment;filename={name}"

    wrong.answers(named)


@defect("token-told-as-wrong", "CE-ERROR-NO-TOKEN", kind=Kind.SECURITY)
def token_told(wrong: Wrong) -> None:
    def told(req: falcon.Request, resp: falcon.Response, error: Malformed, params: Any) -> None:
        malformed(req, resp, error, params)
        if req.get_header("AuthToken"):
            resp.media = {**resp.media, "token": req.get_header("AuthToken")}

    wrong.patch(errors, "malformed", told)


@defect("refusal-with-its-context", "CE-ERROR-NO-CODE", kind=Kind.SECURITY)
def with_its_context(wrong: Wrong) -> None:
    sent: list[dict[str, Any]] = []

    def kept(parameters: Any) -> dict[str, Any]:
        sent[:] = [dict(parameters)]
        return unified(parameters)

    def told(req: Any, resp: falcon.Response, error: Refused, params: Any) -> None:
        refused(req, resp, error, params)
        shown = {key: value for key, value in sent[0].items() if key not in HIDDEN}
        resp.media = {**resp.media, "context": shown}

    wrong.patch(parameters, "unified", kept)
    wrong.patch(errors, "refused", told)


HIDDEN = ("signature", "nonce")


@defect("refusal-with-a-file-name", "CE-ERROR-NO-PATH", kind=Kind.SECURITY)
def with_a_file_name(wrong: Wrong) -> None:
    def told(req: Any, resp: falcon.Response, error: Refused, params: Any) -> None:
        refused(req, resp, error, params)
        if "did_not_found" in str(error.reason):
            text = "[Errno 2] No such file or directory: '/var/lib/provider/assets/none.json'"
            resp.media = {**resp.media, "reason": text}

    wrong.patch(errors, "refused", told)
