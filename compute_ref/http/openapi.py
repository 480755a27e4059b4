"""The OpenAPI document: every call, parameter, answer and error."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from compute_ref.http import answers, schemas
from compute_ref.http.fields import AnyJson, JsonObject, Text

ERRORS: Final = {
    "400": (answers.Problem, "Malformed (errors) or refused (error)."),
    "404": (answers.Problem, "No such job, result or asset of this caller."),
    "405": (answers.Problem, "The path does not know this method."),
    "413": (answers.Problem, "The body is too large."),
    "415": (answers.Problem, "The body is not JSON."),
    "500": (answers.Fault, "A fault of the server, with the id of its log entry."),
    "503": (answers.Problem, "Not now; Retry-After says when."),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one path."""

    path: str
    method: str
    name: str
    summary: str
    query: type[schemas.Request] | None = None
    body: type[schemas.Request] | None = None
    answer: Any = None
    token: bool = False


CALLS: Final = (
    Call("/", "get", "discovery", "Where everything is.", answer=answers.Discovery),
    Call(
        "/api/services/compute",
        "post",
        "computeStart",
        "Start or restart a job.",
        body=schemas.Start,
        answer=[answers.StatusObject],
        token=True,
    ),
    Call(
        "/api/services/compute",
        "get",
        "computeStatus",
        "Jobs, newest first.",
        query=schemas.Find,
        answer=[answers.StatusObject],
        token=True,
    ),
    Call(
        "/api/services/compute",
        "put",
        "computeStop",
        "Stop jobs; query string or JSON body.",
        query=schemas.Reference,
        body=schemas.Reference,
        answer=[answers.StatusObject],
        token=True,
    ),
    Call(
        "/api/services/compute",
        "delete",
        "computeDelete",
        "Stop and delete jobs; query string or JSON body.",
        query=schemas.Reference,
        body=schemas.Reference,
        answer=[answers.StatusObject],
        token=True,
    ),
    Call(
        "/api/services/computeResult",
        "get",
        "computeResult",
        "One file of a finished job.",
        query=schemas.ResultQuery,
        answer="binary",
        token=True,
    ),
    Call(
        "/api/services/computeEnvironments",
        "get",
        "computeEnvironments",
        "Environments: a list with chainId, an object by chain without.",
        query=schemas.EnvironmentsQuery,
        answer=answers.ENVIRONMENTS,
    ),
    Call(
        "/api/services/initializeCompute",
        "post",
        "initializeCompute",
        "Would such a start be admitted?",
        body=schemas.Initialize,
        answer=answers.Quote,
    ),
    Call(
        "/api/services/fileinfo",
        "post",
        "fileinfo",
        "Facts about a service's files.",
        body=schemas.FileInfo,
        answer=[answers.FileFacts],
    ),
    Call(
        "/api/services/nonce",
        "get",
        "nonce",
        "The last nonce of an address.",
        query=schemas.NonceQuery,
        answer=answers.Nonce,
    ),
    Call(
        "/api/services/createAuthToken",
        "get",
        "createAuthToken",
        "Make an AuthToken.",
        query=schemas.TokenQuery,
        answer=answers.Token,
    ),
    Call(
        "/api/services/deleteAuthToken",
        "delete",
        "deleteAuthToken",
        "Revoke an AuthToken; query string or JSON body.",
        query=schemas.TokenRemoval,
        body=schemas.TokenRemoval,
        answer=answers.Success,
    ),
    Call(
        "/api/aquarius/assets/ddo/{did}",
        "get",
        "assetDdo",
        "A DDO of the catalogue.",
        answer=answers.Ddo,
    ),
    Call("/spec", "get", "specification", "This document.", answer=answers.Document),
)


def specification() -> dict[str, Any]:
    """The whole document."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Ocean Provider Compute Endpoints",
        version=version("compute-ref"),
        openapi_version="3.1.0",
        info={"description": "Start, watch, stop and delete compute jobs next to private data."},
        plugins=[plugin],
    )
    assert plugin.converter is not None  # noqa: S101 - set once the plugin belongs to a spec
    plugin.converter.add_attribute_function(_as_sent)  # type: ignore[no-untyped-call]
    plugin.converter.field_mapping[Text] = ("string", None)
    plugin.converter.field_mapping[JsonObject] = ("object", None)
    plugin.converter.field_mapping[AnyJson] = (None, None)
    for call in CALLS:
        spec.path(path=call.path, operations={call.method: _operation(call)})
    return spec.to_dict()


def _as_sent(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """What JSON Schema says in another way than the field itself."""
    more: dict[str, Any] = {}
    if "pattern" in ret:
        more["pattern"] = "^" + ret["pattern"].replace("\\Z", "$")
    if isinstance(field, Text) and field.number:
        more["type"] = ["string", "number"]
    if field.metadata.get("or_text"):
        more["anyOf"] = [{"$ref": ret.pop("$ref")}, {"type": "string"}]
    return more


def _operation(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "parameters": _parameters(call),
        "responses": {
            "200": {"description": "Done.", "content": _content(call.answer)},
            **{
                code: {"description": text, "content": _content(schema)}
                for code, (schema, text) in ERRORS.items()
            },
        },
    }
    if call.name == "computeResult":
        found["responses"] |= {
            "206": {"description": "A part of the file.", "content": _content("binary")},
            "304": {"description": "The client has this file."},
            "416": {"description": "No such range.", "content": _content(answers.Problem)},
        }
    if call.body:
        content = {"application/json": {"schema": call.body}}
        found["requestBody"] = {"required": call.method == "post", "content": content}
    return found


def _parameters(call: Call) -> list[Any]:
    found: list[Any] = []
    if call.query:  # of which nothing is required where a body may stand instead
        found.append({"in": "query", "schema": call.query(partial=call.body is not None)})
    if call.token:
        found.append(_parameter("AuthToken", "header", "A token instead of a signature."))
    if call.name == "computeResult":
        found += [
            _parameter("Range", "header", "One range of bytes."),
            _parameter("If-Range", "header", "Only if the file has this ETag."),
            _parameter("If-None-Match", "header", "Not if the file has this ETag."),
        ]
    if "{did}" in call.path:
        found.append({**_parameter("did", "path", "The asset."), "required": True})
    return found


def _parameter(name: str, place: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": place, "description": text, "schema": {"type": "string"}}


def _content(answer: Any) -> dict[str, Any]:
    if answer == "binary":
        return {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    schema = {"type": "array", "items": answer[0]} if isinstance(answer, list) else answer
    return {"application/json": {"schema": schema}}
