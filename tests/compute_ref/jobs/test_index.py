"""The index: always what a look at every document would have found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute_ref.jobs.documents import to_document
from compute_ref.jobs.entries import Entry
from compute_ref.jobs.index import Group, JobFilter, JobIndex, Known, order_name
from compute_ref.jobs.model import Job, Status
from tests.compute_ref.jobs.builders import job

OWNERS: Final = ("0xA", "0xB", "0xC")
DOCUMENTS: Final = ("did:op:1", "did:op:2")
ORDERS: Final = ("0xa", "0xB1", "c2")


def put(index: JobIndex, one: Job) -> None:
    index.watch("jobs", one.job_id, Entry.at(0, 1, Known.of(to_document(one))))


def drop(index: JobIndex, job_id: str) -> None:
    index.watch("jobs", job_id, None)


def found(index: JobIndex, **conditions: str) -> list[str]:
    return list(index.find(JobFilter(**conditions)))


@pytest.mark.parametrize("order", ["0xAB", "0xab", "AB", "ab", "0Xab"])
def test_an_order_is_known_with_or_without_its_prefix_in_any_case(order: str) -> None:
    assert order_name(order) == "0xab"
    index = JobIndex()
    put(index, job("a", order=order))
    for asked in ("0xAB", "ab", "0XaB"):
        assert found(index, agreement_id=asked) == ["a"]
    assert found(index, agreement_id="0xabc") == []


def test_an_agreement_may_be_asked_for_by_its_document() -> None:
    index = JobIndex()
    put(index, job("a"))
    put(index, replace(job("b"), document_id="did:op:other"))
    assert found(index, agreement_id="did:op:other") == ["b"]


def test_jobs_of_one_order_are_newest_first_also_when_an_old_one_came_late() -> None:
    index = JobIndex()
    for number, order in enumerate(("0x1", "0x2", "0x2")):
        put(index, job(f"j{number}", order=order, created=float(number)))
    put(index, job("j0", order="0x2", created=0.0))  # run again under the other order
    assert found(index, agreement_id="0x2") == ["j2", "j1", "j0"]
    assert found(index, agreement_id="0x1") == []


def test_what_changes_keeps_its_place() -> None:
    index = JobIndex()
    for name in ("a", "b", "c"):
        put(index, job(name))
    put(index, replace(job("a"), status=Status.RUNNING))
    assert found(index, owner=job("a").owner) == ["c", "b", "a"]
    assert found(index) == ["c", "b", "a"]


def test_a_job_that_is_being_deleted_is_unfinished_and_not_found() -> None:
    index = JobIndex()
    put(index, replace(job("a"), status=Status.COMPLETED))
    assert list(index.unfinished) == []
    put(index, replace(job("a"), status=Status.COMPLETED, deleting=True))
    assert list(index.unfinished) == ["a"]
    assert found(index, job_id="a") == []
    drop(index, "a")
    assert list(index.unfinished) == []


def test_other_tables_are_none_of_its_business() -> None:
    index = JobIndex()
    index.watch("plans", "a", Entry.at(0, 1))
    index.watch("plans", "a", None)
    assert index.jobs == {}


def test_a_group_forgets_a_name_with_its_last_job() -> None:
    group = Group()
    for job_id in ("a", "b", "c"):
        group.add("x", job_id)
    group.add("x", "a")
    assert list(group["x"]) == ["a", "b", "c"]
    for job_id in ("b", "b", "a"):
        group.discard("x", job_id)
    assert list(group["x"]) == ["c"]
    group.discard("x", "c")
    assert list(group["x"]) == []
    group.add("x", "d")
    group.discard("x", "c")  # never was there
    assert list(group["x"]) == ["d"]
    group.discard("x", "d")
    group.discard("y", "d")
    assert list(group["x"]) == []


steps = st.tuples(
    st.sampled_from([f"j{number}" for number in range(6)]),
    st.none()
    | st.fixed_dictionaries(
        {
            "agreement_id": st.sampled_from(ORDERS),
            "status": st.sampled_from([Status.WARMING_UP, Status.RUNNING, Status.COMPLETED]),
            "deleting": st.booleans(),
        }
    ),
)
owners_of: Final = {f"j{number}": OWNERS[number % 3] for number in range(6)}
document_of: Final = {f"j{number}": DOCUMENTS[number % 2] for number in range(6)}
filters = st.builds(
    JobFilter,
    job_id=st.none() | st.sampled_from([*owners_of, "other"]),
    owner=st.none() | st.sampled_from([*OWNERS, "0xD"]),
    document_id=st.none() | st.sampled_from([*DOCUMENTS, "did:op:3"]),
    agreement_id=st.none() | st.sampled_from([*ORDERS, "0xA", "b1", *DOCUMENTS, "0xff"]),
)


def expected(jobs: Mapping[str, Job], wanted: JobFilter) -> set[str]:
    """What a look at every job finds; order names are compared the slow way."""

    def same_order(one: Job) -> bool:
        asked, held = (wanted.agreement_id or "").lower(), one.agreement_id.lower()
        return asked.removeprefix("0x") == held.removeprefix("0x")

    return {
        one.job_id
        for one in jobs.values()
        if not one.deleting
        and wanted.job_id in (None, one.job_id)
        and wanted.owner in (None, one.owner)
        and wanted.document_id in (None, one.document_id)
        and (wanted.agreement_id in (None, one.document_id) or same_order(one))
    }


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(steps, max_size=25), st.lists(filters, min_size=1, max_size=5))
def test_whatever_happens_to_jobs_the_index_knows_them(
    changes: list[tuple[str, dict[str, Any] | None]], asked: list[JobFilter]
) -> None:
    index, jobs = JobIndex(), dict[str, Job]()
    for created, (name, fields) in enumerate(changes):
        if fields is None:
            jobs.pop(name, None)
            drop(index, name)
            continue
        old = jobs.get(name, replace(job(name, owners_of[name]), created=float(created)))
        jobs[name] = replace(old, document_id=document_of[name], **fields)
        put(index, jobs[name])
    for wanted in asked:
        ids = list(index.find(wanted))
        assert set(ids) == expected(jobs, wanted)
        ages = [jobs[job_id].created for job_id in ids]
        assert ages == sorted(ages, reverse=True)
    queued = [j.owner for j in jobs.values() if j.status is Status.WARMING_UP and not j.deleting]
    assert index.queued == Counter(queued)
    assert index.queued_in_all == len(queued)
    assert set(index.unfinished) == {
        j.job_id for j in jobs.values() if j.deleting or j.status is not Status.COMPLETED
    }
    assert set(index.jobs) == set(jobs)


def test_messages_are_found_by_their_job_until_it_goes() -> None:
    index = JobIndex()
    put(index, job("a"))
    for digest in ("d1", "d2"):
        index.watch("messages", digest, Entry.at(0, 1, ("a",)))
    assert list(index.messages_of("a")) == ["d1", "d2"]
    for digest in ("d1", "d2"):
        index.watch("messages", digest, None)
    drop(index, "a")
    assert list(index.messages_of("a")) == []
