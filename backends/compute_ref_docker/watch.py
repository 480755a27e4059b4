"""Seeing one run through: its log while it runs, its limits, its end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from compute_ref.plugins import BackendUnavailable, Exit, ExitReason
from compute_ref.plugins.disk import bytes_below
from compute_ref.plugins.folders import take_back
from compute_ref_docker.algorithm_log import AlgorithmLog
from compute_ref_docker.containers import LIMITS, Container, Containers
from compute_ref_docker.endings import LOST, UNKNOWN, Evidence, exit_of
from compute_ref_docker.keeping import Bounds, Keeper
from compute_ref_docker.places import Place

logger = logging.getLogger("compute_ref.docker")

FIRST_PAUSE: Final = 0.5  # seconds between two attempts to reach a daemon that is away
LONGEST_PAUSE: Final = 4.0
LAST_WORDS: Final = 5.0  # seconds that the log may come after the end
BROKEN: Final = Exit(None, ExitReason.BACKEND, "The server failed to watch the run.")


class Closed(Exception):
    """The run is left to the next server."""


class Watch:
    """A thread that sees a run through to `end`, however often the daemon goes away meanwhile.

    `settled` is set once nothing of the run is alive, its log is whole and its outputs are out
    of the algorithm's reach.
    """

    def __init__(self, containers: Containers, run: str, place: Place) -> None:
        self.settled = threading.Event()
        self.end = BROKEN
        self._containers = containers
        self._run = run
        self._place = place
        self._log: AlgorithmLog | None = None
        self._noted: Exit | None = None
        self._pause = FIRST_PAUSE
        self._lock: list[int] = []
        self._told = self._vanished = False  # of the end; right after that
        self._closed = threading.Event()
        self._over = threading.Event()
        threading.Thread(target=self._work, name=f"watch {run}", daemon=True).start()

    def close(self) -> None:
        """Look no further, and let another watch of the run begin."""
        self._closed.set()
        self._over.set()
        self._release()

    def _work(self) -> None:
        try:
            with self._alone():
                self.end = self._place.control.read_exit() or self._see_through()
        except Closed:
            return
        except Exception:  # whoever waits is told, and nothing of the run is collected
            logger.exception("run %s: it is watched no longer", self._run)
        self.settled.set()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep watches of the same run by other threads or processes waiting."""
        try:
            lock = os.open(self._place.watch, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the run's folders are gone: nothing can be written twice
            yield
            return
        self._lock.append(lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._unless_closed()
            yield
        finally:
            self._release()

    def _release(self) -> None:
        with contextlib.suppress(IndexError):
            os.close(self._lock.pop())

    def _unless_closed(self) -> None:
        if self._closed.is_set():
            raise Closed

    def _see_through(self) -> Exit:
        while True:
            try:
                return self._once()
            except BackendUnavailable as away:
                self._vanished = self._told
                level = logging.WARNING if self._pause == FIRST_PAUSE else logging.DEBUG
                logger.log(level, "run %s: %s", self._run, away)
            self._closed.wait(self._pause)
            self._unless_closed()
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    def _once(self) -> Exit:
        container = self._containers.find(self._run)
        self._pause = FIRST_PAUSE
        if container is not None and container.running:
            self._accompany(container)
            container = self._containers.find(self._run)
        self._unless_closed()
        if container is None:
            return self._lost(LOST)
        if container.started is None:
            return self._lost(UNKNOWN)
        return self._settle(container)

    def _accompany(self, container: Container) -> None:
        """Until it has ended: take its log over, keep it to its limits."""
        self._over = over = threading.Event()
        self._unless_closed()
        told = (container.id, self._log_of(container), over)
        follower = threading.Thread(target=self._follow, args=told, name="log", daemon=True)
        keeper = Keeper(self._bounds(container), over, partial(self._end_run, container.id))
        follower.start()
        keeper.start()
        try:
            self._told = self._containers.wait(container.id)
            follower.join(LAST_WORDS)
        finally:
            over.set()
            keeper.join()

    def _follow(self, container_id: str, log: AlgorithmLog, over: threading.Event) -> None:
        """Take the log over; Podman gives no answer before there is something in it."""
        try:
            pieces = self._containers.log(container_id, follow=True)
        except BackendUnavailable as away:
            logger.debug("the log of run %s: %s", self._run, away)
            return
        log.take(_until(over, pieces))

    def _lost(self, end: Exit) -> Exit:
        """Nothing is settled for good: what was never launched is lost, too, and may be yet."""
        self._take_back()
        return end

    def _take_back(self) -> None:
        if self._place.lent:
            with contextlib.suppress(FileNotFoundError):
                take_back(self._place.folders)

    def _settle(self, container: Container) -> Exit:
        self._log_of(container).take(self._containers.log(container.id, follow=False))
        self._take_back()
        end = exit_of(self._evidence(container))
        with contextlib.suppress(OSError):  # a full disk: it can be found out again
            self._place.control.write_exit(end)
        if end.message:
            self._log_of(container).say(end.message)
        return end

    def _evidence(self, container: Container) -> Evidence:
        limits, outputs = _limits(container), self._place.folders.outputs
        return Evidence(
            container=container,
            noted=self._noted or self._place.read_note(),
            stopped=self._place.control.stop.exists(),
            seconds=limits["seconds"],
            overfull=0 < limits["disk"] < bytes_below(outputs, limits["disk"]),
            events=self._containers.events(container),
            vanished=self._vanished and not self._containers.outlive_daemon(),
        )

    def _end_run(self, container_id: str, why: Exit, grace: float) -> None:
        self._noted = why
        with contextlib.suppress(OSError):  # a full disk, of all: this server knows all the same
            self._place.note(why)
        self._containers.end(container_id, grace)

    def _bounds(self, container: Container) -> Bounds:
        limits, left = _limits(container), None
        if limits["seconds"] and container.started is not None:
            spent = self._containers.now() - container.started
            left = limits["seconds"] - spent.total_seconds()
        return Bounds(left, limits["disk"] or None, self._place.folders.outputs)

    def _log_of(self, container: Container) -> AlgorithmLog:
        if self._log is None:
            path = self._place.folders.logs / "algorithm.log"
            self._log = AlgorithmLog(path, _limits(container)["log"])
        return self._log


def _limits(container: Container) -> Any:
    return json.loads(container.labels[LIMITS])


def _until(over: threading.Event, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if over.is_set():
            return
        yield piece
