"""Questions that a request puts to plug-ins have a deadline, as every call to a guest has."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pluggy

from compute_ref.clock import Clock
from compute_ref.jobs.calls import Call
from compute_ref.jobs.mailbox import DeadlinePassed, Mailbox
from compute_ref.plugins import OpenFile
from compute_ref.refusals import PluginUnavailable

T = TypeVar("T")
logger = logging.getLogger("compute_ref.http")


class BoundedHooks:
    """The hooks that requests wait for, `seconds` at most.

    A call that hangs keeps a thread of its own. One and a half times as many calls of one hook as
    the server has `threads` may be under way, so that some may hang before others are refused.
    """

    def __init__(self, hooks: pluggy.HookRelay, clock: Clock, seconds: float, threads: int) -> None:
        self._hooks = hooks
        self._clock = clock
        self._seconds = seconds
        self._most = threads + max(1, threads // 2)
        self._lock = threading.Lock()
        self._under_way: dict[str, list[Call[Any]]] = defaultdict(list)

    def resolve_did(self, *, did: str) -> Any:
        """The first plug-in's answer; or PluginUnavailable."""
        return self.ask("resolve_did", partial(self._hooks.resolve_did, did=did))

    def verify_order(self, **order: str) -> Any:
        """The first plug-in's answer; or PluginUnavailable."""
        return self.ask("verify_order", partial(self._hooks.verify_order, **order))

    def open_file(self, **asked: Any) -> OpenFile | None:
        """The first plug-in's answer, or PluginUnavailable; what is opened later is closed."""
        late = threading.Event()

        def opened() -> OpenFile | None:
            answer: OpenFile | None = self._hooks.open_file(**asked)
            if answer is not None and late.is_set():
                answer.stream.close()
            return answer

        try:
            return self.ask("open_file", opened)
        except PluginUnavailable:
            late.set()
            raise

    def ask(self, title: str, question: Callable[[], T], more: float = 0) -> T:
        """What `question` returns or raises; PluginUnavailable where it does not come back.

        `title` names the hook, or what is done beside it for which there are `more` seconds.
        """
        seconds = self._seconds + more
        until = self._clock.ticks() + seconds
        mailbox = Mailbox(self._clock)
        call = self._begin(mailbox, title, question)
        try:
            mailbox.wait(lambda: call.done, until, stoppable=False)
        except DeadlinePassed:
            logger.error("%s: a plug-in did not come back in %g s", title, seconds)
            raise PluginUnavailable from None
        return call.result()

    def _begin(self, mailbox: Mailbox, title: str, question: Callable[[], T]) -> Call[T]:
        with self._lock:
            calls = [call for call in self._under_way[title] if not call.done]
            if len(calls) >= self._most:
                logger.error("%s: refused, as %d calls have not come back", title, len(calls))
                raise PluginUnavailable
            call = Call(mailbox, title, question)
            self._under_way[title] = [*calls, call]
            return call
