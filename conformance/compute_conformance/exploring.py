"""Tries examples that Hypothesis makes up, by the run's seed and with no trace on a disk.

What fails is made smaller, and counts once it fails again with accounts that nobody saw before.
"""

from __future__ import annotations

import time
import unittest
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any, Final, Generic, TypeVar
from unittest import mock

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
from hypothesis.errors import Flaky
from hypothesis.internal.conjecture import providers
from hypothesis.strategies import SearchStrategy

from compute_conformance.bench import Bench
from compute_conformance.exchanges import Answer, Request
from compute_conformance.targets import Unreachable
from compute_conformance.verdicts import Ended, Failed, Inconclusive, shown

T = TypeVar("T")
Trial = Callable[[Bench, T], None]
OVER: Final = "the search is over"
LOCAL: Final = "_local_constants"
SHRINKS = 100  # tries to make an example smaller


class _Enough(unittest.SkipTest):
    """Ends a search; Hypothesis lets it through."""


@dataclass
class Finding:
    """The smallest example that failed, and failed again."""

    failed: Failed
    example: object
    transcript: list[tuple[Request, Answer]]

    def raised(self) -> Failed:
        """The failure, which says of what."""
        return Failed(f"{self.failed.expected}, for {shown(self.example)}", self.failed.observed)


@dataclass
class Search(Generic[T]):
    """One search: a trial is told by Failed that an example is one that is sought."""

    bench: Bench
    trial: Trial[T]
    smallest: T | None = None
    failed: Failed | None = None
    ended: Ended | None = None  #: why it could not go on
    left: int = field(default_factory=lambda: SHRINKS)
    until: float = field(init=False)
    last: list[tuple[Request, Answer]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.until = time.monotonic() + self.bench.chance.dose.seconds

    def run(self, examples: SearchStrategy[T], count: int, first: Iterable[T]) -> None:
        """Try the first ones, and so many more or fewer where the time is up."""

        @seed(self.bench.chance.number(self.bench.name))
        @_quietly(count)
        @given(examples)
        def tries(example: T) -> None:
            if time.monotonic() > self.until or not self.left:
                raise _Enough(OVER)
            self._try(example)

        with suppress(Failed, Flaky, _Enough):
            for example in first:
                self._try(example)
            tries()

    def _try(self, example: T) -> None:
        try:
            self.last = attempt(self.bench, self.trial, example)
        except Failed as failed:
            if self.failed is None:
                self.until = time.monotonic() + self.bench.chance.dose.seconds
            self.smallest, self.failed = example, failed
            self.left -= 1
            raise
        except Ended as ended:
            self.ended = ended
            raise _Enough(OVER) from ended
        except Unreachable as error:
            self.ended = Inconclusive(f"an answer to {shown(example)}", error)
            raise _Enough(OVER) from error
        self.left -= self.failed is not None


def search(
    bench: Bench,
    examples: SearchStrategy[T],
    trial: Trial[T],
    count: int,
    first: Iterable[T] = (),
) -> Finding | None:
    """What a search finds; raises what kept it from going on, where that was not a failure.

    The `first` examples are tried by every seed, as they are.
    """
    found = Search(bench, trial)
    found.run(examples, count, first)
    if found.failed is None:
        if found.ended:
            raise found.ended
        bench.transcript += found.last
        return None
    return _again(bench, trial, found, found.failed)


def explore(
    bench: Bench,
    examples: SearchStrategy[T],
    trial: Trial[T],
    *,
    costly: bool = False,
    first: Iterable[T] = (),
) -> None:
    """Try the first examples and as many more as the effort says; fewer where each starts jobs."""
    dose = bench.chance.dose
    finding = search(bench, examples, trial, dose.costly if costly else dose.examples, first)
    if finding:
        bench.transcript += finding.transcript
        raise finding.raised()


def attempt(bench: Bench, trial: Trial[T], example: T) -> list[tuple[Request, Answer]]:
    """Try one example with accounts of its own, and clean up; returns what was said."""
    own = bench.apart()
    try:
        trial(own, example)
    except Failed as failed:
        failed.transcript = own.transcript
        raise
    finally:
        _clean(own, bench)
    return own.transcript


def _again(bench: Bench, trial: Trial[Any], found: Search[Any], first: Failed) -> Finding:
    """The failure once more."""
    try:
        attempt(bench, trial, found.smallest)
    except Failed as failed:
        return Finding(failed, found.smallest, failed.transcript)
    bench.transcript += first.transcript
    raise Inconclusive(
        f"a failure that repeats itself: {first.expected}, for {shown(found.smallest)}",
        first.observed,
    )


def _clean(own: Bench, bench: Bench) -> None:
    """Delete an example's jobs; what stays is tried again, and told, with the check's."""
    with suppress(Unreachable, Inconclusive):
        own.clean()
    bench.started += own.started


def _quietly(count: int) -> settings:
    return settings(
        max_examples=count,
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )


@contextmanager
def traceless() -> Iterator[None]:
    """Meanwhile Hypothesis leaves nothing where a run is, nor looks for anything there.

    It would write a folder, and add the constants of the modules around to its examples: the same
    seed would choose others elsewhere.
    """
    usual = storage_directory(intent_to_write=False).home_directory
    with TemporaryDirectory(prefix="compute-conformance-") as folder, ExitStack() as stack:
        set_hypothesis_home_dir(folder)
        stack.callback(set_hypothesis_home_dir, usual)
        if hasattr(providers.HypothesisProvider, LOCAL):
            stack.enter_context(mock.patch.object(providers.HypothesisProvider, LOCAL, _Nothing()))
            stack.callback(providers.CONSTANTS_CACHE.cache.clear)
            providers.CONSTANTS_CACHE.cache.clear()
        yield


class _Nothing:
    """No constants."""

    def set_for_type(self, _: str) -> tuple[()]:
        """None of this type."""
        return ()
