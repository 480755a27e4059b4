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

    A call that hangs keeps a thread of its own. While half as many calls of one hook as the server
    has `threads` are past their deadline, further ones are refused at once.
    """

    def __init__(self, hooks: pluggy.HookRelay, clock: Clock, seconds: float, threads: int) -> None:
        self._hooks = hooks
        self._clock = clock
        self._seconds = seconds
        self._most = max(1, threads // 2)
        self._lock = threading.Lock()
        self._hanging: dict[str, list[Call[Any]]] = defaultdict(list)

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
