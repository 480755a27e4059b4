"""Questions that a request puts to plug-ins have a deadline, as every call to a guest has."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection
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
    """The hooks that requests wait for, `seconds` at most where a plug-in answers them too.

    What is `built_in` has deadlines of its own and is asked on the request's thread. A plug-in's
    call that hangs keeps a thread of its own. While half as many calls of one hook as the server
    has `threads` are past their deadline, further ones are refused at once.
    """

    def __init__(
        self,
        hooks: pluggy.HookRelay,
        built_in: Collection[object],
        clock: Clock,
        seconds: float,
        threads: int,
    ) -> None:
        self._hooks = hooks
        self._built_in = built_in
        self._clock = clock
        self._seconds = seconds
        self._most = max(1, threads // 2)
        self._lock = threading.Lock()
        self._hanging: dict[str, list[Call[Any]]] = defaultdict(list)

    def resolve_did(self, *, did: str) -> Any:
        """The first plug-in's answer; or PluginUnavailable."""
        return self._ask("resolve_did", partial(self._hooks.resolve_did, did=did))

    def verify_order(self, **order: str) -> Any:
        """The first plug-in's answer; or PluginUnavailable."""
        return self._ask("verify_order", partial(self._hooks.verify_order, **order))

    def open_file(self, **asked: Any) -> OpenFile | None:
        """The first plug-in's answer, or PluginUnavailable; what is opened later is closed."""
        late = threading.Event()

        def opened() -> OpenFile | None:
            answer: OpenFile | None = self._hooks.open_file(**asked)
            if answer is not None and late.is_set():
                answer.stream.close()
            return answer

        try:
            return self._ask("open_file", opened)
        except PluginUnavailable:
            late.set()
            raise

    def read_file(self, reading: Callable[[], T], seconds: float) -> T:
        """What `reading` makes of a file that it opens, for which it has so many seconds more."""
        if not self._by_plugins("open_file"):
            return reading()
        return self._bounded("reading a file", reading, self._seconds + seconds)

    def _ask(self, hook: str, question: Callable[[], T]) -> T:
        """What `question` returns or raises; PluginUnavailable where it does not come back."""
        if not self._by_plugins(hook):
            return question()
        return self._bounded(hook, question, self._seconds)

    def _by_plugins(self, hook: str) -> bool:
        answering = getattr(self._hooks, hook).get_hookimpls()
        return any(one.plugin not in self._built_in for one in answering)

    def _bounded(self, title: str, question: Callable[[], T], seconds: float) -> T:
        until = self._clock.ticks() + seconds
        mailbox = Mailbox(self._clock)
        self._check(title)
        call = Call(mailbox, title, question)
        try:
            mailbox.wait(lambda: call.done, until, stoppable=False)
        except DeadlinePassed:
            with self._lock:
                self._hanging[title].append(call)
            logger.error("%s: a plug-in did not come back in %g s", title, seconds)
            raise PluginUnavailable from None
        return call.result()

    def _check(self, title: str) -> None:
        with self._lock:
            hanging = [call for call in self._hanging[title] if not call.done]
            self._hanging[title] = hanging
        if len(hanging) >= self._most:
            logger.error("%s: refused, as %d calls have not come back", title, len(hanging))
            raise PluginUnavailable
