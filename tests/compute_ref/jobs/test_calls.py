"""Calls on threads of their own, and tasks done side by side, as far as there are threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from compute_ref.jobs import calls
from compute_ref.jobs.calls import Call, begin_thread, in_parallel
from compute_ref.jobs.mailbox import Mailbox
from compute_ref.refusals import SystemShort
from compute_ref.testing.clock import MovedClock


@pytest.mark.parametrize(("tasks", "threads"), [(1, 0), (3, 2), (16, 15), (40, 15)])
def test_the_callers_thread_does_its_part(
    tasks: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def begun(name: str, work: Callable[[], None]) -> threading.Thread:
        names.append(name)
        return begin_thread(name, work)

    done: list[int] = []
    monkeypatch.setattr(calls, "begin_thread", begun)
    in_parallel("delete", [partial(done.append, one) for one in range(tasks)])
    assert sorted(done) == list(range(tasks))
    assert names == ["delete"] * threads


def test_so_many_are_done_at_once() -> None:
    meeting = threading.Barrier(3, timeout=20)

    def meet() -> None:
        meeting.wait()

    in_parallel("delete", [meet, meet, meet])


def test_without_threads_the_caller_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> threading.Thread:
        raise SystemShort

    done: list[int] = []
    monkeypatch.setattr(calls, "begin_thread", none)
    in_parallel("delete", [partial(done.append, one) for one in range(3)])
    assert done == [0, 1, 2]


def test_what_goes_wrong_is_raised_once_all_is_done() -> None:
    done: list[str] = []

    def broken() -> None:
        raise RuntimeError("the first")

    with pytest.raises(RuntimeError, match="^the first$"):
        in_parallel("delete", [broken, lambda: done.append("the second")], width=1)
    assert done == ["the second"]


def test_the_thread_of_a_call_is_named_by_what_is_called() -> None:
    mailbox = Mailbox(MovedClock())
    call = Call(mailbox, "launch a", lambda: threading.current_thread().name)
    mailbox.wait(lambda: call.done, None, stoppable=False)
    assert call.result() == "launch a"


def test_nobody_waits_longer_than_agreed_for_a_call_to_be_over() -> None:
    released = threading.Event()
    call = Call(Mailbox(MovedClock()), "hanging", released.wait)
    call.part(0.01)
    assert not call.done
    released.set()
    call.part(20)
    assert call.done


def test_a_guest_that_hangs_does_not_keep_the_server_from_ending() -> None:
    thread = begin_thread("hanging", lambda: None)
    thread.join()
    assert thread.daemon
