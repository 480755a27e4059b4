"""What was made lately: good for the very object that it was made from, and bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compute_ref.clock import Clock
from compute_ref.jobs.documents import to_document
from compute_ref.jobs.model import Result, ResultType, Status
from compute_ref.jobs.recent import Recent
from compute_ref.jobs.store import FEW, Store
from tests.compute_ref.jobs.builders import ROOMY, claim, job, plan


def test_a_value_is_good_for_its_own_source_only() -> None:
    recent: Recent[str, object, str] = Recent()
    old, new = object(), object()
    recent.keep("a", old, "made of old")
    assert recent.get("a", old) == "made of old"
    assert recent.get("a", new) is None
    assert recent.get("b", old) is None


def test_the_oldest_value_goes_when_there_are_too_many() -> None:
    recent: Recent[str, object, str] = Recent(2)
    source = object()
    for key in ("a", "b", "a", "c"):
        recent.keep(key, source, key)
    assert [recent.get(key, source) for key in "abc"] == ["a", None, "c"]


def test_a_job_is_read_from_the_file_once_and_again_after_a_change(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Clock())
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    first = store.get("a")
    assert store.get("a") is first
    changed = store.change("a", lambda old: old.entered(Status.STARTED, 2.0))
    assert store.get("a") == changed != first
    store.close()


def test_a_job_of_many_results_is_not_kept_in_memory(tmp_path: Path) -> None:
    store, result = Store.open(tmp_path, Clock()), Result("a", 1, ResultType.OUTPUT, "", "a")
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    store.change("a", lambda old: replace(old, results=(result,) * (FEW + 1)))
    assert store.get("a") is not store.get("a")
    assert store.get("a") == store.get("a")
    store.close()


def test_a_job_that_tinydb_changes_is_seen_changed(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Clock())
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    assert not store.get("a").results_did
    document = to_document(store.get("a")) | {"resultsDid": "did:op:1"}
    store.db.journal_table("jobs").put("a", document)
    assert store.get("a").results_did == "did:op:1"
    store.compact()
    assert store.get("a").results_did == "did:op:1"
    store.close()
