"""Group commit: who waits, who syncs, and what is promised to whom."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from functools import partial

import pytest

from compute_ref.jobs.commits import Commits, Position
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.fallible import Call, FallibleDisk, FallibleFile, error

PATIENCE = 30  # seconds, after which something hangs


class Slow:
    """A disk whose syncs each wait until they are let go; `fails` makes them fail."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.fails = False

    def __call__(self, call: Call) -> None:
        if call.what == "sync":
            self.begun.release()
            assert self.let_go.acquire(timeout=PATIENCE)
            if self.fails:
                raise error(errno.EIO)


class Waiting:
    """A thread that waits for a ticket; afterwards its `error`, None where there was none."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._wait = wait
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._wait()
        except StoreUnavailable as refused:
            self.error = refused

    def end(self) -> BaseException | None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.error

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()


class Writer:
    """A file that grows by ten bytes with each ticket, and its commits."""

    def __init__(self) -> None:
        self.disk = FallibleDisk()
        self.file: FallibleFile = self.disk.open("journal")
        self.ticket = 0
        self.commits = Commits(self.position)

    def position(self) -> Position:
        return Position(self.ticket, 10 * self.ticket, self.file)

    def write(self, count: int = 1) -> int:
        self.file.append(bytes(10 * count))
        self.ticket += count
        return self.ticket

    def waiting(self) -> Waiting:
        """A thread that waits for what is written just now."""
        return Waiting(partial(self.commits.wait, self.write()))

    @property
    def syncs(self) -> int:
        return sum(call.what == "sync" for call in self.disk.calls)


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def slow(writer: Writer) -> Slow:
    writer.disk.on_call = slow = Slow()
    return slow


def test_what_is_durable_is_not_synced_again(writer: Writer) -> None:
    first, second = writer.write(), writer.write()
    writer.commits.wait(second)
    writer.commits.wait(first)
    writer.commits.wait(second)
    assert writer.syncs == 1
    assert writer.commits.durable == 20


def test_all_who_come_during_one_sync_share_the_next(writer: Writer, slow: Slow) -> None:
    first = writer.waiting()
    assert slow.begun.acquire(timeout=PATIENCE)
    others = [writer.waiting() for _ in range(20)]
    slow.let_go.release()
    assert first.end() is None
    assert slow.begun.acquire(timeout=PATIENCE)
    assert all(other.waits for other in others), "nobody is told before the second sync"
    slow.let_go.release()
    assert [other.end() for other in others] == [None] * 20
    assert writer.syncs == 2


def test_a_sync_promises_nothing_that_was_written_after_it_began(
    writer: Writer, slow: Slow
) -> None:
    first = writer.waiting()
    assert slow.begun.acquire(timeout=PATIENCE)
    later = writer.write()
    slow.let_go.release()
    first.end()
    assert writer.commits.durable == 10
    second = Waiting(lambda: writer.commits.wait(later))
    assert slow.begun.acquire(timeout=PATIENCE), "it has to be synced once more"
    slow.let_go.release()
    assert second.end() is None
    assert writer.commits.durable == 20


def test_a_failed_sync_is_told_to_all_who_wait_and_all_who_come(
    writer: Writer, slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    slow.fails = True
    waiting = [writer.waiting() for _ in range(20)]
    assert slow.begun.acquire(timeout=PATIENCE)
    slow.let_go.release()
    assert all(isinstance(one.end(), StoreUnavailable) for one in waiting)
    assert writer.syncs == 1, "what a sync failed to take, no later one can be trusted with"
    assert writer.commits.durable == 0
    with pytest.raises(StoreUnavailable):
        writer.commits.wait(1)
    with pytest.raises(StoreUnavailable):
        writer.commits.check()
    assert "Input/output error" in caplog.text
    assert "Restart" in caplog.text


def test_a_failed_sync_takes_back_nothing_that_was_promised(writer: Writer) -> None:
    writer.commits.wait(writer.write())
    writer.write()

    def fail(call: Call) -> None:
        raise error(errno.EIO)

    writer.disk.on_call = fail
    with pytest.raises(StoreUnavailable):
        writer.commits.wait(writer.ticket)
    assert writer.commits.durable == 10


def test_whoever_leads_and_is_broken_off_leaves_the_lead_to_others(writer: Writer) -> None:
    ticket = writer.write()

    def interrupt(call: Call) -> None:
        raise KeyboardInterrupt

    writer.disk.on_call = interrupt
    with pytest.raises(KeyboardInterrupt):
        writer.commits.wait(ticket)
    assert writer.commits.durable == 0
    writer.disk.on_call = lambda call: None
    writer.commits.wait(ticket)
    assert writer.commits.durable == 10


def test_nobody_is_told_anything_while_the_commits_are_held(writer: Writer, slow: Slow) -> None:
    leading = writer.waiting()
    assert slow.begun.acquire(timeout=PATIENCE)
    held, go_on = threading.Event(), threading.Event()
    later = writer.write()

    def hold() -> None:
        with writer.commits.held() as durable_at:
            held.set()
            assert go_on.wait(PATIENCE)
            durable_at(writer.position())

    holding = Waiting(hold)
    assert not held.is_set(), "a sync that goes on is waited for"
    slow.let_go.release()
    leading.end()
    assert held.wait(PATIENCE)
    waiting = Waiting(lambda: writer.commits.wait(later))
    assert waiting.waits
    go_on.set()
    assert holding.end() is None
    assert waiting.end() is None, "it was made durable by other means"
    assert writer.syncs == 1
    assert writer.commits.durable == 20
