"""The store: what is accepted once, what survives, what is refused."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest
from tinydb import where

from compute_ref.clock import Clock
from compute_ref.jobs.index import JobFilter, JobIndex
from compute_ref.jobs.model import Result, ResultType, Status
from compute_ref.jobs.store import FEW, Store, run_began
from compute_ref.refusals import JobUnknown, NonceUsed, QueueFull, Refused
from compute_ref.testing.clock import MovedClock
from tests.compute_ref.jobs.builders import OWNER, ROOMY, claim, job, plan
from tests.compute_ref.jobs.fallible import FallibleDisk


def opened(folder: Path) -> Store:
    return Store.open(folder, Clock())


def test_an_accepted_job_and_what_paid_for_it_survive_a_reopening(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("1.5"), ROOMY)
    store.close()
    store = opened(tmp_path)
    assert store.get("a") == job("a")
    assert store.plan("a") == plan()
    assert store.last_nonce(OWNER) == "1.5"
    store.close()


def test_a_refused_start_keeps_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("2"), ROOMY)
    with pytest.raises(NonceUsed):
        store.accept(job("b"), plan("0x2"), claim("2"), ROOMY)
    with pytest.raises(Refused, match="order_invalid"):
        store.accept(job("b"), plan("0x1", "other"), claim("3"), ROOMY)
    with pytest.raises(QueueFull):
        store.accept(job("b"), plan("0x3"), claim("3"), replace(ROOMY, max_queued_per_owner=1))
    assert store.last_nonce(OWNER) == "2"
    assert [found.job_id for found in store.find(JobFilter(owner=OWNER))] == ["a"]
    store.close()


def test_of_racing_starts_with_one_nonce_exactly_one_wins(tmp_path: Path) -> None:
    store = opened(tmp_path)
    barrier, won = threading.Barrier(16), []

    def race(number: int) -> None:
        barrier.wait()
        try:
            store.accept(job(f"j{number}"), plan(f"0x{number:x}"), claim("7"), ROOMY)
        except NonceUsed:
            return
        won.append(f"j{number}")

    threads = [threading.Thread(target=race, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [found.job_id for found in store.find(JobFilter(owner=OWNER))] == won
    store.close()


def test_jobs_are_found_newest_first_by_any_of_their_names(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(1, 6):
        order = f"0x{number:x}ab"
        store.accept(job(f"j{number}", order=order), plan(order), claim(str(number)), ROOMY)
    assert [j.job_id for j in store.find(JobFilter(owner=OWNER), limit=2, offset=1)] == ["j4", "j3"]
    assert [j.job_id for j in store.find(JobFilter(agreement_id="3AB"))] == ["j3"]
    assert len(store.find(JobFilter(agreement_id="did:op:" + "1" * 64))) == 5
    assert store.find(JobFilter(job_id="j1", owner="0x0")) == []
    store.close()


def test_a_page_has_a_thousand_jobs_unless_another_number_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store.in_memory(Clock())
    store.accept(job("a"), plan(), None, ROOMY)
    monkeypatch.setattr(JobIndex, "find", lambda *_: repeat("a"))
    assert len(store.find(JobFilter())) == 1_000
    store.close()


def test_a_job_that_was_read_or_changed_is_not_read_again_but_a_long_one_is(
    tmp_path: Path,
) -> None:
    disk = FallibleDisk()
    store = Store.open(tmp_path, Clock(), disk=disk)
    one = Result("a", 1, ResultType.OUTPUT, "", "a")
    for name, count in (("small", FEW), ("long", FEW + 1)):
        store.accept(replace(job(name), results=(one,) * count), plan(), None, ROOMY)
        store.get(name)

    def reads() -> int:
        disk.calls.clear()
        assert [store.get(name).job_id for name in ("small", "long")] == ["small", "long"]
        return sum(call.what == "read" for call in disk.calls)

    assert reads() == 1
    for name in ("small", "long"):
        store.change(name, lambda job: replace(job, attempts=1))
    assert reads() == 1
    store.close()


def test_a_change_waits_for_the_disk_only_where_it_is_told_to(tmp_path: Path) -> None:
    disk = FallibleDisk()
    store = Store.open(tmp_path, Clock(), disk=disk)
    store.accept(job("a"), plan(), None, ROOMY)
    disk.calls.clear()
    store.change("a", lambda one: one.entered(Status.STARTED, 2.0))
    assert "sync" not in [call.what for call in disk.calls]
    store.change("a", lambda one: one.entered(Status.RUNNING, 3.0), sync=True)
    assert "sync" in [call.what for call in disk.calls]
    store.close()


def test_a_job_that_is_being_deleted_can_still_be_changed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), None, ROOMY)
    store.ask_delete(["a"], None)
    store.change("a", lambda one: one.ended(Status.COMPLETED, 2.0, ()))
    assert store.get("a", deleting=True).final
    store.close()


def test_a_job_that_is_removed_is_unknown_however_it_was_looked_at(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for name in ("a", "b"):
        store.accept(job(name, order=f"0x{name}"), plan(f"0x{name}"), None, ROOMY)
    store.ask_delete(["a", "b"], None)
    store.remove("b")
    with pytest.raises(JobUnknown):
        store.get("b", deleting=True)
    store.close()


def test_what_goes_while_jobs_are_looked_for_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    for name in ("a", "going"):
        store.accept(job(name, order=f"0x{name}"), plan(f"0x{name}"), None, ROOMY)
    store.ask_delete(["going"], None)
    monkeypatch.setattr(JobIndex, "find", lambda *_: iter(["gone", "going", "a"]))
    assert [found.job_id for found in store.find(JobFilter())] == ["a"]
    store.close()


def test_a_deleted_job_stays_deleted_and_its_nonce_stays_spent(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    store.ask_delete(["a"], claim("2"))
    with pytest.raises(JobUnknown):
        store.get("a")
    assert [j.job_id for j in store.unfinished()] == ["a"]
    store.remove("a")
    store.close()
    store = opened(tmp_path)
    assert store.unfinished() == []
    assert store.last_nonce(OWNER) == "2"
    with pytest.raises(Refused):
        store.accept(job("b"), plan("0x1", "other"), claim("3"), ROOMY)
    store.close()


def test_a_message_that_paid_is_known_in_every_run_until_its_job_is_gone(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    store.consume(claim("2"), "a", "kept", keep=True)
    store.consume(claim("3"), "a", "let go")
    store.change("a", lambda one: one.ended(Status.COMPLETED, 2.0, ()))
    store.restart("a", OWNER, plan(), claim("4"), ROOMY)
    store.compact()
    store.close()
    store = opened(tmp_path)
    assert (store.message_used("kept"), store.message_used("let go")) == (True, False)
    with pytest.raises(NonceUsed):
        store.consume(claim("5"), "a", "kept")
    assert store.last_nonce(OWNER) == "4"
    store.remove("a")
    assert not store.message_used("kept")
    store.close()


def test_a_restart_keeps_what_the_new_run_is_to_do_and_what_pays_for_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan("0x1"), claim("1"), ROOMY)
    with pytest.raises(Refused) as refused:
        store.restart("a", OWNER, plan("0x2"), claim("2"), ROOMY)
    assert refused.value.reason == {"jobId": "not_final"}
    store.change("a", lambda one: one.ended(Status.COMPLETED, 2.0, ()))
    store.restart("a", OWNER, plan("0x2"), claim("2"), ROOMY)
    store.close()
    store = opened(tmp_path)
    assert store.plan("a") == plan("0x2")
    assert (store.get("a").run, store.get("a").agreement_id) == (2, "0x2")
    (other,) = plan("0x2", "other").orders
    assert store.order_refused(other)
    store.close()


def test_after_a_start_the_run_that_began_first_is_first(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for name, created in (("a", 1.0), ("b", 2.0)):
        store.accept(job(name, created=created), plan(), None, ROOMY)
    store.change("a", lambda one: one.ended(Status.COMPLETED, 3.0, ()))
    store.restart("a", OWNER, plan(), None, ROOMY)
    store.close()
    store = opened(tmp_path)
    assert [found.job_id for found in store.unfinished()] == ["b", "a"]
    store.close()


def test_a_full_queue_says_so_and_when_to_come_again(tmp_path: Path) -> None:
    store, other = opened(tmp_path), "0x" + "2" * 40
    limits = replace(ROOMY, max_queued=2, max_queued_per_owner=1)
    store.accept(job("a"), plan("0x1"), None, limits)
    with pytest.raises(QueueFull, match=r"^This consumer .* delete some\.$") as own:
        store.accept(job("b", order="0x2"), plan("0x2"), None, limits)
    store.accept(job("b", owner=other, order="0x2"), plan("0x2"), None, limits)
    with pytest.raises(QueueFull, match=r"^The server's queue is full\. Try again ") as full:
        store.accept(job("c", owner="0x3", order="0x3"), plan("0x3"), None, limits)
    assert (own.value.retry_after, full.value.retry_after) == (30, 30)
    store.close()


def test_a_restart_waits_in_its_owners_queue(tmp_path: Path) -> None:
    store, other = opened(tmp_path), "0x" + "2" * 40
    store.accept(job("a"), plan("0x1"), claim("1"), ROOMY)
    store.change("a", lambda one: one.ended(Status.COMPLETED, 2.0, ()))
    store.accept(job("b", owner=other, order="0x2"), plan("0x2"), None, ROOMY)
    few = replace(ROOMY, max_queued_per_owner=1)
    store.restart("a", OWNER, plan("0x1"), claim("2"), few)
    store.change("a", lambda one: one.ended(Status.COMPLETED, 3.0, ()))
    store.accept(job("c", order="0x3"), plan("0x3"), claim("3"), ROOMY)
    with pytest.raises(QueueFull):
        store.restart("a", OWNER, plan("0x1"), claim("4"), few)
    store.close()


def test_a_download_spends_its_nonce_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    store.consume(claim("5"), "a", "one")
    assert store.last_nonce(OWNER) == "5"
    with pytest.raises(NonceUsed):
        store.consume(claim("5"), "a", "two")
    store.consume(None, "a", "three")
    assert store.last_nonce(OWNER) == "5"
    store.close()


def test_an_order_that_is_bound_is_refused_to_others_before_they_ask_for_it(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan("0x1"), claim("1"), ROOMY)
    (same,), (other,), (unused,) = (
        bound.orders for bound in (plan("0x1"), plan("0x1", "other"), plan("0x2"))
    )
    refused = [store.order_refused(order) for order in (same, other, unused)]
    assert refused == [False, True, False]
    store.close()


def test_a_stop_spends_its_nonce_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    store.ask_stop(["a"], claim("2"))
    with pytest.raises(NonceUsed):
        store.ask_stop(["a"], claim("2"))
    store.close()


def test_an_order_lasts_from_its_first_use(tmp_path: Path) -> None:
    clock = MovedClock()
    store = Store.open(tmp_path, clock)
    orders = tuple(replace(order, lifetime=100) for order in plan("0x1").orders)
    store.accept(job("a"), replace(plan("0x1"), orders=orders), None, ROOMY)
    store.change("a", lambda one: one.ended(Status.COMPLETED, 2.0, ()))
    clock.advance(100)
    assert not store.order_refused(orders[0])
    again = store.restart("a", OWNER, replace(plan("0x1"), orders=orders), None, ROOMY)
    store.change("a", lambda one: again.ended(Status.COMPLETED, clock.now(), ()))
    clock.advance(1)
    assert store.order_refused(orders[0])
    with pytest.raises(Refused, match="order_invalid"):
        store.restart("a", OWNER, replace(plan("0x1"), orders=orders), None, ROOMY)
    store.close()


def test_a_run_began_when_it_was_accepted_or_restarted() -> None:
    first = job("a", created=5.0)
    assert run_began(first) == 5.0
    assert run_began(first.ended(Status.COMPLETED, 7.0, ()).run_again(9.0, "0x1")) == 9.0
    assert run_began(replace(first, history=())) == 5.0


def test_downloads_make_no_record_longer(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    sizes = []
    for number in range(2, 40):
        before = (tmp_path / "store.journal").stat().st_size
        store.consume(claim(f"{number:02}".lstrip("0")), "a", f"{number:064}", keep=True)
        store.change("a", lambda one: replace(one, attempts=one.attempts + 1))
        sizes.append((tmp_path / "store.journal").stat().st_size - before)
    store.close()
    assert max(sizes) - min(sizes) < 20  # digits of numbers, no more


def test_tinydbs_queries_work_on_the_store(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for name in ("a", "b"):
        store.accept(job(name, order=f"0x{name}"), plan(f"0x{name}"), None, ROOMY)
    table = store.db.table("jobs")
    assert [document["jobId"] for document in table.search(where("agreementId") == "0xb")] == ["b"]
    assert len(table) == 2
    table.update({"finishMessage": "seen"}, where("jobId") == "a")
    assert store.get("a").finish_message == "seen"
    store.close()
