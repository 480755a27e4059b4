"""Calls to guests: backends and plug-ins, each on a thread of its own.

A guest may hang. Its thread is then left to itself and the caller goes on; a daemon thread does
not keep the server from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from compute_ref.jobs.mailbox import Mailbox

T = TypeVar("T")


class CallFailed(Exception):
    """A guest raised what it must not raise, or did not come back in time.

    The text is a readable sentence without a trace or path; the server's log has the rest.
    """


class Call(Generic[T]):
    """One call under way; `done` turns true, and `mailbox` is woken, when it has come back."""

    def __init__(self, mailbox: Mailbox, title: str, function: Callable[[], T]) -> None:
        self.done = False
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._mailbox = mailbox
        self._function = function
        threading.Thread(target=self._work, name=title, daemon=True).start()

    def _work(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:  # handed to the caller by result()
            self._error = error
        self._mailbox.deliver(lambda: setattr(self, "done", True))

    def result(self) -> T:
        """What the call returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value[0]


def in_parallel(title: str, tasks: Iterable[Callable[[], None]], width: int = 16) -> None:
    """Do all `tasks`, at most `width` at once, and return when the last one is done.

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

    threads = [
        threading.Thread(target=work, name=title, daemon=True) for _ in range(min(width, len(todo)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
