"""Jobs as JSON documents: every field comes back, whatever is in it."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from compute_ref.jobs.documents import from_document, to_document
from compute_ref.jobs.model import (
    FinishReason,
    Job,
    Moment,
    Passage,
    Result,
    ResultType,
    Status,
    StopRequest,
)
from compute_ref.jobs.records import decode, encode
from tests.compute_ref.jobs.builders import job

texts: Final = st.text(st.characters(exclude_categories=()), max_size=8)  # also names of files
seconds: Final = st.floats(0, 2**40)
counts: Final = st.integers(0, 2**60)

jobs: Final = st.builds(
    Job,
    **dict.fromkeys(
        ("job_id", "owner", "document_id", "agreement_id", "environment", "algo_did"), texts
    ),
    input_dids=st.lists(texts, max_size=3).map(tuple),
    created=seconds,
    run=counts,
    status=st.sampled_from(Status),
    finished=st.none() | seconds,
    stop_request=st.sampled_from(StopRequest),
    finish_reason=st.none() | st.sampled_from(FinishReason),
    finish_message=texts,
    exit_code=st.none() | st.integers(-255, 255),
    results=st.lists(
        st.builds(Result, texts, counts, st.sampled_from(ResultType), texts, texts), max_size=3
    ).map(tuple),
    results_did=texts,
    results_expired=st.booleans(),
    history=st.lists(st.builds(Passage, counts, st.sampled_from(Status), seconds), max_size=3).map(
        tuple
    ),
    launched=st.none() | texts,
    attempts=counts,
    running_since=st.none() | st.builds(Moment, seconds, texts, seconds),
    deleting=st.booleans(),
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(jobs)
def test_every_job_comes_back_from_the_file_as_it_was(before: Job) -> None:
    after = from_document(decode(encode(to_document(before))))
    assert after == before
    for field in fields(Job):
        assert type(getattr(after, field.name)) is type(getattr(before, field.name)), field.name


def test_a_document_has_one_entry_for_each_field_of_a_job() -> None:
    document = to_document(job("a"))
    assert len(document) == len(fields(Job))


def test_names_are_those_of_the_wire_where_it_has_them() -> None:
    wire = {"owner", "jobId", "documentId", "agreementId", "status", "stopreq", "algoDID"}
    assert wire | {"inputDID", "results", "environment"} <= to_document(job("a")).keys()
