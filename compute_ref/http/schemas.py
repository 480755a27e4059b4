"""What each call takes: the one description that requests are checked by and /spec is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, pre_load, validate

from compute_ref.http.fields import (
    AnyJson,
    JsonObject,
    Text,
    address,
    did,
    nonce,
    required,
    structured,
    transaction,
)
from compute_ref.refusals import Malformed


class Request(Schema):
    """A request's parameters; unknown ones are ignored, absent, null and "" are the same."""

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE

    @pre_load
    def drop_absent(self, data: Any, **_: Any) -> Any:
        """Leave out what is null or ""."""
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None and value != ""}


class Signed(Request):
    """Who is asking, in every signed call."""

    consumerAddress = address("The consumer; also as owner.", **required("consumerAddress"))
    signature = Text(metadata={"description": "Signature over the joined parts of the call."})
    nonce = nonce()


class DatasetSchema(Request):
    """One dataset of a start."""

    documentId = did("DID of the dataset.", **required("dataset.documentId"))
    serviceId = Text(metadata={"description": "Id of the service."})
    transferTxId = transaction()
    userdata = AnyJson(metadata={"description": "Handed to the plug-in that fetches the data."})


class FurtherDataset(DatasetSchema):
    """One further dataset of a start."""

    documentId = did("DID of the dataset.")


class Kept(Request):
    """A part of a request that is stored with all that it says, for comparing a restart."""

    class Meta:
        """Marshmallow's options."""

        unknown = INCLUDE


class ContainerSchema(Kept):
    """How to run the algorithm."""

    entrypoint = Text(metadata={"description": "Shell command; $ALGO is the algorithm's file."})
    image = Text(metadata={"description": "Container image."})
    tag = Text(metadata={"description": "Tag of the image."})
    checksum = Text(metadata={"description": "sha256: digest of the image."})


class MetaSchema(Kept):
    """An algorithm that the consumer brings along."""

    rawcode = Text(metadata={"description": "The code itself."})
    url = Text(metadata={"description": "Where the code lies; instead of rawcode."})
    language = Text(metadata={"description": "Language of the code; informative."})
    format = Text(metadata={"description": "Format of the code; informative."})
    version = Text(metadata={"description": "Version of the code; informative."})
    container = fields.Nested(ContainerSchema, metadata={"description": "How to run the code."})
    consumerParameters = AnyJson(metadata={"description": "Parameters it expects; informative."})


class AlgorithmSchema(Request):
    """The algorithm of a start: a published one, or ``meta``, which wins."""

    documentId = did("DID of the algorithm.")
    serviceId = Text(metadata={"description": "Id of its service."})
    transferTxId = transaction()
    meta = fields.Nested(
        MetaSchema,
        metadata={
            "description": "Raw algorithm, or JSON text of one; wins over the DID.",
            "or_text": True,
        },
    )
    userdata = AnyJson(metadata={"description": "Stored."})
    algocustomdata = AnyJson(metadata={"description": "The algorithm's algoCustomData.json."})

    @pre_load
    def read_meta(self, data: Any, **_: Any) -> Any:
        """Let ``meta`` be JSON text as well."""
        if isinstance(data, Mapping) and isinstance(data.get("meta"), str):
            try:
                return {**data, "meta": JsonObject().deserialize(data["meta"])}
            except ValidationError as broken:
                raise ValidationError(broken.messages, "meta") from broken
        return data


class FurtherDatasets(fields.Field[Any]):
    """A list of datasets, or JSON text of one; anything else is left for the domain to refuse."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        value = structured(value)
        if isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value):
            return FurtherDataset(many=True).load(value)
        return value


class Start(Signed):
    """POST compute: a new job, or with ``jobId`` a further run of one (reading R10)."""

    environment = Text(metadata={"description": "Environment id; default the chain's first one."})
    dataset = fields.Nested(
        DatasetSchema, metadata={"description": "The main dataset. May be left out in a restart."}
    )
    algorithm = fields.Nested(
        AlgorithmSchema, metadata={"description": "The algorithm. May be left out in a restart."}
    )
    additionalDatasets = FurtherDatasets(
        metadata={"description": "Further datasets; also as additionalInputs."}
    )
    output = AnyJson(metadata={"description": "An object for plug-ins that publish results."})
    jobId = Text(metadata={"description": "A final job of the caller's, to run again."})


class Reference(Signed):
    """PUT and DELETE compute: which jobs."""

    jobId = Text(metadata={"description": "One job."})
    documentId = did("All jobs of this main dataset.")


class Find(Request):
    """GET compute: which jobs; at least one of the first four."""

    consumerAddress = address("Jobs of this owner; also as owner.")
    documentId = did("Jobs of this main dataset.")
    jobId = Text(metadata={"description": "One job."})
    agreementId = Text(metadata={"description": "Jobs of this order or documentId."})
    signature = Text(metadata={"description": "Opens the signed view of one job."})
    nonce = nonce()
    limit = fields.Integer(
        load_default=1000,
        validate=validate.Range(1, 1000),
        metadata={"description": "At most so many jobs."},
    )
    offset = fields.Integer(
        load_default=0,
        validate=validate.Range(0, 2**53),
        metadata={"description": "Leave out so many of the newest."},
    )


class ResultQuery(Signed):
    """GET computeResult: which file."""

    jobId = Text(metadata={"description": "The job; may be left out with an AuthToken."})
    index = Text(
        number=True,
        validate=validate.Regexp(r"(0|[1-9][0-9]*)\Z", error="Not an index: 0, 1, 2, …"),
        metadata={"description": "Index in results; default 0."},
    )


class EnvironmentsQuery(Request):
    """GET computeEnvironments."""

    chainId = fields.Integer(metadata={"description": "One chain's, as a list; also as chainID."})


class NonceQuery(Request):
    """GET nonce."""

    userAddress = address("Whose nonce.", **required("userAddress"))


class TokenQuery(Request):
    """GET createAuthToken."""

    address = address("Whose token.", **required("address"))
    nonce = nonce(**required("nonce"))
    signature = Text(metadata={"description": "Over address and nonce."}, **required("signature"))
    expiration = fields.Integer(
        metadata={"description": "Unix time in the future."}, **required("expiration")
    )


class TokenRemoval(Request):
    """DELETE deleteAuthToken."""

    address = address("Whose token.", **required("address"))
    nonce = nonce(**required("nonce"))
    signature = Text(metadata={"description": "Over address and nonce."}, **required("signature"))
    token = Text(metadata={"description": "The token."}, **required("token"))


class QuotedCompute(Request):
    """The environment asked for in initializeCompute."""

    env = Text(metadata={"description": "Environment id."}, **required("compute.env"))
    validUntil = fields.Integer(
        metadata={"description": "Unix time in the future."}, **required("compute.validUntil")
    )


class Initialize(Request):
    """POST initializeCompute: would such a start be admitted, and what must be ordered."""

    datasets = fields.List(
        fields.Nested(FurtherDataset),
        metadata={"description": "Main dataset first."},
        **required("datasets"),
    )
    algorithm = fields.Nested(
        AlgorithmSchema, metadata={"description": "The algorithm."}, **required("algorithm")
    )
    compute = fields.Nested(
        QuotedCompute, metadata={"description": "Where and until when."}, **required("compute")
    )
    consumerAddress = address("The environment's or consumer's.", **required("consumerAddress"))


class FileInfo(Request):
    """POST fileinfo: files of a service, or a URL where the configuration allows it."""

    did = did("The asset.")
    serviceId = Text(metadata={"description": "Its service."})
    checksum = fields.Raw(metadata={"description": "Truthy: tell SHA-256 too (algorithms only)."})
    type = Text(metadata={"description": "``url`` for a file of the caller's own."})
    url = Text(metadata={"description": "The caller's URL."})
    method = Text(metadata={"description": "Its method."})
    headers = fields.Dict(metadata={"description": "Its headers."})


def loaded(
    schema: type[Request], parameters: Mapping[str, Any], needed: Iterable[str] = ()
) -> dict[str, Any]:
    """The parameters as `schema` reads them; Malformed with every wrong field.

    `needed` are dotted names of fields that must be there in this very request.
    """
    wrong = {
        name: [f"The {name} field is required."]
        for name in needed
        if name.partition(".")[0] not in parameters
    }
    try:
        found: dict[str, Any] = _reader(schema).load(parameters)
    except ValidationError as error:
        raise Malformed({**flat(error.messages), **wrong}) from error
    if wrong:
        raise Malformed(wrong)
    return found


@cache
def _reader(schema: type[Request]) -> Request:
    """One instance for all requests: to make one costs as much as to read with it."""
    return schema()


def flat(messages: Any, path: str = "") -> dict[str, list[str]]:
    """Marshmallow's nested messages by dotted path."""
    if isinstance(messages, dict):
        found: dict[str, list[str]] = {}
        for key, inner in messages.items():
            step = "" if key == "_schema" else str(key)
            found |= flat(inner, ".".join(part for part in (path, step) if part))
        return found
    return {path or "body": [str(text) for text in messages]}
