"""A backend that runs nothing and finishes at once, and does on demand whatever goes wrong.

It is told by lines, given to its maker for all runs (the ``lines`` of ``[backends.instant]``) or
written into an algorithm for that run alone, each with ``instant:`` before it there::

    instant: write sub/answer.txt 42     an output of these words (a line end follows)
    instant: log hello                   a line of algorithm.log
    instant: exit 3                      the exit code, 0 unless told
    instant: end oom                     how it ends, one of the ExitReason values
    instant: stay                        run until stopped, or until a test calls finish()
    instant: hang launch                 that verb does not come back before release()
    instant: raise wait                  that verb raises
    instant: unavailable launch 2        that verb raises BackendUnavailable twice
    instant: refuse                      launch raises AlgorithmUnavailable
    instant: lie find                    that verb says something untrue
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from compute_ref.plugins import (
    AlgorithmUnavailable,
    Backend,
    BackendFactory,
    BackendUnavailable,
    Exit,
    ExitReason,
    Handle,
    Limits,
    Run,
    Site,
    hookimpl,
)

MARK: Final = "instant:"
HELD_BY_OTHERS: Final = (
    *("time", "cpu", "memory", "disk", "processes"),
    *("filesystem", "network", "user"),
)
#: what each verb answers when it is told to lie
LIES: Final[Mapping[str, Any]] = {
    "name": "",
    "launch": None,
    "find": None,
    "list": [None, 7, "never-launched"],
    "wait": None,
    "stop": None,
    "remove": None,
}


@dataclass
class Pretended:
    """One run that this backend says it has."""

    told: Sequence[Sequence[str]]
    end: Exit | None = None
    launches: int = 1


class InstantBackend(Backend):
    """Keeps its runs in memory; the same object stands for the machine across server restarts.

    `calls` counts each verb with each name, as ``calls[verb, name]``.
    """

    def __init__(self, site: Site | None = None, lines: Iterable[str] = ()) -> None:
        options = site.options if site else {}
        self._told = [line.split() for line in (*lines, *options.get("lines", ()))]
        self._changed = threading.Condition()
        self._released = False
        self._tries: Counter[str] = Counter()
        self.runs: dict[str, Pretended] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.most_at_once = 0

    # What tests do to it

    def tell(self, *lines: str) -> None:
        """Give all runs from now on these lines in place of the former ones."""
        with self._changed:
            self._told = [line.split() for line in lines]
            self._changed.notify_all()

    def release(self) -> None:
        """Let every call that hangs come back."""
        with self._changed:
            self._released = True
            self._changed.notify_all()

    def finish(self, name: str, end: Exit | None = None) -> None:
        """End a run that stays."""
        with self._changed:
            self._end(name, end or Exit(0))

    def await_call(self, verb: str, name: str = "", timeout: float = 20) -> bool:
        """Wait until `verb` was called (for `name`, if given); False if it was not in time."""

        def called() -> bool:
            return any(v == verb and name in ("", n) for v, n in self.calls)

        with self._changed:
            return self._changed.wait_for(called, timeout)

    @property
    def running(self) -> int:
        """How many runs have not ended."""
        return sum(run.end is None for run in self.runs.values())

    # What the engine asks of it

    def check(self) -> str:
        """Always there."""
        return "instant: runs nothing"

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """Nothing is."""
        return dict.fromkeys(HELD_BY_OTHERS, "no")

    def name(self, job_id: str, number: int) -> str:
        """The usual name."""
        name = super().name(job_id, number)
        return str(self._do("name", name, name))

    def launch(self, run: Run) -> Handle:
        """Pretend to run; the outputs are written at once."""
        name = super().name(run.job_id, run.number)
        told = [*self._told, *_lines(run)]
        lie = self._act("launch", name, told)
        if lie:
            return LIES["launch"]  # type: ignore[no-any-return]
        if ["refuse"] in told:
            raise AlgorithmUnavailable("The algorithm was told to be unavailable.")
        with self._changed:
            if name in self.runs:
                self.runs[name].launches += 1
            else:
                self._start(name, told, run)
            return Handle(name)

    def find(self, name: str) -> Handle | None:
        """The run, while it is kept."""
        found = Handle(name) if name in self.runs else None
        return self._do("find", name, found)  # type: ignore[no-any-return]

    def list(self) -> Collection[str]:
        """Names of all runs kept."""
        return self._do("list", "", list(self.runs))  # type: ignore[no-any-return]

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        """Return at once, or when a run that stays is ended."""
        if self._act("wait", handle.name, self._told_to(handle.name)):
            return LIES["wait"]  # type: ignore[no-any-return]
        with self._changed:
            self._changed.wait_for(lambda: self._ended(handle.name), timeout)
            run = self.runs.get(handle.name)
            return run.end if run else Exit(None, ExitReason.LOST)

    def stop(self, name: str, grace: float) -> None:
        """End the run as SIGTERM would."""
        if not self._act("stop", name, self._told_to(name)):
            with self._changed:
                self._end(name, Exit(143))

    def remove(self, name: str) -> None:
        """Forget the run."""
        if not self._act("remove", name, self._told_to(name)):
            with self._changed:
                self._end(name, Exit(137))
                self.runs.pop(name, None)

    def close(self) -> None:
        """Let go of every call that hangs."""
        self.release()

    def _start(self, name: str, told: Sequence[Sequence[str]], run: Run) -> None:
        end = _behave(told, run)
        self.runs[name] = Pretended(told, end)
        self.most_at_once = max(self.most_at_once, self.running)
        self._changed.notify_all()

    def _end(self, name: str, end: Exit) -> None:
        run = self.runs.get(name)
        if run is not None and run.end is None:
            run.end = end
        self._changed.notify_all()

    def _ended(self, name: str) -> bool:
        return name not in self.runs or self.runs[name].end is not None

    def _told_to(self, name: str) -> Sequence[Sequence[str]]:
        run = self.runs.get(name)
        return run.told if run else self._told

    def _do(self, verb: str, name: str, truth: Any) -> Any:
        return LIES[verb] if self._act(verb, name, self._told_to(name)) else truth

    def _act(self, verb: str, name: str, told: Sequence[Sequence[str]]) -> bool:
        """Count the call and misbehave as told; True where the verb is to lie."""
        with self._changed:
            self.calls[verb, name] += 1
            self._changed.notify_all()
            if ["hang", verb] in told:
                self._changed.wait_for(lambda: self._released)
            self._tries[verb] += 1
        for line in told:
            if line[:2] == ["unavailable", verb] and self._tries[verb] <= int(line[2]):
                raise BackendUnavailable("The backend was told to be unavailable.")
        if ["raise", verb] in told:
            raise RuntimeError(f"{verb} was told to raise at /srv/secret/place")
        return ["lie", verb] in told


def _lines(run: Run) -> Sequence[Sequence[str]]:
    """What the algorithm's text tells, its entrypoint included."""
    path = run.folders.transformations / "algorithm"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = (line.partition(MARK) for line in f"{run.entrypoint}\n{text}".splitlines())
    return [told.split() for _, mark, told in lines if mark]


def _behave(told: Sequence[Sequence[str]], run: Run) -> Exit | None:
    """Write what is to be written and tell how the run ends; None where it stays."""
    code, reason, stays = 0, ExitReason.EXITED, False
    for verb, *words in told:
        match verb:
            case "write":
                _write(run.folders.outputs / words[0], words[1:])
            case "log":
                _write(run.folders.logs / "algorithm.log", words)
            case "exit":
                code = int(words[0])
            case "end":
                reason = ExitReason(words[0])
            case "stay":
                stays = True
    return None if stays else Exit(code, reason)


def _write(path: Path, words: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(" ".join(words) + "\n")


@hookimpl
def backends() -> Mapping[str, BackendFactory]:
    """Offer the backend under the name ``instant``."""
    return {"instant": InstantBackend}
