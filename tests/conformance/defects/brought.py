"""Servers that take wrongly what a start may bring along."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from compute_ref.assets.admission import Admission
from compute_ref.assets.requests import StartRequest
from compute_ref.http.fields import AnyJson
from compute_ref.http.schemas import AlgorithmSchema
from compute_ref.refusals import EnvironmentUnknown
from compute_ref.settings import Environment
from tests.conformance.defects.defect import Wrong, defect
from tests.conformance.defects.makers import Body, raw_metas


@defect("environment-is-demanded", "CE-START-DEFAULT-ENVIRONMENT")
def environment_is_demanded(wrong: Wrong) -> None:
    environment = Admission._environment

    def strict(self: Any, request: StartRequest) -> Environment:
        if not request.environment:
            raise EnvironmentUnknown
        return environment(self, request)

    wrong.patch(Admission, "_environment", strict)


@defect("default-environment-is-the-first-of-all-chains", "CE-START-ENVIRONMENT-OF-CHAIN")
def default_environment_is_of_any_chain(wrong: Wrong) -> None:
    elsewhere = Environment("elsewhere", "instant", chains=(1,), maxJobs=8)
    wrong.settings(lambda had: replace(had, environments=(elsewhere, *had.environments)))
    wrong.patch(Admission, "_chain", lambda self, request: None)


@defect("unknown-environment-is-the-default-one", "CE-START-UNKNOWN-ENVIRONMENT")
def unknown_environment_is_the_default(wrong: Wrong) -> None:
    environment = Admission._environment

    def lenient(self: Any, request: StartRequest) -> Environment:
        try:
            return environment(self, request)
        except EnvironmentUnknown:
            return environment(self, replace(request, environment=""))

    wrong.patch(Admission, "_environment", lenient)


@defect("empty-url-counts-as-a-url", "CE-START-EMPTY-URL")
def empty_url_counts(wrong: Wrong) -> None:
    def change(meta: Body) -> None:
        if meta.get("url") == "" and meta.get("rawcode"):
            meta["url"] = "about:blank"

    raw_metas(wrong, change)


@defect("url-beside-code-is-dropped", "CE-START-CODE-AND-URL")
def url_beside_code_is_dropped(wrong: Wrong) -> None:
    def change(meta: Body) -> None:
        if meta.get("rawcode"):
            meta.pop("url", None)

    raw_metas(wrong, change)


def _is_both(algorithm: Any) -> bool:
    return isinstance(algorithm, dict) and bool(algorithm.get("meta")) and "documentId" in algorithm


@defect("document-id-wins-over-meta", "CE-START-META-WINS")
def document_id_wins(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if _is_both(body.get("algorithm")):
            del body["algorithm"]["meta"]

    wrong.starts(change)


@defect("meta-runs-under-the-name-of-the-did", "CE-START-META-WINS")
def meta_runs_under_the_did(wrong: Wrong) -> None:
    algorithm = Admission._algorithm

    def named(self: Any, request: StartRequest, *more: Any) -> Any:
        found = algorithm(self, request, *more)
        return replace(found, document_id=request.algorithm.asset.document_id or found.document_id)

    wrong.patch(Admission, "_algorithm", named)


@defect("meta-text-is-not-read", "CE-START-META-TEXT")
def meta_text_is_not_read(wrong: Wrong) -> None:
    wrong.patch(AlgorithmSchema, "read_meta", lambda self, data, **_: data)


@defect("meta-text-that-is-no-json-is-code", "CE-START-META-NO-JSON")
def broken_meta_is_code(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        meta = body.get("algorithm", {}).get("meta")
        if isinstance(meta, str) and not meta.startswith('{"'):
            container = {"entrypoint": "sh $ALGO"}
            body["algorithm"]["meta"] = {"rawcode": meta, "container": container}

    wrong.starts(change)


@defect("userdata-must-be-text", "CE-START-USERDATA")
def userdata_must_be_text(wrong: Wrong) -> None:
    wrong.patch(AnyJson, "_deserialize", lambda self, value, *_, **__: json.loads(value))


@defect("userdata-must-be-an-object", "CE-START-USERDATA-TEXT")
def userdata_must_be_an_object(wrong: Wrong) -> None:
    wrong.patch(AnyJson, "_deserialize", lambda self, value, *_, **__: {**value})


@defect("output-is-refused", "CE-START-OUTPUT")
def output_is_refused(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if body.get("output"):
            body["output"] = [body["output"]]

    wrong.starts(change)


@defect("output-of-any-kind-is-taken", "CE-START-OUTPUT-OBJECT")
def output_of_any_kind(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        if not isinstance(body.get("output"), dict):
            body.pop("output", None)

    wrong.starts(change)
