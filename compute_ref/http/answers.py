"""What the calls answer with, for /spec and for tests that hold the server to it."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import INCLUDE, Schema, fields


class Answer(Schema):
    """An answer; servers may add members."""

    class Meta:
        """Marshmallow's options."""

        unknown = INCLUDE


def told(text: str, **more: Any) -> dict[str, Any]:
    """Options of a field that is always there, with its description."""
    return {"required": True, "metadata": {"description": text, **more}}


def maybe(text: str) -> dict[str, Any]:
    """Options of a field that may be left out, with its description."""
    return {"metadata": {"description": text}}


class ResultObject(Answer):
    """One file of a job."""

    filename = fields.String(**told("Name, with folders."))
    filesize = fields.Integer(**told("Bytes."))
    type = fields.String(
        **told(
            "What it is.",
            enum=["output", "algorithmLog", "configrationLog", "filteringLog", "publishLog"],
        )
    )
    index = fields.Integer(**told("For computeResult."))
    sha256 = fields.String(**maybe("Hex; signed view only."))


class HistoryEntry(Answer):
    """One status that was passed."""

    run = fields.Integer(**told("Number of the run, from 1."))
    status = fields.Integer(**told("Code."))
    statusText = fields.String(**told("Its text."))
    at = fields.String(**told("Unix seconds."))


class StatusObject(Answer):
    """A job."""

    owner = fields.String(**told("Consumer's address."))
    documentId = fields.String(**told("DID of the main dataset."))
    jobId = fields.String(**told("The job."))
    agreementId = fields.String(**told("The main dataset's order."))
    environment = fields.String(**told("Environment id."))
    dateCreated = fields.String(**told("Unix seconds."))
    dateFinished = fields.String(allow_none=True, **told("Unix seconds, null until final."))
    status = fields.Integer(**told("Code."))
    statusText = fields.String(**told("Its text."))
    stopreq = fields.Integer(**told("0 none, 1 asked, 2 time limit."))
    removed = fields.Integer(**told("1 in the answer to DELETE."))
    algoDID = fields.String(**told("The algorithm, or raw."))
    inputDID = fields.List(fields.String(), **told("The datasets."))
    results = fields.List(fields.Nested(ResultObject), **told("Files; empty until there are any."))
    finishReason = fields.String(allow_none=True, **told("Why the run ended."))
    statusHistory = fields.List(fields.Nested(HistoryEntry), **told("What was passed."))
    resultsExpired = fields.Boolean(**maybe("True once the results are gone."))
    algorithmLogUrl = fields.String(**maybe("Signed view only."))
    resultsUrls = fields.List(fields.String(), **maybe("Signed view only."))
    resultsDid = fields.String(**maybe("Signed view only; empty unless published."))
    finishMessage = fields.String(**maybe("Signed view only; one sentence."))
    algorithmExitCode = fields.Integer(allow_none=True, **maybe("Signed view only."))


class EnvironmentObject(Answer):
    """A compute environment."""

    id = fields.String(**told("Its id."))
    desc = fields.String(**told("For people."))
    cpuNumber = fields.Float(**told("Processors."))
    nCPU = fields.Float(**told("The same."))
    cpuType = fields.String(**told("Their kind."))
    gpuNumber = fields.Integer(**told("GPUs."))
    nGPU = fields.Integer(**told("The same."))
    gpuType = fields.String(**told("Their kind."))
    ramGB = fields.Float(**told("Memory."))
    diskGB = fields.Float(**told("Outputs in total."))
    priceMin = fields.Float(**told("Price of a minute."))
    currentJobs = fields.Integer(**told("Jobs that run."))
    maxJobs = fields.Integer(**told("Jobs that may run."))
    consumerAddress = fields.String(**told("Whom orders name."))
    storageExpiry = fields.Float(**told("Seconds that results stay; 0 for ever."))
    maxJobDuration = fields.Float(**told("Seconds that an algorithm may run."))
    lastSeen = fields.Integer(**told("Unix seconds."))
    feeToken = fields.String(**told("Token of fees."))
    backend = fields.String(**told("What runs the algorithm."))
    enforced = fields.Dict(**told("How each limit and isolation holds."))


ENVIRONMENTS: Final = {
    "oneOf": [
        {"type": "array", "items": EnvironmentObject},
        {"type": "object", "description": "Such a list by chain id."},
    ]
}


class Quoted(Answer):
    """One asset of a quote."""

    datatoken = fields.String(**told("Address of the data token."))
    validOrder = fields.String(**told("A transaction that is valid here."))


class Quote(Answer):
    """What a start would need."""

    datasets = fields.List(fields.Nested(Quoted), **told("In the order asked."))
    algorithm = fields.Nested(Quoted, **maybe("For a published algorithm."))


class FileFacts(Answer):
    """One file."""

    index = fields.Integer(**told("Its place."))
    valid = fields.Boolean(**told("Whether it can be had."))
    contentType = fields.String(**told("Its type, if known."))
    contentLength = fields.String(**told("Bytes, if known."))
    checksum = fields.String(**maybe("SHA-256 in hex."))


class Nonce(Answer):
    """A nonce."""

    nonce = fields.Integer(**told("The last one."))


class Token(Answer):
    """A token."""

    token = fields.String(**told("JWT."))


class Success(Answer):
    """Done."""

    success = fields.String(**told("What was done."))


class Discovery(Answer):
    """Where everything is."""

    software = fields.String(**told("Name."))
    version = fields.String(**told("Version."))
    providerAddresses = fields.Dict(**told("By chain."))
    chainIds = fields.List(fields.Integer(), **told("Chains."))
    serviceEndpoints = fields.Dict(**told("Method and path by name."))


class Ddo(Answer):
    """A DDO v4 document without file objects."""

    id = fields.String(**told("The DID."))


class Document(Answer):
    """An OpenAPI document."""

    openapi = fields.String(**told("Its version."))


class Problem(Answer):
    """Why not."""

    error = fields.Raw(**maybe("A sentence, or a code by resource."))
    errors = fields.Dict(**maybe("Sentences by field."))
    message = fields.String(**maybe("Validation error."))
    success = fields.Boolean(**maybe("False."))


class Fault(Answer):
    """A fault of the server."""

    error = fields.String(**told("A sentence."))
    requestId = fields.String(**told("Id of the log entry."))
