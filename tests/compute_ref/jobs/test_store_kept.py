"""The store's file: whose it is, made short, cut, damaged, killed while it is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compute_ref.clock import Clock
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.folder import StoreLocked
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.inspection import check
from compute_ref.jobs.model import Status
from compute_ref.jobs.records import StoreDamaged
from compute_ref.jobs.store import Store
from compute_ref.refusals import StoreUnavailable
from compute_ref.settings import DAY
from compute_ref.testing.clock import MovedClock
from tests.compute_ref.jobs.builders import OWNER, ROOMY, claim, job, plan
from tests.compute_ref.jobs.fallible import Call, Failing, FallibleDisk, least


def opened(folder: Path) -> Store:
    return Store.open(folder, Clock())


def test_a_second_server_is_refused_by_the_first_ones_name(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(StoreLocked, match=str(os.getpid())):
        opened(tmp_path)
    store.close()


def test_the_file_has_the_names_that_a_later_server_looks_for(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    store.consume(claim("2"), "a", "digest", keep=True)
    store.revoke("token", 10.0**12, claim("3"))
    store.close()
    names = ("jobs", "plans", "nonces", "orders", "messages", "tokens")
    assert check(tmp_path).documents == dict.fromkeys(names, 1)


def test_what_was_accepted_outlives_a_power_cut(tmp_path: Path) -> None:
    disk = FallibleDisk()
    store = Store.open(tmp_path / "before", Clock(), disk=disk)
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    left = Store.open(tmp_path / "after", Clock(), disk=disk.after_power_cut(least))
    assert (left.get("a"), left.plan("a"), left.last_nonce(OWNER)) == (job("a"), plan(), "1")
    left.close()
    store.close()


def test_a_start_that_fails_late_leaves_nothing_open(tmp_path: Path) -> None:
    clock, disk = MovedClock(), FallibleDisk()
    store = Store.open(tmp_path, clock, disk=disk)
    store.revoke("token", clock.now(), claim("1"))
    store.close()
    clock.advance(100 * DAY)  # there is something to forget
    disk.calls.clear()
    disk.on_call = Failing(0, frozenset(["append"]))
    with pytest.raises(StoreUnavailable):
        Store.open(tmp_path, clock, disk=disk)
    assert Call("close", JOURNAL) in disk.calls
    store = Store.open(tmp_path, clock, disk=disk)
    assert not store.is_revoked("token")
    store.close()


def test_compaction_and_checkpoint_change_nothing_that_is_stored(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(1, 30):
        store.accept(
            job(f"j{number}", order=f"0x{number:x}"),
            plan(f"0x{number:x}"),
            claim(str(number)),
            ROOMY,
        )
        store.change(f"j{number}", lambda one: one.entered(Status.STARTED, 2.0))
    store.remove("j7")
    size = (tmp_path / "store.journal").stat().st_size
    before = store.find(JobFilter(owner=OWNER))
    store.compact()
    assert (tmp_path / "store.journal").stat().st_size < size
    assert store.find(JobFilter(owner=OWNER)) == before
    store.change("j9", lambda one: one.entered(Status.RUNNING, 3.0))
    store.close()
    for checkpoint in (True, False):
        if not checkpoint:
            (tmp_path / "store.index").unlink(missing_ok=True)
        store = opened(tmp_path)
        assert [j.job_id for j in store.find(JobFilter(owner=OWNER))] == [j.job_id for j in before]
        assert store.get("j9").status is Status.RUNNING
        assert store.last_nonce(OWNER) == "29"
        store.close()


def test_a_file_cut_anywhere_in_its_last_record_loses_only_that_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(tmp_path)
    store.accept(job("a"), plan("0x1"), claim("1"), ROOMY)
    whole = (tmp_path / "store.journal").stat().st_size
    store.accept(job("b", order="0x2"), plan("0x2"), claim("2"), ROOMY)
    data = (tmp_path / "store.journal").read_bytes()
    store.close()
    (tmp_path / "store.index").unlink(missing_ok=True)
    for size in range(whole + 1, len(data), 37):
        caplog.clear()
        (tmp_path / "store.journal").write_bytes(data[:size])
        store = opened(tmp_path)
        assert [j.job_id for j in store.find(JobFilter())] == ["a"]
        assert store.last_nonce(OWNER) == "1"
        assert "cut off" in caplog.text
        store.close()
        (tmp_path / "store.index").unlink(missing_ok=True)


def test_damage_before_the_end_is_refused_with_its_place(tmp_path: Path) -> None:
    store = opened(tmp_path)
    start = (tmp_path / "store.journal").stat().st_size
    for number in range(1, 4):
        store.accept(
            job(f"j{number}", order=f"0x{number}"), plan(f"0x{number}"), claim(str(number)), ROOMY
        )
    store.close()
    (tmp_path / "store.index").unlink(missing_ok=True)
    data = bytearray((tmp_path / "store.journal").read_bytes())
    data[start + 40] ^= 1
    (tmp_path / "store.journal").write_bytes(data)
    with pytest.raises(StoreDamaged) as refused:
        opened(tmp_path)
    assert refused.value.offset == start
    assert (tmp_path / "store.journal").read_bytes() == data


CHILD = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}]
from compute_ref.clock import Clock
from compute_ref.jobs.store import Store
from tests.compute_ref.jobs.builders import ROOMY, claim, job, plan
store = Store.open(Path(sys.argv[1]), Clock())
number = int(store.last_nonce(claim("1").address) or 0)
while True:
    number += 1
    order = f"0x{{number:x}}"
    store.accept(job(f"j{{number}}", order=order), plan(order), claim(str(number)), ROOMY)
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    program = CHILD.format(root=str(Path(__file__).parents[3]))
    for round_ in range(1, 4):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(10 * round_)]
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout if line.endswith("\n")]
        child.wait()
        child.stdout.close()
        store = opened(tmp_path)
        assert float(store.last_nonce(OWNER) or 0) >= acknowledged[-1]
        assert {f"j{n}" for n in acknowledged} <= {j.job_id for j in store.find(JobFilter())}
        store.close()
