"""Calls to guests: backends and plug-ins, each on a thread of its own.

A guest may hang. Its thread is then left to itself and the caller goes on; a daemon thread does
not keep the server from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

from compute_ref.jobs.mailbox import Mailbox
from compute_ref.refusals import SystemShort

T = TypeVar("T")


class CallFailed(Exception):
    """A guest raised what it must not raise, or did not come back in time.

    The text is a readable sentence without a trace or path; the server's log has the rest.
    """


class Call(Generic[T]):
    """One call under way; `done` turns true, and `mailbox` is woken, when it has come back.

    SystemShort where no thread can be had for it: then nothing was called.
    """

    def __init__(self, mailbox: Mailbox, title: str, function: Callable[[], T]) -> None:
        self.done = False
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._mailbox = mailbox
        self._function = function
        self._thread = begin_thread(title, self._work)

    def _work(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:  # handed to the caller by result()
            self._error = error
        self._mailbox.deliver(lambda: setattr(self, "done", True))

    def part(self, seconds: float) -> None:
        """Wait so many seconds of real time, at most, until it is over."""
        self._thread.join(seconds)

    def result(self) -> T:
        """What the call returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value[0]


def begin_thread(name: str, work: Callable[[], None]) -> threading.Thread:
    """A thread that does not keep the server from ending; SystemShort where there is none."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as failed:
        raise SystemShort from failed
    return thread


def in_parallel(title: str, tasks: Iterable[Callable[[], None]], width: int = 16) -> None:
    """Do all `tasks`, at most `width` at once, and return when the last one is done.

    The caller's thread does its part, or all where no others can be had.

    The first exception, if any, is raised after all have ended.
    """
    todo = list(tasks)
    errors: list[BaseException] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not todo:
                    return
                task = todo.pop(0)
            try:
                task()
            except BaseException as error:  # raised below
                errors.append(error)

    threads: list[threading.Thread] = []
    with suppress(SystemShort):
        for _ in range(min(width, len(todo)) - 1):
            threads.append(begin_thread(title, work))
    work()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
