"""Telling plug-ins what became of a job, without ever waiting for them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Any

from pluggy import HookImpl

from compute_ref.jobs.calls import begin_thread
from compute_ref.jobs.model import Job
from compute_ref.refusals import SystemShort

log = logging.getLogger(__name__)


class Notices:
    """The changes of one run, told in order by the hook ``job_changed``.

    A plug-in that hangs keeps the later notices of this run to itself, and nothing else.
    """

    def __init__(self, hooks: Any) -> None:
        self._hooks = hooks
        self._lock = threading.Lock()
        self._untold: deque[Job] = deque()
        self._telling = False

    def post(self, job: Job) -> None:
        """Tell of `job` as it is now, soon; nothing is done where no plug-in listens."""
        if not self._hooks.job_changed.get_hookimpls():
            return
        with self._lock:
            self._untold.append(job)
            if self._telling:
                return
            self._telling = True
        try:
            begin_thread(f"notices {job.job_id}", self._tell)
        except SystemShort:
            log.warning("job %s: plug-ins are told of its changes later", job.job_id)
            with self._lock:
                self._telling = False

    def _tell(self) -> None:
        while (job := self._next()) is not None:
            for listener in reversed(self._hooks.job_changed.get_hookimpls()):  # as pluggy calls
                self._tell_one(listener, job)

    def _tell_one(self, listener: HookImpl, job: Job) -> None:
        """Tell one plug-in apart from the others: pluggy's own call ends at the first that raises.

        A plug-in's function names what it wants of the hook's arguments, here `job` or nothing.
        """
        try:
            listener.function(*(job for _ in listener.argnames))
        except Exception:
            name = listener.plugin_name
            log.exception("the plug-in %s failed in job_changed; the job goes on", name)

    def _next(self) -> Job | None:
        with self._lock:
            if not self._untold:
                self._telling = False
                return None
            return self._untold.popleft()
